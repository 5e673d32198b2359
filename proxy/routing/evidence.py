"""The two steps before the decision: which other branch would it be, which earlier node, and what speaks for each.

Every tip off the active path is ranked as an other branch, every earlier node of the active path as a fork. The best of each stands
beside the active node in one row of numbers, from which `decision.py` chooses. `observe` sees what can be measured; `weigh` adds
what was learned, so that training can measure once and learn many times.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from proxy.domain.values import value
from proxy.routing.features import OVERALL, PLACE, Look, Row, Rows
from proxy.routing.pairs import PairIndex
from proxy.routing.reading.cues import CUES
from proxy.routing.vectors import Ints, floats

COMPARED = np.array([PLACE.index(name) for name in (
    "cos asked", "cos both", "cos tail", "path max", "path mean", "faded max", "first", "covered by pair", "covered by path",
)])  # fmt: skip
"""Features that are also given against the best of the rest."""

BESIDE_CHILD = np.array([PLACE.index(name) for name in ("cos asked", "cos both", "cos tail", "covered by pair")])
"""Features of an earlier node that are also given for what was said next there: a fork says that anew."""

TAIL_COS = PLACE.index("cos tail")

COVERED, CLEARLY = PLACE.index("covered by pair"), 0.05
"""Of several answers to one message, the share of the turn's words by which one must be ahead."""

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


@value(frozen=True, slots=True)
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


@value(frozen=True, slots=True)
class Evidence:
    """All that speaks for the places where a turn could go; places stand best first."""

    others: Ints
    other_shares: Row
    """How likely each is among the others, if it is one of them."""
    earlier: Ints
    earlier_shares: Row
    row: Row
    """What the decision is made from: see `COLUMNS`."""


def other_tips(index: PairIndex, active: int) -> Ints:
    """Tips off the active path, except other answers to a message that is on it."""
    heads, said = index.head, np.zeros(len(index), bool)
    said[heads.take(index.path(active, LOOKED_UP))] = True
    tips = (index.children == 0).nonzero()[0]
    found: Ints = tips[~said.take(heads.take(tips))].astype(np.int32)
    return found


def earlier_nodes(index: PairIndex, active: int) -> Ints:
    """The path before the active node: its last nodes and its first ones, oldest first."""
    length = int(index.depth[active])
    if length > NEAREST_EARLIER + FIRST_EARLIER:
        path = [index.above(active, at) for at in range(FIRST_EARLIER)] + index.path(active, NEAREST_EARLIER + 1)[:-1]
    else:
        path = index.path(active)[:-1]
    return np.array(path, np.int32)


def other_rows(rows: Rows) -> Rows:
    """The features of other tips, and what some of them are against the best of the rest."""
    beside = np.zeros((len(rows), len(PLACE) + len(COMPARED)), np.float32)
    beside[:, : len(PLACE)] = rows
    if len(rows) > 1:
        compared = rows.take(COMPARED, axis=1)
        *_, second, best = np.sort(compared, axis=0)
        np.subtract(compared, np.where(compared >= best, second, best), out=beside[:, len(PLACE) :])
    return beside


def said_next(index: PairIndex, active: int, earlier: Ints) -> list[int]:
    """What followed each earlier node on the path to the active one."""
    later = [*earlier.tolist(), active][1:]
    deeper = (index.depth[earlier] + 1).tolist()
    return [
        one if index.depth[one] == depth else index.above(active, depth)
        for one, depth in zip(later, deeper, strict=True)
    ]


def earlier_rows(rows: Rows, nexts: Rows, tip: Row, back: Ints, depth: Ints) -> Rows:
    """The features `EARLIER` of every earlier node.

    Args:
        rows: Of the earlier nodes; `nexts` are of what was said next, `tip` of the active node.
        back: By how many pairs each stands before the active node; `depth` is how many stand before it.
    """
    after, own = nexts.take(BESIDE_CHILD, axis=1), np.empty((4, len(rows)), np.float32)
    np.log(back, out=own[0])
    own[1] = back == 1
    own[2] = depth == 0
    np.subtract(rows[:, TAIL_COS], tip[TAIL_COS], out=own[3])
    return np.concatenate([rows, after, rows.take(BESIDE_CHILD, axis=1) - after, own.T], axis=1)


def best_answer(look: Look, pair: int) -> int:
    """Of several answers to one message that which holds clearly more of what the turn speaks of; else the given one."""
    places = np.flatnonzero(look.part.of(look.index.head) == look.index.head[pair])
    answers: Ints = (places if look.part.pairs is None else look.part.pairs[places]).astype(np.int32)
    if len(answers) < 2:
        return pair
    held = look.places(answers)[:, COVERED]
    best = int(held.argmax())
    return int(answers[best]) if held[best] > look.places([pair])[0, COVERED] + CLEARLY else pair


def observe(look: Look, active: int, others: Ints, tips: int | None = None) -> Observed:
    """Measure the active node, the given other tips and the earlier nodes; `tips` is how many others there are, if not all are given."""
    index, earlier = look.index, earlier_nodes(look.index, active)
    rows = look.places(np.concatenate([others, earlier, said_next(index, active, earlier), [active]]))
    last, steps, tip = len(others), len(earlier), rows[-1]
    depth = index.depth[earlier]
    return Observed(
        active=tip,
        others=others,
        tips=len(others) if tips is None else tips,
        other_rows=other_rows(rows[:last]),
        same=index.root[others] == index.root[active],
        earlier=earlier,
        earlier_rows=earlier_rows(
            rows[last : last + steps], rows[last + steps : -1], tip, index.depth[active] - depth, depth
        ),
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
    scores = rank_others.scores(seen.other_rows)
    order = (-scores if pull is None else -scores - pull).argsort(kind="stable")
    scores = scores.take(order)
    other, shares = NO_OTHER, softmax(scores)
    if len(order):
        lead = scores[0] - scores[1] if len(order) > 1 else 5.0
        first = seen.other_rows[order[0], :count].tolist()
        other = floats([*first, scores[0], lead, shares[0], seen.same[order[0]]])
    back_scores = rank_earlier.scores(seen.earlier_rows)
    back = (-back_scores).argsort(kind="stable")
    back_scores = back_scores.take(back)
    earlier, back_shares = NO_EARLIER, softmax(back_scores)
    if len(back):
        beside = (back_scores[0], back_shares[0], math.log(len(back)))
        earlier = floats([*seen.earlier_rows[back[0]].tolist(), *beside])
    row = np.concatenate(
        [
            *(tip, other, tip - other[:count], earlier, tip - earlier[:count]),
            *(seen.cues, seen.overall, (math.log1p(seen.tips), opens)),
        ],
        dtype=np.float32,
        casting="same_kind",
    )
    if pull is not None:
        shares = softmax(scores + pull[order])
    return Evidence(seen.others.take(order), shares, seen.earlier.take(back), back_shares, row)


def softmax(scores: NDArray[Any]) -> Row:
    """Chances from scores; none from none."""
    if not len(scores):
        return np.zeros(0, np.float32)
    grown: Row = np.exp(scores - np.maximum.reduce(scores))
    grown /= np.add.reduce(grown)
    return grown
