"""The vectors of a tree's pairs: one byte a value to compare with, one bit a value to search in.

A tree of any size is searched by the signs of its vectors alone (six machine words a pair); what was found is compared by its bytes.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from proxy.routing.shelf import Space

Ints = NDArray[np.int32]
Floats = NDArray[np.float32]

VIEWS = 3
"""Vectors a pair: the user's text, the user's text with the answer, and the end of the answer (what a user replies to)."""

ASKED, BOTH, TAIL = range(VIEWS)

_BLOCK = 64
"""Pairs compared at a time, so that they stay in the processor's cache."""

GROWTH = 1.25

SAMPLE = 256
"""Pairs from which it is told how widely the similarities of a large tree are spread."""
SAMPLED_ANEW = 1.1
"""How much a tree grows before they are drawn again."""


class PairVectors:
    """Three vectors a pair; zero until they are kept."""

    def __init__(self, size: int, folder: Path | None = None) -> None:
        self._size = size
        self._words = -(-size // 64)
        self._values = Space(folder)
        """`VIEWS` times `size` bytes a pair."""
        self._scales = np.zeros((16, VIEWS), np.float32)
        self._signs = np.zeros((self._words, 16), np.uint64)
        """Of `BOTH`, one row a machine word, so that all pairs are compared a word at a time."""
        self._sum = np.zeros(size, np.float32)
        """Of all pairs' `BOTH`: what the whole tree has in common."""
        self._mean: Floats | None = None
        self._sample: tuple[int, Floats] | None = None

    def reserve(self, count: int) -> None:
        """Make room for that many pairs."""
        self._scales = grown(self._scales, count)
        self._signs = grown(self._signs, count, axis=1)

    def keep(self, pairs: Sequence[int], vectors: Floats) -> None:
        """Store the vectors of some pairs, one row a view, scaled by the largest value of each."""
        scales = np.abs(vectors).max(axis=1) / 127 + 1e-12
        numbers = np.array(pairs, np.int32)
        both = vectors.reshape(-1, VIEWS, self._size)[:, BOTH]
        self._mean = None
        self._sum += both.sum(axis=0)
        if min(pairs) * VIEWS * self._size < len(self._values):  # else none of them had vectors
            self._sum -= self._both(numbers).sum(axis=0)
        for pair, row in zip(
            pairs, np.rint(vectors / scales[:, None]).astype(np.int8).reshape(len(pairs), -1), strict=True
        ):
            self._fill(pair)
            self._values.write(pair * row.size, row.tobytes())
        self._scales[pairs] = scales.reshape(-1, VIEWS)
        self._signs[:, pairs] = self._signs_of(both).T

    @property
    def stored_bytes(self) -> int:
        """Bytes of one pair's vectors as they are stored: three scales, the signs to search in, the values."""
        return 4 * VIEWS + 8 * self._words + VIEWS * self._size

    def stored(self, pairs: Sequence[int]) -> list[bytes]:
        """The vectors of some pairs as they are stored: little-endian, and the same after `restore`."""
        if not pairs:
            return []
        numbers = np.array(pairs, np.int32)
        scales, signs = self._scales[numbers].astype("<f4"), self._signs.T[numbers].astype("<u8")
        parts = zip(scales, signs, self._rows(numbers), strict=True)
        return [scale.tobytes() + sign.tobytes() + row.tobytes() for scale, sign, row in parts]

    def restore(self, pairs: Sequence[int], bodies: Sequence[bytes]) -> None:
        """Take in what was stored, in place of what these pairs have."""
        if not pairs:
            return
        order = np.argsort(pairs)
        numbers = np.array(pairs, np.int32)[order]
        flat = np.frombuffer(b"".join(bodies), np.uint8).reshape(len(pairs), -1)[order]
        scales = np.ascontiguousarray(flat[:, : 4 * VIEWS]).view("<f4")
        signs = np.ascontiguousarray(flat[:, 4 * VIEWS : -VIEWS * self._size]).view("<u8")
        values = np.ascontiguousarray(flat[:, -VIEWS * self._size :]).view(np.int8)
        both = values.reshape(-1, VIEWS, self._size)[:, BOTH] * scales[:, BOTH][:, None]
        self._mean = None
        self._sum += both.sum(axis=0) - self._both(numbers).sum(axis=0)
        for pair, row in zip(numbers.tolist(), values, strict=True):
            self._fill(pair)
            self._values.write(pair * row.size, row.tobytes())
        self._scales[numbers] = scales
        self._signs[:, numbers] = signs.T

    def _both(self, pairs: Ints) -> Floats:
        rows: Floats = self._rows(pairs)[:, BOTH] * self._scales[pairs, BOTH][:, None]
        return rows

    def take(self, other: PairVectors, theirs: Sequence[int], pairs: Sequence[int]) -> None:
        """Store vectors of another tree's pairs, or of this one's before, as those of some pairs here."""
        for start in range(0, len(pairs), _BLOCK):
            some = np.array(theirs[start : start + _BLOCK], np.int32)
            order = np.argsort(some)
            rows = other._rows(some[order]).astype(np.float32) * other._scales[some[order]][:, :, None]
            self.keep([pairs[start + place] for place in order.tolist()], rows.reshape(-1, self._size))

    def _fill(self, pair: int) -> None:
        """Zeros for the pairs before that have no vectors yet."""
        gap = pair * VIEWS * self._size - len(self._values)
        if gap > 0:
            self._values.write(len(self._values), bytes(gap))

    def _rows(self, pairs: Ints) -> NDArray[np.int8]:
        """The vectors of some pairs."""
        return self._values.rows(pairs, VIEWS * self._size).reshape(-1, VIEWS, self._size)

    def _span(self, start: int, end: int) -> NDArray[np.int8]:
        """The same of neighbours."""
        return self._values.span(start, end, VIEWS * self._size).reshape(-1, VIEWS, self._size)

    def similarities(self, vector: Floats, count: int, pairs: Ints | None = None) -> tuple[Floats, Floats]:
        """Cosine of a text with the vectors of the first `count` pairs, or of some, one row a view; and of each with the mean of all.

        A pair near the mean is near to much, and its nearness says less.
        """
        many = count if pairs is None else len(pairs)
        similar, common = np.empty((VIEWS, many), np.float32), np.empty(many, np.float32)
        for start in range(0, many, _BLOCK):
            end = min(many, start + _BLOCK)
            held = self._span(start, end) if pairs is None else self._rows(pairs[start:end])
            rows = held.astype(np.float32)
            # Row by row, so that like texts are exactly alike wherever they stand: a product of matrices sees to rows in blocks.
            similar[:, start:end] = np.vecdot(rows, vector).T
            common[start:end] = np.vecdot(rows[:, BOTH], self.mean())
        scales = (self._scales[:count] if pairs is None else self._scales[pairs]).T
        similar *= scales
        common *= scales[BOTH]
        return similar, common

    def mean(self) -> Floats:
        """The direction that all pairs have in common."""
        if self._mean is None:
            self._mean = self._sum / (float(np.linalg.norm(self._sum)) + 1e-6)
        return self._mean

    def spread(self, vector: Floats, count: int, both: Floats | None) -> tuple[float, float]:
        """The mean cosine of a text with `BOTH` of all pairs, and its deviation, from those of all, or from a sample."""
        if both is not None:
            return float(both.sum()) / count, _deviation(both) + 0.05
        if self._sample is None or count > SAMPLED_ANEW * self._sample[0]:
            some = np.arange(0, count, max(1, count // SAMPLE), dtype=np.int32)[:SAMPLE]
            self._sample = count, self._rows(some)[:, BOTH] * self._scales[some, BOTH][:, None]
        return float(self._sum @ vector) / count, _deviation(self._sample[1] @ vector) + 0.05

    def apart(self, vector: Floats, count: int) -> NDArray[np.uint16]:
        """In how many signs each of the first `count` pairs differs from a text."""
        signs = self._signs_of(vector[None])[0]
        apart = np.zeros(count, np.uint16)
        for row, sign in zip(self._signs, signs, strict=True):
            apart += np.bitwise_count(row[:count] ^ sign)
        return apart

    def _signs_of(self, vectors: Floats) -> NDArray[np.uint64]:
        packed = np.packbits(vectors > 0, axis=1)
        if packed.shape[1] < 8 * self._words:
            packed = np.pad(packed, ((0, 0), (0, 8 * self._words - packed.shape[1])))
        return packed.view(np.uint64)


def _deviation(values: Floats) -> float:
    apart = values - values.sum() / np.float32(len(values))
    return math.sqrt(float(apart @ apart) / len(values))


def floats(values: Sequence[float]) -> Floats:
    """A few numbers as an array, in a part of the time that numpy takes to look at each of them; not to be changed."""
    return np.frombuffer(struct.pack(f"{len(values)}f", *values), np.float32)


def wholes(values: Sequence[int]) -> NDArray[np.int64]:
    """The same of whole numbers."""
    return np.frombuffer(struct.pack(f"{len(values)}q", *values), np.int64)


def grown(held: NDArray[Any], count: int, axis: int = 0) -> NDArray[Any]:
    """An array with room for that many entries along an axis: itself, or a larger copy."""
    if held.shape[axis] >= count:
        return held
    shape = list(held.shape)
    shape[axis] = max(count, int(GROWTH * shape[axis]))
    larger = np.zeros(shape, held.dtype)
    larger[tuple(slice(0, length) for length in held.shape)] = held
    return larger
