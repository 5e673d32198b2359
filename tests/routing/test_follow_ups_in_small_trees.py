"""Trees of one to three exchanges, where most users begin: what follows on stays, and what opens a subject leaves.

The conversations are our own, in ten languages: eight follow-ups of the kind that fits any answer, and six changes of subject, after
each exchange. The changes are the counterweight: a scorer that never leaves would keep every follow-up.
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

SAID = json.loads((Path(__file__).parent / "follow_ups.json").read_text(encoding="utf-8"))
EXCHANGES = (1, 2, 3)


def tree(tongue: str, exchanges: int) -> TreeModel:
    talk = SAID[tongue]["talk"][: 2 * exchanges]
    nodes = [
        FeedNode(
            NodeId(f"{at}"), NodeId(f"{at - 1}") if at else None, "assistant" if at % 2 else "user", said, float(at)
        )
        for at, said in enumerate(talk)
    ]
    model = TreeModel()
    model.apply(TreeSlice(Mark(0, len(nodes)), nodes, reset=False))
    return model


def placed(scorer: EmbeddedScorer, tongue: str, kind: str) -> Iterator[tuple[str, str]]:
    """Every turn of a kind, and the route that it took."""
    for exchanges in EXCHANGES:
        model = tree(tongue, exchanges)
        for turn in SAID[tongue][kind]:
            cursor = NodeId(f"{2 * exchanges - 1}")
            yield turn, scorer.attach(model, Question(UserId("u"), TreeId("t"), turn, cursor)).route


@pytest.fixture(scope="module", params=["minilm", "static"])
def scorer(request: pytest.FixtureRequest) -> EmbeddedScorer:
    if request.param == "static":
        pytest.importorskip("wordllama")
    return EmbeddedScorer(Remembering(embedder(request.param)), Weights.shipped(request.param))


LEAST_CHANGES = {"minilm": 130, "static": 58}
"""Of the 180 changes of subject, how many must leave, with each embedder."""

TORN = {"ru": 1, "zh": 3}
"""Of 24 follow-ups in a language, how many may be torn; in those that are not named one."""


def test_a_follow_up_stays_in_every_language_that_is_read(scorer: EmbeddedScorer):
    for tongue in SAID:
        torn = [turn for turn, route in placed(scorer, tongue, "follow") if route != "continue"]
        assert len(torn) <= TORN.get(tongue, 1), (tongue, torn)


def test_nearly_every_follow_up_stays(scorer: EmbeddedScorer):
    routes = [route for tongue in SAID for _, route in placed(scorer, tongue, "follow")]
    assert len(routes) == 240
    assert routes.count("continue") >= 234
    assert routes.count("fork") <= 3


def test_changes_of_subject_leave_all_the_same(scorer: EmbeddedScorer, request: pytest.FixtureRequest):
    routes = {tongue: [route for _, route in placed(scorer, tongue, "change")] for tongue in SAID}
    leaving = sum(found.count("root") for found in routes.values())
    assert leaving >= LEAST_CHANGES[request.node.callspec.params["scorer"]], routes
    assert routes["en"].count("root") >= 14


@pytest.mark.parametrize(
    ("tongue", "turn"),
    [
        ("en", "Make that answer shorter, please."),
        ("en", "Can you show me an example of that?"),
        ("de", "Kannst du mir dafür ein Beispiel geben?"),
    ],
)
def test_what_asks_for_a_change_of_the_answer_stays(scorer: EmbeddedScorer, tongue: str, turn: str):
    for exchanges in EXCHANGES:
        cursor = NodeId(f"{2 * exchanges - 1}")
        found = scorer.attach(tree(tongue, exchanges), Question(UserId("u"), TreeId("t"), turn, cursor))
        assert (found.route, found.parent_id) == ("continue", cursor)
