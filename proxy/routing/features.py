"""What a new turn and the places where it could go have in common, as numbers.

`look` compares a turn with all pairs of a tree at once; `Look.places` then gives the features of any of them. Nothing here knows what
is chosen, and nothing but the tree, the turn and the cursor is read.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from proxy.domain.values import value
from proxy.routing.pairs import PairIndex
from proxy.routing.part import Part, whole
from proxy.routing.reading.cues import read_cues
from proxy.routing.reading.text import Reading, read
from proxy.routing.shared import Shared, share
from proxy.routing.vectors import Ints, floats

Row = NDArray[np.floating[Any]]
Rows = NDArray[np.floating[Any]]

PLACE = (
    "cos asked", "cos both", "cos tail", "path max", "path max asked", "path mean", "faded max", "first", "previous",
    "above average", "covered by pair", "covered by asked", "covered by path", "covered by conversation", "rare in pair", "rare on path",
    "names in pair", "names on path", "open question", "answer length", "depth", "recency", "branches here", "common",
    "open question met",
)  # fmt: skip
"""The features of one place, in order."""


OVERALL = ("best cos", "mean cos", "spread", "words known", "mass known", "pairs", "conversations")


@value(frozen=True, slots=True)
class Look:
    """A turn compared with the pairs of a tree, or with those of a part of it."""

    index: PairIndex
    turn: str
    said: Reading
    cues: Row
    part: Part
    columns: Rows
    """One row a name in `PLACE`, one column a pair of the part."""
    overall: Row
    """How the turn stands to the tree as a whole; see `OVERALL`."""
    shared: Shared

    def places(self, pairs: Sequence[int] | Ints) -> Rows:
        """The features of some pairs, by their numbers in the tree: one row a pair."""
        return self.columns.take(self.part.at(pairs), axis=1).T


@np.errstate(invalid="ignore")  # BLAS now and then leaves the mark of an invalid value on products of finite numbers
def look(index: PairIndex, turn: str, vector: Row, part: Part | None = None) -> Look:
    """Compare a turn with every pair, or with a part of them; `index.lock` is held by the caller."""
    part = whole(index) if part is None else part
    said, count = read(turn), part.known
    cues = floats(read_cues(turn))
    shared = share(index, said, part)
    columns = np.empty((len(PLACE), len(part)), np.float32)
    if not count:
        return Look(index, turn, said, cues, part, columns, np.zeros(len(OVERALL), np.float32), shared)
    similar, common = index.vectors.similarities(vector, count, part.pairs)
    asked, both, _ = similar
    nearest = similar.max(axis=0)
    average, deviation = index.vectors.spread(vector, count, both if part.pairs is None else None)
    mass = _mass(shared.frequency, count)
    total = sum(mass) or 1.0
    rare = [0 < held <= 2 for held in shared.frequency]
    names = [at >= shared.count for at in range(len(shared.words))]
    columns[0:3] = similar
    above = part.told_above(np.array([nearest, asked, nearest, both]))
    columns[3:5], columns[6], columns[5] = above[:2], above[2], above[3]
    columns[7] = both.take(part.root)
    columns[8] = both.take(part.parent)
    columns[9] = (nearest - average) / deviation
    columns[10:14] = _covered(shared, [one / total for one in mass])
    np.minimum(shared.count_of(rare, names), 3, out=columns[14:18].reshape(2, 2, -1))
    columns[18:23] = part.of(index.traits)
    np.log1p(_after(part), out=columns[21])
    columns[23] = common
    columns[24] = 0 if turn.rstrip().endswith("?") else columns[18]
    known = [one for one, held in zip(mass, shared.frequency, strict=True) if held]
    overall = (
        *(nearest.max(), average, deviation),
        *(len(known) / (len(mass) or 1), sum(known) / total),
        *(math.log1p(count), math.log1p(index.roots)),
    )
    return Look(index, turn, said, cues, part, columns, floats(overall), shared)


def _covered(shared: Shared, mass: Sequence[float]) -> Rows:
    """The mass of the words that stand somewhere (first axis), for each pair."""
    where, pairs, room = shared.flags.shape
    flags = shared.flags.reshape(-1, room).astype(np.float32)
    covered: Rows = flags @ floats([*mass, *[0.0] * (room - len(mass))])
    return covered.reshape(where, pairs)


def _after(part: Part) -> Ints:
    """How many pairs of the tree are newer than each."""
    return np.arange(part.known - 1, -1, -1, dtype=np.int32) if part.pairs is None else part.known - 1 - part.pairs


def _mass(frequency: Sequence[int], count: int) -> list[float]:
    """Inverse document frequency, steadied as if twenty more pairs were known."""
    return [math.log(1 + (count + 20 - held + 0.5) / (held + 0.5)) for held in frequency]
