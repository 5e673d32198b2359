"""Rows and values: the one place where columns become the domain's words and turn back."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from proxy.domain.message import Message, Wire
from proxy.domain.placement import Attachment, Candidate, Feature
from proxy.domain.transcript import Seen
from proxy.domain.tree import NOTHING_NOTED, Node, Tree, UserId
from proxy.domain.turn import Call, Limits
from proxy.store.records import Decision, Key
from proxy.store.sealing.values import cipher_of, opened, unmarked

Row = tuple[Any, ...]

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode


def to_json(value: object) -> str:
    """JSON that reads back as the same value, its keys in their order."""
    try:
        return _encode(value).decode()
    except (UnicodeEncodeError, OverflowError):
        # Half an emoji, cut by a client, and very long integers are JSON to Python and not to msgspec.
        return json.dumps(value, separators=(",", ":"))


def from_json(text: str) -> Any:
    try:
        return _decode(text)
    except msgspec.DecodeError:
        return json.loads(text)


def plain(text: str | None) -> str | None:
    """A label in a form that the database takes: half an emoji becomes a question mark."""
    return text if text is None or _has_utf8(text) else text.encode("utf-8", "replace").decode()


def _has_utf8(text: str) -> bool:
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


TREE: Final = (
    "id, user_id, name, title, system_prompt, created_at, updated_at, max_context_tokens, metadata, personality, "
    "participants"
)


def to_tree(db: sqlite3.Connection, row: Row) -> Tree:
    (
        id_,
        user_id,
        name,
        title,
        system_prompt,
        created_at,
        updated_at,
        max_context_tokens,
        metadata,
        personality,
        participants,
    ) = row
    if cipher_of(db) is not None:
        name = unmarked(db, "tree", name, user_id)
        title = opened(db, "trees.title", title, id_)
        system_prompt = opened(db, "trees.system_prompt", system_prompt, id_)
        metadata = opened(db, "trees.metadata", metadata, id_)
        participants = opened(db, "trees.participants", participants, id_)
        personality = unmarked(db, "personality", personality, user_id)
    return Tree(
        id_,
        user_id,
        name,
        title,
        system_prompt,
        created_at,
        updated_at,
        max_context_tokens,
        {} if metadata == "{}" else from_json(metadata),
        personality,
        {} if participants == "{}" else from_json(participants),
    )


NODE: Final = (
    "n.id, n.tree_id, e.parent_id, n.content, n.state, n.created_at, n.seq, n.sender, n.conversation, s.content, "
    "n.call_id, n.tokens, n.metadata, n.personality, s.hash, n.user_id"
)
"""From `nodes n JOIN edges e LEFT JOIN systems s`."""
NODE_FROM: Final = "nodes n JOIN edges e ON e.node_id = n.id LEFT JOIN systems s ON s.id = n.system_id"


def to_node(db: sqlite3.Connection, row: Row) -> Node:
    (
        id_,
        tree_id,
        parent_id,
        content,
        state,
        created_at,
        seq,
        sender,
        conversation,
        system,
        call_id,
        tokens,
        metadata,
        personality,
        system_mark,
        user_id,
    ) = row
    if cipher_of(db) is not None:
        content = opened(db, "nodes.content", content, id_)
        sender = opened(db, "nodes.sender", sender, id_)
        conversation = opened(db, "nodes.conversation", conversation, id_)
        system = opened(db, "systems.content", system, system_mark)
        metadata = opened(db, "nodes.metadata", metadata, id_)
        personality = unmarked(db, "personality", personality, user_id)
    return Node(
        id_,
        tree_id,
        parent_id,
        Message(from_json(content)),
        state,
        created_at,
        seq,
        sender,
        conversation,
        None if system is None else from_json(system),
        call_id,
        tokens,
        NOTHING_NOTED if metadata == "{}" else from_json(metadata),
        personality,
    )


SEEN: Final = "chain, prev, folded, assistants, role, meaning, node_id, tree_id, conversation"


def to_seen(db: sqlite3.Connection, row: Row, user_id: UserId) -> Seen:
    return seen_again(db, Seen._make(row), user_id)


def seen_again(db: sqlite3.Connection, seen: Seen, user_id: UserId) -> Seen:
    """A row with its chat's own id, which is stored as a mark."""
    if cipher_of(db) is None:
        return seen
    return seen._replace(conversation=unmarked(db, "chat", seen.conversation, user_id))


CALL: Final = "id, tree_id, turn_id, reply_id, status, model, started_at, finish_reason, usage, envelope, receipt"


def to_call(db: sqlite3.Connection, row: Row) -> Call:
    id_, tree_id, turn_id, reply_id, status, model, started_at, finish_reason, usage, envelope, receipt = row
    if cipher_of(db) is not None:
        usage = opened(db, "calls.usage", usage, id_)
        envelope = opened(db, "calls.envelope", envelope, id_)
        receipt = opened(db, "calls.receipt", receipt, id_)
    return Call(
        id_,
        tree_id,
        turn_id,
        reply_id,
        status,
        model,
        started_at,
        finish_reason,
        None if usage is None else from_json(usage),
        from_json(envelope),
        from_json(receipt),
    )


KEY: Final = (
    "id, user_id, kind, prefix, label, policy, created_at, revoked_at, last_used_at, honours_store, "
    "requests_per_minute, tokens_per_day, at_once"
)


def to_key(db: sqlite3.Connection, row: Row) -> Key:
    id_, user_id, kind, prefix, label, policy, created_at, revoked_at, last_used_at, honours_store, *most = row
    return Key(
        id_,
        user_id,
        kind,
        prefix,
        opened(db, "keys.label", label, id_),
        policy,
        created_at,
        revoked_at,
        last_used_at,
        bool(honours_store),
        Limits(*most),
    )


DECISION: Final = (
    "d.id, d.node_id, d.call_id, d.shadow, d.at, d.parent_id, d.route, d.reason, d.confidence, d.scorer, d.candidates, "
    "d.calls, d.prompt_tokens, d.completion_tokens, d.spent_ms, d.degraded, d.unsure"
)


def to_decision(db: sqlite3.Connection, row: Row) -> Decision:
    id_, node_id, call_id, shadow, at, parent_id, route, reason, confidence, scorer, candidates, *cost = row
    calls, prompt_tokens, completion_tokens, spent_ms, degraded, unsure = cost
    if cipher_of(db) is not None:
        reason = opened(db, "decisions.reason", reason, (call_id, str(shadow)))
        candidates = opened(db, "decisions.candidates", candidates, (call_id, str(shadow)))
    weighed = from_json(candidates)
    if isinstance(weighed, list):  # as they were kept without features
        weighed = {"candidates": weighed, "features": []}
    attachment = Attachment(
        parent_id=parent_id,
        route=route,
        reason=reason,
        confidence=confidence,
        scorer=scorer,
        candidates=tuple(Candidate(**candidate) for candidate in weighed["candidates"]),
        calls=calls,
        prompt_tokens=prompt_tokens,
        completion_tokens=completion_tokens,
        spent_ms=spent_ms,
        degraded=bool(degraded),
        unsure=bool(unsure),
        features=tuple(Feature(*feature) for feature in weighed["features"]),
    )
    return Decision(id_, node_id, call_id, bool(shadow), attachment, at)


def candidates_json(attachment: Attachment) -> str:
    """The candidates of a decision, and what weighed in it."""
    candidates = [
        {"parent_id": one.parent_id, "route": one.route, "score": one.score, "reason": one.reason}
        for one in attachment.candidates
    ]
    features = [[one.name, one.value, one.weight] for one in attachment.features]
    return to_json({"candidates": candidates, "features": features} if features else candidates)


def partial_json(replies: Sequence[Node]) -> str:
    """A reply so far, so that it can be stored without whoever was writing it."""
    return to_json(
        [
            {
                "id": node.id,
                "message": node.message.wire,
                "created_at": node.created_at,
                "sender": node.sender,
                "conversation": node.conversation,
                "metadata": node.metadata,
            }
            for node in replies
        ]
    )


def json_or_null(wire: Wire | None) -> str | None:
    return None if wire is None else to_json(wire)
