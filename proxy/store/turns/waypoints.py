"""Where a command typed in a chat sends the turn after it.

A client that sends its history again shows the command's answer right before that turn, so the place is kept under the answer's chain hash:
nothing has to be used up, and a retry, an edit or a branch of the client's own finds what holds there. A client without history
shows nothing; for its key a waypoint also waits, for an hour, and the first turn takes it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Final

from proxy.domain.fingerprint import Hash
from proxy.domain.transcript import Seen, Waypoint
from proxy.domain.tree import NodeId, TreeId, UserId
from proxy.store.clock import now
from proxy.store.rows import plain, to_json
from proxy.store.sealing.values import marked
from proxy.store.turns import asides

WAITS_S: Final = 3600.0
"""How long a turn without history may still be sent on."""

SENT_ON: Final = """
    SELECT w.tree_id, w.node_id FROM json_each(?) AS asked JOIN waypoints w ON w.user_id = ? AND w.chain = asked.value
    ORDER BY asked.key LIMIT 1
"""
AWAITED: Final = """
    SELECT tree_id, node_id FROM waypoints
    WHERE user_id = ? AND key_id = ? AND hint = ? AND tree_id = ? AND at > ? ORDER BY at DESC LIMIT 1
"""


def commanded(
    db: sqlite3.Connection,
    user_id: UserId,
    seen: Sequence[Seen],
    name: str,
    to: Waypoint | None,
    waits: tuple[str, str] | None,
) -> None:
    """Remember a command and its answer by their hashes, and where it sends what comes next.

    `waits` is the key and the chat's own id, `''` without one, of a client that sends no history.
    """
    asides.note(db, user_id, seen, name)
    if to is None:
        return
    key_id, hint = waits or (None, "")
    if key_id is not None:
        reached(db, user_id, key_id, hint)
    db.execute(
        "INSERT OR REPLACE INTO waypoints (user_id, chain, tree_id, node_id, key_id, hint, at) VALUES (?, ?, ?, ?, ?, ?, ?)",
        (user_id, seen[-1].chain, to.tree_id, to.node_id, key_id, marked(db, "chat", plain(hint), user_id), now()),
    )


def sent_on(db: sqlite3.Connection, user_id: UserId, chains: Sequence[Hash]) -> Waypoint | None:
    """The place that belongs to the first of these chains that has one."""
    return _waypoint(db.execute(SENT_ON, (to_json(list(chains)), user_id)).fetchone())


def awaited(db: sqlite3.Connection, user_id: UserId, tree_id: TreeId, key_id: str, hint: str | None) -> Waypoint | None:
    """The place that waits for the next turn without history."""
    values = (user_id, key_id, marked(db, "chat", plain(hint) or "", user_id), tree_id, now() - WAITS_S)
    return _waypoint(db.execute(AWAITED, values).fetchone())


def reached(db: sqlite3.Connection, user_id: UserId, key_id: str, hint: str | None) -> None:
    """Nothing waits for a key's turns any longer."""
    sql = "UPDATE waypoints SET key_id = NULL WHERE user_id = ? AND key_id = ? AND hint = ?"
    db.execute(sql, (user_id, key_id, marked(db, "chat", plain(hint) or "", user_id)))


def _waypoint(row: tuple[TreeId, NodeId | None] | None) -> Waypoint | None:
    return Waypoint(*row) if row else None
