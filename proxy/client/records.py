"""What the server tells, as values: those fields that a program needs by name; `told` is the whole answer.

A server may tell more than a client of an older version knows: unknown fields are no error.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Generic, Self, TypeVar

D = TypeVar("D")
M = TypeVar("M")
Wire = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Record:
    """A value made of an answer."""

    told: Wire = field(repr=False)
    """The answer itself."""

    @classmethod
    def of(cls, wire: Wire) -> Self:
        known = {one.name: wire[one.name] for one in fields(cls) if one.name in wire and one.name != "told"}
        return cls(told=wire, **known)


@dataclass(frozen=True, slots=True)
class Zone(Record):
    """A data zone."""

    name: str
    text: str
    tree_id: str | None = None
    node_id: str | None = None
    updated_at: float | None = None


@dataclass(frozen=True, slots=True)
class Personality(Record):
    """A named personality."""

    name: str
    system_prompt: str | None = None
    zone: str = ""
    metadata: Wire = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Artefact(Record):
    """A titled text in versions; `content` is there where one version was asked for."""

    id: str
    title: str
    type: str
    tags: Sequence[str]
    version: int
    versions: int
    content: str | None = None

    @classmethod
    def of(cls, wire: Wire) -> Self:
        told = {name: wire[name] for name in ("id", "title", "type", "tags", "versions")}
        return cls(told=wire, version=wire["newest"]["version"], **told)


@dataclass(frozen=True, slots=True)
class Version(Record):
    """One version of an artefact; `text` where it was asked for."""

    version: int
    size: int
    note: str | None = None
    reverts_to: int | None = None
    created_at: float = 0.0
    text: str | None = None


@dataclass(frozen=True, slots=True)
class Memory(Record):
    """What was learned once."""

    id: str
    title: str
    problem: str
    solution: str
    facts: Sequence[str]
    content: str
    method: str
    """`model`, `extractive` for sentences that were picked, or `hand`."""
    node_ids: Sequence[str]
    """What it came from."""
    tree_id: str | None = None
    redacted: int = 0
    """Secrets that were taken out."""


@dataclass(frozen=True, slots=True)
class Image(Record):
    """A picture of a discussion or of a message; `data` is there where one was asked for."""

    id: str
    active: bool
    """Whether it is sent."""
    media_type: str | None = None
    url: str | None = None
    bytes: int = 0
    data: str | None = None
    """Base64."""


@dataclass(frozen=True, slots=True)
class Summary(Record):
    """What is sent in place of the beginning of every path through its message."""

    id: str
    node_id: str
    """The last message that it covers."""
    text: str
    tokens: int
    model: str
    kind: str
    removed_at: float | None = None


@dataclass(frozen=True, slots=True)
class Outline(Record):
    """A node without its contents."""

    id: str
    parent_id: str | None
    role: str
    state: str
    created_at: float


@dataclass(frozen=True, slots=True)
class Found(Generic[D, M]):
    """What a search found."""

    discussions: Sequence[D]
    """Those with the words in their titles."""
    messages: Sequence[M]


@dataclass(frozen=True, slots=True)
class ChatResult(Generic[M]):
    """A turn and its answer."""

    user_message: M | None
    """`None` for a turn that was answered and not stored."""
    ai_message: M | None
    text: str
    route: str
    """Where the turn went: `pinned` for a place that was named."""
    tool_calls: Sequence[Wire] = ()
    """All that the model called on the way."""
    sources: Sequence[Wire] = ()
    final_scratchpad: str | None = None
    """What was called and what came of it, where tools were run."""


@dataclass(frozen=True, slots=True)
class Moved(Generic[M]):
    """What hangs where now."""

    message: M
    from_parent_id: str | None
    reply: M | None
    superseded: Sequence[str]
