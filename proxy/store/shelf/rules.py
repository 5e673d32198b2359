"""What holds for artefacts, memories, loads and bodies; `store.verify` looks whether it does."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import Final

from proxy.domain import fingerprint
from proxy.errors import StoreError
from proxy.store.records import Violation
from proxy.store.sealing.values import opened_bytes
from proxy.store.shelf.blobs import REFERRING

PAGE: Final = 50
"""Bodies read at once: they may be large."""

_UNUSED: Final = " AND ".join(
    f"NOT EXISTS (SELECT 1 FROM {table} r WHERE r.user_id = b.user_id AND r.hash = b.hash)" for table in REFERRING
)

RULES: Final[tuple[tuple[str, str, str], ...]] = (
    (
        "artefacts",
        "belongs to a tree of its user that is there",
        """
        SELECT a.id FROM artefacts a LEFT JOIN trees t ON t.id = a.tree_id AND t.deleted_at IS NULL
        WHERE t.user_id IS NOT a.user_id
        """,
    ),
    (
        "artefacts",
        "has a version, and none above the highest number given",
        """
        SELECT a.id FROM artefacts a LEFT JOIN artefact_versions v ON v.artefact_id = a.id
        GROUP BY a.id HAVING count(v.version) = 0 OR max(v.version) > a.last OR min(v.version) < 1
        """,
    ),
    (
        "artefact_versions",
        "has a body of its artefact's user",
        """
        SELECT v.artefact_id FROM artefact_versions v LEFT JOIN artefacts a ON a.id = v.artefact_id
        LEFT JOIN blobs b ON b.user_id = v.user_id AND b.hash = v.hash
        WHERE a.user_id IS NOT v.user_id OR b.hash IS NULL
        """,
    ),
    (
        "blobs",
        "is a body of something",
        f"SELECT b.hash FROM blobs b WHERE {_UNUSED}",
    ),
    (
        "memories",
        "belongs to a tree of its user that is there, or to all",
        """
        SELECT m.id FROM memories m LEFT JOIN trees t ON t.id = m.tree_id AND t.deleted_at IS NULL
        WHERE m.tree_id IS NOT NULL AND t.user_id IS NOT m.user_id
        """,
    ),
    (
        "memory_nodes",
        "names a memory and a node of one user",
        """
        SELECT p.memory_id FROM memory_nodes p LEFT JOIN memories m ON m.id = p.memory_id LEFT JOIN nodes n ON n.id = p.node_id
        WHERE m.user_id IS NULL OR n.user_id IS NOT m.user_id
        """,
    ),
    (
        "turn_pieces",
        "was placed with a turn of its user",
        """
        SELECT p.node_id FROM turn_pieces p LEFT JOIN nodes n ON n.id = p.node_id
        WHERE n.user_id IS NOT p.user_id
        """,
    ),
    (
        "loads",
        "places what its user has, artefacts in their own tree, in a version that is there",
        """
        SELECT l.ref FROM loads l
        LEFT JOIN artefacts a ON l.kind = 'artefact' AND a.id = l.ref LEFT JOIN memories m ON l.kind = 'memory' AND m.id = l.ref
        WHERE coalesce(a.user_id, m.user_id) IS NOT l.user_id OR (l.kind = 'artefact' AND a.tree_id <> l.tree_id)
           OR (l.version IS NOT NULL AND NOT EXISTS (
               SELECT 1 FROM artefact_versions v WHERE v.artefact_id = l.ref AND v.version = l.version))
        """,
    ),
    (
        "loads",
        "stands in a tree of its user, on a node of that tree",
        """
        SELECT l.ref FROM loads l LEFT JOIN trees t ON t.id = l.tree_id AND t.deleted_at IS NULL
        LEFT JOIN nodes n ON n.id = l.node_id
        WHERE (l.tree_id <> '' AND t.user_id IS NOT l.user_id)
           OR (l.node_id <> '' AND (n.tree_id IS NOT l.tree_id OR n.user_id IS NOT l.user_id))
        """,
    ),
)

BODIES: Final = """
    SELECT b.rowid, b.hash, b.media_type, b.bytes, b.size, u.id, u.secret
    FROM blobs b JOIN users u ON u.id = b.user_id WHERE b.rowid > ? ORDER BY b.rowid LIMIT ?
"""


def broken_bodies(db: sqlite3.Connection, after: int) -> tuple[list[Violation], int | None]:
    """Bodies of one page that are not what their rows say, and where the next page begins."""
    rows = db.execute(BODIES, (after, PAGE)).fetchall()
    found = [Violation("blobs", row[1], rule) for row in rows for rule in _wrong_in_body(db, *row[1:])]
    return found, rows[-1][0] if len(rows) == PAGE else None


def _wrong_in_body(
    db: sqlite3.Connection, mark: str, media_type: str, stored: bytes, size: int, user_id: str, secret: bytes
) -> Iterator[str]:
    try:
        data = opened_bytes(db, "blobs.bytes", stored, (user_id, mark))
        key = opened_bytes(db, "users.secret", secret, user_id)
    except StoreError:
        return  # `sealing.checking` names it
    if len(data) != size:
        yield "is as long as it says"
    if fingerprint.keyed(key, "blob", media_type, data) != mark:
        yield "stands under the hash of its bytes"
