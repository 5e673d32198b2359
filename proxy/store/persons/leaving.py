"""A user who leaves with everything: nothing of theirs stays, not even a hash.

The secret that keys their hashes goes too, so whoever comes under the same name later is somebody new, and what their client sends is
taken in as said by them. (Deleting trees or nodes is the other way: hashes stay, and re-sent words stay away.)

It is done in steps, so that others are never kept waiting. The first marks the user as leaving and revokes their keys; from then on
nothing is begun for them, here or in any other process. What comes next takes the largest tables bit by bit, the lowest nodes of a tree
first, so that every step leaves a sound database. The last one takes what is left and the user. Whoever is stopped in between is
finished by the next that comes by.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import Final

from proxy.domain.tree import NodeId, TreeId, UserId
from proxy.errors import NotFound
from proxy.store.browse.burying import bury
from proxy.store.clock import now
from proxy.store.persons import departures
from proxy.store.persons.belongings import BELONGINGS, Belonging

AT_ONCE: Final = 1_000
"""Nodes or rows that one step takes: some tens of milliseconds."""
BODIES_AT_ONCE: Final = 10
SMALLEST_SHARE: Final = 1 / 1024
"""Of a step, on a disk that is nearly full."""

LAST: Final = frozenset({"departures", "nodes", "edges", "systems", "trees", "spending", "keys", "users"})
"""Tables that are left for the end: what was in the trees is gone by then."""

LOWEST: Final = """
    SELECT id FROM nodes WHERE tree_id = :tree AND visible IS NULL ORDER BY seq DESC LIMIT :most
"""
"""Messages without an answer: nothing that has one hangs below them."""
LATEST: Final = """
    SELECT id FROM nodes WHERE tree_id = :tree AND visible IS NOT NULL ORDER BY visible DESC LIMIT :most
"""
"""Of the others, a node is numbered after what it hangs from."""


def begin(db: sqlite3.Connection, user_id: UserId) -> list[UserId]:
    """Mark a user as leaving, and with them all whom their `app` keys speak for; their keys are revoked.

    Raises NotFound.
    """
    named = "id = :user" if "/" in user_id else "id = :user OR id >= :user || '/' AND id < :user || '0'"
    ids = [UserId(id_) for (id_,) in db.execute(f"SELECT id FROM users WHERE {named} ORDER BY id", {"user": user_id})]
    if user_id not in ids:
        raise NotFound(f"There is no user {user_id!r}.")
    at = now()
    for id_ in ids:
        db.execute("UPDATE users SET leaving_at = coalesce(leaving_at, ?) WHERE id = ?", (at, id_))
        if db.execute("UPDATE keys SET revoked_at = coalesce(revoked_at, ?) WHERE user_id = ?", (at, id_)).rowcount:
            db.execute("INSERT INTO guarded (at) SELECT ? WHERE NOT EXISTS (SELECT 1 FROM guarded)", (at,))
        departures.note(db, "user", id_)
    return ids


def left_behind(db: sqlite3.Connection) -> list[UserId]:
    """Users whose deletion was begun and not finished."""
    return [UserId(id_) for (id_,) in db.execute("SELECT id FROM users WHERE leaving_at IS NOT NULL ORDER BY id")]


def trees_of(db: sqlite3.Connection, user_id: UserId) -> list[TreeId]:
    """All trees of a user, deleted ones too."""
    return [TreeId(id_) for (id_,) in db.execute("SELECT id FROM trees WHERE user_id = ?", (user_id,))]


def take_nodes(db: sqlite3.Connection, user_id: UserId, tree_id: TreeId, share: float = 1.0) -> int:
    """Take the lowest nodes of a tree; returns how many, 0 where none is left.

    Args:
        share: Of the nodes that one step takes, where so many at once are too many.
    """
    ids: list[NodeId] = []
    for sql in (LOWEST, LATEST):
        ids = ids or [id_ for (id_,) in db.execute(sql, {"tree": tree_id, "most": max(1, int(AT_ONCE * share))})]
    if ids:
        bury(db, user_id, tree_id, ids, above=None, remembered=False)
    return len(ids)


def tables(db: sqlite3.Connection) -> list[tuple[Belonging, int | None]]:
    """What stands beside the nodes, table by table, and how many rows one step takes: `None` is all, of tables that hold few."""
    told = db.execute("SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table' AND NOT wr")
    numbered = {name for (name,) in told}
    return [
        (one, (BODIES_AT_ONCE if one.table == "blobs" else AT_ONCE) if one.table in numbered else None)
        for one in BELONGINGS
        if one.table not in LAST
    ]


def take_rows(db: sqlite3.Connection, user_id: UserId, one: Belonging, most: int | None, share: float = 1.0) -> bool:
    """Take some rows of a table, the newest first; whether any may be left."""
    which = one.whose
    if most is not None:
        most = max(1, int(most * share))
        which = f"rowid IN (SELECT rowid FROM {one.table} WHERE {one.whose} ORDER BY rowid DESC LIMIT {most})"
    return db.execute(f"DELETE FROM {one.table} WHERE {which}", {"user": user_id}).rowcount == most


def finish(db: sqlite3.Connection, user_id: UserId) -> None:
    """Take all that is left, and the user."""
    db.execute("PRAGMA defer_foreign_keys = ON")
    for statement in statements():
        db.execute(statement, {"user": user_id})


def statements() -> Iterator[str]:
    """What takes everything of one user."""
    for one in BELONGINGS:
        yield f"DELETE FROM {one.table} WHERE {one.whose}"
