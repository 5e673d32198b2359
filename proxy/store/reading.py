"""Questions about nodes: one, a path, children, an outline, what is new in a tree. One round trip each."""

from __future__ import annotations

import sqlite3
from itertools import takewhile
from typing import Final

from proxy.domain.fingerprint import Hash
from proxy.domain.message import Message
from proxy.domain.placement import FeedNode, Mark, TreeSlice
from proxy.domain.ports import Active
from proxy.domain.tree import Node, NodeId, TreeId, UserId
from proxy.domain.turn import Call
from proxy.errors import InvalidRequest, NotFound
from proxy.store.records import Correction, Decision, Outline
from proxy.store.rows import (
    CALL,
    DECISION,
    NODE,
    NODE_FROM,
    Row,
    from_json,
    plain,
    to_call,
    to_decision,
    to_node,
)
from proxy.store.sealing.values import cipher_of, marked, opened, unmarked
from proxy.store.trees import no_tree, tree_of

PAGE: Final = 2_000
"""Nodes read at once; other questions get their turn between pages."""
SLICED: Final = 500
"""Nodes of a slice: what is made of them takes a quarter of a second."""
PREVIEW: Final = 80
SHORT: Final = 64
"""Most nodes that are read on the event loop."""

PATH: Final = f"""
    WITH RECURSIVE up (node_id, parent_id, depth) AS (
        SELECT node_id, parent_id, 0 FROM edges WHERE node_id = :node
        UNION ALL
        SELECT e.node_id, e.parent_id, up.depth + 1 FROM up JOIN edges e ON e.node_id = up.parent_id
        LIMIT :most
    )
    SELECT {NODE.replace("e.parent_id", "up.parent_id")}
    FROM up CROSS JOIN nodes n ON n.id = up.node_id AND n.user_id = :user LEFT JOIN systems s ON s.id = n.system_id
    ORDER BY up.depth
"""

SLICE: Final = """
    SELECT n.visible, n.id, e.parent_id, n.role, n.content, n.created_at, s.content, n.personality, s.hash, n.user_id
    FROM nodes n JOIN edges e ON e.node_id = n.id LEFT JOIN systems s ON s.id = n.system_id
    WHERE n.tree_id = ? AND n.visible > ?
    ORDER BY n.visible LIMIT ?
"""


def node(db: sqlite3.Connection, user_id: UserId, node_id: NodeId) -> Node:
    """Raises NotFound."""
    row = db.execute(f"SELECT {NODE} FROM {NODE_FROM} WHERE n.user_id = ? AND n.id = ?", (user_id, node_id)).fetchone()
    if row is None:
        raise no_node(node_id)
    return to_node(db, row)


def short_path(db: sqlite3.Connection, user_id: UserId, node_id: NodeId) -> list[Node] | None:
    """The same as `path` where it takes a glance; `None` where it has more than `SHORT` nodes. Raises NotFound."""
    found = [to_node(db, row) for row in db.execute(PATH, {"user": user_id, "node": node_id, "most": SHORT + 1})]
    return None if len(found) > SHORT else _answered(found, node_id)


def path(db: sqlite3.Connection, user_id: UserId, node_id: NodeId | None) -> list[Node]:
    """Root to node; see `ports.TreeStore.path`. Raises NotFound."""
    if node_id is None:
        return []
    return _answered(
        [to_node(db, row) for row in db.execute(PATH, {"user": user_id, "node": node_id, "most": -1})], node_id
    )


def _answered(found: list[Node], node_id: NodeId) -> list[Node]:
    """A path, given from its end, as others may see it. Raises NotFound for a node that is not there."""
    if not found:
        raise no_node(node_id)
    waiting = list(takewhile(lambda one: one.state == "unanswered", found))
    found = waiting + [one for one in found[len(waiting) :] if one.state != "unanswered"]
    found.reverse()
    return found


def children(db: sqlite3.Connection, user_id: UserId, tree_id: TreeId, node_id: NodeId | None) -> list[Node]:
    """What hangs right under a node, or under the root; oldest first. Raises NotFound."""
    tree_of(db, user_id, tree_id)
    if node_id is not None and node(db, user_id, node_id).tree_id != tree_id:
        raise no_node(node_id)
    sql = f"SELECT {NODE} FROM {NODE_FROM} WHERE e.parent_id IS ? AND e.tree_id = ? ORDER BY n.seq"
    return [to_node(db, row) for row in db.execute(sql, (node_id, tree_id))]


def nodes(db: sqlite3.Connection, user_id: UserId, tree_id: TreeId, after: int, limit: int) -> list[Node]:
    """A page of a tree's nodes in order of arrival, unanswered ones too, after a `seq`. Raises NotFound."""
    tree_of(db, user_id, tree_id)
    sql = f"SELECT {NODE} FROM {NODE_FROM} WHERE n.tree_id = ? AND n.seq > ? ORDER BY n.seq LIMIT ?"
    return [to_node(db, row) for row in db.execute(sql, (tree_id, after, limit))]


NEWEST: Final = """
    WITH RECURSIVE up (id) AS (
        SELECT * FROM (SELECT id FROM nodes WHERE tree_id = ? ORDER BY seq DESC LIMIT ?)
        UNION SELECT e.parent_id FROM up JOIN edges e ON e.node_id = up.id WHERE e.parent_id IS NOT NULL
    )
    SELECT n.id, e.parent_id, n.role, n.state, n.created_at, {content}
    FROM up JOIN nodes n ON n.id = up.id JOIN edges e ON e.node_id = n.id ORDER BY n.seq
"""


def structure(
    db: sqlite3.Connection, user_id: UserId, tree_id: TreeId, preview: bool, newest: int | None = None
) -> list[Outline]:
    """A tree without contents, in order of arrival; of a large one, at most the `newest` so many with what stands above them.

    Raises NotFound.
    """
    tree_of(db, user_id, tree_id)
    content = "n.content" if preview else "NULL"
    if newest is not None:
        rows = db.execute(NEWEST.format(content=content), (tree_id, newest))
        return [outline(db, row) for row in rows]
    sql = f"""
        SELECT n.id, e.parent_id, n.role, n.state, n.created_at, {content}
        FROM nodes n JOIN edges e ON e.node_id = n.id WHERE n.tree_id = ? ORDER BY n.seq
    """
    return [outline(db, row) for row in db.execute(sql, (tree_id,))]


def slice_page(
    db: sqlite3.Connection, user_id: UserId, tree_id: TreeId, mark: Mark | None, limit: int = SLICED
) -> TreeSlice:
    """What became visible since a mark, up to `limit` nodes. Raises NotFound."""
    sql = "SELECT epoch, system_prompt FROM trees WHERE user_id = ? AND id = ? AND deleted_at IS NULL"
    tree = db.execute(sql, (user_id, tree_id)).fetchone()
    if tree is None:
        raise no_tree(tree_id)
    epoch, system_prompt = tree
    prompt = opened(db, "trees.system_prompt", system_prompt, tree_id)
    reset = mark is None or mark.epoch != epoch
    seen = 0 if mark is None or reset else mark.seen
    rows = db.execute(SLICE, (tree_id, seen, limit)).fetchall()
    news = Mark(epoch, rows[-1][0] if rows else seen)
    return TreeSlice(news, [_feed_node(db, row) for row in rows], reset, prompt, more=len(rows) == limit)


def outline(db: sqlite3.Connection, row: Row) -> Outline:
    id_, parent_id, role, state, created_at, content = row
    told = opened(db, "nodes.content", content, id_)
    preview = None if told is None else Message(from_json(told)).spoken[:PREVIEW]
    return Outline(id_, parent_id, role, state, created_at, preview)


def _feed_node(db: sqlite3.Connection, row: Row) -> FeedNode:
    _, id_, parent_id, role, content, created_at, system, personality, system_mark, user_id = row
    if cipher_of(db) is not None:
        content = opened(db, "nodes.content", content, id_)
        system = opened(db, "systems.content", system, system_mark)
        personality = unmarked(db, "personality", personality, user_id)
    text = Message(from_json(content)).spoken
    said_under = None if system is None else from_json(system)
    return FeedNode(id_, parent_id, role, text, created_at, said_under, personality)


def active(db: sqlite3.Connection, user_id: UserId, tree_id: TreeId, key_id: str, hint: str | None) -> Active | None:
    """Where a user was last, through one key and one chat."""
    sql = "SELECT node_id, tree_id, at FROM active WHERE user_id = ? AND tree_id = ? AND key_id = ? AND hint = ?"
    row = db.execute(sql, (user_id, tree_id, key_id, marked(db, "chat", plain(hint) or "", user_id))).fetchone()
    return Active(*row) if row else None


def earlier(
    db: sqlite3.Connection, user_id: UserId, request_hash: Hash, idempotency_key: str | None
) -> tuple[Call, list[Node]] | None:
    """The newest call with the same idempotency key, or, without a key, with the same body; if it is finished and has replies.

    A key that was never seen is a new request although its body is known: that is what the client says with it. Where the newest
    call failed, or was cut, or is still open elsewhere, an answer before it is not the one that the client waits for. Deleted
    answers do not count.

    Raises InvalidRequest when the key came with another body before: the old answer would be wrong, a new one unexpected.
    """
    column, value = "request_hash", request_hash
    if idempotency_key is not None:
        column, value = "idempotency_key", marked(db, "idempotency", idempotency_key, user_id)
    sql = f"""
        SELECT status = 'done', request_hash, {CALL} FROM calls
        WHERE user_id = ? AND {column} = ? AND (status <> 'done' OR reply_id IS NOT NULL)
        ORDER BY rowid DESC LIMIT 1
    """
    is_whole, *row = db.execute(sql, (user_id, value)).fetchone() or (False,)
    if not is_whole:
        return None
    if row[0] != request_hash:
        raise InvalidRequest(
            f"The idempotency key {idempotency_key!r} came with another body before. Use a new key for a new request.",
            param="Idempotency-Key",
            code="idempotency_key_reused",
        )
    call = to_call(db, tuple(row[1:]))
    sql = f"SELECT {NODE} FROM {NODE_FROM} WHERE e.parent_id = ? AND e.tree_id = ? AND n.call_id = ? ORDER BY n.seq"
    replies = [to_node(db, row) for row in db.execute(sql, (call.turn_id, call.tree_id, call.id))]
    return (call, replies) if replies else None


def call(db: sqlite3.Connection, user_id: UserId, call_id: str) -> Call:
    """Raises NotFound, also for a call whose turn was deleted."""
    sql = f"SELECT {CALL} FROM calls WHERE user_id = ? AND id = ? AND turn_id IS NOT NULL"
    row = db.execute(sql, (user_id, call_id)).fetchone()
    if row is None:
        raise NotFound(f"The call {call_id!r} does not exist here.")
    return to_call(db, row)


def decision(db: sqlite3.Connection, user_id: UserId, node_id: NodeId, shadow: bool = False) -> Decision | None:
    """The newest decision about the turn that a node belongs to: its first message, its last, or a reply to it."""
    sql = f"""
        WITH concerned (id) AS (
            SELECT id FROM decisions WHERE node_id = :node
            UNION SELECT d.id FROM calls c JOIN decisions d ON d.call_id = c.id WHERE c.turn_id = :node
            UNION SELECT d.id FROM nodes n JOIN decisions d ON d.call_id = n.call_id WHERE n.id = :node
        )
        SELECT {DECISION} FROM concerned JOIN decisions d ON d.id = concerned.id
        WHERE d.user_id = :user AND d.shadow = :shadow ORDER BY d.id DESC LIMIT 1
    """
    row = db.execute(sql, {"node": node_id, "user": user_id, "shadow": int(shadow)}).fetchone()
    return to_decision(db, row) if row else None


def corrections(db: sqlite3.Connection, user_id: UserId) -> list[Correction]:
    """The user's corrections, oldest first."""
    sql = """
        SELECT tree_id, node_id, decision_id, from_parent, to_parent, at, source
        FROM corrections WHERE user_id = ? ORDER BY id
    """
    return [Correction(*row) for row in db.execute(sql, (user_id,))]


def no_node(node_id: NodeId) -> NotFound:
    return NotFound(f"The node {node_id!r} does not exist here.")
