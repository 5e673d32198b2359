"""What is told about a turn afterwards: why it stands where it stands, what it cost, what `auto` would have done with it."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from proxy.domain.fingerprint import NOTHING, Hash, Link
from proxy.domain.placement import Attachment
from proxy.domain.transcript import Strand
from proxy.domain.tree import NodeId, TreeId, UserId
from proxy.domain.turn import Call
from proxy.errors import NotFound
from proxy.store.browse.pages import Page
from proxy.store.reading import node
from proxy.store.records import Decision
from proxy.store.rows import CALL, DECISION, to_call, to_decision, to_json
from proxy.store.sealing.values import cipher_of, opened, unmarked
from proxy.store.trees import tree_of

STRANDS: Final = 8
"""Most chats in which one message is known that a new reply is hung into."""

SHADOWS: Final = f"""
    SELECT {DECISION}, f.parent_id, f.node_id FROM decisions d JOIN decisions f ON f.call_id = d.call_id AND f.shadow = 0
    WHERE d.tree_id = ? AND d.user_id = ? AND d.shadow = 1 AND d.id < ? ORDER BY d.id DESC LIMIT ?
"""

BEFORE: Final = """
    SELECT prev, node_id, assistants FROM transcripts WHERE user_id = ? AND chain = ?
    ORDER BY meaning = 'node' DESC, at DESC, id DESC LIMIT 1
"""


@dataclass(frozen=True, slots=True)
class Move:
    """One change of the place of a node."""

    from_parent: NodeId | None
    to_parent: NodeId | None
    at: float
    why: str


@dataclass(frozen=True, slots=True)
class Shadow:
    """What the router would have done with a turn that followed its client."""

    id: int
    turn_id: NodeId
    """The first message of the turn."""
    followed: NodeId | None
    """Where the client's own history put it."""
    attachment: Attachment
    """What the router said."""
    at: float


def placed(db: sqlite3.Connection, user_id: UserId, node_id: NodeId) -> Decision | None:
    """The decision that placed the turn which begins with this node: the first one about it; later ones are regenerations."""
    sql = f"""
        SELECT {DECISION} FROM decisions d
        WHERE d.node_id = ? AND d.user_id = ? AND d.shadow = 0 ORDER BY d.id LIMIT 1
    """
    row = db.execute(sql, (node_id, user_id)).fetchone()
    return to_decision(db, row) if row else None


def moves(db: sqlite3.Connection, user_id: UserId, node_id: NodeId) -> list[Move]:
    """Where a node hung before, oldest first. Raises NotFound."""
    node(db, user_id, node_id)
    sql = "SELECT from_parent, to_parent, at, why FROM edge_log WHERE node_id = ? ORDER BY id"
    return [Move(*row) for row in db.execute(sql, (node_id,))]


def call_behind(db: sqlite3.Connection, user_id: UserId, node_id: NodeId) -> Call:
    """The call that produced a reply, or the newest one that answers a turn. Raises NotFound."""
    reply = node(db, user_id, node_id)
    sql = f"SELECT {CALL} FROM calls WHERE user_id = ? AND (id = ? OR turn_id = ?) ORDER BY started_at DESC LIMIT 1"
    row = db.execute(sql, (user_id, reply.call_id, None if reply.call_id else node_id)).fetchone()
    if row is None:
        raise NotFound(f"No call stands behind the node {node_id!r}: it was not answered, or was added by hand.")
    return to_call(db, row)


def answered_by(db: sqlite3.Connection, user_id: UserId, first: NodeId) -> NodeId | None:
    """The last message of the turn that begins with this node, as its client sent it: what its replies hang under."""
    sql = """
        SELECT c.turn_id FROM decisions d JOIN calls c ON c.id = d.call_id
        WHERE d.node_id = ? AND d.user_id = ? AND d.shadow = 0 AND c.turn_id IS NOT NULL ORDER BY d.id DESC LIMIT 1
    """
    row = db.execute(sql, (first, user_id)).fetchone()
    return row[0] if row else None


def strands(db: sqlite3.Connection, user_id: UserId, node_id: NodeId) -> list[Strand]:
    """The chats in which a message was seen, the newest first; none for one that no client has seen."""
    sql = """
        SELECT folded, chain, assistants, conversation FROM transcripts
        WHERE node_id = ? AND user_id = ? AND meaning = 'node' ORDER BY at DESC, id DESC LIMIT ?
    """
    rows = db.execute(sql, (node_id, user_id, STRANDS)).fetchall()
    return [
        Strand(
            Link(folded, chain, assistants),
            chain,
            _assistants(db, user_id, chain),
            unmarked(db, "chat", chat, user_id),
        )
        for folded, chain, assistants, chat in rows
    ]


def before(db: sqlite3.Connection, user_id: UserId, node_id: NodeId) -> tuple[bool, NodeId | None]:
    """Whether a client sent something before this message in its chat, and the nearest stored node of that, if any is left.

    The oldest row is asked: it is the chat in which the message was said.
    """
    sql = "SELECT prev FROM transcripts WHERE node_id = ? AND user_id = ? ORDER BY id LIMIT 1"
    row = db.execute(sql, (node_id, user_id)).fetchone()
    if row is None or row[0] == NOTHING:
        return False, None
    while row is not None and row[0] != NOTHING:
        row = db.execute(BEFORE, (user_id, row[0])).fetchone()
        if row is not None and row[1] is not None:
            return True, row[1]
    return True, None


def shadows(
    db: sqlite3.Connection, user_id: UserId, tree_id: TreeId, before_id: int | None, limit: int
) -> Page[Shadow]:
    """The newest turns of a tree that were placed in the shadow. Raises NotFound."""
    tree_of(db, user_id, tree_id)
    rows = db.execute(SHADOWS, (tree_id, user_id, before_id or 1 << 62, limit + 1)).fetchall()
    items = []
    for row in rows[:limit]:
        decision = to_decision(db, row[:-2])
        items.append(Shadow(decision.id, row[-1], row[-2], decision.attachment, decision.at))
    return Page(items, len(rows) > limit)


def path_lengths(db: sqlite3.Connection, user_id: UserId, node_ids: Sequence[NodeId]) -> dict[NodeId, tuple[int, int]]:
    """How many messages, and how many characters of JSON, stand from the root to each of these nodes; unknown ones left out."""
    sql = """
        WITH RECURSIVE up (id) AS (
            SELECT value FROM json_each(?)
            UNION SELECT e.parent_id FROM up JOIN edges e ON e.node_id = up.id WHERE e.parent_id IS NOT NULL
        )
        SELECT n.id, e.parent_id, {length}
        FROM up JOIN nodes n ON n.id = up.id AND n.user_id = ? JOIN edges e ON e.node_id = n.id
    """
    is_sealed = cipher_of(db) is not None
    sql = sql.format(length="n.content" if is_sealed else "length(n.content)")
    rows = db.execute(sql, (to_json(list(node_ids)), user_id))
    own = {
        id_: (parent_id, len(opened(db, "nodes.content", length, id_)) if is_sealed else length)
        for id_, parent_id, length in rows
    }
    known: dict[NodeId, tuple[int, int]] = {}
    for node_id in own:
        waiting: list[NodeId] = []
        at: NodeId | None = node_id
        while at is not None and at not in known:
            waiting.append(at)
            at = own[at][0]
        count, total = known[at] if at is not None else (0, 0)
        for below in reversed(waiting):
            count, total = count + 1, total + own[below][1]
            known[below] = (count, total)
    return {node_id: known[node_id] for node_id in node_ids if node_id in known}


def _assistants(db: sqlite3.Connection, user_id: UserId, chain: Hash) -> Hash:
    """The assistant chain at the end of a chat."""
    while chain != NOTHING:
        row = db.execute(BEFORE, (user_id, chain)).fetchone()
        if row is None:
            break
        if row[2] is not None:
            return str(row[2])
        chain = row[0]
    return NOTHING
