"""Requests that were answered and not remembered: known again by hash alone, and counted by name."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Final

from proxy.domain.transcript import Seen
from proxy.domain.tree import UserId
from proxy.store.clock import now
from proxy.store.records import AsideCount
from proxy.store.rows import plain
from proxy.store.sealing.values import marked, unmarked
from proxy.store.trees import find_user
from proxy.store.turns.writing import remember

NAMES: Final = 200
"""Names that are told apart for one user; a client may call its tasks what it likes."""
OTHERS: Final = "others"


def note(db: sqlite3.Connection, user_id: UserId, seen: Sequence[Seen], name: str) -> None:
    """Remember one exchange; nothing happens where the user was deleted meanwhile."""
    if find_user(db, user_id) is None:
        return
    remember(db, user_id, seen, {})
    values = {
        "user": user_id,
        "name": marked(db, "aside", plain(name), user_id),
        "others": marked(db, "aside", OTHERS, user_id),
        "names": NAMES,
        "now": now(),
    }
    db.execute(
        """
        INSERT INTO asides (user_id, name, count, last_at)
        SELECT :user, CASE WHEN EXISTS (SELECT 1 FROM asides WHERE user_id = :user AND name = :name)
                             OR (SELECT count(*) FROM asides WHERE user_id = :user) < :names
                           THEN :name ELSE :others END, 1, :now
        WHERE true
        ON CONFLICT (user_id, name) DO UPDATE SET count = count + 1, last_at = excluded.last_at
        """,
        values,
    )


def counts(db: sqlite3.Connection, user_id: UserId) -> list[AsideCount]:
    """What was counted for a user, the commonest first."""
    rows = db.execute("SELECT name, count, last_at FROM asides WHERE user_id = ?", (user_id,))
    found = [AsideCount(unmarked(db, "aside", name, user_id), count, at) for name, count, at in rows]
    return sorted(found, key=lambda one: (-one.count, one.name))
