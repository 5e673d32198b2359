"""A tree as it is at one moment, read page by page while the store goes on.

A database file is read over a connection of its own, inside one read transaction: neither writers nor other readers wait, and
nothing that happens meanwhile is seen. A database in memory has one connection, so there the tree is read at once.
"""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final, TypeVar

import aiosqlite
import anyio

from proxy.domain.beside import Beside, Body
from proxy.domain.tree import Node, NodeId, Tree, TreeId, UserId
from proxy.domain.zone import DataZone, Personality
from proxy.store import reading, trees
from proxy.store import zones as zoning
from proxy.store.connection import MEMORY, Reader, connect, whole
from proxy.store.files import leaving
from proxy.store.rows import NODE, NODE_FROM, to_node

if TYPE_CHECKING:
    from proxy.store.sealing.cipher import Cipher

T = TypeVar("T")

PAGE: Final = 1_000
ALL: Final = -1
WEIGHT: Final = 200_000
"""Bytes of what is kept beside nodes that are read at once; a body may be longer."""
LIGHT: Final = 1_000
"""What weighs anything but a body, about."""

VISIBLE: Final = (
    f"SELECT n.visible, {NODE} FROM {NODE_FROM} WHERE n.tree_id = ? AND n.visible > ? ORDER BY n.visible LIMIT ?"
)
UNANSWERED: Final = f"SELECT n.seq, {NODE} FROM {NODE_FROM} WHERE n.tree_id = ? AND n.visible IS NULL AND n.seq > ? ORDER BY n.seq LIMIT ?"
NEWEST: Final = "SELECT id FROM nodes WHERE tree_id = ? AND visible IS NOT NULL ORDER BY visible DESC LIMIT 1"


@dataclass(frozen=True, slots=True)
class _Look:
    """What is read of a tree at once."""

    tree: Tree
    zones: Sequence[DataZone]
    scratchpad: str
    personalities: Sequence[Personality]
    path: Sequence[Node] | None
    """The branch, where one is asked for."""

    @property
    def ids(self) -> list[NodeId] | None:
        return None if self.path is None else [node.id for node in self.path]

    def beside(self, db: sqlite3.Connection) -> Iterator[Beside]:
        return leaving.beside(db, self.tree.user_id, self.tree.id, self.ids)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One tree, or one branch of it; see `domain.archive.TreeCopy`."""

    tree: Tree
    zones: Sequence[DataZone]
    scratchpad: str
    personalities: Sequence[Personality]
    is_branch: bool
    pages: Callable[[], AsyncIterator[Sequence[Node]]]
    heaps: Callable[[], AsyncIterator[Sequence[Beside]]]

    @classmethod
    def of(
        cls,
        look: _Look,
        pages: Callable[[], AsyncIterator[Sequence[Node]]],
        heaps: Callable[[], AsyncIterator[Sequence[Beside]]],
    ) -> Snapshot:
        is_branch = look.path is not None
        return cls(look.tree, look.zones, look.scratchpad, look.personalities, is_branch, pages, heaps)

    async def nodes(self) -> AsyncIterator[Node]:
        """In the order in which they became visible, so parents before children; unanswered ones last."""
        async for page in self.pages():
            for node in page:
                yield node

    async def beside(self) -> AsyncIterator[Beside]:
        """Bodies first, then what refers to them."""
        async for heap in self.heaps():
            for item in heap:
                yield item


@asynccontextmanager
async def snapshot(
    file: str,
    shared: Reader,
    cipher: Cipher | None,
    user_id: UserId,
    tree_id: TreeId,
    node_id: NodeId | None,
    *,
    newest: bool,
) -> AsyncGenerator[Snapshot, None]:
    """See `domain.archive.ArchiveStore.snapshot`; `shared` reads a database in memory. Raises NotFound."""
    look = partial(_look, user_id=user_id, tree_id=tree_id, node_id=node_id, newest=newest)
    if file == MEMORY:
        seen, nodes, items = await shared.run(lambda db: _everything(db, look(db)))
        yield Snapshot.of(seen, partial(_kept, nodes), partial(_kept, items))
        return
    connection = await connect(file, read_only=True, cipher=cipher)
    try:
        await whole(connection, lambda db: db.execute("BEGIN"))
        seen = await whole(connection, look)
        pages = partial(_kept, seen.path) if seen.path is not None else partial(_pages, connection, tree_id)
        yield Snapshot.of(seen, pages, partial(_heaps, connection, seen))
    finally:
        with anyio.CancelScope(shield=True):  # a client that leaves must not leave the connection behind
            await connection.close()


def _look(db: sqlite3.Connection, user_id: UserId, tree_id: TreeId, node_id: NodeId | None, *, newest: bool) -> _Look:
    """The tree, its own zones, its notes, and the branch where one is asked for. Raises NotFound."""
    tree = trees.tree_of(db, user_id, tree_id)
    zones = zoning.of_tree(db, user_id, tree_id)
    scratchpad = trees.scratchpad(db, user_id, tree_id)
    on_nodes = zoning.of_nodes(db, user_id, tree_id)
    if node_id is None and newest:
        row = db.execute(NEWEST, (tree_id,)).fetchone()
        node_id = row[0] if row else None
        path = reading.path(db, user_id, node_id)
    elif node_id is None:
        people = leaving.personalities(db, user_id, tree_id, None)
        return _Look(tree, [*zones, *on_nodes], scratchpad, people, None)
    else:
        path = reading.path(db, user_id, node_id)
        if path[-1].tree_id != tree_id:
            raise reading.no_node(node_id)
    ids = [node.id for node in path]
    known = set(ids)
    there = [zone for zone in on_nodes if zone.node_id in known]
    return _Look(tree, [*zones, *there], scratchpad, leaving.personalities(db, user_id, tree_id, ids), path)


def _page(db: sqlite3.Connection, sql: str, tree_id: TreeId, after: int, limit: int) -> tuple[list[Node], int]:
    """Nodes after a number, and the last number among them."""
    rows = db.execute(sql, (tree_id, after, limit)).fetchall()
    return [to_node(db, row[1:]) for row in rows], rows[-1][0] if rows else after


def _everything(db: sqlite3.Connection, look: _Look) -> tuple[_Look, Sequence[Node], Sequence[Beside]]:
    nodes = look.path
    if nodes is None:
        nodes = [node for sql in (VISIBLE, UNANSWERED) for node in _page(db, sql, look.tree.id, 0, ALL)[0]]
    return look, nodes, list(look.beside(db))


async def _kept(items: Sequence[T]) -> AsyncIterator[Sequence[T]]:
    yield items


async def _heaps(connection: aiosqlite.Connection, look: _Look) -> AsyncIterator[Sequence[Beside]]:
    items = await whole(connection, look.beside)
    while heap := await whole(connection, lambda _: leaving.some(items, WEIGHT, _weight)):
        yield heap


def _weight(item: Beside) -> int:
    return len(item.data) if isinstance(item, Body) else LIGHT


async def _pages(connection: aiosqlite.Connection, tree_id: TreeId) -> AsyncIterator[Sequence[Node]]:
    for sql in (VISIBLE, UNANSWERED):
        after, more = 0, True
        while more:
            page, after = await whole(connection, partial(_page, sql=sql, tree_id=tree_id, after=after, limit=PAGE))
            more = len(page) == PAGE
            yield page
