"""The ancestors of pairs at 1, 2, 4, ... steps: what holds for whole paths is told in a few gathers, however long they are."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from proxy.routing.vectors import Floats, Ints, grown

FADE = np.float32(0.93)
"""What a similarity loses with every turn that lies between."""

KEPT = 512
"""Pairs of the largest tree whose ancestors are kept as it grows."""

Jump = tuple[NDArray[np.intp], Floats]
"""The ancestor of each pair at so many steps, the first of its path where that is shorter. And what is left of a value after so many
steps: of one that fades, and of one that is added up, of which a path that is shorter has nothing to add."""


def jumps_of(parent: Ints, steps: Ints) -> list[Jump]:
    """As far as paths reach.

    Args:
        parent: The place above each; itself for the first of a path.
        steps: How many stand above each.
    """
    jumps: list[Jump] = []
    ancestor, left, deepest = parent.astype(np.intp), FADE, int(steps.max()) if len(steps) else 0
    while deepest > 1 << len(jumps) >> 1:
        kept = np.empty((2, len(parent)), np.float32)
        kept[0], kept[1] = left, steps >= 1 << len(jumps)
        jumps.append((ancestor, kept))
        ancestor, left = ancestor.take(ancestor), left * left
    return jumps


class Ancestors:
    """The same of a tree that grows."""

    def __init__(self) -> None:
        self._count = 0
        self._ancestors = np.zeros((0, 16), np.intp)
        """One row a jump."""
        self._kept = np.zeros((0, 2, 16), np.float32)
        self._left: list[np.float32] = []

    def add(self, parent: int, depth: int) -> None:
        """Take in the next pair, which is its own parent where it is the first of a path."""
        pair, self._count = self._count, self._count + 1
        self._ancestors = grown(self._ancestors, self._count, axis=1)
        self._kept = grown(self._kept, self._count, axis=2)
        while depth > 1 << len(self._left) >> 1:
            self._reach_further()
        for jump, left in enumerate(self._left):
            self._ancestors[jump, pair] = parent
            self._kept[jump, :, pair] = left, depth >= 1 << jump
            parent = self._ancestors[jump, parent]

    def jumps(self) -> Sequence[Jump]:
        """See `jumps_of`."""
        count = self._count
        return list(zip(self._ancestors[:, :count], self._kept[:, :, :count], strict=True))

    def _reach_further(self) -> None:
        """One jump more; no pair so far is so deep that it gets there without reaching the first of its path."""
        last = self._ancestors[-1] if self._left else np.arange(self._ancestors.shape[1])
        self._ancestors = np.concatenate([self._ancestors, last.take(last)[None]])
        self._left.append(self._left[-1] * self._left[-1] if self._left else FADE)
        kept = np.zeros((1, 2, self._ancestors.shape[1]), np.float32)
        kept[0, 0] = self._left[-1]
        self._kept = np.concatenate([self._kept, kept])
