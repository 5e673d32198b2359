"""Which client message id stands for which node, in one chat of one user.

Frontends that keep a tree of their own (Open WebUI, LibreChat) name the message that a turn answers. Where that name was seen before,
the place in the client's chat is known exactly, whatever else was said in the same words.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from typing import Final

from proxy.domain.transcript import Seen
from proxy.domain.tree import NodeId, UserId
from proxy.store.rows import SEEN, plain, to_seen
from proxy.store.sealing.values import marked

LONGEST: Final = 20_000
"""Rows of a chat that are read back from a message."""

_COLUMNS: Final = ", ".join(f"t.{name.strip()}" for name in SEEN.split(","))
_BEST_OF: Final = "conversation = :chat DESC, meaning = 'node' DESC, at DESC, id DESC LIMIT 1"
_BEST: Final = f"ORDER BY {_BEST_OF}"

LINEAGE: Final = f"""
    WITH RECURSIVE back (row, depth) AS (
        SELECT (SELECT id FROM transcripts WHERE user_id = :user AND node_id = :node {_BEST}), 0
        UNION ALL
        SELECT (
            SELECT id FROM transcripts WHERE user_id = :user AND chain = t.prev
            ORDER BY coalesce(tree_id = (SELECT tree_id FROM nodes WHERE id = :node), 1) DESC, {_BEST_OF}
        ), back.depth + 1
        FROM back JOIN transcripts t ON t.id = back.row WHERE t.prev <> '' AND back.depth < :longest
    )
    SELECT {_COLUMNS} FROM back JOIN transcripts t ON t.id = back.row ORDER BY back.depth DESC
"""
NEXT: Final = f"""
    SELECT {_COLUMNS} FROM transcripts t
    WHERE t.user_id = :user AND t.prev = :chain AND t.role = 'user' AND t.meaning = 'node' AND t.conversation = :chat
    ORDER BY t.at DESC, t.id DESC LIMIT 1
"""


def name(db: sqlite3.Connection, user_id: UserId, chat: str, names: Mapping[str, NodeId]) -> None:
    """Remember what a client calls its messages; a name that comes again moves to the newer node."""
    db.executemany(
        "INSERT INTO client_messages (user_id, chat, message_id, node_id) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (user_id, chat, message_id) DO UPDATE SET node_id = excluded.node_id",
        [(user_id, *_marks(db, user_id, chat, message_id), node_id) for message_id, node_id in names.items()],
    )


def named(db: sqlite3.Connection, user_id: UserId, chat: str, message_id: str) -> NodeId | None:
    """The stored node of that name."""
    row = db.execute(
        "SELECT n.id FROM client_messages c JOIN nodes n ON n.id = c.node_id AND n.user_id = c.user_id"
        " WHERE c.user_id = ? AND c.chat = ? AND c.message_id = ?",
        (user_id, *_marks(db, user_id, chat, message_id)),
    ).fetchone()
    return NodeId(row[0]) if row else None


def first_said(db: sqlite3.Connection, user_id: UserId, chat: str) -> NodeId | None:
    """The message that a chat with names began with, the newest one where it was edited."""
    row = db.execute(
        "SELECT t.node_id FROM transcripts t WHERE t.user_id = :user AND t.prev = '' AND t.meaning = 'node' AND t.role = 'user'"
        " AND t.conversation = :chat AND EXISTS (SELECT 1 FROM client_messages c WHERE c.user_id = :user AND c.chat = :chat)"
        " ORDER BY t.at DESC, t.id DESC LIMIT 1",
        {"user": user_id, "chat": marked(db, "chat", plain(chat), user_id)},
    ).fetchone()
    return NodeId(row[0]) if row else None


def lineage(db: sqlite3.Connection, user_id: UserId, chat: str, node_id: NodeId) -> tuple[list[Seen], Seen | None]:
    """The client's chat up to a message, oldest first, and what the same chat said next last time."""
    mark = marked(db, "chat", plain(chat), user_id)
    asked = {"user": user_id, "chat": mark, "node": node_id, "longest": LONGEST}
    rows = [to_seen(db, row, user_id) for row in db.execute(LINEAGE, asked)]
    if not rows:
        return [], None
    after = db.execute(NEXT, {"user": user_id, "chat": mark, "chain": rows[-1].chain}).fetchone()
    return rows, to_seen(db, after, user_id) if after else None


def _marks(db: sqlite3.Connection, user_id: UserId, chat: str, message_id: str) -> tuple[str | None, str | None]:
    """A chat's and a message's id as they are stored."""
    return marked(db, "chat", plain(chat), user_id), marked(db, "message", plain(message_id), user_id)
