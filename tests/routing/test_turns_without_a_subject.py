"""Turns that name no subject stay in a small tree, whatever language they and the chat are in; turns with content of their own are left to chances.

The conversations and turns are our own: `bare_turns.json`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from proxy.domain.placement import FeedNode, Mark, Question, TreeSlice
from proxy.domain.tree import NodeId, TreeId, UserId
from proxy.routing.decision import Weights
from proxy.routing.embedded import EmbeddedScorer
from proxy.routing.embedder import embedder
from proxy.routing.grove import TreeModel
from proxy.routing.learn.cache import Remembering
from proxy.routing.reading.bare import LONGEST, asks_about_it, names_no_subject

SAID = json.loads((Path(__file__).parent / "bare_turns.json").read_text(encoding="utf-8"))
BARE = [turn for kind, turns in SAID["stay"].items() if kind != "about it" for turn in turns]
ABOUT_IT = SAID["stay"]["about it"]
TREES = [(tongue, exchanges) for tongue in SAID["talks"] for exchanges in (2, 6)]

LEAST_LEAVING = {"minilm": 64, "static": 54}
"""Of the 72 turns with content of their own, how many must open a topic, with each embedder."""


def tree(tongue: str, exchanges: int, mirrored: bool) -> TreeModel:
    """A chat of so many exchanges; where it is mirrored, the model says again what it was told."""
    talk = SAID["talks"][tongue][: 2 * exchanges]
    nodes = [
        FeedNode(
            NodeId(f"{at}"),
            NodeId(f"{at - 1}") if at else None,
            "assistant" if at % 2 else "user",
            talk[at - 1] if at % 2 and mirrored else said,
            float(at),
        )
        for at, said in enumerate(talk)
    ]
    model = TreeModel()
    model.apply(TreeSlice(Mark(0, len(nodes)), nodes, reset=False))
    return model


@pytest.fixture(scope="module", params=["minilm", "static"])
def scorer(request: pytest.FixtureRequest) -> EmbeddedScorer:
    if request.param == "static":
        pytest.importorskip("wordllama")
    return EmbeddedScorer(Remembering(embedder(request.param)), Weights.shipped(request.param))


def placed(scorer: EmbeddedScorer, turns: list[str], mirrored: bool = False) -> Iterator[tuple[str, int, str, str]]:
    """Each turn in each tree: the language of the chat, its exchanges, the turn and its route."""
    for tongue, exchanges in TREES:
        model, cursor = tree(tongue, exchanges, mirrored), NodeId(f"{2 * exchanges - 1}")
        for turn in turns:
            found = scorer.attach(model, Question(UserId("u"), TreeId("t"), turn, cursor))
            yield tongue, exchanges, turn, found.route


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("kind", SAID["stay"])
def test_a_turn_without_a_subject_stays(scorer: EmbeddedScorer, kind: str, mirrored: bool):
    assert [found for found in placed(scorer, SAID["stay"][kind], mirrored) if found[3] != "continue"] == []


def test_a_turn_with_content_of_its_own_leaves(scorer: EmbeddedScorer, request: pytest.FixtureRequest):
    found = list(placed(scorer, SAID["leave"]))
    leaving = [one for one in found if one[3] == "root"]
    assert len(leaving) >= LEAST_LEAVING[request.node.callspec.params["scorer"]], set(found) - set(leaving)


@pytest.mark.parametrize("turn", BARE)
def test_a_turn_is_told_to_name_no_subject(turn: str):
    assert names_no_subject(turn)


@pytest.mark.parametrize("turn", ABOUT_IT)
def test_a_question_is_told_to_be_about_what_was_named_before(turn: str):
    assert asks_about_it(turn)


@pytest.mark.parametrize(
    "turn", [*SAID["leave"], "Write a poem", "Write a short dialogue", "Is it going to rain?", "写一首诗", ""]
)
def test_a_turn_with_content_of_its_own_is_not_taken_for_a_bare_one(turn: str):
    assert not names_no_subject(turn)
    assert not asks_about_it(turn)


def test_a_long_turn_of_bare_words_is_not_read():
    assert names_no_subject("thanks " * 10)
    assert not names_no_subject("thanks " * LONGEST)


@pytest.mark.parametrize("turn", ["İngilizce lütfen", "İNGİLİZCE LÜTFEN"])
def test_turkish_capitals_are_read(turn: str):
    assert names_no_subject(turn)
