"""What was sent with each call, in the road's own short form, and the stored messages that it names."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from proxy.domain.tree import CallId, Node, UserId
from proxy.store.rows import NODE, NODE_FROM, to_json, to_node
from proxy.store.sealing.values import opened_bytes, sealed_bytes


def keep(db: sqlite3.Connection, user_id: UserId, call_id: CallId, body: bytes) -> None:
    """Keep what was sent with a call."""
    db.execute(
        "INSERT INTO sent (call_id, user_id, body) VALUES (?, ?, ?)",
        (call_id, user_id, sealed_bytes(db, "sent.body", body, call_id)),
    )


def kept(db: sqlite3.Connection, user_id: UserId, call_id: CallId) -> bytes | None:
    """What was sent with a call; `None` where it was not kept, or was deleted since."""
    row = db.execute("SELECT body FROM sent WHERE call_id = ? AND user_id = ?", (call_id, user_id)).fetchone()
    return opened_bytes(db, "sent.body", row[0], call_id) if row else None


def numbered(db: sqlite3.Connection, user_id: UserId, numbers: Sequence[int]) -> list[Node]:
    """The user's nodes of these numbers, as far as they are there."""
    sql = f"""
        SELECT {NODE} FROM json_each(?) wanted CROSS JOIN {NODE_FROM.replace("nodes n", "nodes n ON n.seq = wanted.value", 1)}
        WHERE n.user_id = ?
    """
    return [to_node(db, row) for row in db.execute(sql, (to_json(list(numbers)), user_id))]
