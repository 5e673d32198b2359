"""Trees and nodes: who answers whom.

A tree is one root and all nodes below it. The root is no node: a node whose parent is `None` hangs from the root. A node is
one stored message, never changed after it is written; the edge to its parent is apart from it and can be moved.
"""

from __future__ import annotations

import os
import string
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal, NamedTuple, NewType

from proxy.domain.message import Message, Role
from proxy.operations.chance import Letters

UserId = NewType("UserId", str)
TreeId = NewType("TreeId", str)
NodeId = NewType("NodeId", str)
CallId = NewType("CallId", str)

ROOT = "root"
"""How the root is written where an id is expected: in headers, in bodies, in the terminal."""

DEFAULT_TREE = "main"
"""The name of the tree that a user's turns grow in unless the client names another."""

State = Literal["whole", "unanswered", "interrupted"]
"""`unanswered`: a user's message whose call failed or has not ended. `interrupted`: a reply that was cut off."""

_ALPHABET = (string.digits + string.ascii_uppercase + string.ascii_lowercase).encode()
"""In the order of their codes, so that ids come in the order of their times."""
_LETTER_OF_BYTE = bytes(_ALPHABET[byte % len(_ALPHABET)] for byte in range(256))
_TICKS_A_SECOND = 16
_TIME_LETTERS, _CHANCE_LETTERS = 6, 16
_chance = Letters(_CHANCE_LETTERS, lambda count: os.urandom(count).translate(_LETTER_OF_BYTE).decode())


def new_id(prefix: str) -> str:
    """An unguessable id such as `n_0kTz...`: 22 letters and digits, of which the first six tell the time, the others 90 bits of chance.

    What is made at the same time so stands together in every index of ids, and a commit touches few pages of it. (The time lasts until
    2082; then it begins anew.)
    """
    return f"{prefix}_{_time(int(time.time() * _TICKS_A_SECOND))}{_chance.take()}"


@lru_cache(1)
def _time(tick: int) -> str:
    letters = ""
    for _ in range(_TIME_LETTERS):
        tick, letter = divmod(tick, len(_ALPHABET))
        letters = chr(_ALPHABET[letter]) + letters
    return letters


@dataclass(frozen=True, slots=True)
class Tree:
    """One root and all nodes below it."""

    id: TreeId
    user_id: UserId
    name: str
    """Unique among the user's trees; what `X-Graft-Tree` names."""
    title: str | None
    system_prompt: str | None
    """Sent at the head of every request for which the client brings no system message of its own."""
    created_at: float
    """Seconds since 1970, UTC; so for every `_at`."""
    updated_at: float
    max_context_tokens: int | None = None
    """Narrower than the model's own window, or `None`."""
    metadata: Mapping[str, object] = field(default_factory=dict)
    personality: str | None = None
    """Its own, for requests that name none."""
    participants: Mapping[str, Role] = field(default_factory=dict)
    """Who speaks here, and in which role."""


NOTHING_NOTED: Mapping[str, object] = {}
"""Metadata without an entry; never changed in place."""


class Node(NamedTuple):
    """One stored message and its place in the tree. A named tuple, since a path has hundreds of them."""

    id: NodeId
    tree_id: TreeId
    parent_id: NodeId | None
    message: Message
    state: State
    created_at: float
    seq: int = 0
    """Arrival order within the store; 0 before it is stored."""
    sender: str | None = None
    """Who spoke, where the client said so; the role otherwise stands for the speaker."""
    conversation: str | None = None
    """The client's own chat in which the message was said."""
    system: str | None = None
    """The system text under which a user's message was said."""
    call_id: CallId | None = None
    """The call that produced a reply."""
    tokens: int | None = None
    """Counted once; `None` until then."""
    metadata: Mapping[str, object] = NOTHING_NOTED
    personality: str | None = None
    """The personality that the request named with which it was said; without one it has that of the node above it."""


def turns(path: Sequence[Node]) -> list[list[Node]]:
    """A path cut before every user's message that follows something else; no tool pair is ever split.

    Nodes before the first user's message (system messages, a greeting) make a turn of their own.
    """
    cut: list[list[Node]] = []
    previous = ""
    for node in path:
        role = node.message.role
        if not cut or (role == "user" and previous != "user"):
            cut.append([])
        cut[-1].append(node)
        previous = role
    return cut


def tips(edges: Iterable[tuple[NodeId, NodeId | None]]) -> list[NodeId]:
    """The nodes without children, in the order in which they came."""
    pairs = list(edges)
    parents = {parent for _, parent in pairs}
    return [child for child, _ in pairs if child not in parents]
