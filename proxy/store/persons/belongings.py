"""Which rows of which table belong to a user: what is deleted with them, and what they are given.

Every table stands here, or in `NOBODYS` with a reason; a test walks the schema and fails for a table or column that nobody thought of.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

OWN: Final = "user_id = :user"
"""Tables that have no index by user are reached by way of one that has: another user's rows are not looked at."""
_OF_TREES: Final = "tree_id IN (SELECT id FROM trees WHERE user_id = :user)"
_OF_NODES: Final = "node_id IN (SELECT n.id FROM trees t JOIN nodes n ON n.tree_id = t.id WHERE t.user_id = :user)"
_OF_CALLS: Final = "call_id IN (SELECT id FROM calls WHERE user_id = :user)"
LOCAL_KEY: Final = "local"
"""Stands for a key in `spending` where a server has none; it is that of the user of the same name."""


@dataclass(frozen=True, slots=True)
class Belonging:
    """One table's rows of a user."""

    table: str
    whose: str = OWN
    """A condition with `:user` in it."""
    withheld: Mapping[str, str] = field(default_factory=dict)
    """Columns that the user is not given, each with the reason."""
    why_not: str | None = None
    """Why the user is given none of it; `None` where it is given."""


_MARK: Final = "a keyed fingerprint of what stands in clear beside it; it says nothing without the key"
_KEYED: Final = {"exact": _MARK, "folded": _MARK}

BELONGINGS: Final[tuple[Belonging, ...]] = (
    # Those that refer to others come first: in this order they are deleted.
    Belonging(
        "search", f"rowid IN (SELECT seq FROM nodes WHERE {_OF_TREES})", why_not="the words of `nodes`, once more"
    ),
    Belonging("searched", _OF_TREES, why_not="how far `search` is filled"),
    Belonging(
        "departures",
        f"what = :user AND kind = 'user' OR kind = 'tree' AND {_OF_TREES.replace('tree_id', 'what')}",
        why_not="ids of what was deleted a moment ago, for other processes",
    ),
    Belonging("active"),
    Belonging("waypoints", withheld={"chain": _MARK}),
    Belonging("client_messages"),
    Belonging("turn_pieces", _OF_NODES),
    Belonging("summaries"),
    Belonging("cuts"),
    Belonging("vectors", _OF_NODES, why_not="numbers computed from `nodes`, for the router alone"),
    Belonging("images_off"),
    Belonging("images"),
    Belonging("loads"),
    Belonging("memory_nodes", "memory_id IN (SELECT id FROM memories WHERE user_id = :user)"),
    Belonging("memories"),
    Belonging("artefact_versions"),
    Belonging("artefacts"),
    Belonging("blobs"),
    Belonging("zones"),
    Belonging("personalities"),
    Belonging("asides"),
    Belonging("corrections"),
    Belonging("decisions", _OF_CALLS),
    Belonging("sent", _OF_CALLS),
    Belonging("transcripts", why_not="keyed fingerprints of what each client saw; the words are in `nodes`"),
    Belonging("tombstones", why_not="keyed fingerprints of what was deleted; the words are gone"),
    Belonging("edge_log", _OF_NODES),
    Belonging("edges", _OF_NODES, {"exact": _MARK}),
    Belonging("nodes", _OF_TREES, _KEYED),
    Belonging("calls", withheld={"request_hash": _MARK, "place": "which process answers it"}),
    Belonging("systems", withheld={"hash": _MARK}),
    Belonging("trees"),
    Belonging(
        "spending",
        f"(key_id IN (SELECT id FROM keys WHERE {OWN}) OR key_id = '{LOCAL_KEY}' AND :user = '{LOCAL_KEY}')",
    ),
    Belonging("keys", withheld={"digest": "what the key is known by; the key itself is stored nowhere"}),
    Belonging(
        "users",
        "id = :user",
        {
            "secret": "keys all fingerprints of the user's texts",
            "marked_with": "which storage key makes the user's marks",
        },
    ),
)

NOBODYS: Final[Mapping[str, str]] = {
    "storage_keys": "which keys the operator has sealed the database with",
    "guarded": "says that keys were given out, and nothing else",
    "search_config": "a part of `search`",
    "search_content": "a part of `search`",
    "search_data": "a part of `search`",
    "search_docsize": "a part of `search`",
    "search_idx": "a part of `search`",
}
"""Tables without anything of a user of their own, each with the reason."""
