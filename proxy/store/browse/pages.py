"""Trees read page by page: lists that grow with what is stored are never read whole.

A page begins after an item that is named by its id, so an id is checked for its owner here like everywhere. One item more than
asked for is read to know whether there is a next page.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from proxy.domain.tree import Node, NodeId, Tree, TreeId, UserId
from proxy.store.pruning import BELOW
from proxy.store.reading import no_node, node, outline
from proxy.store.records import Outline
from proxy.store.rows import NODE, NODE_FROM, TREE, Row, to_node, to_tree
from proxy.store.trees import tree_of

T = TypeVar("T")

OUTLINES: Final = """
    SELECT n.id, e.parent_id, n.role, n.state, n.created_at, NULL
    FROM nodes n JOIN edges e ON e.node_id = n.id WHERE n.tree_id = ? AND n.seq > ? ORDER BY n.seq LIMIT ?
"""
CHILDREN: Final = f"""
    WITH page (seq) AS MATERIALIZED (
        SELECT c.seq FROM edges e CROSS JOIN nodes c ON c.id = e.node_id
        WHERE e.parent_id IS ? AND e.tree_id = ? AND c.seq > ? ORDER BY c.seq LIMIT ?
    )
    SELECT {NODE} FROM page CROSS JOIN {NODE_FROM} WHERE n.seq = page.seq ORDER BY n.seq
"""
"""Two indexes alone are read of all children, and the rows of one page."""
SUBTREE: Final = f"""
    {BELOW}
    SELECT {NODE} FROM below JOIN {NODE_FROM} WHERE n.id = below.id AND n.seq > ? ORDER BY n.seq LIMIT ?
"""


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Part of a list, in the list's order."""

    items: list[T]
    has_more: bool


def trees(db: sqlite3.Connection, user_id: UserId, after: TreeId | None, limit: int) -> Page[Tree]:
    """The user's trees, the one used last first. Raises NotFound for an unknown `after`."""
    at = tree_of(db, user_id, after).updated_at if after is not None else None
    sql = f"""
        SELECT {TREE} FROM trees WHERE user_id = :user AND deleted_at IS NULL
            AND (:at IS NULL OR updated_at < :at OR (updated_at = :at AND id > :after))
        ORDER BY updated_at DESC, id LIMIT :limit
    """
    values = {"user": user_id, "at": at, "after": after, "limit": limit + 1}
    return _page(db, db.execute(sql, values).fetchall(), to_tree, limit)


def structure(
    db: sqlite3.Connection, user_id: UserId, tree_id: TreeId, after: NodeId | None, limit: int
) -> Page[Outline]:
    """A tree without contents, in order of arrival: only a branch that was moved may stand before its parent. Raises NotFound."""
    seq = _seq_after(db, user_id, tree_id, after)
    return _page(db, db.execute(OUTLINES, (tree_id, seq, limit + 1)).fetchall(), outline, limit)


def children(
    db: sqlite3.Connection,
    user_id: UserId,
    tree_id: TreeId,
    parent_id: NodeId | None,
    after: NodeId | None,
    limit: int,
) -> Page[Node]:
    """What hangs right under a node, or under the root (`None`); oldest first. Raises NotFound."""
    seq = _seq_after(db, user_id, tree_id, after)
    return _page(db, db.execute(CHILDREN, (parent_id, tree_id, seq, limit + 1)).fetchall(), to_node, limit)


def subtree(db: sqlite3.Connection, user_id: UserId, top: NodeId, after: NodeId | None, limit: int) -> Page[Node]:
    """A node and all its descendants, in order of arrival. Raises NotFound."""
    tree_id = node(db, user_id, top).tree_id
    seq = _seq_after(db, user_id, tree_id, after)
    return _page(db, db.execute(SUBTREE, (top, seq, limit + 1)).fetchall(), to_node, limit)


def _seq_after(db: sqlite3.Connection, user_id: UserId, tree_id: TreeId, after: NodeId | None) -> int:
    """The arrival number that a page begins after. Raises NotFound when the tree, or the node in it, is unknown."""
    tree_of(db, user_id, tree_id)
    if after is None:
        return 0
    last = node(db, user_id, after)
    if last.tree_id != tree_id:
        raise no_node(after)
    return last.seq


def _page(db: sqlite3.Connection, rows: list[Row], read: Callable[[sqlite3.Connection, Row], T], limit: int) -> Page[T]:
    return Page([read(db, row) for row in rows[:limit]], len(rows) > limit)
