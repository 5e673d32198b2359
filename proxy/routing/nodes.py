"""A tree's visible nodes, packed: what is asked for is unpacked, nothing else is an object of its own.

A million nodes as objects are gigabytes, and each look of the garbage collector at them takes longer than many placements.
"""

from __future__ import annotations

import marshal
from array import array
from collections.abc import Iterator, Mapping
from pathlib import Path

from proxy.domain.placement import FeedNode
from proxy.domain.tree import NodeId
from proxy.routing.ids import Ids
from proxy.routing.shelf import Shelf

_NONE = -1


class Nodes(Mapping[NodeId, FeedNode]):
    """Nodes by id, in the order in which they became visible: parents before children."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        self.clear()

    def clear(self) -> None:
        self._ids = Ids()
        self._shelf = Shelf(self._folder)
        self._places: array[int] = array("q")
        self._newest_child: array[int] = array("i")
        self._sibling: array[int] = array("i")
        """The child of the same parent that came before."""
        self._newest_root = _NONE
        self._systems: list[str | None] = [None]
        self._system_numbers: dict[str | None, int] = {None: 0}

    def add(self, node: FeedNode) -> None:
        number = self._ids.add(node.id)
        if number < len(self._places):
            return
        parent = None if node.parent_id is None else self._ids.find(node.parent_id)
        self._places.append(self._shelf.put(self._packed(node)))
        self._newest_child.append(_NONE)
        if parent is None:
            self._sibling.append(self._newest_root if node.parent_id is None else _NONE)
            self._newest_root = number if node.parent_id is None else self._newest_root
        else:
            self._sibling.append(self._newest_child[parent])
            self._newest_child[parent] = number

    def __len__(self) -> int:
        return len(self._places)

    def __getitem__(self, node_id: NodeId) -> FeedNode:
        number = self._ids.find(node_id)
        if number is None:
            raise KeyError(node_id)
        return self._at(number)

    def __contains__(self, node_id: object) -> bool:
        return self._ids.find(node_id) is not None  # type: ignore[arg-type]

    def __iter__(self) -> Iterator[NodeId]:
        return (self._at(number).id for number in range(len(self)))

    def children(self, node_id: NodeId | None) -> list[NodeId]:
        """What hangs right under a node, or under the root; oldest first."""
        number = self._newest_root
        if node_id is not None:
            parent = self._ids.find(node_id)
            number = _NONE if parent is None else self._newest_child[parent]
        found: list[NodeId] = []
        while number != _NONE:
            found.append(self._at(number).id)
            number = self._sibling[number]
        found.reverse()
        return found

    def tips(self) -> list[NodeId]:
        """The nodes without children, oldest first."""
        return [self._at(number).id for number, child in enumerate(self._newest_child) if child == _NONE]

    def _packed(self, node: FeedNode) -> bytes:
        system = self._system_numbers.setdefault(node.system, len(self._systems))
        if system == len(self._systems):
            self._systems.append(node.system)
        return marshal.dumps((node.id, node.parent_id, node.role, node.text, node.created_at, system, node.personality))

    def _at(self, number: int) -> FeedNode:
        node_id, parent_id, role, text, created_at, system, personality = marshal.loads(  # noqa: S302 - bytes that this process wrote
            self._shelf.get(self._places[number])
        )
        return FeedNode(node_id, parent_id, role, text, created_at, self._systems[system], personality)
