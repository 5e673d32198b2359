"""Replays on dialogues never seen: each turn goes to the scorer of its own dialogue, and mistakes are counted per 100 turns."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.domain.placement import Attachment, FeedNode, Question
from proxy.domain.tree import NodeId
from proxy.routing.bench.cases import Case, Prefix
from proxy.routing.bench.metrics import tokens
from proxy.routing.learn.lived import lived_with, replays, topics
from proxy.routing.learn.telling import BEGIN, END, retold

TURNS = [("a0", None), ("a1", "a0"), ("b0", None), ("a2", "a1")]
"""Turns and those that they follow: one conversation, left for another one and taken up again."""


def stream() -> list[FeedNode]:
    nodes = []
    for turn, before in TURNS:
        nodes.append(
            FeedNode(NodeId(turn), NodeId(f"{before}-reply") if before else None, "user", f"Turn  {turn}", 0.0)
        )
        nodes.append(FeedNode(NodeId(f"{turn}-reply"), NodeId(turn), "assistant", "yes", 0.0))
    return nodes


def case(tag: str = "M16") -> Case:
    return Case(
        id="c",
        suite="core",
        kind="return",
        tags=(tag,),
        turn="Turn  a2",
        active=NodeId("b0-reply"),
        gold=(NodeId("a1-reply"),),
        gold_branch=frozenset([NodeId("a0")]),
        history=Prefix(stream(), 6),
    )


class Stays:
    """Puts every turn behind what was said last; remembers for which dialogue it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def of(self, dialogue: str) -> Any:
        self.asked.append(dialogue)
        return self

    def attach(self, model: Any, question: Question) -> Attachment:
        return Attachment(question.cursor, "continue", "", 1.0, "embedded")


def test_a_node_belongs_to_the_dialogue_named_by_its_first_turn():
    told = topics(stream())
    assert told[NodeId("a2-reply")] == told[NodeId("a0")] == "turn a0"
    assert told[NodeId("b0-reply")] == "turn b0"


def test_each_turn_is_placed_by_the_scorer_that_never_saw_its_dialogue():
    scorer = Stays()
    told = replays([case()], scorer.of)
    assert scorer.asked[:4] == ["turn a0", "turn a0", "turn b0", "turn a0"]
    assert told["16 conversations"] == {
        "turns": 4,
        "follow-ups": 25,
        "wrong joins": 50.0,
        "wrong joins, 95 %": [50.0, 50.0],
        "torn": 0.0,
        "torn, 95 %": [0.0, 0.0],
        "needless roots": 0.0,
        "whole": 0,
        "conversations": 2,
    }
    assert "64 conversations" not in told


def test_a_stream_of_several_cases_is_played_once():
    nodes = stream()
    twice = [
        Case(**{name: getattr(case(), name) for name in Case.__slots__} | {"history": Prefix(nodes, 6), "id": one})
        for one in "xy"
    ]
    assert replays(twice, Stays().of)["16 conversations"]["turns"] == 4


def test_single_cases_tell_the_context_that_is_kept():
    told = lived_with([case()], Stays().of)["context"]["single cases"]
    assert told["kept, per cent"] == 0.0
    sent, needed = ["Turn  b0", "yes", "Turn  a2"], ["Turn  a0", "yes", "Turn  a1", "yes", "Turn  a2"]
    assert told["sent for what is needed"] == round(sum(map(tokens, sent)) / sum(map(tokens, needed)), 2)


@pytest.mark.parametrize("readme", ["no marks", f"{BEGIN} and no end"])
def test_an_account_is_written_between_its_marks_alone(readme: str):
    with pytest.raises(ValueError, match="substring"):
        retold(readme)


def test_what_stands_around_the_account_stays():
    told = retold(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    assert told.startswith(f"before\n{BEGIN}\n")
    assert told.endswith(f"{END}\nafter\n")
    assert "old\n" not in told
