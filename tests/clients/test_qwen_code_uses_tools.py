"""Qwen Code, a coding agent: it writes and runs a file by tool calls, and a second run goes on with the session."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

SETTINGS = {
    "general": {"enableAutoUpdate": False, "disableAutoUpdate": True},
    "privacy": {"usageStatisticsEnabled": False},
    "telemetry": {"enabled": False},
    "memory": {"enableManagedAutoMemory": False, "enableManagedAutoDream": False},  # has a test of its own
}


@pytest.fixture
def project(person) -> Path:
    folder = person.home / "work"
    folder.mkdir()
    (person.home / ".qwen").mkdir()
    (person.home / ".qwen" / "settings.json").write_text(json.dumps(SETTINGS))
    return folder


def test_a_loop_of_tool_calls_is_one_turn_and_the_session_goes_on(node, person, project) -> None:
    greet = project / "greet.py"
    person.upstream.script(
        calls(("write_file", {"file_path": str(greet), "content": "print(6 * 7)\n"})),
        calls(
            ("read_file", {"file_path": str(greet)}),
            ("run_shell_command", {"command": "echo $((6 * 7))", "is_background": False}),
        ),
        {"do": "say", "text": "I wrote it, and it prints 42."},
        {"do": "say", "text": "Because six times seven is 42."},
    )
    command = (node.folder / "node_modules" / ".bin" / "qwen", "--auth-type", "openai", "--approval-mode", "yolo")
    assert "it prints 42" in person.run(*command, "--prompt", "Write greet.py and run it.", at=project)
    assert greet.read_text() == "print(6 * 7)\n"
    assert "six times seven" in person.run(*command, "--continue", "--prompt", "Why does it print that?", at=project)

    nodes = person.nodes()
    roles = ["user", "assistant", "tool", "assistant", "tool", "tool", "assistant", "user", "assistant"]
    assert [node.message.role for node in nodes] == roles
    assert [node.parent_id for node in nodes] == [None, *(node.id for node in nodes[:-1])]
    assert "Write greet.py and run it." in nodes[0].message.text
    assert "print(6 * 7)" in nodes[4].message.text
    assert "42" in nodes[5].message.text
    assert "Why does it print that?" in nodes[7].message.text
    assert nodes[8].message.text == "Because six times seven is 42."
    assert person.turns() == [("follow", *roles[:7]), ("follow", *roles[7:])]
    assert person.asides() == {}
    told = [body["messages"][-1]["role"] for body in person.upstream.bodies()]
    assert told == ["user", "tool", "tool", "user"]


def test_what_its_memory_asks_is_answered_and_not_remembered(node, person, project) -> None:
    (person.home / ".qwen" / "settings.json").write_text(json.dumps({**SETTINGS, "memory": {}}))
    command = (node.folder / "node_modules" / ".bin" / "qwen", "--auth-type", "openai", "--approval-mode", "yolo")
    person.run(*command, "--prompt", "I always bake with rye. Remember that.", at=project)
    person.run(*command, "--continue", "--prompt", "And I like marjoram.", at=project)
    nodes = person.nodes()
    assert [node.message.role for node in nodes] == ["user", "assistant", "user", "assistant"]
    assert "Managed memory" not in " ".join(node.message.text for node in nodes)
    assert set(person.asides()) == {"qwen code memory"}


def calls(*made: tuple[str, dict[str, object]]) -> dict[str, object]:
    """A streamed reply that calls these tools."""
    tools = [
        {
            "index": i,
            "id": f"call_{name}_{i}",
            "type": "function",
            "function": {"name": name, "arguments": json.dumps(arguments)},
        }
        for i, (name, arguments) in enumerate(made)
    ]
    head = {"id": "chatcmpl-calls", "object": "chat.completion.chunk", "created": 1_750_000_000, "model": "gpt-test"}
    said = {"index": 0, "delta": {"role": "assistant", "content": None, "tool_calls": tools}, "finish_reason": None}
    end = {"index": 0, "delta": {}, "finish_reason": "tool_calls"}
    return {"do": "chunks", "chunks": [{**head, "choices": [said]}, {**head, "choices": [end]}]}
