from types import SimpleNamespace

import pytest

from proxy.domain.tree import NodeId
from proxy.errors import ScorerFailed
from proxy.routing.answers import read_places, read_scores
from proxy.routing.scene import Point
from proxy.routing.windows import Window


def score(id, relevance=0.5, rank=1, reasoning="why"):
    return SimpleNamespace(id=id, relevance=relevance, rank=rank, reasoning=reasoning)


def windows(*ids):
    return [Window("tip", NodeId(i), NodeId(i), (), None, active=False, trail=frozenset()) for i in ids]


def points(*ids):
    return [Point(NodeId(i), (), (), depth, 0, active=False) for depth, i in enumerate(ids)]


def test_numbers_are_mapped_back_to_windows_whatever_their_ids_and_order():
    shown = windows("42", "a branch/with: odd \u00fcnicode", "None")
    verdicts = read_scores(shown, [score(3, 0.9), score(1, 0.1), score(2, 0.4)])
    assert [(verdict.window.point, verdict.relevance) for verdict in verdicts] == [
        ("42", 0.1),
        ("a branch/with: odd \u00fcnicode", 0.4),
        ("None", 0.9),
    ]


def test_zero_is_the_root_and_other_numbers_are_points():
    choices = read_places(points("x", "y"), [score(2, 0.9), score(0, 0.3)])
    assert [(choice.point and choice.point.node, choice.relevance) for choice in choices] == [("y", 0.9), (None, 0.3)]


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ([], "empty list"),
        ([score(1)], "1 of 2 windows"),
        ([score(1), score(1)], "twice"),
        ([score(1), score(2), score(2)], "twice"),
        ([score(1), score(3)], "named 3"),
        ([score(0), score(1)], "named 0"),
        ([score(-1), score(1)], "named -1"),
        ([score(1), score(2, relevance=1.5)], "relevance of 1.5"),
        ([score(1), score(2, relevance=-0.1)], "relevance of -0.1"),
        ([score(1), score(2, relevance=float("nan"))], "relevance of nan"),
    ],
)
def test_scores_that_cannot_be_trusted_are_a_failed_call(answer, why):
    with pytest.raises(ScorerFailed, match=why):
        read_scores(windows("a", "b"), answer)


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ([], "empty list"),
        ([score(3)], "named 3"),
        ([score(-1)], "named -1"),
        ([score(0), score(0)], "twice"),
        ([score(1, relevance=float("inf"))], "relevance of inf"),
    ],
)
def test_places_that_were_not_offered_are_a_failed_call(answer, why):
    with pytest.raises(ScorerFailed, match=why):
        read_places(points("a", "b"), answer)


def test_a_reason_is_one_short_line():
    (verdict,) = read_scores(windows("a"), [score(1, reasoning="because\n" + "so " * 500)])
    assert "\n" not in verdict.reason
    assert len(verdict.reason) < 200
