"""Ids to small numbers, in a quarter of the memory of a dictionary.

Kept are 64 bits of each id's keyed hash, not the id: that two of a million ids share them happens in one of 10^7 trees.
"""

from __future__ import annotations

from array import array

import numpy as np

from proxy.domain.tree import NodeId

_FULL = 0.6
_NONE = -1


class Ids:
    """Numbers ids in the order in which they come; only grows."""

    def __init__(self) -> None:
        self._hashes = array("q")
        self._slots = array("i", [_NONE]) * 64

    def __len__(self) -> int:
        return len(self._hashes)

    def find(self, node_id: NodeId) -> int | None:
        """The number of an id; `None` for one that never came."""
        number = self._slots[self._slot(hash(node_id))]
        return None if number == _NONE else number

    def add(self, node_id: NodeId) -> int:
        """The number of an id, the next one if it is new."""
        key = hash(node_id)
        slot = self._slot(key)
        if self._slots[slot] != _NONE:
            return self._slots[slot]
        number = len(self._hashes)
        self._hashes.append(key)
        self._slots[slot] = number
        if number + 1 > _FULL * len(self._slots):
            self._grow()
        return number

    def _slot(self, key: int) -> int:
        """Where a hash stands, or would stand."""
        mask = len(self._slots) - 1
        slot = key & mask
        while (number := self._slots[slot]) != _NONE and self._hashes[number] != key:
            slot = (slot + 1) & mask
        return slot

    def _grow(self) -> None:
        """Twice the slots. Each round places what finds its slot free, and the rest moves on by one."""
        size = 2 * len(self._slots)
        slots = np.full(size, _NONE, np.int32)
        numbers = np.arange(len(self._hashes), dtype=np.int32)
        places = np.array(self._hashes, np.int64) & (size - 1)
        while len(numbers):
            free = slots[places] == _NONE
            slots[places[free]] = numbers[free]
            left = slots[places] != numbers
            numbers, places = numbers[left], (places[left] + 1) & (size - 1)
        self._slots = array("i", slots.tobytes())
