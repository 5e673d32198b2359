"""Simon Willison's `llm`: a conversation that is gone on with from one command to the next."""

from __future__ import annotations

import json

import pytest

BREAD = "How do I bake a sourdough bread with a dark crust?"
OVEN = "And how long does it take in the oven?"
WEATHER = "Why so long? Is it the weather?"
NIGHT = "And can I leave it there overnight?"
TOOL = 'def weather(city: str) -> str:\n    "Tell the weather."\n    return f"7 degrees in {city}"\n'


@pytest.fixture
def llm(libraries, person):
    """The command, with Graft's model in its configuration."""
    folder = person.home / "llm"
    folder.mkdir()
    model = {
        "model_id": "graft",
        "model_name": "gpt-test",
        "api_key_name": "graft",
        "api_base": f"{person.graft.url}/v1",
        "supports_tools": True,
    }
    (folder / "extra-openai-models.yaml").write_text(json.dumps([model]))
    (folder / "keys.json").write_text(json.dumps({"graft": person.key}))

    def say(*arguments: str) -> str:
        command = (libraries.program("llm"), "prompt", "--model", "graft", *arguments)
        return person.run(*command, LLM_USER_PATH=str(folder)).removesuffix("\n")

    return say


def test_llm_goes_on_with_a_conversation_and_uses_tools(llm, person) -> None:
    person.upstream.script(
        {"do": "say", "text": "Hot, in a pot. 🥖"},
        {"do": "say", "text": "Forty-five minutes."},
        {"do": "tools"},
        {"do": "say", "text": "Yes: seven degrees."},
        {"do": "say", "text": "Yes, until the morning."},
    )
    assert llm("--system", "You are a baker.", BREAD) == "Hot, in a pot. 🥖"
    assert llm("--continue", "--no-stream", OVEN) == "Forty-five minutes."
    assert llm("--continue", "--functions", TOOL, WEATHER) == "Yes: seven degrees."
    assert llm("--continue", NIGHT) == "Yes, until the morning."
    nodes = person.nodes()
    assert [(node.message.role, node.message.text) for node in nodes] == [
        ("user", BREAD),
        ("assistant", "Hot, in a pot. 🥖"),
        ("user", OVEN),
        ("assistant", "Forty-five minutes."),
        ("user", WEATHER),
        ("assistant", ""),
        ("tool", "7 degrees in Oslo"),
        ("tool", "7 degrees in Lima"),
        ("assistant", "Yes: seven degrees."),
        ("user", NIGHT),
        ("assistant", "Yes, until the morning."),
    ]
    assert [node.parent_id for node in nodes] == [None, *(node.id for node in nodes[:-1])]
    assert [turn[0] for turn in person.turns()] == ["root", "continue", "continue", "continue"]
    assert person.turns()[2] == ("continue", "user", "assistant", "tool", "tool", "assistant")
    assert person.asides() == {}
    assert [bool(body.get("stream")) for body in person.upstream.bodies()] == [True, False, True, True, True]
