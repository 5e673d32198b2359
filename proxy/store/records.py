"""What the store tells beyond the domain's own values: keys, outlines, decisions, corrections, violations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from proxy.domain.message import Role
from proxy.domain.placement import Attachment, Policy
from proxy.domain.tree import CallId, Node, NodeId, State, TreeId, UserId
from proxy.domain.turn import Call, KeyKind, Limits


@dataclass(frozen=True, slots=True)
class Key:
    """A key as stored: never the key itself."""

    id: str
    user_id: UserId
    kind: KeyKind
    prefix: str
    """The key's first letters, to tell keys apart."""
    label: str | None
    policy: Policy | None
    created_at: float
    revoked_at: float | None
    last_used_at: float | None
    honours_store: bool = False
    """Whether `store: false` in a request under this key keeps its turn out of the tree."""
    limits: Limits = field(default_factory=Limits)
    """How much may be asked under it."""


@dataclass(frozen=True, slots=True)
class Outline:
    """A node without its contents."""

    id: NodeId
    parent_id: NodeId | None
    role: Role
    state: State
    created_at: float
    preview: str | None = None
    """The text's first letters, where asked for."""


@dataclass(frozen=True, slots=True)
class Stored:
    """An answer as OpenAI's API lists it: a call that is done, its replies, and what the client noted about it."""

    id: str
    """The completion's id, as the client was told."""
    call: Call
    replies: Sequence[Node]
    metadata: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Decision:
    """What was decided about a turn when it came."""

    id: int
    node_id: NodeId
    """The first message of the turn."""
    call_id: CallId
    shadow: bool
    """Only logged: the turn followed its client."""
    attachment: Attachment
    """Its ids are those of then; nodes may have been moved or deleted since."""
    at: float


@dataclass(frozen=True, slots=True)
class Correction:
    """Where a turn belonged in the eyes of its user."""

    tree_id: TreeId
    node_id: NodeId
    decision_id: int | None
    from_parent: NodeId | None
    to_parent: NodeId | None
    at: float
    source: str
    """What the user did, such as `move`."""


@dataclass(frozen=True, slots=True)
class Violation:
    """A stored row that breaks a rule."""

    table: str
    row: str
    rule: str


@dataclass(frozen=True, slots=True)
class AsideCount:
    """How often one kind of request was answered and not remembered."""

    name: str
    count: int
    last_at: float


@dataclass(frozen=True, slots=True)
class Account:
    """A user, and how much is stored of them."""

    id: UserId
    created_at: float
    trees: int
    nodes: int
    keys: int
    """Keys in use."""
    used_at: float | None
    """When something was last said or changed in one of the trees."""
    is_leaving: bool = False
    """All of it is being deleted."""
