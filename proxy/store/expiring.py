"""What nobody has touched for long: whole trees and branches whose last activity is older than a limit.

A node is as young as the youngest thing below it, so a path to something young is never torn. Activity is what was said, moved, brought in by
an import or a client, asked again, pointed at, or written into a node's zone; reading is none. What expires is deleted as by hand: keyed
hashes stay, and a client that sends it again does not bring it back.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, Protocol

from proxy.domain.tree import NodeId, TreeId, UserId
from proxy.store.browse.burying import bury, new_epoch
from proxy.store.browse.reshaping import delete_tree
from proxy.store.rows import to_json
from proxy.store.threads import Threads

AT_ONCE: Final = 500
"""Nodes that one transaction takes: some tens of milliseconds."""

_ACTIVITY: Final = """
    max(n.created_at, e.created_at,
        coalesce((SELECT max(t.at) FROM transcripts t WHERE t.node_id = n.id), 0),
        coalesce((SELECT max(c.started_at) FROM calls c WHERE c.turn_id = n.id), 0),
        coalesce((SELECT max(a.at) FROM active a WHERE a.user_id = n.user_id AND a.tree_id = n.tree_id AND a.node_id = n.id), 0),
        coalesce((SELECT max(z.updated_at) FROM zones z
                  WHERE z.user_id = n.user_id AND z.tree_id = n.tree_id AND z.node_id = n.id), 0))
"""
NODES: Final = f"""
    SELECT n.id, e.parent_id, {_ACTIVITY} < :before FROM nodes n JOIN edges e ON e.node_id = n.id
    WHERE n.tree_id = :tree ORDER BY n.visible IS NOT NULL, n.visible DESC, n.seq DESC
"""
"""A tree's nodes, the lowest first: a message without an answer has none below it that has one, the others are numbered downwards."""
STILL: Final = f"""
    SELECT n.id, {_ACTIVITY} < :before FROM nodes n JOIN edges e ON e.node_id = n.id WHERE n.id IN (SELECT value FROM json_each(:ids))
"""
EMPTY: Final = """
    SELECT 1 FROM trees t WHERE t.id = :tree AND t.user_id = :user AND t.deleted_at IS NULL AND t.updated_at < :before
      AND NOT EXISTS (SELECT 1 FROM nodes n WHERE n.tree_id = t.id)
      AND NOT EXISTS (SELECT 1 FROM artefacts a WHERE a.user_id = t.user_id AND a.tree_id = t.id AND a.updated_at >= :before)
      AND NOT EXISTS (SELECT 1 FROM memories m WHERE m.user_id = t.user_id AND m.tree_id = t.id AND m.updated_at >= :before)
      AND NOT EXISTS (SELECT 1 FROM zones z WHERE z.user_id = t.user_id AND z.tree_id = t.id AND z.updated_at >= :before)
      AND NOT EXISTS (SELECT 1 FROM images i WHERE i.user_id = t.user_id AND i.tree_id = t.id AND i.created_at >= :before)
"""
"""Whether nothing young belongs to a tree without nodes."""


@dataclass(frozen=True, slots=True)
class Old:
    """What of one tree has expired."""

    user_id: UserId
    tree_id: TreeId
    nodes: Sequence[NodeId]
    """The lowest first."""
    kept: int
    """Nodes that stay."""


class Expires(Threads, Protocol):
    """The part of `SqliteStore` that lets go of what is old."""

    async def all_trees(self) -> list[tuple[UserId, TreeId]]:
        """Every tree that is not deleted."""
        return await self._read(_all_trees)

    async def newest_activity(self) -> float:
        """When somebody last did something in any tree; 0 where nobody did."""
        return await self._read(_newest)

    async def old(self, user_id: UserId, tree_id: TreeId, before: float) -> Old:
        """What of a tree has seen no activity since a time."""
        return await self._read(lambda db: old(db, user_id, tree_id, before))

    async def expire(self, old: Old, before: float) -> int:
        """Delete what is old, and still is: in small steps, then the tree itself where nothing is left; returns how many nodes are gone."""
        gone = 0
        for at in range(0, len(old.nodes), AT_ONCE):
            gone += await self._write(partial(_take, old=old, ids=old.nodes[at : at + AT_ONCE], before=before))
        if not old.kept:
            await self._write(partial(_take_tree, old=old, before=before))
        return gone


def old(db: sqlite3.Connection, user_id: UserId, tree_id: TreeId, before: float) -> Old:
    """See `Expires.old`."""
    stays: set[NodeId] = set()
    found: list[NodeId] = []
    for id_, parent_id, is_old in db.execute(NODES, {"tree": tree_id, "before": before}):
        if is_old and id_ not in stays:
            found.append(id_)
        else:
            stays |= {id_, parent_id}
    return Old(user_id, tree_id, found, len(stays - {None}))


def _take(db: sqlite3.Connection, old: Old, ids: Sequence[NodeId], before: float) -> int:
    """Take nodes, the lowest first, unless they have become young meanwhile or something has come below them."""
    is_old = dict(db.execute(STILL, {"ids": to_json(ids), "before": before}))
    going: dict[NodeId, None] = {}
    for id_ in ids:
        below = [child for (child,) in db.execute("SELECT node_id FROM edges WHERE parent_id = ?", (id_,))]
        if is_old.get(id_) and all(child in going for child in below):
            going[id_] = None
    if going:
        bury(db, old.user_id, old.tree_id, list(going), above=None)
        new_epoch(db, old.tree_id, used=False)
    return len(going)


def _take_tree(db: sqlite3.Connection, old: Old, before: float) -> None:
    values = {"tree": old.tree_id, "user": old.user_id, "before": before}
    if db.execute(EMPTY, values).fetchone() is not None:
        delete_tree(db, old.user_id, old.tree_id)


def _all_trees(db: sqlite3.Connection) -> list[tuple[UserId, TreeId]]:
    return [
        (UserId(user), TreeId(id_))
        for user, id_ in db.execute("SELECT user_id, id FROM trees WHERE deleted_at IS NULL ORDER BY id")
    ]


def _newest(db: sqlite3.Connection) -> float:
    (at,) = db.execute("SELECT coalesce(max(updated_at), 0) FROM trees WHERE deleted_at IS NULL").fetchone()
    return float(at)
