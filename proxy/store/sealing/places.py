"""Every column of every table: sealed, a mark, or readable. The README says why; a test refuses a column that stands in none.

Readable are ids that Graft makes, keyed hashes, times, counts, fixed words (a role, a state, a route), names of models and of users, and
the digests of API keys: nothing in which anybody's words could stand.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

Form = Literal["text", "json", "bytes"]


@dataclass(frozen=True, slots=True)
class Table:
    """What is sealed in one table."""

    key: tuple[str, ...]
    """The columns by which its rows are walked through."""
    row: tuple[str, ...]
    """The columns that a sealed value is bound to."""
    sealed: Mapping[str, Form] = field(default_factory=dict)
    marks: Mapping[str, str] = field(default_factory=dict)
    """Columns, and what kind of name stands in them: the same kind has the same marks in every table."""
    readable: tuple[str, ...] = ()
    """All other columns of text."""


_OWNED: Final = ("user_id", "tree_id")

TABLES: Final[Mapping[str, Table]] = {
    "users": Table(("id",), ("id",), {"secret": "bytes"}, {}, ("id", "marked_with")),
    "keys": Table(
        ("id",), ("id",), {"label": "text"}, {}, ("id", "user_id", "kind", "digest", "prefix", "policy")
    ),
    "trees": Table(
        ("id",),
        ("id",),
        {"title": "text", "system_prompt": "text", "metadata": "json", "participants": "json", "scratchpad": "text"},
        {"name": "tree", "personality": "personality"},
        ("id", "user_id"),
    ),
    "systems": Table(("id",), ("hash",), {"content": "json"}, {}, ("user_id", "hash")),
    "nodes": Table(
        ("seq",),
        ("id",),
        {"content": "json", "sender": "text", "conversation": "text", "metadata": "json"},
        {"personality": "personality"},
        ("id", *_OWNED, "role", "exact", "folded", "state", "call_id"),
    ),
    "edges": Table(("node_id",), (), {}, {}, ("node_id", "tree_id", "parent_id", "exact")),
    "edge_log": Table(("id",), (), {}, {}, ("node_id", "from_parent", "to_parent", "why", "who")),
    "tombstones": Table(("id",), (), {}, {}, (*_OWNED, "exact", "folded")),
    "transcripts": Table(
        ("id",),
        (),
        {},
        {"conversation": "chat"},
        (*_OWNED, "chain", "prev", "folded", "before", "assistants", "role", "meaning", "node_id"),
    ),
    "calls": Table(
        ("id",),
        ("id",),
        {
            "kept": "json",
            "partial": "json",
            "usage": "json",
            "envelope": "json",
            "receipt": "json",
            "metadata": "json",
            "error": "text",
        },
        {"idempotency_key": "idempotency"},
        ("id", *_OWNED, "turn_id", "reply_id", "status", "model", "policy", "request_hash", "compacted_from",
         "finish_reason", "completion_id"),
    ),
    "sent": Table(("call_id",), ("call_id",), {"body": "bytes"}, {}, ("call_id", "user_id")),
    "decisions": Table(
        ("id",),
        ("call_id", "shadow"),
        {"reason": "text", "candidates": "json"},
        {},
        (*_OWNED, "node_id", "call_id", "parent_id", "route", "scorer"),
    ),
    "corrections": Table(("id",), (), {}, {}, (*_OWNED, "node_id", "from_parent", "to_parent", "source")),
    "zones": Table(
        ("user_id", "tree_id", "node_id", "name"),
        ("user_id", "tree_id", "node_id", "name"),
        {"text": "text"},
        {},
        (*_OWNED, "node_id", "name"),
    ),
    "active": Table(
        ("user_id", "tree_id", "key_id", "hint"), (), {}, {"hint": "chat"}, (*_OWNED, "key_id", "node_id")
    ),
    "searched": Table(("tree_id",), (), {}, {}, ("tree_id",)),
    "asides": Table(("user_id", "name"), (), {}, {"name": "aside"}, ("user_id",)),
    "client_messages": Table(
        ("user_id", "chat", "message_id"),
        (),
        {},
        {"chat": "chat", "message_id": "message"},
        ("user_id", "node_id"),
    ),
    "waypoints": Table(("user_id", "chain"), (), {}, {"hint": "chat"}, (*_OWNED, "chain", "node_id", "key_id")),
    "personalities": Table(
        ("user_id", "name"),
        ("user_id", "name"),
        {"system_prompt": "text", "zone": "text", "metadata": "json"},
        {"name": "personality"},
        ("user_id",),
    ),
    "blobs": Table(
        ("user_id", "hash"), ("user_id", "hash"), {"bytes": "bytes"}, {}, ("user_id", "hash", "media_type")
    ),
    "artefacts": Table(
        ("id",), ("id",), {"type": "text", "tags": "json"}, {"title": "artefact"}, ("id", *_OWNED)
    ),
    "artefact_versions": Table(
        ("artefact_id", "version"),
        ("artefact_id", "version"),
        {"note": "text"},
        {},
        ("artefact_id", "user_id", "hash"),
    ),
    "memories": Table(
        ("id",),
        ("id",),
        {"title": "text", "problem": "text", "solution": "text", "facts": "json", "content": "text"},
        {"personality": "personality"},
        ("id", *_OWNED, "method", "model"),
    ),
    "memory_nodes": Table(("memory_id", "position"), (), {}, {}, ("memory_id", "node_id")),
    "loads": Table(
        ("user_id", "tree_id", "node_id", "kind", "ref"), (), {}, {}, (*_OWNED, "node_id", "kind", "ref")
    ),
    "summaries": Table(
        ("id",), ("id",), {"text": "json"}, {}, ("id", *_OWNED, "node_id", "previous_id", "kind", "model")
    ),
    "cuts": Table(("node_id", "budget_tokens"), (), {}, {}, ("node_id", *_OWNED, "start_id")),
    "images": Table(
        ("id",), ("id",), {"url": "text"}, {}, ("id", *_OWNED, "node_id", "hash", "media_type")
    ),
    "images_off": Table(("user_id", "tree_id", "node_id", "number"), (), {}, {}, (*_OWNED, "node_id")),
    "vectors": Table(("node_id",), ("node_id",), {"body": "bytes"}, {}, ("node_id", "user_id", "embedder")),
    "turn_pieces": Table(("node_id",), ("node_id",), {"pieces": "json"}, {}, ("node_id", "user_id")),
    "spending": Table(("day", "key_id"), (), {}, {}, ("day", "key_id")),
    "departures": Table(("seq",), (), {}, {}, ("kind", "what")),
    "guarded": Table(("at",), (), {}, {}, ()),
    "storage_keys": Table(("id",), ("id",), {"proof": "text"}, {}, ("id",)),
}  # fmt: skip
"""Without the tables of the search index, which is empty where a database is encrypted."""
