"""Which pairs hold which words: the largest part of what a tree takes in memory, so it is packed.

A rare word's pairs are plain numbers. A frequent word's are the gaps between them, one byte for a gap up to 254: 255 stands for "255 further,
and the gap goes on". All are unpacked in two numpy calls, and a new pair is added at the end.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet

import numpy as np

from proxy.routing.vectors import Ints

FREQUENT = 64
"""Pairs from which it is looked whether a word's are shorter as gaps; then again whenever they have doubled."""

_FURTHER = 255
_NOBODY = np.zeros(0, np.int32)


class Gaps:
    """Ascending numbers as gaps; what comes out of order stands apart."""

    __slots__ = ("_gaps", "_late", "_top", "count", "last")

    def __init__(self, numbers: Iterable[int]) -> None:
        self._gaps = bytearray()
        self._late: array[int] | None = None
        self._top = 0
        """The highest number."""
        self.last = -1
        """The number that came last."""
        self.count = 0
        for number in numbers:
            self.append(number)

    def append(self, number: int) -> None:
        gap = number - self._top
        if gap < 0:
            self._late = self._late or array("i")
            self._late.append(number)
        else:
            self._gaps += b"\xff" * (gap // _FURTHER)
            self._gaps.append(gap % _FURTHER)
            self._top = number
        self.last = number
        self.count += 1

    def numbers(self) -> Ints:
        """Ascending, but for those that came out of order, which stand last."""
        gaps = np.frombuffer(bytes(self._gaps), np.uint8)
        found: Ints = np.cumsum(gaps, dtype=np.int32)[gaps != _FURTHER]
        return found if self._late is None else np.concatenate([found, np.array(self._late, np.int32)])


class Postings(Mapping[str, "Ints | array[int]"]):
    """The pairs of each word, in about the order in which they came."""

    def __init__(self) -> None:
        self._of: dict[str, array[int] | Gaps] = {}

    def add(self, words: AbstractSet[str], pair: int) -> None:
        """Note that a pair holds these words."""
        for word in words:
            held = self._of.get(word)
            if held is None:
                self._of[word] = array("i", (pair,))
            elif isinstance(held, Gaps):
                if held.last != pair:
                    held.append(pair)
            elif held[-1] != pair:
                held.append(pair)
                count = len(held)
                if count >= FREQUENT and not count & (count - 1) and _is_dense(held):
                    self._of[word] = Gaps(held)

    def count(self, word: str) -> int:
        """How many pairs a word was noted for; nothing is unpacked."""
        held = self._of.get(word)
        return 0 if held is None else held.count if isinstance(held, Gaps) else len(held)

    def side_by_side(self, words: Iterable[str], found: array[int]) -> list[int]:
        """Add the pairs that some words were noted for, one word's behind the other's; gives how many each word has."""
        counts = []
        for word in words:
            held = self._of.get(word)
            if held is None:
                counts.append(0)
            elif isinstance(held, Gaps):
                found.frombytes(held.numbers().tobytes())
                counts.append(held.count)
            else:
                found.extend(held)
                counts.append(len(held))
        return counts

    def numbers(self, word: str) -> Ints:
        """The pairs that a word was noted for; none for one that never was."""
        held = self._of.get(word)
        if held is None:
            return _NOBODY
        return held.numbers() if isinstance(held, Gaps) else np.array(held, np.int32)

    def __getitem__(self, word: str) -> Ints | array[int]:
        held = self._of[word]
        return held.numbers() if isinstance(held, Gaps) else held

    def __contains__(self, word: object) -> bool:
        return word in self._of

    def __iter__(self) -> Iterator[str]:
        return iter(self._of)

    def __len__(self) -> int:
        return len(self._of)


def _is_dense(pairs: array[int]) -> bool:
    """Whether gaps would take half the room at the most."""
    return len(pairs) + max(pairs) // _FURTHER <= 2 * len(pairs)
