"""Fitting one user's shift to what that user corrected.

Corrections pull; the user's other turns (which were let stand), the turns that come with the package (`guard`) and, where a folder of the
benchmark is given, its cases hold; a ridge draws everything back to the shipped weights. Where more of any of what must hold is lost than a
margin allows, the shift is halved until it is not, and is nothing at last.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from proxy.domain.tree import UserId
from proxy.routing.bench.cases import Case
from proxy.routing.decision import CLASSES, COSTS, Weights
from proxy.routing.embedder import Embedder
from proxy.routing.features import Row, Rows
from proxy.routing.learn.examples import measure
from proxy.routing.learn.table import Flags, Table
from proxy.routing.learn.verdicts import Ints, Verdicts, choices, verdicts
from proxy.routing.personal import MOST, Personal, scaled

MARGIN = 1.0
"""Points of right places, in the mean over kinds, that may be lost among the turns that hold."""

RIDGE = 0.3
HOLDING = 0.3
"""Weight of all turns that hold together, beside one correction."""
ROUNDS = 400
LEAST = 1e-4
"""A shift below it is none."""


@dataclass(frozen=True, slots=True)
class Seen:
    """Turns as the shipped weights see them."""

    told: Verdicts
    rows: Rows
    """Scaled evidence, with a column for the bias."""

    def right(self, shift: Rows | None = None) -> Flags:
        """Which turns are put right, with a shift or without."""
        chances = self.told.chances if shift is None else shifted(self.told.chances, self.rows, shift)
        chosen = choices(replace(self.told, chances=chances))
        return np.asarray(self.told.right[np.arange(len(self.told)), chosen], np.bool_)


@dataclass(frozen=True, slots=True)
class Fitted:
    """A shift, and what it is worth."""

    personal: Personal
    corrections: tuple[float, float]
    """Per cent of the corrected turns put right, before and after."""
    held: tuple[tuple[float, float], ...]
    """The same of each set of turns that holds, mean over kinds."""


def see(cases: Sequence[Case], embedder: Embedder, weights: Weights) -> Seen:
    """Measure cases; those without an active node are left out."""
    table = Table.of(measure([case for case in cases if case.active is not None], embedder))
    said = np.concatenate([table.vectors, table.cues], axis=1)
    opens = np.asarray(weights.opens.scores(said)[:, 0], np.float32)
    weighed = table.weigh(opens, weights.others, weights.earlier)
    return Seen(verdicts(table, weighed, weights, np.arange(len(table))), scaled(weighed.rows, weights))


def fit(user_id: UserId, corrected: Seen, holding: Sequence[Seen], weights: Weights, margin: float = MARGIN) -> Fitted:
    """A user's shift from corrected turns, and from sets of turns that must stay what they are, each by itself."""
    parts = [corrected, *holding]
    rows = np.concatenate([part.rows for part in parts])
    kinds = np.concatenate([part.told.kinds for part in parts])
    chances = np.concatenate([part.told.chances for part in parts])
    pulls = np.ones(len(corrected.rows))
    must_hold = sum(len(part.rows) for part in holding)
    held = np.full(must_hold, HOLDING * len(pulls) / max(1, must_hold))
    shift = _descend(rows, kinds, chances * COSTS.mean(axis=1), np.concatenate([pulls, held]))
    before = [_mean(part, part.right()) for part in holding]

    def loses(shift: Rows) -> bool:
        return any(_mean(part, part.right(shift)) < was - margin for part, was in zip(holding, before, strict=True))

    while loses(shift) and np.abs(shift).max() > LEAST:
        shift = np.asarray(shift / 2, np.float32)
    if loses(shift):
        shift = np.zeros_like(shift)
    after = [_mean(part, part.right(shift)) for part in holding]
    corrections = (
        100 * float(np.mean(corrected.right())),
        100 * float(np.mean(corrected.right(shift))),
    )
    return Fitted(Personal(user_id, weights.embedder, shift), corrections, tuple(zip(before, after, strict=True)))


def shifted(chances: Rows, rows: Rows, shift: Rows) -> Rows:
    """Chances of many turns after a shift."""
    told = chances * np.exp(np.clip(rows @ shift.T, -MOST, MOST))
    return np.asarray(told / told.sum(axis=1, keepdims=True), np.float32)


def _descend(rows: Rows, kinds: Ints, chances: Rows, weights: Row) -> Rows:
    """The shift that makes the kinds likeliest, under a ridge: plain gradient steps, for the problem is small and smooth.

    Chances come weighed by what it costs to miss each class, as choices are made.
    """
    gold = np.eye(len(CLASSES))[kinds]
    shift = np.zeros((len(CLASSES), rows.shape[1]))
    step = 1 / (0.5 * float((weights * (rows**2).sum(axis=1)).sum()) + RIDGE)
    for _ in range(ROUNDS):
        told = shifted(chances, rows, shift)
        shift += step * (((gold - told) * weights[:, None]).T @ rows - RIDGE * shift)
    return np.asarray(shift, np.float32)


def _mean(seen: Seen, right: Flags) -> float:
    """Per cent, the plain mean over kinds."""
    kinds = [kind for kind in range(len(CLASSES)) if (seen.told.kinds == kind).any()]
    return 100 * float(np.mean([right[seen.told.kinds == kind].mean() for kind in kinds]))
