"""Examples side by side as arrays, so that fitting and judging thousands of them takes seconds.

`Table.weigh` does for all examples at once what `evidence.weigh` does for one, to the same numbers. A table is kept on disk as one
file of arrays: measuring is the slow part, and the same for every fit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from proxy.routing.evidence import NO_EARLIER, NO_OTHER, Ranker
from proxy.routing.features import PLACE, Row, Rows
from proxy.routing.learn.examples import Example

Flags = NDArray[np.bool_]
Counts = NDArray[np.int64]

PLACES = len(PLACE)


@dataclass(frozen=True, slots=True)
class Best:
    """The best place of each example that has any."""

    has: Counts
    """Examples with a place."""
    at: Counts
    """Row of the best place."""
    top: Row
    lead: Row
    """Score above the second best; 5 where there is none."""
    share: Row
    """Softmax of the best among all."""


@dataclass(frozen=True, slots=True)
class Weighed:
    """What the decision is made from, and what choosing the best places would be worth."""

    rows: Rows
    """One row an example: see `evidence.COLUMNS`."""
    other_share: Row
    other_gold: Flags
    other_branch: Flags
    other_same: Flags
    earlier_share: Row
    earlier_gold: Flags


@dataclass(frozen=True, slots=True)
class Table:
    """One row an example; the other tips and the earlier nodes of all examples stand below each other."""

    kinds: Counts
    vectors: Rows
    cues: Rows
    overall: Rows
    active: Rows
    other_counts: Counts
    other_rows: Rows
    other_same: Flags
    other_gold: Flags
    other_branch: Flags
    earlier_counts: Counts
    earlier_rows: Rows
    earlier_gold: Flags
    shaped: bool = True
    """Whether the decision may know how many places there are, and which of them share a conversation."""

    def __len__(self) -> int:
        return len(self.kinds)

    @classmethod
    def of(cls, found: Sequence[Example]) -> Table:
        """The table of some examples."""
        seen = [one.seen for one in found]
        return cls(
            kinds=np.array([one.kind for one in found]),
            vectors=np.stack([one.vector for one in found]).astype(np.float32),
            cues=np.stack([one.cues for one in seen]).astype(np.float32),
            overall=np.stack([one.overall for one in seen]).astype(np.float32),
            active=np.stack([one.active for one in seen]).astype(np.float32),
            other_counts=np.array([len(one.others) for one in seen]),
            other_rows=np.concatenate([one.other_rows for one in seen]).astype(np.float32),
            other_same=np.concatenate([one.same for one in seen]),
            other_gold=np.concatenate([one.other_gold for one in found]),
            other_branch=np.concatenate([one.other_branch for one in found]),
            earlier_counts=np.array([len(one.earlier) for one in seen]),
            earlier_rows=np.concatenate([one.earlier_rows for one in seen]).astype(np.float32),
            earlier_gold=np.concatenate([one.earlier_gold for one in found]),
        )

    @classmethod
    def read(cls, file: Path) -> Table:
        with np.load(file, allow_pickle=False) as arrays:
            return cls(**{name: arrays[name] for name in _arrays()})

    def write(self, file: Path) -> None:
        np.savez(file, **{name: getattr(self, name) for name in _arrays()})

    def others_of(self, chosen: Counts) -> tuple[list[Rows], list[Flags]]:
        """The other tips of some examples that hold a right one, and which they are."""
        return _groups(self.other_rows, self.other_gold, self.other_counts, chosen)

    def earlier_of(self, chosen: Counts) -> tuple[list[Rows], list[Flags]]:
        return _groups(self.earlier_rows, self.earlier_gold, self.earlier_counts, chosen)

    def weigh(self, opens: Row, rank_others: Ranker, rank_earlier: Ranker) -> Weighed:
        """Rank the places of every example, and put the best ones beside its active node."""
        count = len(self)
        other, other_best = _beside(self.other_rows, self.other_counts, rank_others, PLACES, NO_OTHER)
        other[other_best.has, PLACES + 1] = other_best.lead
        other[other_best.has, PLACES + 2] = other_best.share
        other[other_best.has, PLACES + 3] = self.other_same[other_best.at] * self.shaped
        width = self.earlier_rows.shape[1]
        earlier, back = _beside(self.earlier_rows, self.earlier_counts, rank_earlier, width, NO_EARLIER)
        earlier[back.has, width + 1] = back.share
        earlier[back.has, width + 2] = np.log(self.earlier_counts[back.has]) if self.shaped else 0
        active, tips = self.active, np.log1p(self.other_counts) * self.shaped
        rows = np.concatenate(
            [
                *(active, other, active - other[:, :PLACES], earlier, active - earlier[:, :PLACES]),
                *(self.cues, self.overall, tips[:, None], opens[:, None]),
            ],
            axis=1,
        ).astype(np.float32)
        return Weighed(
            rows=rows,
            other_share=_spread(count, other_best, other_best.share),
            other_gold=_flagged(count, other_best, self.other_gold),
            other_branch=_flagged(count, other_best, self.other_branch),
            other_same=_flagged(count, other_best, self.other_same),
            earlier_share=_spread(count, back, back.share),
            earlier_gold=_flagged(count, back, self.earlier_gold),
        )


def _arrays() -> list[str]:
    return [field.name for field in fields(Table) if field.name != "shaped"]


def best(scores: Row, counts: Counts) -> Best:
    """The best of each example's places, the first among equals."""
    has = np.flatnonzero(counts)
    if not len(has):
        return Best(has, has, *(np.zeros(0, np.float32) for _ in range(3)))
    held = counts[has]
    starts = np.cumsum(held) - held
    group = np.repeat(np.arange(len(has)), held)
    top = np.maximum.reduceat(scores, starts)
    winners = np.flatnonzero(scores == top[group])[::-1]
    at = np.zeros(len(has), np.int64)
    at[group[winners]] = winners  # the last one written is the first in order
    rest = scores.copy()
    rest[at] = -np.inf
    second = np.maximum.reduceat(rest, starts)
    share = 1 / np.add.reduceat(np.exp(scores - top[group]), starts)
    return Best(has, at, top, np.where(held > 1, top - second, 5.0), share)


def _beside(rows: Rows, counts: Counts, ranker: Ranker, width: int, none: Row) -> tuple[Rows, Best]:
    """What stands for the best place in each example's row: its features and its score; the rest is the caller's."""
    beside = np.tile(none.astype(np.float32), (len(counts), 1))
    found = best(ranker.scores(rows), counts)
    beside[found.has, :width] = rows[found.at, :width]
    beside[found.has, width] = found.top
    return beside, found


def _groups(rows: Rows, gold: Flags, counts: Counts, chosen: Counts) -> tuple[list[Rows], list[Flags]]:
    ends = np.cumsum(counts)
    spans = [slice(ends[at] - counts[at], ends[at]) for at in chosen.tolist()]
    spans = [span for span in spans if gold[span].any()]
    return [rows[span] for span in spans], [gold[span] for span in spans]


def _spread(count: int, found: Best, values: Row) -> Row:
    """One value an example; 1 where it has no place."""
    spread = np.ones(count, np.float32)
    spread[found.has] = values
    return spread


def _flagged(count: int, found: Best, flags: Flags) -> Flags:
    """One flag an example; none where it has no place."""
    spread = np.zeros(count, np.bool_)
    spread[found.has] = flags[found.at]
    return spread
