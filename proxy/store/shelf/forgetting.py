"""Artefacts and memories taken away, with all that hangs on them: versions, loads, provenance, and bodies nobody else has."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Final

from proxy.domain.tree import TreeId, UserId
from proxy.store.rows import to_json
from proxy.store.shelf import blobs

NAMED: Final = "(SELECT value FROM json_each(?))"


def versions(db: sqlite3.Connection, user_id: UserId, id_: str, numbers: Sequence[int]) -> None:
    """Take versions away, and the loads that were pinned to them."""
    which, values = f"artefact_id = ? AND version IN {NAMED}", (id_, to_json(numbers))
    db.execute(f"DELETE FROM loads WHERE ref = ? AND version IN {NAMED}", values)
    _delete_versions(db, user_id, which, values)


def artefacts(db: sqlite3.Connection, user_id: UserId, ids: Sequence[str]) -> None:
    """Take whole artefacts away; the ids are the user's."""
    values = (to_json(ids),)
    db.execute(f"DELETE FROM loads WHERE ref IN {NAMED}", values)
    _delete_versions(db, user_id, f"artefact_id IN {NAMED}", values)
    db.execute(f"DELETE FROM artefacts WHERE id IN {NAMED}", values)


def memories(db: sqlite3.Connection, user_id: UserId, ids: Sequence[str]) -> None:
    """Take memories away; the ids are the user's."""
    values = (to_json(ids),)
    for table, column in (("loads", "ref"), ("memory_nodes", "memory_id"), ("memories", "id")):
        db.execute(f"DELETE FROM {table} WHERE {column} IN {NAMED}", values)
    count_up(db, user_id)


def tree(db: sqlite3.Connection, user_id: UserId, tree_id: TreeId) -> None:
    """Take away what belongs to a tree; memories that belong to all trees stay."""
    owned = (user_id, tree_id)
    sql = "SELECT id FROM artefacts WHERE user_id = ? AND tree_id = ?"
    artefacts(db, user_id, [id_ for (id_,) in db.execute(sql, owned)])
    sql = "SELECT id FROM memories WHERE user_id = ? AND tree_id = ?"
    if ids := [id_ for (id_,) in db.execute(sql, owned)]:
        memories(db, user_id, ids)
    db.execute("DELETE FROM loads WHERE user_id = ? AND tree_id = ?", owned)


def count_up(db: sqlite3.Connection, user_id: UserId) -> None:
    """Say that the user's memories are others than before."""
    db.execute("UPDATE users SET memories_mark = memories_mark + 1 WHERE id = ?", (user_id,))


def _delete_versions(db: sqlite3.Connection, user_id: UserId, which: str, values: Sequence[object]) -> None:
    marks = [mark for (mark,) in db.execute(f"SELECT hash FROM artefact_versions WHERE {which}", values)]
    db.execute(f"DELETE FROM artefact_versions WHERE {which}", values)
    blobs.drop_unused(db, user_id, marks)
