"""Bodies by their content: bytes that a user keeps twice are stored once, and go when nothing refers to them any more."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from typing import Final

from proxy.domain import fingerprint
from proxy.domain.fingerprint import Hash
from proxy.domain.tree import UserId
from proxy.store.sealing.values import opened_bytes, sealed_bytes
from proxy.store.trees import secret_of

REFERRING: Final = ("artefact_versions", "images")
"""Tables that name a blob by `user_id` and `hash`."""


def keep(db: sqlite3.Connection, user_id: UserId, media_type: str, data: bytes) -> Hash:
    """Store bytes unless they are there; returns what they are found by."""
    mark = fingerprint.keyed(secret_of(db, user_id), "blob", media_type, data)
    db.execute(
        "INSERT INTO blobs (user_id, hash, media_type, size, bytes) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        (user_id, mark, media_type, len(data), sealed_bytes(db, "blobs.bytes", data, (user_id, mark))),
    )
    return mark


def read(db: sqlite3.Connection, user_id: UserId, mark: Hash) -> bytes:
    row = db.execute("SELECT bytes FROM blobs WHERE user_id = ? AND hash = ?", (user_id, mark)).fetchone()
    return opened_bytes(db, "blobs.bytes", bytes(row[0]), (user_id, mark))


def drop_unused(db: sqlite3.Connection, user_id: UserId, marks: Iterable[Hash]) -> None:
    """Let go of those of some blobs that nothing refers to any more."""
    unused = " AND ".join(
        f"NOT EXISTS (SELECT 1 FROM {table} r WHERE r.user_id = blobs.user_id AND r.hash = blobs.hash)"
        for table in REFERRING
    )
    for mark in set(marks):
        db.execute(f"DELETE FROM blobs WHERE user_id = ? AND hash = ? AND {unused}", (user_id, mark))
