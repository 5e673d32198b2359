"""A tree as it is at one moment, read page by page while the store goes on.

A database file is read over a connection of its own, inside one read transaction: neither writers nor other readers wait, and
nothing that happens meanwhile is seen. A database in memory has one connection, so there the tree is read at once.
"""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Final

import aiosqlite
import anyio

from proxy.domain.tree import Node, NodeId, Tree, TreeId, UserId
from proxy.domain.zone import DataZone
from proxy.store import reading, trees
from proxy.store.connection import MEMORY, Reader, connect, whole
from proxy.store.rows import NODE, NODE_FROM, to_node

PAGE: Final = 1_000
LAST: Final = 2**62
"""Stands for the visible number of nodes that have none: unanswered ones come last."""

NODES: Final = f"""
    SELECT n.visible, {NODE} FROM {NODE_FROM} WHERE n.tree_id = :tree AND n.visible > :visible ORDER BY n.visible LIMIT :limit
"""
UNANSWERED: Final = f"""
    SELECT {NODE} FROM {NODE_FROM} WHERE n.tree_id = :tree AND n.visible IS NULL ORDER BY n.seq
"""

Ask = Callable[[Callable[[sqlite3.Connection], list[Node]]], "AsyncIterator[list[Node]]"]


class Snapshot:
    """One tree, or one branch of it; see `domain.archive.TreeCopy`."""

    def __init__(self, tree: Tree, zones: Sequence[DataZone], pages: Callable[[], AsyncIterator[list[Node]]]) -> None:
        self.tree = tree
        self.zones = zones
        self.is_branch = False
        self._pages = pages

    async def nodes(self) -> AsyncIterator[Node]:
        """Parents before children, in the order in which they became visible; unanswered ones last."""
        async for page in self._pages():
            for node in page:
                yield node
