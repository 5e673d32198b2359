"""What a new turn and the places where it could go have in common, as numbers.

`look` compares a turn with all pairs of a tree at once; `Look.places` then gives the features of any of them. Nothing here knows what
is chosen, and nothing but the tree, the turn and the cursor is read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from proxy.routing.pairs import ASKED, BOTH, TAIL, Ints, PairIndex
from proxy.routing.reading import text
from proxy.routing.reading.cues import read_cues

Row = NDArray[np.floating[Any]]
Rows = NDArray[np.floating[Any]]

FADE = 0.93
"""What a similarity loses with every turn that lies between."""

MOST_WORDS = 40

PLACE = (
    "cos asked", "cos both", "cos tail", "path max", "path max asked", "path mean", "faded max", "first", "previous",
    "above average", "covered by pair", "covered by asked", "covered by path", "covered by conversation", "rare in pair", "rare on path",
    "names in pair", "names on path", "open question", "answer length", "depth", "recency", "branches here", "common",
    "open question met",
)  # fmt: skip
"""The features of one place, in order."""


@dataclass(frozen=True, slots=True)
class Look:
    """A turn compared with every pair of a tree."""

    index: PairIndex
    turn: str
    cues: Row
    columns: Rows
    """One row a pair, one column a name in `PLACE`."""
    overall: Row
    """How the turn stands to the tree as a whole; see `OVERALL`."""
    words: Sequence[str]
    """The turn's stems, in order."""

    def places(self, pairs: Sequence[int] | Ints) -> Rows:
        return self.columns[np.asarray(pairs, np.int32)]


OVERALL = ("best cos", "mean cos", "spread", "words known", "mass known", "pairs", "conversations")


def look(index: PairIndex, turn: str, vector: Row) -> Look:
    """Compare a turn with every pair; `index.lock` is held by the caller."""
    words = list(dict.fromkeys(text.words(turn)))[:MOST_WORDS]
    count = len(index)
    cues = np.asarray(read_cues(turn), np.float32)
    if not count:
        return Look(index, turn, cues, np.zeros((0, len(PLACE)), np.float32), np.zeros(len(OVERALL), np.float32), words)
    similar, common = index.similarities(vector)
    asked, both, tail = similar[:, ASKED], similar[:, BOTH], similar[:, TAIL]
    nearest = similar.max(axis=1)
    jumps = _jumps(index)
    mass = _mass(index, words)
    total = float(mass.sum()) or 1.0
    held = _holders(index.postings, words, count)
    held_asked = _holders(index.asked_postings, words, count)
    held_path = _any_on_path(held, jumps)
    conversations, conversation = np.unique(index.root, return_inverse=True)
    in_conversation = np.zeros((len(conversations), len(words)), bool)
    np.logical_or.at(in_conversation, conversation, held)
    frequency = np.array([len(index.postings.get(word, ())) for word in words])
    rare = ((frequency > 0) & (frequency <= 2)).astype(np.float32)
    names = sorted(text.names(turn))[:12]
    named = _holders(index.name_postings, names, count)
    deviation = float(both.std()) + 0.05
    depth = index.depth.astype(np.float32)
    columns = np.stack(
        [
            asked,
            both,
            tail,
            _max_on_path(nearest, jumps, 1.0),
            _max_on_path(asked, jumps, 1.0),
            _sum_on_path(both, jumps, index.depth) / (depth + 1),
            _max_on_path(nearest, jumps, FADE),
            both[index.root],
            both[index.parent],
            (nearest - float(both.mean())) / deviation,
            held @ mass / total,
            held_asked @ mass / total,
            held_path @ mass / total,
            (in_conversation @ mass / total)[conversation],
            np.minimum(3, held @ rare),
            np.minimum(3, held_path @ rare),
            np.minimum(3, named.sum(axis=1)),
            np.minimum(3, _any_on_path(named, jumps).sum(axis=1)),
            index.open,
            index.length,
            np.log1p(depth),
            np.log1p(count - 1 - np.arange(count)),
            np.minimum(4, index.children),
            common,
            index.open * (not turn.rstrip().endswith("?")),
        ],
        axis=1,
    ).astype(np.float32)
    overall = np.array(
        [
            nearest.max(),
            both.mean(),
            deviation,
            float((frequency > 0).mean()) if words else 0.0,
            float(mass[frequency > 0].sum()) / total,
            np.log1p(count),
            np.log1p(len(conversations)),
        ],
        np.float32,
    )
    return Look(index, turn, cues, columns, overall, words)


def _mass(index: PairIndex, words: Sequence[str]) -> Row:
    """Inverse document frequency, steadied as if twenty more pairs were known."""
    count = len(index) + 20
    frequency = np.array([len(index.postings.get(word, ())) for word in words], np.float32)
    mass: Row = np.log(1 + (count - frequency + 0.5) / (frequency + 0.5))
    return mass


def _holders(postings: dict[str, list[int]], words: Sequence[str], count: int) -> Rows:
    """One row a pair, one column a word: 1 where the pair holds it."""
    held = np.zeros((count, len(words)), np.float32)
    for column, word in enumerate(words):
        held[postings.get(word, ()), column] = 1
    return held


def _jumps(index: PairIndex) -> list[Ints]:
    """Ancestors at 1, 2, 4, ... steps, up to the depth of the tree: sums and maxima over whole paths in a few gathers."""
    jumps: list[Ints] = []
    ancestor, deepest = index.parent, int(index.depth.max())
    while 1 << len(jumps) <= deepest:
        jumps.append(ancestor)
        ancestor = ancestor[ancestor]
    return jumps


def _max_on_path(values: Row, jumps: Sequence[Ints], fade: float) -> Row:
    best = values
    for step, ancestor in enumerate(jumps):
        best = np.maximum(best, best[ancestor] * fade ** (1 << step))
    return best


def _any_on_path(held: Rows, jumps: Sequence[Ints]) -> Rows:
    any_held = held
    for ancestor in jumps:
        any_held = np.maximum(any_held, any_held[ancestor])
    return any_held


def _sum_on_path(values: Row, jumps: Sequence[Ints], depth: Ints) -> Row:
    """Sums over whole paths: a path shorter than a jump has nothing to add."""
    total = values.astype(np.float32)
    for step, ancestor in enumerate(jumps):
        total = total + np.where(depth >= 1 << step, total[ancestor], 0)
    return total
