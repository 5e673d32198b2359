"""Where artefacts and memories are loaded, and what is sent because of it: read by place, whatever else a user keeps."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Sequence
from typing import Final, Literal

from proxy.domain.artefact import Load
from proxy.domain.tree import NodeId, TreeId, UserId
from proxy.domain.zone import Piece
from proxy.errors import NotFound
from proxy.store.reading import no_node, node
from proxy.store.rows import to_json
from proxy.store.sealing.values import opened_bytes, unmarked
from proxy.store.shelf.telling import MEMORY, to_told
from proxy.store.trees import tree_of

Kind = Literal["artefact", "memory"]

PLACES: Final = "SELECT '' UNION ALL SELECT value FROM json_each(:path)"
ARTEFACTS: Final = f"""
    SELECT l.node_id, a.title, v.version, b.bytes, b.hash
    FROM loads l JOIN artefacts a ON a.id = l.ref JOIN artefact_versions v ON v.artefact_id = a.id AND v.version =
        coalesce(l.version, (SELECT max(version) FROM artefact_versions m WHERE m.artefact_id = a.id))
    JOIN blobs b ON b.user_id = v.user_id AND b.hash = v.hash
    WHERE l.user_id = :user AND l.tree_id = :tree AND l.node_id IN ({PLACES}) AND l.kind = 'artefact'
    ORDER BY l.at, l.ref
"""
MEMORIES: Final = f"""
    SELECT l.node_id, {MEMORY}
    FROM loads l JOIN memories m ON m.id = l.ref
    WHERE l.user_id = :user AND l.tree_id IN ('', :tree) AND l.node_id IN ({PLACES}) AND l.kind = 'memory'
    ORDER BY l.tree_id <> '', l.at, l.ref
"""


def pieces(db: sqlite3.Connection, user_id: UserId, tree_id: TreeId, path: Sequence[NodeId]) -> list[Piece]:
    """The artefacts and memories that hold for a path: those of all trees, of the tree and of its nodes; each in order of loading."""
    values = {"user": user_id, "tree": tree_id, "path": to_json(path)}
    found = [
        Piece(
            "node" if at else "discussion",
            f"artefact:{unmarked(db, 'artefact', title, user_id)}@{version}",
            opened_bytes(db, "blobs.bytes", body, (user_id, mark)).decode(),
            at or None,
        )
        for at, title, version, body, mark in db.execute(ARTEFACTS, values)
    ]
    for at, id_, *told in db.execute(MEMORIES, values):
        found.append(Piece("node" if at else "memory", f"memory:{id_}", to_told(db, id_, tuple(told)).text, at or None))
    return found


def loads_of(db: sqlite3.Connection, refs: Sequence[str]) -> dict[str, list[Load]]:
    """Where each of some artefacts or memories is loaded, in order of loading."""
    sql = """
        SELECT ref, tree_id, node_id, version, at FROM loads
        WHERE ref IN (SELECT value FROM json_each(?)) ORDER BY at, tree_id, node_id
    """
    found: dict[str, list[Load]] = {ref: [] for ref in refs}
    for ref, tree_id, node_id, version, at in db.execute(sql, (to_json(refs),)):
        found[ref].append(Load(tree_id or None, node_id or None, version, at))
    return found


def load(
    db: sqlite3.Connection,
    user_id: UserId,
    kind: Kind,
    ref: str,
    tree_id: TreeId | None,
    node_id: NodeId | None,
    version: int | None = None,
) -> None:
    """Place something in what is sent; where it is loaded already, its version alone changes. Raises NotFound for a place."""
    at = _place(db, user_id, tree_id, node_id)
    db.execute(
        "INSERT INTO loads (user_id, tree_id, node_id, kind, ref, version, at) VALUES (?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT DO UPDATE SET version = excluded.version",
        (user_id, *at, kind, ref, version, time.time()),
    )


def unload(
    db: sqlite3.Connection, user_id: UserId, kind: Kind, ref: str, tree_id: TreeId | None, node_id: NodeId | None
) -> None:
    """Raises NotFound for a place, and where it is not loaded there."""
    at = _place(db, user_id, tree_id, node_id)
    sql = "DELETE FROM loads WHERE user_id = ? AND tree_id = ? AND node_id = ? AND kind = ? AND ref = ?"
    if not db.execute(sql, (user_id, *at, kind, ref)).rowcount:
        raise NotFound(f"The {kind} {ref!r} is not loaded there.", param="node_id")


def _place(db: sqlite3.Connection, user_id: UserId, tree_id: TreeId | None, node_id: NodeId | None) -> tuple[str, str]:
    if node_id is None:
        return (tree_of(db, user_id, tree_id).id, "") if tree_id is not None else ("", "")
    there = node(db, user_id, node_id)
    if tree_id not in (None, there.tree_id):
        raise no_node(node_id)
    return there.tree_id, node_id
