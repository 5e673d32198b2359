"""The two steps before the decision: which other branch would it be, which earlier node, and what speaks for each.

Every tip off the active path is ranked as an other branch, every earlier node of the active path as a fork. The best of each stands
beside the active node in one row of numbers, from which `decision.py` chooses.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from proxy.routing.features import OVERALL, PLACE, Look, Row, Rows
from proxy.routing.pairs import Ints, PairIndex
from proxy.routing.text import CUES

COMPARED = tuple(PLACE.index(name) for name in (
    "cos asked", "cos both", "cos tail", "path max", "path mean", "faded max", "first", "covered by pair", "covered by path",
))  # fmt: skip
"""Features that are also given against the best of the rest."""

BESIDE_CHILD = tuple(PLACE.index(name) for name in ("cos asked", "cos both", "cos tail", "covered by pair"))
"""Features of an earlier node that are also given for what was said next there: a fork says that anew."""

TAIL_COS = PLACE.index("cos tail")

OTHER = (*PLACE, *(f"{PLACE[at]} above the rest" for at in COMPARED))
EARLIER = (
    *PLACE,
    *(f"{PLACE[at]} of what came next" for at in BESIDE_CHILD),
    *(f"{PLACE[at]} above what came next" for at in BESIDE_CHILD),
    "turns back", "one turn back", "first of all", "cos tail above the active node's",
)  # fmt: skip

NEAREST_EARLIER = 8
FIRST_EARLIER = 2


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
class Evidence:
    """All that speaks for the places where a turn could go."""

    look: Look
    active: int
    others: Ints
    """Tips of other branches, best first."""
    other_scores: Row
    earlier: Ints
    """Earlier nodes of the active path, best first."""
    earlier_scores: Row
    row: Row
    """What the decision is made from: see `COLUMNS`."""


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
    "tree: other tips",
)  # fmt: skip


def other_tips(index: PairIndex, active: int) -> Ints:
    """Tips off the active path, except other answers to a message that is on it."""
    path = index.path(active)
    said = {index.heads[pair] for pair in path}
    tips = np.flatnonzero(index.children == 0)
    return np.array([tip for tip in tips.tolist() if tip != active and index.heads[tip] not in said], np.int32)


def earlier_nodes(index: PairIndex, active: int) -> Ints:
    """The path before the active node: its last nodes and its first ones, oldest first."""
    path = index.path(active)[:-1]
    if len(path) > NEAREST_EARLIER + FIRST_EARLIER:
        path = path[:FIRST_EARLIER] + path[-NEAREST_EARLIER:]
    return np.array(path, np.int32)


def other_rows(look: Look, tips: Ints) -> Rows:
    """The features `OTHER` of every other tip."""
    rows = look.places(tips)
    compared = rows[:, COMPARED]
    if len(rows) < 2:
        return np.concatenate([rows, np.zeros_like(compared)], axis=1)
    ordered = np.sort(compared, axis=0)
    rest = np.where(compared >= ordered[-1], ordered[-2], ordered[-1])
    return np.concatenate([rows, compared - rest], axis=1)


def earlier_rows(look: Look, active: int, earlier: Ints) -> Rows:
    """The features `EARLIER` of every earlier node."""
    path = look.index.path(active)
    place = {pair: at for at, pair in enumerate(path)}
    at = np.array([place[pair] for pair in earlier.tolist()], np.int32)
    rows = look.places(earlier)
    nexts = look.places([path[i + 1] for i in at.tolist()])[:, BESIDE_CHILD]
    back = (len(path) - 1 - at).astype(np.float32)
    return np.concatenate(
        [
            rows,
            nexts,
            rows[:, BESIDE_CHILD] - nexts,
            np.log(np.maximum(back, 1))[:, None],
            (back == 1)[:, None],
            (at == 0)[:, None],
            rows[:, [TAIL_COS]] - look.columns[active, TAIL_COS],
        ],
        axis=1,
    ).astype(np.float32)


def gather(look: Look, active: int, others: Ints, rank_others: Ranker, rank_earlier: Ranker) -> Evidence:
    """Rank the other tips and the earlier nodes, and put the best of each beside the active node."""
    tip = look.columns[active]
    other, other_scores, other_row = _best_other(look, active, others, rank_others)
    earlier, earlier_scores, earlier_row = _best_earlier(look, active, rank_earlier)
    row = np.concatenate(
        [
            tip,
            other_row,
            tip - other_row[: len(PLACE)],
            earlier_row,
            tip - earlier_row[: len(PLACE)],
            look.cues,
            look.overall,
            [np.log1p(len(others))],
        ]
    ).astype(np.float32)
    return Evidence(look, active, other, other_scores, earlier, earlier_scores, row)


def softmax(scores: NDArray[Any]) -> Row:
    grown = np.exp(scores - scores.max()) if len(scores) else scores
    return np.asarray(grown / grown.sum() if len(scores) else grown, np.float32)


def _best_other(look: Look, active: int, others: Ints, rank: Ranker) -> tuple[Ints, Row, Row]:
    if not len(others):
        return others, np.zeros(0, np.float32), np.array([*[0.0] * len(PLACE), -9, 0, 0, 0], np.float32)
    scores = rank.scores(other_rows(look, others))
    order = np.argsort(-scores, kind="stable")
    others, scores = others[order], scores[order]
    lead = scores[0] - scores[1] if len(scores) > 1 else 5.0
    same = look.index.root[others[0]] == look.index.root[active]
    beside = [scores[0], lead, softmax(scores)[0], float(same)]
    return others, scores, np.concatenate([look.columns[others[0]], beside]).astype(np.float32)


def _best_earlier(look: Look, active: int, rank: Ranker) -> tuple[Ints, Row, Row]:
    earlier = earlier_nodes(look.index, active)
    if not len(earlier):
        return earlier, np.zeros(0, np.float32), np.array([*[0.0] * len(EARLIER), -9, 0, 0], np.float32)
    rows = earlier_rows(look, active, earlier)
    scores = rank.scores(rows)
    order = np.argsort(-scores, kind="stable")
    beside = [scores[order[0]], softmax(scores)[order[0]], np.log(len(earlier))]
    return earlier[order], scores[order], np.concatenate([rows[order[0]], beside]).astype(np.float32)
