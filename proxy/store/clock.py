"""The time that rows are given: seconds since 1970, never earlier than what was given before.

Of several equals the newest wins, in many places, so a clock that is set back must not make what comes next look old. A process goes on from
the newest time in its database, unless that lies so far ahead that rather an earlier clock was wrong.
"""

from __future__ import annotations

import logging
import sqlite3
import time

log = logging.getLogger(__name__)

FURTHEST_AHEAD_S = 7 * 86_400.0
"""How far behind what is stored a clock may be set and still be taken for the one that is wrong."""
_STORED_WITHIN_S = 1.0
"""What ends a call is stored a moment later than its duration tells; and a process takes longer than that to start."""
_STEP_S = 1e-6
"""What floating-point seconds of this century can tell apart."""
_given = [0.0]


def now() -> float:
    _given[0] = max(time.time(), _given[0] + _STEP_S)
    return _given[0]


def go_on_from(db: sqlite3.Connection) -> None:
    """Give no time that lies before a database's last call: calls, unlike nodes, are never imported with times of their own.

    Where they cannot be read, the clock's word counts.
    """
    try:
        row = db.execute(
            "SELECT started_at + coalesce(duration_ms, 0) / 1000 FROM calls ORDER BY rowid DESC LIMIT 1"
        ).fetchone()
    except sqlite3.DatabaseError as exc:
        log.warning("The time of the last call cannot be read: %s", exc)
        return
    ahead_s = row[0] - time.time() if row else 0.0
    if ahead_s <= _STORED_WITHIN_S:
        return
    log.warning("The last call in the database lies %.0f seconds ahead. Is this machine's clock right?", ahead_s)
    if ahead_s <= FURTHEST_AHEAD_S:
        _given[0] = max(_given[0], row[0] + _STORED_WITHIN_S)
