"""What a new turn and the places where it could go have in common, as numbers.

`look` compares a turn with all pairs of a tree at once; `Look.places` then gives the features of any of them. Nothing here knows what
is chosen, and nothing but the tree, the turn and the cursor is read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from proxy.routing.pairs import READ, PairIndex
from proxy.routing.part import Part, whole
from proxy.routing.postings import Postings
from proxy.routing.reading import text
from proxy.routing.reading.cues import read_cues
from proxy.routing.vectors import ASKED, BOTH, TAIL, Ints

Row = NDArray[np.floating[Any]]
Rows = NDArray[np.floating[Any]]
Bits = NDArray[np.uint64]

FADE = 0.93
"""What a similarity loses with every turn that lies between."""

MOST_WORDS = 40
_BITS = np.uint64(1) << np.arange(64, dtype=np.uint64)

PLACE = (
    "cos asked", "cos both", "cos tail", "path max", "path max asked", "path mean", "faded max", "first", "previous",
    "above average", "covered by pair", "covered by asked", "covered by path", "covered by conversation", "rare in pair", "rare on path",
    "names in pair", "names on path", "open question", "answer length", "depth", "recency", "branches here", "common",
    "open question met",
)  # fmt: skip
"""The features of one place, in order."""


@dataclass(frozen=True, slots=True)
class Look:
    """A turn compared with the pairs of a tree, or with those of a part of it."""

    index: PairIndex
    turn: str
    cues: Row
    part: Part
    columns: Rows
    """One row a pair of the part, one column a name in `PLACE`."""
    overall: Row
    """How the turn stands to the tree as a whole; see `OVERALL`."""
    words: Sequence[str]
    """The turn's stems, in order."""

    def places(self, pairs: Sequence[int] | Ints) -> Rows:
        """The features of some pairs, by their numbers in the tree."""
        return self.columns[self.part.at(pairs)]


OVERALL = ("best cos", "mean cos", "spread", "words known", "mass known", "pairs", "conversations")


@lru_cache(maxsize=16)
def stems(turn: str) -> tuple[str, ...]:
    """The first different words of a turn, stemmed, in order."""
    found: dict[str, None] = {}
    for word in text.words(turn[:READ]):
        found[word] = None
        if len(found) == MOST_WORDS:
            break
    return tuple(found)


@np.errstate(invalid="ignore")  # BLAS now and then leaves the mark of an invalid value on products of finite numbers
def look(index: PairIndex, turn: str, vector: Row, part: Part | None = None) -> Look:
    """Compare a turn with every pair, or with a part of them; `index.lock` is held by the caller."""
    part = whole(index) if part is None else part
    words, count = stems(turn), part.known
    cues = np.asarray(read_cues(turn), np.float32)
    if not count:
        empty = np.zeros((0, len(PLACE)), np.float32)
        return Look(index, turn, cues, part, empty, np.zeros(len(OVERALL), np.float32), words)
    similar, common = index.vectors.similarities(vector, count, part.pairs)
    asked, both, tail = similar[:, ASKED], similar[:, BOTH], similar[:, TAIL]
    nearest = similar.max(axis=1)
    average, deviation = index.vectors.spread(vector, count, both if part.pairs is None else None)
    frequency = np.array([index.postings.count(word) for word in words], np.float32)
    mass = _mass(frequency, count)
    total = float(mass.sum()) or 1.0
    rare = ((frequency > 0) & (frequency <= 2)).astype(np.float32)
    held, conversations = _holders_and_conversations(index, words, part)
    said = np.concatenate([held, _any_on_path(held, part), conversations[part.root]])
    covered, rares = (
        (_spread_out(said, len(words)) @ np.stack([mass / total, rare], axis=1)).reshape(3, -1, 2).transpose(2, 0, 1)
    )
    asks = _spread_out(_holders(index.asked_postings, words, part), len(words))
    named = _holders(index.name_postings, sorted(text.names(turn[:READ]))[:12], part)
    depth, opens = part.of(index.depth), part.of(index.open)
    logs = np.log1p(np.stack([depth, _after(part)]), dtype=np.float32)
    path_max, path_max_asked = _max_on_path(np.stack([nearest, asked]), part, 1.0)
    columns = np.empty((len(PLACE), len(part)), np.float32)
    for column, values in zip(
        columns,
        (
            asked,
            both,
            tail,
            path_max,
            path_max_asked,
            _sum_on_path(both, part) / (part.steps + 1),
            _max_on_path(nearest, part, FADE),
            both[part.root],
            both[part.parent],
            (nearest - average) / deviation,
            covered[0],
            asks @ (mass / total),
            covered[1],
            covered[2],
            np.minimum(3, rares[0]),
            np.minimum(3, rares[1]),
            np.minimum(3, np.bitwise_count(named)),
            np.minimum(3, np.bitwise_count(_any_on_path(named, part))),
            opens,
            part.of(index.length),
            *logs,
            np.minimum(4, part.of(index.children)),
            common,
            opens * (not turn.rstrip().endswith("?")),
        ),
        strict=True,
    ):
        column[:] = values
    known = frequency > 0
    overall = np.array(
        [
            nearest.max(),
            average,
            deviation,
            float(known.mean()) if words else 0.0,
            float(mass[known].sum()) / total,
            np.log1p(count),
            np.log1p(index.roots),
        ],
        np.float32,
    )
    return Look(index, turn, cues, part, columns.T, overall, words)


def _after(part: Part) -> Ints:
    """How many pairs of the tree are newer than each."""
    numbers = np.arange(part.known, dtype=np.int32) if part.pairs is None else part.pairs
    return part.known - 1 - numbers


def _mass(frequency: Row, count: int) -> Row:
    """Inverse document frequency, steadied as if twenty more pairs were known."""
    mass: Row = np.log(1 + (count + 20 - frequency + 0.5) / (frequency + 0.5))
    return mass


def _holders(postings: Postings, words: Sequence[str], part: Part) -> Bits:
    """Which words each pair holds: bit n stands for the nth of no more than `MOST_WORDS`."""
    held = np.zeros(len(part), np.uint64)
    for bit, word in zip(_BITS, words, strict=False):
        if (pairs := postings.get(word)) is not None:
            held[part.within(pairs)] |= bit
    return held


def _holders_and_conversations(index: PairIndex, words: Sequence[str], part: Part) -> tuple[Bits, Bits]:
    """The same, and which words each conversation holds, at its first pair; a word's pairs are unpacked once."""
    held, conversations = np.zeros(len(part), np.uint64), np.zeros(len(part), np.uint64)
    for bit, word in zip(_BITS, words, strict=False):
        if (pairs := index.postings.get(word)) is not None:
            numbers = np.asarray(pairs, np.int32)
            held[part.within(numbers)] |= bit
            conversations[part.within(index.root[numbers])] |= bit
    return held, conversations


def _spread_out(held: Bits, count: int) -> Rows:
    """One column a word: 1 where it is held."""
    bits = np.unpackbits(held.view(np.uint8).reshape(-1, 8), axis=1, count=count, bitorder="little")
    return bits.astype(np.float32)


def _max_on_path(values: Row, part: Part, fade: float) -> Row:
    """The highest value above each place and there, of one row of values or of several."""
    best = values
    for step, ancestor in enumerate(part.jumps):
        above = best[..., ancestor]
        best = np.maximum(best, above if fade == 1 else above * np.float32(fade ** (1 << step)))
    return best


def _any_on_path(held: Bits, part: Part) -> Bits:
    any_held = held
    for ancestor in part.jumps:
        any_held = any_held | any_held[ancestor]
    return any_held


def _sum_on_path(values: Row, part: Part) -> Row:
    """Sums over whole paths: a path shorter than a jump has nothing to add."""
    total = values.astype(np.float32)
    for step, ancestor in enumerate(part.jumps):
        total = total + np.where(part.steps >= 1 << step, total[ancestor], 0)
    return total
