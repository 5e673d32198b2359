"""Transcripts: what a client saw, message by message, and which node each message is.

A row is one message as the client sees it at the end of a chat of its own. Rows hang together by `prev`, which follows the
client's chat, not the tree: so the cursor is found although a turn was placed elsewhere than the client's linear chat suggests.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

from proxy.domain.fingerprint import Hash, Link
from proxy.domain.message import Role
from proxy.domain.tree import NodeId, TreeId
from proxy.domain.values import value

Meaning = Literal["node", "aside", "command", "deleted"]
"""`node`: stored. `aside`: forwarded again, never stored. `command`: skipped. `deleted`: must not come back."""


class Seen(NamedTuple):
    """One message of a client's chat. A named tuple, since hundreds of them are read for a request."""

    chain: Hash
    prev: Hash
    """The row before it in the client's chat; `NOTHING` at its start."""
    folded: Hash
    assistants: Hash | None
    role: Role
    meaning: Meaning
    node_id: NodeId | None
    tree_id: TreeId | None
    conversation: str
    """The client's chat: its own id where it sends one, else one that Graft made."""


@value(frozen=True, slots=True)
class Strand:
    """A client's chat up to a message that is about to be answered."""

    link: Link
    """The last message of the chat so far."""
    prev: Hash
    """The row that the answer follows."""
    assistants: Hash
    """The assistant chain before the answer."""
    conversation: str


@value(frozen=True, slots=True)
class Sighting:
    """What the store knows of a re-sent history."""

    anchor: int
    """Index of the last recognised message in the list that was looked up; -1 when nothing was recognised."""
    found_by: Literal["ids", "chain", "assistants", "tail", "none"]
    lineage: tuple[Seen, ...] = ()
    """The client's chat up to the anchor, oldest first."""
    continued: Seen | None = None
    """What the same chat said next last time: present when the client edits an earlier turn."""


@dataclass(frozen=True, slots=True)
class Waypoint:
    """Where a command sends the turn that comes after it."""

    tree_id: TreeId
    node_id: NodeId | None
    """`None` is the root: a new topic."""
