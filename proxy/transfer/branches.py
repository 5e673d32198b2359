"""A tree cut into branches, as formats without node ids tell it.

A branch is a run of nodes without a fork. The first child of a node goes on with its branch; every other child begins a new one,
which names the branch that it hangs from and the index of the message there.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from proxy.domain.tree import Node, NodeId


@dataclass(frozen=True, slots=True)
class Branch:
    """A run of nodes, oldest first."""

    number: int
    """From 1, parents before children."""
    parent: int | None
    """The branch that this one hangs from; `None` for the root."""
    attachment: int | None
    """The index of the parent's message that it hangs from."""
    nodes: list[Node]


def cut(nodes: Iterable[Node]) -> list[Branch]:
    """The branches of a tree; none is empty."""
    children: dict[NodeId | None, list[Node]] = {}
    for node in nodes:
        children.setdefault(node.parent_id, []).append(node)
    branches: list[Branch] = []
    waiting: deque[tuple[Node, int | None, int | None]] = deque((node, None, None) for node in children.get(None, ()))
    while waiting:
        first, parent, attachment = waiting.popleft()
        branch = Branch(len(branches) + 1, parent, attachment, [first])
        branches.append(branch)
        while below := children.get(branch.nodes[-1].id):
            waiting.extend((other, branch.number, len(branch.nodes) - 1) for other in below[1:])
            branch.nodes.append(below[0])
    return branches
