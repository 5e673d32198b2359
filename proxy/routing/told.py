"""What is kept of each pair of a tree beside its vectors: to which one a node belongs, and texts that many pairs share."""

from __future__ import annotations

from array import array

import numpy as np

from proxy.domain.tree import NodeId
from proxy.routing.ids import Ids
from proxy.routing.vectors import Ints


class PairOf:
    """The pair to which each node belongs."""

    def __init__(self) -> None:
        self._ids = Ids()
        self._pairs: array[int] = array("i")

    def __setitem__(self, node_id: NodeId, pair: int) -> None:
        number = self._ids.add(node_id)
        if number == len(self._pairs):
            self._pairs.append(pair)
        else:
            self._pairs[number] = pair

    def __getitem__(self, node_id: NodeId) -> int:
        if (pair := self.get(node_id)) is None:
            raise KeyError(node_id)
        return pair

    def __contains__(self, node_id: NodeId) -> bool:
        return self._ids.find(node_id) is not None

    def get(self, node_id: NodeId) -> int | None:
        number = self._ids.find(node_id)
        return None if number is None else self._pairs[number]


class Named:
    """A text of each pair, of which there are few different ones; a pair without one has that of the pair before."""

    def __init__(self) -> None:
        self._texts: list[str | None] = [None]
        self._numbers: dict[str | None, int] = {None: 0}
        self._of: array[int] = array("i")

    def __getitem__(self, pair: int) -> str | None:
        return self._texts[self._of[pair]]

    def append(self, said: str | None, before: int | None) -> None:
        """Take in the next pair's."""
        if said is None and before is not None:
            self._of.append(self._of[before])
            return
        if said not in self._numbers:
            self._numbers[said] = len(self._texts)
            self._texts.append(said)
        self._of.append(self._numbers[said])

    def copy(self, one: int, other: int) -> None:
        """Give a pair that of another one."""
        self._of[other] = self._of[one]

    def among(self, pairs: Ints, said: str | None) -> Ints:
        """Those of some pairs that have this text."""
        if len(self._texts) == 1:
            return pairs if said is None else pairs[:0]
        numbers = np.array(self._of, np.int32)
        ours: Ints = pairs[numbers[pairs] == self._numbers.get(said, -1)]
        return ours
