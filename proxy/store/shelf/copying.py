"""What is kept beside a tree, for its twin: its artefacts with all versions, and what is loaded in all of it. Bodies are shared."""

from __future__ import annotations

import sqlite3

from proxy.domain.tree import TreeId, UserId, new_id
from proxy.store.sealing.values import cipher_of, opened, sealed


def copy(db: sqlite3.Connection, user_id: UserId, tree_id: TreeId, twin_id: TreeId) -> None:
    """Copy artefacts under new ids, and what is loaded for the whole tree; what is loaded for a node stays with that node."""
    sql = "SELECT id FROM artefacts WHERE user_id = ? AND tree_id = ?"
    twins = {id_: new_id("a") for (id_,) in db.execute(sql, (user_id, tree_id)).fetchall()}
    for id_, twin in twins.items():
        db.execute(
            "INSERT INTO artefacts (id, user_id, tree_id, title, type, tags, last, created_at, updated_at)"
            " SELECT ?, user_id, ?, title, type, tags, last, created_at, updated_at FROM artefacts WHERE id = ?",
            (twin, twin_id, id_),
        )
        db.execute(
            "INSERT INTO artefact_versions (artefact_id, version, user_id, hash, note, reverts_to, at)"
            " SELECT ?, version, user_id, hash, note, reverts_to, at FROM artefact_versions WHERE artefact_id = ?",
            (twin, id_),
        )
        if cipher_of(db) is not None:
            _seal_anew(db, id_, twin)
    sql = "SELECT kind, ref, version, at FROM loads WHERE user_id = ? AND tree_id = ? AND node_id = ''"
    for kind, ref, version, at in db.execute(sql, (user_id, tree_id)).fetchall():
        db.execute(
            "INSERT INTO loads (user_id, tree_id, node_id, kind, ref, version, at) VALUES (?, ?, '', ?, ?, ?, ?)",
            (user_id, twin_id, kind, twins.get(ref, ref), version, at),
        )


def _seal_anew(db: sqlite3.Connection, id_: str, twin: str) -> None:
    """What is sealed for an artefact opens for no other, so its twin gets values of its own."""
    type_, tags = db.execute("SELECT type, tags FROM artefacts WHERE id = ?", (twin,)).fetchone()
    told = [("artefacts.type", type_), ("artefacts.tags", tags)]
    values = [sealed(db, place, opened(db, place, text, id_), twin) for place, text in told]
    db.execute("UPDATE artefacts SET type = ?, tags = ? WHERE id = ?", (*values, twin))
    place = "artefact_versions.note"
    sql = "SELECT version, note FROM artefact_versions WHERE artefact_id = ? AND note IS NOT NULL"
    for version, note in db.execute(sql, (twin,)).fetchall():
        told_anew = sealed(db, place, opened(db, place, note, (id_, str(version))), (twin, str(version)))
        sql = "UPDATE artefact_versions SET note = ? WHERE artefact_id = ? AND version = ?"
        db.execute(sql, (told_anew, twin, version))
