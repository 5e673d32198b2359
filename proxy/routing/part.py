"""The part of a tree that a turn is compared with in full: all of a small tree, of a large one what lies near.

`near` searches a large tree by the signs of its vectors, by the turn's rare words and by what was said last; what was found leads to
the tips of its branches, and the best of these are compared with the turn together with the paths above them. The work after
the search is bounded, whatever the size of the tree.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from proxy.routing.ancestors import KEPT, Jump, jumps_of
from proxy.routing.pairs import PairIndex
from proxy.routing.vectors import Floats, Ints

WHOLE = KEPT
"""Up to so many pairs, all are compared."""
FOUND = 128
"""Pairs that the search by signs brings, and as many at most by rare words."""
RARE = 32
"""Pairs that hold a word by which is searched."""
RARE_WORTH = 24.0
"""What a word that only one pair holds is worth, in differing signs."""
TIPS = 32
"""Tips that are compared in full."""
NEWEST = 16
"""Pairs said last, which are always looked at."""
ABOVE = 24
"""Pairs of a path that are compared: the nearest ones, the first, and what was found between."""


AROUND = 256
"""Pairs that are compared where the caller names them."""


@dataclass(slots=True, eq=False)
class Part:
    """Some pairs of a tree, parents before children, and how they hang together."""

    pairs: Ints | None
    """Their numbers in the tree, ascending; `None` is all of them."""
    parent: Ints
    """The nearest pair above that is in the part, by its place in it; itself for the first of a path."""
    root: Ints
    """The first pair of each one's conversation, by its place in the part."""
    known: int
    """Pairs of the whole tree."""
    steps: Ints
    """How many pairs of the part stand above each on its path."""
    jumps: Sequence[Jump]
    """See `jumps_of`."""
    _places: Ints = field(init=False)

    def __post_init__(self) -> None:
        if self.pairs is not None:
            self._places = np.full(self.known, -1, np.int32)
            self._places[self.pairs] = np.arange(len(self), dtype=np.int32)

    def __len__(self) -> int:
        return len(self.parent)

    def at(self, pairs: Sequence[int] | Ints) -> Ints:
        """Where pairs of the part stand in it."""
        numbers = np.asarray(pairs, np.int32)
        return numbers if self.pairs is None else np.searchsorted(self.pairs, numbers).astype(np.int32)

    def place(self, pair: int) -> int:
        """Where a pair of the part stands in it."""
        return pair if self.pairs is None else int(np.searchsorted(self.pairs, pair))

    def of(self, column: NDArray[Any]) -> NDArray[Any]:
        """A column of the tree, or several side by side, cut to the part."""
        return column if self.pairs is None else column.take(self.pairs, axis=-1)

    def places(self, pairs: Ints) -> Ints:
        """Where some pairs of the tree stand in the part; below 0 for those that do not."""
        return pairs if self.pairs is None else self._places[pairs]

    def any_above(self, held: NDArray[Any]) -> NDArray[Any]:
        """For each place, the bits that are set there or anywhere above."""
        for ancestor, _ in self.jumps:
            held = held | held.take(ancestor)
        return held

    def told_above(self, values: Floats) -> Floats:
        """What four values are at each place (second axis) and above: the highest of the first, of the second, and of the third, which fades
        by `FADE` with every step down; the mean of the fourth.

        Changes the given values.
        """
        best, total = values[:3], values[3]
        for ancestor, kept in self.jumps:
            above = values.take(ancestor, axis=1)
            falling = above[2:]
            falling *= kept
            np.maximum(best, above[:3], out=best)
            total += above[3]
        total /= self.steps + np.float32(1)
        return values


def whole(index: PairIndex) -> Part:
    """All of a tree."""
    parent, depth = index.parent, index.depth
    jumps = jumps_of(parent, depth) if index.ancestors is None else index.ancestors.jumps()
    return Part(None, parent, index.root, len(index), depth, jumps)


def near(index: PairIndex, words: Sequence[str], vector: Floats, active: int, tips: Ints) -> tuple[Part, Ints]:
    """What lies near a turn in a large tree, and which of some tips are in it.

    Args:
        words: The turn's stems.
        active: The pair that the turn would follow.
        tips: The tips among which some are chosen.
    """
    apart = index.vectors.apart(vector, len(index))
    holders, weights = _holders(index, words)
    newest = np.arange(max(0, len(index) - NEWEST), len(index), dtype=np.int32)
    hits = _each_once(index, [_nearest(apart, FOUND), holders, newest])
    distance = apart[hits].astype(np.float32)
    np.subtract.at(distance, np.searchsorted(hits, holders), weights)
    chosen = _best_tips(index, hits, distance, tips)
    return _joined(index, _with_paths(index, np.append(chosen, np.int32(active)), hits)), chosen


def around(index: PairIndex, vector: Floats, pairs: Ints) -> tuple[Part, Ints]:
    """Some pairs of a large tree with the paths above them, those first that differ from a text in the fewest signs; and which they are."""
    if len(pairs) > AROUND:
        apart = index.vectors.apart(vector, len(index))[pairs]
        pairs = pairs[np.argsort(apart, kind="stable")[:AROUND]]
    return _joined(index, _with_paths(index, np.unique(pairs), np.zeros(0, np.int32))), pairs


def _nearest(apart: NDArray[np.uint16], most: int) -> Ints:
    """The pairs with the fewest differing signs, at least so many."""
    counts = np.cumsum(np.bincount(apart))
    within = int(np.searchsorted(counts, min(most, len(apart))))
    return np.flatnonzero(apart <= within)[-2 * most :].astype(np.int32)


def _holders(index: PairIndex, words: Sequence[str]) -> tuple[Ints, Floats]:
    """The pairs that hold the turn's rarest words, and what each such word is worth in differing signs."""
    rare = (word for word in words if 0 < index.postings.count(word) <= RARE)
    postings = sorted((index.postings[word] for word in rare), key=len)
    if not postings:
        return np.zeros(0, np.int32), np.zeros(0, np.float32)
    worth = [np.full(len(held), RARE_WORTH / (1 + np.log2(len(held))), np.float32) for held in postings]
    return np.concatenate(postings)[:FOUND].astype(np.int32), np.concatenate(worth)[:FOUND]


def _best_tips(index: PairIndex, hits: Ints, distance: Floats, tips: Ints) -> Ints:
    """The tips to which the best hits lead, ascending."""
    allowed = np.zeros(len(index), bool)
    allowed[tips] = True
    ends = np.array(index.strand_ends, np.int32)[index.strand[hits]]
    led = allowed[ends]
    ends = ends[led][np.argsort(distance[led], kind="stable")]
    _, first = np.unique(ends, return_index=True)
    return np.sort(ends[np.sort(first)[:TIPS]])


def _with_paths(index: PairIndex, ends: Ints, hits: Ints) -> Ints:
    """Some pairs with the paths above them, from long ones their ends, their beginnings, and the hits between."""
    kept, at = [ends], ends
    for _ in range(ABOVE):
        above = index.parent[at]
        if np.array_equal(above, at):
            break
        kept.append(above)
        at = above
    is_theirs = np.zeros(len(index.strand_ends), bool)
    is_theirs[index.strand.take(ends)] = True
    between = hits.compress(is_theirs.take(index.strand.take(hits)))
    return _each_once(index, [*kept, index.root.take(ends), between, index.beginning(int(ends[-1]))])


def _each_once(index: PairIndex, pairs: Sequence[Ints]) -> Ints:
    """Pairs in ascending order."""
    held = np.zeros(len(index), bool)
    held[np.concatenate(pairs)] = True
    return held.nonzero()[0].astype(np.int32)


def _joined(index: PairIndex, kept: Ints) -> Part:
    """Hang each pair from the nearest one above it that is kept.

    Where its parent is left out, that is the last one of its strand, or the first pair of its conversation.
    """
    places = np.arange(len(kept), dtype=np.int32)
    parents = index.parent[kept]
    root = np.searchsorted(kept, index.root[kept]).astype(np.int32)
    found = np.minimum(np.searchsorted(kept, parents), len(kept) - 1).astype(np.int32)
    order = np.lexsort((index.depth[kept], index.strand[kept]))
    before = np.empty_like(order)
    before[order[1:]] = order[:-1]
    before[order[0]] = order[0]
    strands = index.strand[kept]
    fallback = np.where(strands[before] == strands, before, root)
    fallback = np.where(fallback < places, fallback, root)
    parent = np.where(kept[found] == parents, found, fallback).astype(np.int32)
    steps = _steps(parent)
    return Part(kept, parent, root, len(index), steps, jumps_of(parent, steps))


def _steps(parent: Ints) -> Ints:
    """How many places stand above each, from the one right above each; the first of a path has itself there."""
    ancestor, last = parent, np.arange(len(parent), dtype=np.int32)
    steps = (ancestor != last).astype(np.int32)
    while (ancestor != last).any():
        steps = steps + steps.take(ancestor)
        last, ancestor = ancestor, ancestor.take(ancestor)
    told: Ints = steps
    return told
