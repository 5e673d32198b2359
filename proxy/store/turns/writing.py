"""The transactions of a turn: history adopted, a turn opened, its reply kept on the way, the turn closed.

Each function here is one transaction; `committing.Writer` runs it whole.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence

from proxy.domain import fingerprint
from proxy.domain.fingerprint import NOTHING, Hash
from proxy.domain.message import Message
from proxy.domain.placement import Attachment
from proxy.domain.ports import Adoption, CloseTurn, Opened, OpenTurn
from proxy.domain.transcript import Seen
from proxy.domain.tree import CallId, Node, NodeId, TreeId, UserId
from proxy.errors import NotFound, Overtaken, StoreError
from proxy.store.browse.labelling import supersede
from proxy.store.clock import now
from proxy.store.reading import no_node
from proxy.store.rows import candidates_json, from_json, json_or_null, partial_json, plain, to_json
from proxy.store.sealing.values import marked, opened, sealed
from proxy.store.turns import again, sent
from proxy.store.turns.planting import ANSWERED, Planting

KILLED = "The server stopped before the answer was complete."
DELETED = "The turn was deleted before it was answered."

FOLDED = f"coalesce((SELECT folded FROM transcripts WHERE user_id = ?1 AND chain = ?3 LIMIT 1), '{NOTHING}')"
"""The last message of a chain; a chain hash names one message, so any of its rows will do."""
REMEMBER = (
    "INSERT INTO transcripts (user_id, chain, prev, folded, before, assistants, role, meaning, node_id, tree_id,"
    f" conversation, at) VALUES (?1, ?2, ?3, ?4, {FOLDED}, ?5, ?6, ?7, ?8, ?9, ?10, ?11)"
    " ON CONFLICT (user_id, chain, coalesce(node_id, meaning)) DO UPDATE SET at = excluded.at"
)
LEFT_OPEN = "SELECT id, user_id, tree_id, turn_id, partial FROM calls WHERE status = 'open' AND (:place IS NULL OR place = :place)"


def adopt(db: sqlite3.Connection, adoption: Adoption) -> Mapping[NodeId, NodeId]:
    """Store history; see `ports.TreeStore.adopt`. Raises NotFound."""
    under = adoption.nodes[0].parent_id if adoption.nodes else None
    planting = Planting.begin(db, adoption.user_id, adoption.tree_id, under)
    planting.recall_or_plant(adoption.nodes, adoption.exacts, _folds(adoption.seen), whole=True)
    remember(db, adoption.user_id, adoption.seen, planting.known)
    return planting.known


def append(db: sqlite3.Connection, user_id: UserId, tree_id: TreeId, nodes: Sequence[Node]) -> None:
    """Add nodes as they are, parents first, none recalled: for imports and the tree API. Raises NotFound."""
    planting = Planting.begin(db, user_id, tree_id)
    for node in nodes:
        planting.plant(node, fingerprint.exact(node.message, planting.secret), node.parent_id, node.state)
    db.execute("UPDATE trees SET updated_at = ? WHERE id = ?", (now(), tree_id))


def open_turn(db: sqlite3.Connection, turn: OpenTurn, place: int | None = None) -> Opened:
    """Store a turn before the upstream is asked; see `ports.OpenTurn`. `place` is that of the server that answers it.

    Raises NotFound, Overtaken.
    """
    if turn.after is not None and again.newest(db, turn.user_id, turn.request_hash, turn.idempotency_key) > turn.after:
        raise Overtaken
    planting = Planting.begin(db, turn.user_id, turn.tree_id, turn.nodes[0].parent_id if turn.nodes else turn.turn_id)
    planting.recall_or_plant(turn.nodes, turn.exacts, _folds(turn.seen), whole=False)
    turn_id = planting.known.get(turn.turn_id, turn.turn_id)
    if not turn.nodes and not planting.has(turn_id):
        raise no_node(turn_id)
    remember(db, turn.user_id, turn.seen, planting.known)
    db.execute(
        "INSERT INTO calls (id, user_id, tree_id, turn_id, status, model, policy, request_hash, idempotency_key, kept,"
        " compacted_from, metadata, started_at, place) VALUES (?, ?, ?, ?, 'open', ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            turn.call_id,
            turn.user_id,
            turn.tree_id,
            turn_id,
            turn.model,
            turn.policy,
            turn.request_hash,
            marked(db, "idempotency", plain(turn.idempotency_key), turn.user_id),
            sealed(db, "calls.kept", to_json(turn.kept), turn.call_id) if turn.kept else "[]",
            turn.compacted_from,
            sealed(db, "calls.metadata", to_json(turn.metadata), turn.call_id) if turn.metadata else "{}",
            now(),
            place,
        ),
    )
    if turn.decision is not None:
        first = planting.known.get(turn.nodes[0].id, turn.nodes[0].id) if turn.nodes else turn_id
        decide(db, turn.user_id, turn.tree_id, first, turn.call_id, turn.decision, shadow=False)
    return Opened(turn_id, planting.known)


def checkpoint(db: sqlite3.Connection, call_id: CallId, replies: Sequence[Node]) -> None:
    """Keep a reply so far; nothing happens when its call has ended."""
    partial = sealed(db, "calls.partial", partial_json(replies), call_id)
    db.execute("UPDATE calls SET partial = ? WHERE id = ? AND status = 'open'", (partial, call_id))


def close_turn(db: sqlite3.Connection, turn: CloseTurn) -> None:
    """Store a reply and its call's outcome; see `ports.CloseTurn`.

    A turn that was deleted meanwhile takes its reply with it: what a client saw of it stays known as deleted.

    Raises NotFound, and StoreError when the call was closed before.
    """
    row = db.execute(ANSWERED, (turn.turn_id, turn.call_id, turn.user_id, turn.tree_id)).fetchone()
    if row is None:
        raise NotFound(f"The call {turn.call_id!r} does not exist here.")
    status, stored_turn, last_visible, there, *shown = row
    if status != "open":
        raise StoreError(f"The call {turn.call_id!r} was closed before, as {status!r}.")
    replies = turn.replies if stored_turn is not None else ()
    if replies:
        if there is None:
            raise no_node(turn.turn_id)
        planting = Planting.answering(
            db, turn.user_id, turn.tree_id, there, last_visible, (shown[0], shown[1], shown[2])
        )
        folds = _folds(turn.seen)
        for node, exact in zip(replies, turn.exacts, strict=True):
            planting.plant(node, exact, turn.turn_id, node.state, folds.get(node.id))
        if turn.status == "done":
            supersede(db, turn.user_id, turn.supersedes, replies[0].id)
    remember(db, turn.user_id, turn.seen, {}, deleted=stored_turn is None)
    if turn.sent is not None and stored_turn is not None:
        sent.keep(db, turn.user_id, turn.call_id, turn.sent)
    _end_call(db, turn, replies, DELETED if stored_turn is None else turn.error)
    if replies and turn.active_key is not None:
        point(db, turn.user_id, turn.tree_id, turn.active_key, turn.hint, replies[0].id)
    db.execute("UPDATE trees SET updated_at = ? WHERE id = ?", (now(), turn.tree_id))


def recover(db: sqlite3.Connection, place: int | None = None) -> int:
    """End the calls that an earlier process left open, those of one place or all; returns how many.

    What was kept of a reply becomes an interrupted one; a call without any becomes `failed`, its turn stays unanswered.
    """
    left = db.execute(LEFT_OPEN, {"place": place}).fetchall()
    for call_id, user_id, tree_id, turn_id, partial in left:
        so_far = opened(db, "calls.partial", partial, call_id)
        replies = from_json(so_far) if so_far is not None and turn_id is not None else []
        if replies:
            planting = Planting.begin(db, user_id, tree_id)
            for kept in replies:
                message = Message(kept.pop("message"))
                node = Node(
                    tree_id=tree_id, parent_id=turn_id, message=message, state="interrupted", call_id=call_id, **kept
                )
                planting.plant(node, fingerprint.exact(message, planting.secret), turn_id, node.state)
        db.execute(
            "UPDATE calls SET status = ?, reply_id = ?, partial = NULL, error = ? WHERE id = ?",
            (
                "interrupted" if replies else "failed",
                replies[0]["id"] if replies else None,
                sealed(db, "calls.error", KILLED, call_id),
                call_id,
            ),
        )
    return len(left)


def remember(
    db: sqlite3.Connection,
    user_id: UserId,
    seen: Sequence[Seen],
    known: Mapping[NodeId, NodeId],
    *,
    deleted: bool = False,
) -> None:
    """Add transcript rows; a row that is there already becomes the newest among its equals."""
    at = now()
    for row in seen:
        node_id = None if row.node_id is None or deleted else known.get(row.node_id, row.node_id)
        meaning = "deleted" if deleted else row.meaning
        db.execute(
            REMEMBER,
            (
                user_id,
                row.chain,
                row.prev,
                row.folded,
                row.assistants,
                row.role,
                meaning,
                node_id,
                None if deleted else row.tree_id,
                marked(db, "chat", plain(row.conversation), user_id),
                at,
            ),
        )


def decide(
    db: sqlite3.Connection,
    user_id: UserId,
    tree_id: TreeId,
    node_id: NodeId,
    call_id: CallId,
    attachment: Attachment,
    *,
    shadow: bool,
) -> None:
    """Log a decision; under `shadow`, one that was not acted on."""
    row = (call_id, str(int(shadow)))
    db.execute(
        "INSERT INTO decisions (user_id, tree_id, node_id, call_id, shadow, parent_id, route, reason, confidence, scorer,"
        " calls, prompt_tokens, completion_tokens, spent_ms, degraded, unsure, candidates, at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            user_id,
            tree_id,
            node_id,
            call_id,
            int(shadow),
            attachment.parent_id,
            attachment.route,
            sealed(db, "decisions.reason", plain(attachment.reason), row),
            attachment.confidence,
            attachment.scorer,
            attachment.calls,
            attachment.prompt_tokens,
            attachment.completion_tokens,
            attachment.spent_ms,
            int(attachment.degraded),
            int(attachment.unsure),
            sealed(db, "decisions.candidates", candidates_json(attachment), row),
            now(),
        ),
    )


def note_shadow(
    db: sqlite3.Connection,
    user_id: UserId,
    tree_id: TreeId,
    turn_id: NodeId,
    call_id: CallId,
    attachment: Attachment,
) -> None:
    """Log what the router would have done; forgotten when the turn was deleted meanwhile."""
    sql = "SELECT 1 FROM calls WHERE id = ? AND user_id = ? AND tree_id = ? AND turn_id = ?"
    if db.execute(sql, (call_id, user_id, tree_id, turn_id)).fetchone():
        decide(db, user_id, tree_id, turn_id, call_id, attachment, shadow=True)


def point(
    db: sqlite3.Connection, user_id: UserId, tree_id: TreeId, key_id: str, hint: str | None, node_id: NodeId
) -> None:
    """Make a node the user's active one, through one key and one chat."""
    db.execute(
        "INSERT INTO active (user_id, tree_id, key_id, hint, node_id, at) VALUES (?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (user_id, tree_id, key_id, hint) DO UPDATE SET node_id = excluded.node_id, at = excluded.at",
        (user_id, tree_id, key_id, marked(db, "chat", plain(hint) or "", user_id), node_id, now()),
    )


def count_tokens(db: sqlite3.Connection, counts: Mapping[NodeId, int]) -> None:
    """Keep token counts beside their nodes."""
    db.executemany(
        "UPDATE nodes SET tokens = ? WHERE id = ?", [(tokens, node_id) for node_id, tokens in counts.items()]
    )


def _folds(seen: Sequence[Seen]) -> dict[NodeId, Hash]:
    """Folded hashes of nodes, as their transcript rows have them."""
    return {row.node_id: row.folded for row in seen if row.node_id is not None}


def _end_call(db: sqlite3.Connection, turn: CloseTurn, replies: Sequence[Node], error: str | None) -> None:
    db.execute(
        "UPDATE calls SET status = ?, reply_id = ?, partial = NULL, finish_reason = ?, usage = ?, envelope = ?, receipt = ?,"
        " error = ?, duration_ms = ?, completion_id = ? WHERE id = ?",
        (
            turn.status,
            replies[0].id if replies else None,
            turn.finish_reason,
            sealed(db, "calls.usage", json_or_null(turn.usage), turn.call_id),
            sealed(db, "calls.envelope", to_json(turn.envelope), turn.call_id),
            sealed(db, "calls.receipt", to_json(turn.receipt), turn.call_id),
            sealed(db, "calls.error", plain(error), turn.call_id),
            turn.duration_ms,
            plain(str(turn.envelope.get("id") or turn.call_id)) if turn.status == "done" and replies else None,
            turn.call_id,
        ),
    )
