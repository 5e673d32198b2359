"""What weights say of many examples at once, and whether it is right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from proxy.routing.decision import CONTINUE, FORK, NEW, RETURN, Weights, expected_costs, trust_row
from proxy.routing.features import Rows
from proxy.routing.learn.table import Flags, Table, Weighed

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Verdicts:
    """One row a case; four columns are one a class."""

    kinds: Ints
    chances: Rows
    shares: Rows
    """Of the best place among those of its kind."""
    right: Flags
    """Whether choosing this class would be right."""
    branch: Flags
    """Whether it would be the right conversation."""

    def __len__(self) -> int:
        return len(self.kinds)

    def of(self, chosen: Ints | Flags) -> Verdicts:
        """Some of them."""
        return Verdicts(
            self.kinds[chosen], self.chances[chosen], self.shares[chosen], self.right[chosen], self.branch[chosen]
        )

    @classmethod
    def joined(cls, parts: Sequence[tuple[Ints, Verdicts]]) -> Verdicts:
        """Verdicts on parts of the cases, put where those stand among all."""
        order = np.argsort(np.concatenate([at for at, _ in parts]), kind="stable")
        each = [part for _, part in parts]
        return cls(
            np.concatenate([part.kinds for part in each])[order],
            np.concatenate([part.chances for part in each])[order],
            np.concatenate([part.shares for part in each])[order],
            np.concatenate([part.right for part in each])[order],
            np.concatenate([part.branch for part in each])[order],
        )


def chances(weights: Weights, rows: Rows, has_other: Flags, has_earlier: Flags) -> Rows:
    """`Weights.chances` for many rows of evidence."""
    grown, flat = _softmax(weights.forest.all_scores(rows)), _softmax(weights.linear.scores(rows))
    step = weights.share * grown + (1 - weights.share) * flat
    forks = np.where(has_earlier, 1 / (1 + np.exp(-weights.forks.scores(rows)[:, 0])), 0.0)
    goes = np.where(has_other, step[:, 1], 0.0)
    told = np.stack([step[:, 0] * (1 - forks), goes, step[:, 2], step[:, 0] * forks], axis=1)
    return np.asarray(told / told.sum(axis=1, keepdims=True), np.float32)


def verdicts(table: Table, weighed: Weighed, weights: Weights, chosen: Ints) -> Verdicts:
    """What weights say of the chosen examples."""
    kinds = table.kinds[chosen]
    stays = (kinds == CONTINUE) | (kinds == FORK)
    one = np.ones(len(chosen))
    told = chances(weights, weighed.rows[chosen], table.other_counts[chosen] > 0, table.earlier_counts[chosen] > 0)
    goes = np.where(stays, weighed.other_same[chosen], weighed.other_branch[chosen])
    return Verdicts(
        kinds=kinds,
        chances=told,
        shares=np.stack([one, weighed.other_share[chosen], one, weighed.earlier_share[chosen]], axis=1),
        right=np.stack(
            [kinds == CONTINUE, weighed.other_gold[chosen], kinds == NEW, weighed.earlier_gold[chosen]], axis=1
        ),
        branch=np.stack([stays, goes, kinds == NEW, stays], axis=1),
    )


def choices(told: Verdicts) -> Ints:
    """The class that is chosen for each case."""
    return np.asarray(expected_costs(told.chances, told.shares[:, RETURN]).argmin(axis=1), np.int64)


def trust_rows(told: Verdicts, chosen: Ints) -> Rows:
    """What confidence in each choice is told from."""
    return np.array(
        [trust_row(told.chances[at], kind, float(told.shares[at, kind])) for at, kind in enumerate(chosen.tolist())]
    )


def _softmax(scores: Rows) -> Rows:
    grown = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(grown / grown.sum(axis=1, keepdims=True))
