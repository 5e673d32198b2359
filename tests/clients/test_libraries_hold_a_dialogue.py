"""Libraries that speak chat completions, each driven through the same dialogue: a stream, a plain reply, tools, and a turn after them."""

from __future__ import annotations

import sys
from typing import Any

import pytest

TURNS = [
    "How do I bake a sourdough bread with a dark crust?",
    "And how long does it take in the oven?",
    "Why so long? Is it the weather?",
    "And can I leave it there overnight?",
]
REPLIES = [
    "Hot, in a pot.\n\n- 250 °C at first 🥖\n- then 220 °C",
    "Forty-five minutes.",
    "Yes: seven degrees, in Oslo and in Lima.",
    "Yes, until the morning.",
]
GROWN = [
    ("user", TURNS[0]),
    ("assistant", REPLIES[0]),
    ("user", TURNS[1]),
    ("assistant", REPLIES[1]),
    ("user", TURNS[2]),
    ("assistant", ""),
    ("tool", "7 degrees in Oslo"),
    ("tool", "7 degrees in Lima"),
    ("assistant", REPLIES[2]),
    ("user", TURNS[3]),
    ("assistant", REPLIES[3]),
]


@pytest.fixture
def scripted(person):
    """Somebody for whom the upstream has the replies ready."""
    first, second, third, fourth = ({"do": "say", "text": text} for text in REPLIES)
    person.upstream.script(first, second, {"do": "tools"}, third, fourth)
    return person


def test_openai_for_python(scripted) -> None:
    held_as_expected(scripted, scripted.drive("openai_python.py", TURNS, sys.executable))


def test_openai_for_python_in_its_newest_line(libraries, scripted) -> None:
    held_as_expected(scripted, scripted.drive("openai_python.py", TURNS, libraries.program("python")))


def test_litellm_as_a_client(litellm, scripted) -> None:
    held_as_expected(scripted, scripted.drive("litellm_python.py", TURNS, litellm.program("python")))


def test_langchain(libraries, scripted) -> None:
    held_as_expected(scripted, scripted.drive("langchain_python.py", TURNS, libraries.program("python")))


def test_pydantic_ai(libraries, scripted) -> None:
    held_as_expected(scripted, scripted.drive("pydantic_ai_python.py", TURNS, libraries.program("python")))


def test_openai_for_node(node, scripted) -> None:
    held_as_expected(scripted, scripted.drive("openai_node.mjs", TURNS))


def test_the_ai_sdk_of_vercel(node, scripted) -> None:
    held_as_expected(scripted, scripted.drive("vercel_ai_node.mjs", TURNS))


def held_as_expected(person, told: dict[str, Any]) -> None:
    """The client got every reply as it was said, the model everything the client sent, and the tree is one line of turns."""
    assert told["replies"] == REPLIES
    nodes = person.nodes()
    assert [(node.message.role, node.message.text) for node in nodes] == GROWN
    assert [node.parent_id for node in nodes] == [None, *(node.id for node in nodes[:-1])]
    assert {node.state for node in nodes} == {"whole"}
    calls, *results = nodes[5:8]
    assert [call["function"]["name"] for call in calls.message.tool_calls] == ["weather", "weather"]
    assert [node.message.tool_call_id for node in results] == [call["id"] for call in calls.message.tool_calls]
    assert person.turns() == [
        ("root", "user", "assistant"),
        ("continue", "user", "assistant"),
        ("continue", "user", "assistant", "tool", "tool", "assistant"),
        ("continue", "user", "assistant"),
    ]
    assert person.asides() == {}
    requests = person.upstream.bodies()
    assert [bool(body.get("stream")) for body in requests[:2]] == [True, False]
    assert len(requests) == len(TURNS) + 1
    assert [message["role"] for message in requests[-1]["messages"]] == ["system", *(role for role, _ in GROWN[:-1])]
