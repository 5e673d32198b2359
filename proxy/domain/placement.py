"""Placement: the question where a new turn belongs, and the answer with its reason."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from proxy.domain.message import Role
from proxy.domain.tree import NodeId, TreeId, UserId
from proxy.domain.values import value

Policy = Literal["auto", "follow", "off", "shadow"]
POLICIES: tuple[Policy, ...] = ("auto", "follow", "off", "shadow")

Route = Literal["continue", "return", "fork", "root", "pinned", "follow", "aside"]

Fresh = Literal["root", "confident", "auto"]
"""What happens to a request without history: a new topic, a join on strong evidence only, or a join like any other."""


@value(frozen=True, slots=True)
class Question:
    """A new turn, and all that may be used to place it."""

    user_id: UserId
    tree_id: TreeId
    new_turn: str
    """The user's text."""
    cursor: NodeId | None
    """Where the client believes it is; `None` for a chat without history and without an active node."""
    system: str | None = None
    """The system text that the client sent with the turn."""
    fresh: Fresh | None = None
    """Set when the client sent no history: the cursor, if any, is then the user's aged `active` node."""
    active_age_s: float = 0.0
    """Seconds since the cursor's conversation was last used; for fresh requests."""
    personality: str | None = None
    """The personality that the request names: what was said under another one is behind a wall."""


@value(frozen=True, slots=True)
class Candidate:
    """A place that was considered."""

    parent_id: NodeId | None
    route: Route
    score: float
    """How well the turn fits there, 0 to 1."""
    reason: str


@value(frozen=True, slots=True)
class Feature:
    """One thing that a scorer weighed."""

    name: str
    """As the scorer knows it."""
    value: float
    weight: float
    """What it added to the evidence for the chosen place, in log odds; below zero it spoke against it."""


@value(frozen=True, slots=True)
class Attachment:
    """Where the turn was put, and why."""

    parent_id: NodeId | None
    """The attachment point; `None` is the root."""
    route: Route
    reason: str
    """One short sentence for a person."""
    confidence: float
    """Chance that the place is right, 0 to 1."""
    scorer: str
    """`embedded`, `llm`, or `none` where nothing had to be decided."""
    candidates: Sequence[Candidate] = ()
    """Best first; the runner-up is the first that names another place."""
    calls: int = 0
    """Upstream calls the scorer made."""
    prompt_tokens: int = 0
    """What those calls cost, as the provider reported it."""
    completion_tokens: int = 0
    spent_ms: float = 0.0
    degraded: bool = False
    """The configured scorer failed or was out of time; the embedded scorer's answer stands."""
    unsure: bool = False
    """The evidence was between the two thresholds, so the turn stays at the cursor."""
    features: Sequence[Feature] = ()
    """What weighed most, the heaviest first."""

    @property
    def runner_up(self) -> Candidate | None:
        return next((c for c in self.candidates if c.parent_id != self.parent_id), None)


@value(frozen=True, slots=True)
class FeedNode:
    """What the router may know of a node."""

    id: NodeId
    parent_id: NodeId | None
    role: Role
    text: str
    """Without thinking blocks."""
    created_at: float
    system: str | None = None
    """The system text under which a user's message was said."""
    personality: str | None = None


@value(frozen=True, slots=True)
class Mark:
    """How far a reader has followed a tree."""

    epoch: int
    """Counts moves and deletions: a reader of another epoch starts anew."""
    seen: int
    """The last node it was given."""


@value(frozen=True, slots=True)
class TreeSlice:
    """What has become visible in a tree since a mark, parents before children."""

    mark: Mark
    nodes: Sequence[FeedNode]
    reset: bool
    """True when the slice begins the tree anew, in place of all that was known."""
    system_prompt: str | None = None
    more: bool = False
    """Whether more has become visible: ask again with this mark."""
