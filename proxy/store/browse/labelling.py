"""What stands beside a node without being part of it: labels, metadata, and the mark of a reply that another one replaced.

All of it is one JSON object. Graft's own words stand under `graft` in it; everything else is the user's.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any, Final

from proxy.domain.tree import Node, NodeId, UserId
from proxy.store.reading import node
from proxy.store.rows import to_json
from proxy.store.sealing.values import sealed

OURS: Final = "graft"
LABELS: Final = "labels"
SOURCES: Final = "sources"
"""What a reply was drawn from."""
SCRATCHPAD: Final = "scratchpad"
"""What an agent noted on the way to a reply."""
SUPERSEDED_BY: Final = "superseded_by"


def annotate(
    db: sqlite3.Connection,
    user_id: UserId,
    node_id: NodeId,
    ours: Mapping[str, object],
    items: Mapping[str, object],
) -> Node:
    """Replace some of Graft's own items of a node, such as labels, and single ones of the user's metadata; what is empty goes.

    Raises NotFound.
    """
    metadata: dict[str, Any] = {**node(db, user_id, node_id).metadata, **items}
    metadata = {name: value for name, value in metadata.items() if value is not None}
    for name, value in ours.items():
        metadata = _with_ours(metadata, name, value or None)
    _write(db, user_id, node_id, metadata)
    return node(db, user_id, node_id)


def supersede(db: sqlite3.Connection, user_id: UserId, node_ids: Sequence[NodeId], by: NodeId) -> None:
    """Mark replies as replaced by another one; those that are gone are passed over."""
    for node_id in node_ids:
        row = db.execute("SELECT 1 FROM nodes WHERE user_id = ? AND id = ?", (user_id, node_id)).fetchone()
        if row is not None:
            metadata = dict(node(db, user_id, node_id).metadata)
            _write(db, user_id, node_id, _with_ours(metadata, SUPERSEDED_BY, by))


def _with_ours(metadata: dict[str, Any], name: str, value: object) -> dict[str, Any]:
    """Metadata with one of Graft's own items replaced, or taken away by `None`."""
    stored = metadata.get(OURS)
    ours = {**(stored if isinstance(stored, dict) else {}), name: value}
    ours = {key: kept for key, kept in ours.items() if kept is not None}
    rest = {key: kept for key, kept in metadata.items() if key != OURS}
    return {**rest, OURS: ours} if ours else rest


def _write(db: sqlite3.Connection, user_id: UserId, node_id: NodeId, metadata: Mapping[str, object]) -> None:
    told = sealed(db, "nodes.metadata", to_json(metadata), node_id)
    db.execute("UPDATE nodes SET metadata = ? WHERE user_id = ? AND id = ?", (told, user_id, node_id))
