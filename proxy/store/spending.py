"""What keys have used of their days: a sum of tokens for each key and day."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping


def spent(db: sqlite3.Connection, day: str) -> dict[str, int]:
    """Tokens of a day, such as `2026-11-22`, by key."""
    return dict(db.execute("SELECT key_id, tokens FROM spending WHERE day = ?", (day,)))


def spend(db: sqlite3.Connection, day: str, tokens: Mapping[str, int]) -> dict[str, int]:
    """Add to the sums of a day; returns the new ones."""
    sql = """
        INSERT INTO spending (day, key_id, tokens) VALUES (?, ?, max(0, ?))
        ON CONFLICT (day, key_id) DO UPDATE SET tokens = max(0, tokens + excluded.tokens) RETURNING tokens
    """
    return {key_id: int(db.execute(sql, (day, key_id, more)).fetchone()[0]) for key_id, more in tokens.items()}
