"""What keys have used of their days: a sum of tokens for each key and day."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping

from proxy.store.persons.belongings import LOCAL_KEY


def spent(db: sqlite3.Connection, day: str) -> dict[str, int]:
    """Tokens of a day, such as `2026-11-22`, by key."""
    return dict(db.execute("SELECT key_id, tokens FROM spending WHERE day = ?", (day,)))


def spend(db: sqlite3.Connection, day: str, tokens: Mapping[str, int]) -> dict[str, int]:
    """Add to the sums of a day; returns the new ones. A key that was deleted with its user has none."""
    sql = f"""
        INSERT INTO spending (day, key_id, tokens)
        SELECT :day, :key, max(0, :more) WHERE :key = '{LOCAL_KEY}' OR EXISTS (SELECT 1 FROM keys WHERE id = :key)
        ON CONFLICT (day, key_id) DO UPDATE SET tokens = max(0, tokens + excluded.tokens) RETURNING tokens
    """
    sums = {
        key_id: db.execute(sql, {"day": day, "key": key_id, "more": more}).fetchone() for key_id, more in tokens.items()
    }
    return {key_id: int(row[0]) for key_id, row in sums.items() if row is not None}
