"""All that Graft sends of its own beside a path, read by what hangs on that path and never by the size of the tree."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Final

from proxy.domain.tree import NodeId, Tree, TreeId, UserId
from proxy.domain.zone import SCOPES, Personality, Piece, Standing
from proxy.store import images, personalities
from proxy.store.rows import to_json
from proxy.store.sealing.values import opened, unmarked
from proxy.store.shelf import loads
from proxy.store.trees import tree_of
from proxy.store.zones import zones

ON_PATH: Final = """
    SELECT z.node_id, z.text FROM json_each(?) p
    CROSS JOIN zones z ON z.user_id = ? AND z.tree_id = ? AND z.node_id = p.value AND z.name = 'node'
    WHERE z.text <> '' ORDER BY p.key
"""

SAID_UNDER: Final = """
    SELECT n.personality FROM json_each(?) p
    CROSS JOIN nodes n ON n.tree_id = ? AND n.id = p.value AND n.personality IS NOT NULL
    ORDER BY p.key DESC LIMIT 1
"""

ANYTHING: Final = """
    SELECT t.system_prompt, t.personality IS NULL
        AND NOT EXISTS (SELECT 1 FROM zones WHERE user_id = t.user_id AND tree_id = '')
        AND NOT EXISTS (SELECT 1 FROM zones WHERE user_id = t.user_id AND tree_id = t.id)
        AND NOT EXISTS (SELECT 1 FROM loads WHERE user_id = t.user_id AND tree_id = '')
        AND NOT EXISTS (SELECT 1 FROM loads WHERE user_id = t.user_id AND tree_id = t.id)
        AND NOT EXISTS (SELECT 1 FROM images WHERE user_id = t.user_id AND tree_id = t.id)
        AND NOT EXISTS (SELECT 1 FROM images_off WHERE user_id = t.user_id AND tree_id = t.id)
        AND NOT EXISTS (SELECT 1 FROM nodes WHERE tree_id = t.id AND personality IS NOT NULL)
    FROM trees t WHERE t.user_id = ? AND t.id = ? AND t.deleted_at IS NULL
"""
"""A tree's own prompt, and whether that is all there is: so it is in most trees. (Of a list behind `IN`, SQLite would make a table.)"""

FEW: Final = 64
"""Where a tree's nodes have no more of something than this, a path is laid beside them instead of asking for each of its nodes."""
HANGING: Final = {
    table: f"SELECT node_id FROM {table} WHERE user_id = ? AND tree_id = ? AND node_id > '' LIMIT {FEW + 1}"
    for table in ("zones", "loads", "images", "images_off")
}
LABELLED: Final = f"SELECT id FROM nodes WHERE tree_id = ? AND personality IS NOT NULL LIMIT {FEW + 1}"


def standing(
    db: sqlite3.Connection, user_id: UserId, tree_id: TreeId, path: Sequence[NodeId], personality: str | None
) -> Standing:
    """See `ports.TreeStore.standing`; images come without their bytes. Raises NotFound."""
    prompt, is_bare = db.execute(ANYTHING, (user_id, tree_id)).fetchone() or (None, False)
    if is_bare and personality is None:
        return Standing((), opened(db, "trees.system_prompt", prompt, tree_id))
    tree = tree_of(db, user_id, tree_id)
    named = personality or _said_under(db, tree, path)
    speaker = _speaker(db, tree, named)
    pieces = [
        *_wide(db, tree, named, speaker),
        *_on_path(db, tree, _with_something(db, "zones", tree, path)),
        *loads.pieces(db, user_id, tree_id, _with_something(db, "loads", tree, path)),
        *images.pieces(db, tree, _with_something(db, "images", tree, path)),
    ]
    return Standing(
        _in_order(pieces, path),
        (speaker.system_prompt if speaker else None) or tree.system_prompt,
        images.inactive(db, tree, _with_something(db, "images_off", tree, path)),
    )


def _with_something(db: sqlite3.Connection, table: str, tree: Tree, path: Sequence[NodeId]) -> Sequence[NodeId]:
    """The nodes of a path that may have rows in a table: exactly those that have, where there are few in the tree."""
    return _among(path, db.execute(HANGING[table], (tree.user_id, tree.id)).fetchall()) if path else path


def _among(path: Sequence[NodeId], rows: Sequence[tuple[NodeId]]) -> Sequence[NodeId]:
    if len(rows) > FEW:
        return path
    there = {node_id for (node_id,) in rows}
    return [node_id for node_id in path if node_id in there] if there else ()


def _said_under(db: sqlite3.Connection, tree: Tree, path: Sequence[NodeId]) -> str | None:
    """The personality under which a path was said: the nearest named one."""
    path = _among(path, db.execute(LABELLED, (tree.id,)).fetchall()) if path else path
    row = db.execute(SAID_UNDER, (to_json(path), tree.id)).fetchone() if path else None
    return unmarked(db, "personality", row[0], tree.user_id) if row else None


def _speaker(db: sqlite3.Connection, tree: Tree, named: str | None) -> Personality | None:
    """The personality that holds: the one named, else the tree's own; `None` where that is gone."""
    name = named or tree.personality
    return personalities.find(db, tree.user_id, name) if name is not None else None


def _wide(db: sqlite3.Connection, tree: Tree, named: str | None, speaker: Personality | None) -> list[Piece]:
    """What holds in the whole tree, in the order in which it is sent."""
    pieces = []
    if speaker is not None and speaker.zone:
        pieces.append(Piece("personality", f"personality:{speaker.name}", speaker.zone))
    own = named in (None, tree.personality)
    found = zones(db, tree.user_id, tree.id)
    pieces += [Piece(zone.name, "zone", zone.text) for zone in found if own or zone.name != "personality"]
    return pieces


def _on_path(db: sqlite3.Connection, tree: Tree, path: Sequence[NodeId]) -> list[Piece]:
    """What hangs on the nodes of a path, in its order."""
    if not path:
        return []
    rows = db.execute(ON_PATH, (to_json(path), tree.user_id, tree.id))
    return [
        Piece("node", "zone", opened(db, "zones.text", text, (tree.user_id, tree.id, node_id, "node")), node_id)
        for node_id, text in rows
    ]


def _in_order(pieces: Sequence[Piece], path: Sequence[NodeId]) -> tuple[Piece, ...]:
    """Widest scope first, nodes in the order of the path; in each place its zone, what is loaded there, its images."""
    depth = {node_id: number for number, node_id in enumerate(path)}
    return tuple(
        sorted(pieces, key=lambda piece: (SCOPES.index(piece.scope), depth[piece.node_id] if piece.node_id else -1))
    )
