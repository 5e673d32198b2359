"""The vectors of a tree's pairs: one byte a value to compare with, one bit a value to search in.

A tree of any size is searched by the signs of its vectors alone (six machine words a pair); what was found is compared by its bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int32]
Floats = NDArray[np.float32]

VIEWS = 3
"""Vectors a pair: the user's text, the user's text with the answer, and the end of the answer (what a user replies to)."""

ASKED, BOTH, TAIL = range(VIEWS)

_BLOCK = 512
"""Pairs compared at a time, so that they stay in the processor's cache."""

GROWTH = 1.5

SAMPLE = 256
"""Pairs from which it is told how widely the similarities of a large tree are spread."""


class PairVectors:
    """Three vectors a pair; zero until they are kept."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._words = -(-size // 64)
        self._values = np.zeros((16, VIEWS, size), np.int8)
        self._scales = np.zeros((16, VIEWS), np.float32)
        self._signs = np.zeros((self._words, 16), np.uint64)
        """Of `BOTH`, one row a machine word, so that all pairs are compared a word at a time."""
        self._sum = np.zeros(size, np.float32)
        """Of all pairs' `BOTH`: what the whole tree has in common."""

    def reserve(self, count: int) -> None:
        """Make room for that many pairs."""
        self._values, self._scales = grown(self._values, count), grown(self._scales, count)
        self._signs = grown(self._signs, count, axis=1)

    def keep(self, pairs: Sequence[int], vectors: Floats) -> None:
        """Store the vectors of some pairs, one row a view, scaled by the largest value of each."""
        scales = np.abs(vectors).max(axis=1) / 127 + 1e-12
        before = self._values[pairs, BOTH] * self._scales[pairs, BOTH][:, None]
        both = vectors.reshape(-1, VIEWS, self._size)[:, BOTH]
        self._sum += both.sum(axis=0) - before.sum(axis=0)
        self._values[pairs] = np.rint(vectors / scales[:, None]).astype(np.int8).reshape(-1, VIEWS, self._size)
        self._scales[pairs] = scales.reshape(-1, VIEWS)
        self._signs[:, pairs] = self._signs_of(both).T

    def similarities(self, vector: Floats, count: int, pairs: Ints | None = None) -> tuple[Floats, Floats]:
        """Cosine of a text with the vectors of the first `count` pairs, or of some, one column a view; and of each with the mean of all.

        A pair near the mean is near to much, and its nearness says less.
        """
        many = count if pairs is None else len(pairs)
        against = np.stack([vector, self.mean()], axis=1)
        similar = np.empty((many, VIEWS, 2), np.float32)
        for start in range(0, many, _BLOCK):
            end = min(many, start + _BLOCK)
            block = self._values[slice(start, end) if pairs is None else pairs[start:end]]
            similar[start:end] = (block.reshape(-1, self._size).astype(np.float32) @ against).reshape(-1, VIEWS, 2)
        similar *= (self._scales[:count] if pairs is None else self._scales[pairs])[:, :, None]
        return similar[:, :, 0], similar[:, BOTH, 1]

    def mean(self) -> Floats:
        """The direction that all pairs have in common."""
        mean: Floats = self._sum / (float(np.linalg.norm(self._sum)) + 1e-6)
        return mean

    def spread(self, vector: Floats, count: int, both: Floats | None) -> tuple[float, float]:
        """The mean cosine of a text with `BOTH` of all pairs, and its deviation, from those of all, or from a sample."""
        if both is not None:
            return float(both.mean()), float(both.std()) + 0.05
        sample = np.arange(0, count, max(1, count // SAMPLE))[:SAMPLE]
        some = (self._values[sample, BOTH].astype(np.float32) @ vector) * self._scales[sample, BOTH]
        return float(self._sum @ vector) / count, float(some.std()) + 0.05

    def apart(self, vector: Floats, count: int) -> NDArray[np.uint16]:
        """In how many signs each of the first `count` pairs differs from a text."""
        signs = self._signs_of(vector[None])[0]
        apart = np.zeros(count, np.uint16)
        for row, sign in zip(self._signs, signs, strict=True):
            apart += np.bitwise_count(row[:count] ^ sign)
        return apart

    def _signs_of(self, vectors: Floats) -> NDArray[np.uint64]:
        packed = np.zeros((len(vectors), 8 * self._words), np.uint8)
        packed[:, : -(-self._size // 8)] = np.packbits(vectors > 0, axis=1)
        return packed.view(np.uint64)


def grown(array: NDArray[Any], count: int, axis: int = 0) -> NDArray[Any]:
    """An array with room for that many entries along an axis: itself, or a larger copy."""
    if array.shape[axis] >= count:
        return array
    shape = list(array.shape)
    shape[axis] = max(count, int(GROWTH * shape[axis]))
    larger = np.zeros(shape, array.dtype)
    larger[tuple(slice(0, length) for length in array.shape)] = array
    return larger
