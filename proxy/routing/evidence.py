"""The two steps before the decision: which other branch would it be, which earlier node, and what speaks for each.

Every tip off the active path is ranked as an other branch, every earlier node of the active path as a fork. The best of each stands
beside the active node in one row of numbers, from which `decision.py` chooses. `observe` sees what can be measured; `weigh` adds
what was learned, so that training can measure once and learn many times.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from proxy.routing.features import OVERALL, PLACE, Look, Row, Rows
from proxy.routing.pairs import PairIndex
from proxy.routing.reading.cues import CUES
from proxy.routing.vectors import Ints

COMPARED = tuple(PLACE.index(name) for name in (
    "cos asked", "cos both", "cos tail", "path max", "path mean", "faded max", "first", "covered by pair", "covered by path",
))  # fmt: skip
"""Features that are also given against the best of the rest."""

BESIDE_CHILD = tuple(PLACE.index(name) for name in ("cos asked", "cos both", "cos tail", "covered by pair"))
"""Features of an earlier node that are also given for what was said next there: a fork says that anew."""

TAIL_COS = PLACE.index("cos tail")

EARLIER = (
    *PLACE,
    *(f"{PLACE[at]} of what came next" for at in BESIDE_CHILD),
    *(f"{PLACE[at]} above what came next" for at in BESIDE_CHILD),
    "turns back", "one turn back", "first of all", "cos tail above the active node's",
)  # fmt: skip

NEAREST_EARLIER = 8
FIRST_EARLIER = 2
LOOKED_UP = 1_000
"""Pairs of the active path to which other answers are looked for."""

COLUMNS = (
    *(f"active: {name}" for name in PLACE),
    *(f"other: {name}" for name in PLACE),
    "other: score", "other: lead", "other: share", "other: same conversation",
    *(f"active above other: {name}" for name in PLACE),
    *(f"earlier: {name}" for name in EARLIER),
    "earlier: score", "earlier: share", "earlier: how many",
    *(f"active above earlier: {name}" for name in PLACE),
    *(f"cue: {name}" for name in CUES),
    *(f"tree: {name}" for name in OVERALL),
    "tree: other tips", "turn: opens",
)  # fmt: skip

NO_OTHER = np.array([*[0.0] * len(PLACE), -9, 0, 0, 0], np.float32)
NO_EARLIER = np.array([*[0.0] * len(EARLIER), -9, 0, 0], np.float32)


@dataclass(frozen=True, slots=True)
class Ranker:
    """A linear ranking: the weighted sum of scaled features."""

    mean: Row
    scale: Row
    weights: Row

    @classmethod
    def read(cls, flat: Mapping[str, Any]) -> Ranker:
        return cls(*(np.asarray(flat[name], np.float32) for name in ("mean", "scale", "weights")))

    def scores(self, rows: Rows) -> Row:
        scores: Row = ((rows - self.mean) / self.scale) @ self.weights
        return scores


@dataclass(frozen=True, slots=True)
class Observed:
    """What can be measured about the places where a turn could go."""

    active: Row
    others: Ints
    """Tips of other branches."""
    tips: int
    """How many there are, those that were not looked at among them."""
    other_rows: Rows
    same: NDArray[np.bool_]
    """Which of them belong to the active conversation."""
    earlier: Ints
    earlier_rows: Rows
    cues: Row
    overall: Row


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that speaks for the places where a turn could go; places stand best first."""

    others: Ints
    other_scores: Row
    earlier: Ints
    earlier_scores: Row
    row: Row
    """What the decision is made from: see `COLUMNS`."""


def other_tips(index: PairIndex, active: int) -> Ints:
    """Tips off the active path, except other answers to a message that is on it."""
    said = np.zeros(len(index), bool)
    said[index.head[index.path(active, LOOKED_UP)]] = True
    tips = np.flatnonzero(index.children == 0)
    return tips[~said[index.head[tips]]].astype(np.int32)


def earlier_nodes(index: PairIndex, active: int) -> Ints:
    """The path before the active node: its last nodes and its first ones, oldest first."""
    length = int(index.depth[active])
    if length > NEAREST_EARLIER + FIRST_EARLIER:
        path = [index.above(active, at) for at in range(FIRST_EARLIER)] + index.path(active, NEAREST_EARLIER + 1)[:-1]
    else:
        path = index.path(active)[:-1]
    return np.array(path, np.int32)


def other_rows(look: Look, tips: Ints) -> Rows:
    """The features of every other tip, and what some of them are against the best of the rest."""
    rows = look.places(tips)
    compared = rows[:, COMPARED]
    if len(rows) < 2:
        return np.concatenate([rows, np.zeros_like(compared)], axis=1)
    ordered = np.sort(compared, axis=0)
    rest = np.where(compared >= ordered[-1], ordered[-2], ordered[-1])
    return np.concatenate([rows, compared - rest], axis=1)


def earlier_rows(look: Look, active: int, earlier: Ints) -> Rows:
    """The features `EARLIER` of every earlier node, of which the path of the active one is made."""
    index = look.index
    at = index.depth[earlier]
    rows = look.places(earlier)
    later = [*earlier.tolist(), active][1:]
    adjoins = index.depth[later] == at + 1
    said_next = [
        one if is_next else index.above(active, depth + 1)
        for one, is_next, depth in zip(later, adjoins.tolist(), at.tolist(), strict=True)
    ]
    nexts = look.places(said_next)[:, BESIDE_CHILD]
    back = (int(index.depth[active]) - at).astype(np.float32)
    shape = np.stack([np.log(np.maximum(back, 1)), back == 1, at == 0], axis=1)
    above_active = rows[:, [TAIL_COS]] - look.places([active])[0, TAIL_COS]
    return np.concatenate([rows, nexts, rows[:, BESIDE_CHILD] - nexts, shape, above_active], axis=1).astype(np.float32)


def observe(look: Look, active: int, others: Ints, tips: int | None = None) -> Observed:
    """Measure the active node, the given other tips and the earlier nodes; `tips` is how many others there are, if not all are given."""
    earlier = earlier_nodes(look.index, active)
    return Observed(
        active=look.places([active])[0],
        others=others,
        tips=len(others) if tips is None else tips,
        other_rows=other_rows(look, others),
        same=look.index.root[others] == look.index.root[active],
        earlier=earlier,
        earlier_rows=earlier_rows(look, active, earlier),
        cues=look.cues,
        overall=look.overall,
    )


def weigh(seen: Observed, opens: float, rank_others: Ranker, rank_earlier: Ranker, pull: Row | None = None) -> Evidence:
    """Rank the other tips and the earlier nodes, and put the best of each beside the active node.

    Args:
        opens: How much the turn reads like the first of a conversation.
        pull: What speaks for each other tip beside its features, in units of its score.
    """
    tip, count = seen.active, len(PLACE)
    other_scores = rank_others.scores(seen.other_rows)
    order = np.argsort(-(other_scores if pull is None else other_scores + pull), kind="stable")
    other, others, other_scores = NO_OTHER, seen.others[order], other_scores[order]
    if len(order):
        lead = other_scores[0] - other_scores[1] if len(order) > 1 else 5.0
        beside = [other_scores[0], lead, softmax(other_scores)[0], float(seen.same[order[0]])]
        other = np.concatenate([seen.other_rows[order[0], :count], beside])
    earlier_scores = rank_earlier.scores(seen.earlier_rows)
    back = np.argsort(-earlier_scores, kind="stable")
    earlier, earlier_scores = NO_EARLIER, earlier_scores[back]
    if len(back):
        beside = [earlier_scores[0], softmax(earlier_scores)[0], np.log(len(back))]
        earlier = np.concatenate([seen.earlier_rows[back[0]], beside])
    row = np.concatenate(
        [
            *(tip, other, tip - other[:count], earlier, tip - earlier[:count]),
            *(seen.cues, seen.overall, [np.log1p(seen.tips), opens]),
        ]
    )
    if pull is not None:
        other_scores = other_scores + pull[order]
    return Evidence(others, other_scores, seen.earlier[back], earlier_scores, row.astype(np.float32))


def softmax(scores: NDArray[Any]) -> Row:
    """Chances from scores; none from none."""
    if not len(scores):
        return np.zeros(0, np.float32)
    grown = np.exp(scores - scores.max())
    return np.asarray(grown / grown.sum(), np.float32)
