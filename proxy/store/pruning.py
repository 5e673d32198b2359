"""Summaries of paths and cuts that hold, looked up by the nodes of one path.

A summary is kept only while its path is what it was when the summary was made: whoever moves a node takes the summaries below it
away, since they tell of what no longer stands above them.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Sequence
from typing import Final, Protocol

from proxy.domain.summary import Cut, Shortened, Summary
from proxy.domain.tree import CallId, Node, NodeId, TreeId, UserId
from proxy.errors import NotFound
from proxy.store.reading import path
from proxy.store.rows import Row, from_json, to_json
from proxy.store.sealing.values import opened, sealed
from proxy.store.threads import Threads
from proxy.store.trees import tree_of
from proxy.store.turns import sent

SUMMARY: Final = (
    "s.id, s.tree_id, s.node_id, s.previous_id, s.kind, s.text, s.tokens, s.model, s.created_at, s.removed_at"
)

ON_PATH: Final = f"""
    SELECT {SUMMARY} FROM json_each(:path) p CROSS JOIN summaries s ON s.node_id = p.value
    WHERE s.user_id = :user AND s.removed_at IS NULL ORDER BY p.key, s.created_at, s.id
"""
BELOW: Final = """
    WITH RECURSIVE below (id) AS (
        SELECT ? UNION ALL SELECT e.node_id FROM below JOIN edges e ON e.parent_id = below.id
    )
"""
"""A node and all its descendants."""
CUTS: Final = """
    SELECT c.node_id, c.start_id, c.budget_tokens FROM json_each(:path) p CROSS JOIN cuts c ON c.node_id = p.value
    WHERE c.user_id = :user ORDER BY p.key, c.at
"""


class Pruned(Threads, Protocol):
    """The part of `SqliteStore` that shortens paths and knows what was sent. Every look-up is by user first."""

    async def shortened(self, user_id: UserId, tree_id: TreeId, path: Sequence[NodeId]) -> Shortened:
        """What is known of a path's beginning; it costs what hangs on the path."""
        if not path:
            return Shortened()
        return await self._glance(lambda db: shortened(db, user_id, tree_id, path))

    async def summaries(self, user_id: UserId, node_id: NodeId) -> list[Summary]:
        """All summaries on the path to a node, removed ones too, in the order of the path. Raises NotFound."""
        return await self._read(lambda db: summaries(db, user_id, node_id))

    async def summary(self, user_id: UserId, summary_id: str) -> Summary:
        """Raises NotFound."""
        return await self._read(lambda db: summary(db, user_id, summary_id))

    async def add_summary(self, user_id: UserId, summary: Summary, covers: Sequence[NodeId]) -> bool:
        """Keep a summary of the path `covers`; false where that is no longer the path to its node."""
        return await self._write(lambda db: add_summary(db, user_id, summary, covers))

    async def use_summary(self, user_id: UserId, summary_id: str, *, used: bool) -> Summary:
        """Remove a summary from what is sent, or restore it. Raises NotFound."""
        return await self._write(lambda db: use_summary(db, user_id, summary_id, used=used))

    async def newest(self, user_id: UserId, tree_id: TreeId) -> NodeId | None:
        """The node of a tree that came last and is answered; `None` in an empty one. Raises NotFound."""
        return await self._read(lambda db: newest(db, user_id, tree_id))

    async def sent(self, user_id: UserId, call_id: CallId) -> bytes | None:
        """What was sent with a call, in the road's own short form; `None` where it was not kept, or was deleted since."""
        return await self._read(lambda db: sent.kept(db, user_id, call_id))

    async def numbered(self, user_id: UserId, numbers: Sequence[int]) -> list[Node]:
        """The user's nodes of these numbers, as far as they are there."""
        return await self._read(lambda db: sent.numbered(db, user_id, numbers))

    async def keep_cut(self, user_id: UserId, tree_id: TreeId, cut: Cut) -> None:
        """Remember where a path was cut."""
        await self._write(lambda db: keep_cut(db, user_id, tree_id, cut))


def shortened(db: sqlite3.Connection, user_id: UserId, tree_id: TreeId, path: Sequence[NodeId]) -> Shortened:
    """See `Pruned.shortened`."""
    sql = """
        SELECT EXISTS (SELECT 1 FROM summaries WHERE user_id = :user AND tree_id = :tree)
            OR EXISTS (SELECT 1 FROM cuts WHERE user_id = :user AND tree_id = :tree)
    """
    (some,) = db.execute(sql, {"user": user_id, "tree": tree_id}).fetchone()
    if not some:
        return Shortened()
    values = {"user": user_id, "path": to_json(list(path))}
    return Shortened(
        tuple(to_summary(db, row) for row in db.execute(ON_PATH, values)),
        tuple(Cut(*row) for row in db.execute(CUTS, values)),
    )


def newest(db: sqlite3.Connection, user_id: UserId, tree_id: TreeId) -> NodeId | None:
    """See `Pruned.newest`. Raises NotFound."""
    tree_of(db, user_id, tree_id)
    sql = "SELECT id FROM nodes WHERE tree_id = ? AND visible IS NOT NULL ORDER BY visible DESC LIMIT 1"
    row = db.execute(sql, (tree_id,)).fetchone()
    return row[0] if row else None


def summaries(db: sqlite3.Connection, user_id: UserId, node_id: NodeId) -> list[Summary]:
    """See `Pruned.summaries`. Raises NotFound."""
    ids = [one.id for one in path(db, user_id, node_id)]
    sql = ON_PATH.replace("AND s.removed_at IS NULL ", "")
    return [to_summary(db, row) for row in db.execute(sql, {"user": user_id, "path": to_json(ids)})]


def summary(db: sqlite3.Connection, user_id: UserId, summary_id: str) -> Summary:
    """Raises NotFound."""
    row = db.execute(f"SELECT {SUMMARY} FROM summaries s WHERE s.user_id = ? AND s.id = ?", (user_id, summary_id))
    found = row.fetchone()
    if found is None:
        raise NotFound(f"The summary {summary_id!r} does not exist here.")
    return to_summary(db, found)


def add_summary(db: sqlite3.Connection, user_id: UserId, summary: Summary, covers: Sequence[NodeId]) -> bool:
    """See `Pruned.add_summary`."""
    try:
        now = [one.id for one in path(db, user_id, summary.node_id)]
    except NotFound:
        return False
    if now != list(covers):
        return False
    db.execute(
        "INSERT INTO summaries (id, user_id, tree_id, node_id, previous_id, kind, text, tokens, model, created_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            summary.id,
            user_id,
            summary.tree_id,
            summary.node_id,
            summary.previous_id,
            summary.kind,
            sealed(db, "summaries.text", to_json(summary.text), summary.id),
            summary.tokens,
            summary.model,
            summary.created_at,
        ),
    )
    return True


def use_summary(db: sqlite3.Connection, user_id: UserId, summary_id: str, *, used: bool) -> Summary:
    """See `Pruned.use_summary`. Raises NotFound."""
    sql = "UPDATE summaries SET removed_at = ? WHERE user_id = ? AND id = ?"
    db.execute(sql, (None if used else time.time(), user_id, summary_id))
    return summary(db, user_id, summary_id)


def keep_cut(db: sqlite3.Connection, user_id: UserId, tree_id: TreeId, cut: Cut) -> None:
    """See `Pruned.keep_cut`; nothing happens where either node has gone."""
    sql = "SELECT count(*) FROM nodes WHERE id IN (?, ?) AND user_id = ? AND tree_id = ?"
    (there,) = db.execute(sql, (cut.node_id, cut.start_id, user_id, tree_id)).fetchone()
    if there == len({cut.node_id, cut.start_id}):
        db.execute(
            "INSERT INTO cuts (node_id, user_id, tree_id, start_id, budget_tokens, at) VALUES (?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (node_id, budget_tokens) DO UPDATE SET start_id = excluded.start_id, at = excluded.at",
            (cut.node_id, user_id, tree_id, cut.start_id, cut.budget_tokens, time.time()),
        )


def forget_below(db: sqlite3.Connection, node_id: NodeId) -> None:
    """Take away the summaries and cuts of all paths through a node, which has been moved."""
    for table in ("summaries", "cuts"):
        db.execute(f"{BELOW} DELETE FROM {table} WHERE node_id IN (SELECT id FROM below)", (node_id,))


def to_summary(db: sqlite3.Connection, row: Row) -> Summary:
    id_, tree_id, node_id, previous_id, kind, stored, tokens, model, created_at, removed_at = row
    text = opened(db, "summaries.text", stored, id_)
    return Summary(id_, tree_id, node_id, previous_id, kind, from_json(text), tokens, model, created_at, removed_at)
