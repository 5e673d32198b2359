"""What was placed at the head of one turn: kept with the turn, so that its tool loop and its retries send the same again."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Final

from proxy.domain.tree import NodeId, UserId
from proxy.domain.zone import Piece
from proxy.store.rows import from_json, to_json
from proxy.store.sealing.values import opened, sealed

TABLE: Final = """
    CREATE TABLE turn_pieces (
        node_id TEXT PRIMARY KEY REFERENCES nodes (id),
        user_id TEXT NOT NULL REFERENCES users (id),
        pieces TEXT NOT NULL              -- [[scope, source, text], ...]; may be empty: nothing was relevant then
    ) STRICT, WITHOUT ROWID
"""


def keep(db: sqlite3.Connection, user_id: UserId, node_id: NodeId, pieces: Sequence[Piece]) -> None:
    """Keep what was placed with a turn; what was kept before stays."""
    told = sealed(
        db, "turn_pieces.pieces", to_json([[piece.scope, piece.source, piece.text] for piece in pieces]), node_id
    )
    db.execute(
        "INSERT INTO turn_pieces (node_id, user_id, pieces) SELECT id, user_id, ? FROM nodes WHERE id = ? AND user_id = ?"
        " ON CONFLICT DO NOTHING",
        (told, node_id, user_id),
    )


def kept(db: sqlite3.Connection, user_id: UserId, node_id: NodeId) -> list[Piece] | None:
    """What was placed with a turn; `None` where nobody looked."""
    row = db.execute("SELECT pieces FROM turn_pieces WHERE node_id = ? AND user_id = ?", (node_id, user_id)).fetchone()
    if row is None:
        return None
    told = from_json(opened(db, "turn_pieces.pieces", row[0], node_id))
    return [Piece(scope, source, text) for scope, source, text in told]
