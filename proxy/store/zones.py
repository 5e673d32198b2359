"""Zones: text that a user hangs on all trees, on one tree, or on one node."""

from __future__ import annotations

import sqlite3
import time
from dataclasses import dataclass

from proxy.domain.tree import NodeId, TreeId, UserId
from proxy.domain.zone import SCOPES, DataZone, Scope
from proxy.store.reading import node
from proxy.store.rows import plain
from proxy.store.sealing.values import opened, sealed
from proxy.store.trees import appended, make_user, tree_of

ANY_TREE = ""
"""Stands in `zones.tree_id` for zones that hold for all trees."""
NO_NODE = ""
"""Stands in `zones.node_id` for zones that hang on no node."""

_COLUMNS = "name, user_id, tree_id, text, updated_at, node_id"


@dataclass(frozen=True, slots=True)
class Spot:
    """Where a zone hangs: on a node, else on a tree, else on all trees."""

    tree_id: TreeId | None = None
    node_id: NodeId | None = None


def zones(db: sqlite3.Connection, user_id: UserId, tree_id: TreeId | None) -> list[DataZone]:
    """The user's zones and a tree's own, not those of its nodes; in the order in which they are sent, empty ones left out."""
    sql = f"SELECT {_COLUMNS} FROM zones WHERE user_id = ? AND tree_id IN (?, ?) AND node_id = ? AND text <> ''"
    found = [_zone(db, row) for row in db.execute(sql, (user_id, ANY_TREE, tree_id or ANY_TREE, NO_NODE))]
    return sorted(found, key=lambda zone: (SCOPES.index(zone.name), zone.tree_id or ""))


def of_tree(db: sqlite3.Connection, user_id: UserId, tree_id: TreeId) -> list[DataZone]:
    """A tree's own zones, not those of its nodes; empty ones left out."""
    return [zone for zone in zones(db, user_id, tree_id) if zone.tree_id == tree_id]


def of_nodes(db: sqlite3.Connection, user_id: UserId, tree_id: TreeId) -> list[DataZone]:
    """The zones that hang on nodes of a tree, empty ones left out, the one written last first. Raises NotFound."""
    tree_of(db, user_id, tree_id)
    sql = f"SELECT {_COLUMNS} FROM zones WHERE user_id = ? AND tree_id = ? AND node_id <> ? AND text <> ''"
    found = [_zone(db, row) for row in db.execute(sql, (user_id, tree_id, NO_NODE))]
    return sorted(found, key=lambda zone: (-zone.updated_at, zone.node_id))


def of_node(db: sqlite3.Connection, user_id: UserId, node_id: NodeId) -> DataZone:
    """The zone of a node, empty where nothing was written (at the time 0). Raises NotFound."""
    spot = _spot(db, user_id, Spot(node_id=node_id))
    sql = f"SELECT {_COLUMNS} FROM zones WHERE user_id = ? AND tree_id = ? AND node_id = ? AND name = 'node'"
    row = db.execute(sql, (user_id, *spot)).fetchone()
    return _zone(db, row) if row else DataZone("node", user_id, TreeId(spot[0]), "", 0.0, node_id)


def put(db: sqlite3.Connection, user_id: UserId, spot: Spot, name: Scope, text: str) -> None:
    """Replace a zone's text. Raises NotFound."""
    make_user(db, user_id)
    tree_id, node_id = _spot(db, user_id, spot)
    keep(db, DataZone(name, user_id, TreeId(tree_id), text, time.time(), NodeId(node_id)))


def keep(db: sqlite3.Connection, zone: DataZone, *, replaces: bool = True) -> None:
    """Store a zone as it is; in place of another, or of an empty one only."""
    row = (zone.user_id, zone.tree_id or ANY_TREE, zone.node_id or NO_NODE, zone.name)
    where = "" if replaces else " WHERE text = ''"
    db.execute(
        "INSERT INTO zones (user_id, tree_id, node_id, name, text, updated_at) VALUES (?, ?, ?, ?, ?, ?)"
        f" ON CONFLICT DO UPDATE SET text = excluded.text, updated_at = excluded.updated_at{where}",
        (*row, sealed(db, "zones.text", plain(zone.text), row), zone.updated_at),
    )


def append(db: sqlite3.Connection, user_id: UserId, spot: Spot, name: Scope, text: str, most: int) -> str:
    """Add to a zone's text on a line of its own; returns the whole.

    Raises NotFound, and InvalidRequest when the whole would be longer than `most` characters.
    """
    sql = "SELECT text FROM zones WHERE user_id = ? AND tree_id = ? AND node_id = ? AND name = ?"
    at = (user_id, *_spot(db, user_id, spot), name)
    row = db.execute(sql, at).fetchone()
    whole = appended(opened(db, "zones.text", row[0], at) if row else None, text, most)
    put(db, user_id, spot, name, whole)
    return whole


def _spot(db: sqlite3.Connection, user_id: UserId, spot: Spot) -> tuple[str, str]:
    """A spot as it stands in the table. Raises NotFound."""
    if spot.node_id is not None:
        return node(db, user_id, spot.node_id).tree_id, spot.node_id
    if spot.tree_id is not None:
        tree_of(db, user_id, spot.tree_id)
    return spot.tree_id or ANY_TREE, NO_NODE


def _zone(db: sqlite3.Connection, row: tuple[Scope, UserId, TreeId, str, float, NodeId]) -> DataZone:
    name, user_id, tree_id, stored, updated_at, node_id = row
    text = opened(db, "zones.text", stored, (user_id, tree_id, node_id, name))
    return DataZone(name, user_id, tree_id or None, text, updated_at, node_id or None)
