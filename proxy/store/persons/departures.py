"""What was deleted a moment ago: each process reads it and forgets what it holds in memory of that.

Rows are numbered without gaps, so whoever finds some missing knows that it was away too long, and forgets everything.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import Final, Literal

from proxy.store.clock import now

Kind = Literal["user", "tree"]
KEPT_S: Final = 600.0
"""How long a row stays for those that look once a second."""

TABLES: Final = (
    """
    CREATE TABLE departures (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        kind TEXT NOT NULL CHECK (kind IN ('user', 'tree')),
        what TEXT NOT NULL,               -- the id; a user's row goes with the user
        at REAL NOT NULL
    ) STRICT
    """,
    """
    CREATE TABLE guarded (                -- has a row when keys went with their user: a server must not fall open
        at REAL NOT NULL
    ) STRICT
    """,
    "ALTER TABLE users ADD COLUMN leaving_at REAL",  # set while all that is theirs is being deleted
)


@dataclass(frozen=True, slots=True)
class Departed:
    """What was deleted since somebody looked last."""

    newest: int
    users: frozenset[str]
    trees: frozenset[str]
    is_whole: bool = True
    """False where more was deleted than can still be told."""


def note(db: sqlite3.Connection, kind: Kind, what: str) -> None:
    """Say that something was deleted, and let go of what everybody knows."""
    at = now()
    db.execute("DELETE FROM departures WHERE at < ?", (at - KEPT_S,))
    db.execute("INSERT INTO departures (kind, what, at) VALUES (?, ?, ?)", (kind, what, at))


def since(db: sqlite3.Connection, seen: int) -> Departed:
    """What was deleted since number `seen`."""
    newest = max(seen, newest_of(db))
    sql = "SELECT kind, what FROM departures WHERE seq > ? AND seq <= ?"
    rows = db.execute(sql, (seen, newest)).fetchall()
    named = {kind: frozenset(what for of, what in rows if of == kind) for kind in ("user", "tree")}
    return Departed(newest, named["user"], named["tree"], is_whole=len(rows) == newest - seen)


def newest_of(db: sqlite3.Connection) -> int:
    """The number that was given last."""
    row = db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'departures'").fetchone()
    return int(row[0]) if row else 0
