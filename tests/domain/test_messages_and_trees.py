"""What of a message is text, and how a path falls into turns."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.domain import tree
from proxy.domain.message import Message, said, without_thinking
from proxy.domain.tree import Node, NodeId, TreeId, new_id, tips, turns


def path(*roles: str) -> list[Node]:
    nodes: list[Node] = []
    for number, role in enumerate(roles):
        parent = nodes[-1].id if nodes else None
        nodes.append(Node(NodeId(f"n{number}"), TreeId("t"), parent, said(role, role), "whole", float(number)))
    return nodes


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("Hi", "Hi"),
        (None, ""),
        (7, ""),
        (
            [{"type": "text", "text": "a"}, {"type": "image_url", "image_url": {}}, {"type": "text", "text": "b"}],
            "a\nb",
        ),
        ([{"type": "text", "text": None}, "loose"], ""),
    ],
)
def test_text_is_what_was_said_in_strings_and_parts(content: object, text: str) -> None:
    assert Message({"role": "user", "content": content}).text == text


@pytest.mark.parametrize(
    ("text", "spoken"),
    [
        ("<think>a</think>b", "b"),
        ("a<think>b", "a"),
        ("<Reasoning>a\nb</reasoning>\nc", "c"),
        ("1 < 2", "1 < 2"),
        ("<thinker>a</thinker>", "<thinker>a</thinker>"),
    ],
)
def test_thinking_is_kept_and_not_spoken(text: str, spoken: str) -> None:
    assert without_thinking(text) == spoken
    assert said("assistant", text).spoken == spoken
    assert said("user", text).spoken == said("assistant", text).text == text


def test_a_path_is_cut_before_every_user_who_answers_somebody() -> None:
    nodes = path("assistant", "user", "user", "assistant", "tool", "assistant", "user", "assistant")
    assert [[node.message.role for node in turn] for turn in turns(nodes)] == [
        ["assistant"],
        ["user", "user", "assistant", "tool", "assistant"],
        ["user", "assistant"],
    ]
    assert turns([]) == []


@given(st.lists(st.sampled_from(["system", "user", "assistant", "tool"]), max_size=12))
def test_turns_lose_nothing_and_never_part_a_result_from_its_call(roles: list[str]) -> None:
    nodes = path(*roles)
    cut = turns(nodes)
    assert [node for turn in cut for node in turn] == nodes
    assert all(turn[0].message.role == "user" for turn in cut[1:])


def test_tips_are_the_nodes_that_nothing_answers() -> None:
    a, b, c, d = (NodeId(name) for name in "abcd")
    assert tips([(a, None), (b, a), (c, a), (d, c)]) == [b, d]


def test_ids_are_long_and_never_the_same() -> None:
    ids = {new_id("n") for _ in range(100)}
    assert len(ids) == 100
    assert all(one.startswith("n_") and len(one) == 24 for one in ids)


def test_ids_come_in_the_order_of_their_times_and_are_otherwise_chance(monkeypatch: pytest.MonkeyPatch) -> None:
    made = []
    for now in (1_000_000_000.0, 1_800_000_000.0, 1_800_000_001.0, 2_500_000_000.0, 3_500_000_000.0):
        monkeypatch.setattr(tree.time, "time", lambda now=now: now)
        made.append([new_id("n") for _ in range(20)])
    assert [min(ids)[:8] for ids in made] == sorted({one[:8] for ids in made for one in ids})
    assert len({one[8:] for ids in made for one in ids}) == 100
