"""Which of a turn's words and names the pairs of a tree hold, and the paths above them, and their conversations."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from proxy.domain.values import value
from proxy.routing.pairs import PairIndex
from proxy.routing.part import Part
from proxy.routing.reading.text import Reading
from proxy.routing.vectors import Ints, wholes

MOST_NAMES = 12
WORDS = (32, 64)
"""Room for a turn's stems and names, the first that will do: one bit each in a number."""

HERE, ASKED, PATH, CONVERSATION = range(4)
"""Where a word stands: in a pair, or in what the user said in it; on its path, in its conversation."""


@value(frozen=True, slots=True)
class Shared:
    """What a turn shares with the pairs of a part."""

    words: Sequence[str]
    """The turn's stems, then its names."""
    count: int
    """How many of these are stems."""
    frequency: Sequence[int]
    """How many pairs of the tree hold each stem."""
    flags: NDArray[np.bool_]
    """Whether a word (third axis, which has room for one of `WORDS`) stands somewhere (`HERE` and so on, first axis) for a pair of the
    part (second axis). Names are looked for `HERE` and on the `PATH`."""
    bits: NDArray[Any]
    """The flags of `HERE` and of the `PATH` (first axis), as one number a pair (second axis)."""

    def count_of(self, *kinds: Sequence[bool]) -> NDArray[np.uint8]:
        """How many words of some kinds (first axis) stand `HERE` and on the `PATH` (second axis) of each pair (third axis)."""
        wanted = np.zeros((len(kinds), self.flags.shape[2]), bool)
        for row, kind in zip(wanted, kinds, strict=True):
            row[: len(kind)] = kind
        masks = np.packbits(wanted.reshape(-1)).view(self.bits.dtype)
        counts: NDArray[np.uint8] = np.bitwise_count(self.bits & masks[:, None, None])
        return counts


def share(index: PairIndex, said: Reading, part: Part) -> Shared:
    """Look a turn's words up."""
    words = [*said.stems, *sorted(said.names)[:MOST_NAMES]]
    bits = next(width for width in WORDS if len(words) <= width)
    count, size = len(said.stems), len(part) * bits
    flags, numbers = np.zeros((4, len(part), bits), bool), np.zeros((2, len(part)), f"u{bits // 8}")
    found: array[int] = array("i")
    frequency = index.postings.side_by_side(said.stems, found)
    held = len(found)
    asked = index.asked_postings.side_by_side(said.stems, found)
    named = index.name_postings.side_by_side(words[count:], found)
    if found:
        pairs, flat = np.frombuffer(found, np.int32), flags.reshape(-1)
        each = wholes([*range(count), *range(ASKED * size, ASKED * size + count), *range(count, len(words))])
        starts = each.repeat(wholes([*frequency, *asked, *named]))
        _set(flat, starts, pairs, part, bits)
        _set(flat, starts[:held] + CONVERSATION * size, index.root.take(pairs[:held]), part, bits)
        flags[CONVERSATION] = flags[CONVERSATION].take(part.root, axis=0)
        numbers[0] = np.packbits(flags[HERE].reshape(-1)).view(numbers.dtype)
        numbers[1] = part.any_above(numbers[0])
        flags[PATH] = np.unpackbits(numbers[1].view(np.uint8)).reshape(-1, bits)
    return Shared(words, count, frequency, flags, numbers)


def _set(flat: NDArray[np.bool_], starts: NDArray[np.int64], pairs: Ints, part: Part, bits: int) -> None:
    """Note for those of some pairs that are in the part that they hold a word, given as its flag of the first pair."""
    places = part.places(pairs)
    if part.pairs is not None:
        held = places >= 0
        starts, places = starts.compress(held), places.compress(held)
    flat[starts + places * bits] = True
