"""The same request again, at whichever server it arrives: what is known of those that came before."""

from __future__ import annotations

import sqlite3

from proxy.domain.fingerprint import Hash
from proxy.domain.tree import UserId
from proxy.store.sealing.values import marked


def newest(db: sqlite3.Connection, user_id: UserId, request_hash: Hash, idempotency_key: str | None) -> int:
    """The number of the newest call of a request, 0 without one; a later call has a higher number."""
    return asked_before(db, user_id, request_hash, idempotency_key)[0]


def asked_before(
    db: sqlite3.Connection, user_id: UserId, request_hash: Hash, idempotency_key: str | None
) -> tuple[int, int | None]:
    """The number of the newest call of a request, and the place of the server that answers it, while it is open."""
    asked: str = request_hash
    if idempotency_key is not None:
        asked = marked(db, "idempotency", idempotency_key, user_id)
    same = "idempotency_key = ?" if idempotency_key is not None else "idempotency_key IS NULL AND request_hash = ?"
    row = db.execute(
        f"SELECT rowid, CASE status WHEN 'open' THEN place END FROM calls WHERE user_id = ? AND {same}"
        " ORDER BY rowid DESC LIMIT 1",
        (user_id, asked),
    ).fetchone()
    return row or (0, None)
