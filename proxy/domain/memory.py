"""Memories: what is worth knowing later, taken from a branch or written by hand.

A memory is a problem and its solution under a title, with facts beside them. It belongs to one tree, or to all trees of its user. It is
sent where it is loaded; and, where that is switched on, with turns that it is relevant to.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from proxy.domain.artefact import Load
from proxy.domain.tree import NodeId, TreeId, UserId
from proxy.domain.zone import Piece

Method = Literal["model", "extractive", "hand"]
"""Who wrote a memory: a language model, Graft by picking sentences, or a person."""


@dataclass(frozen=True, slots=True)
class Told:
    """What a memory says."""

    title: str
    problem: str = ""
    solution: str = ""
    facts: Sequence[str] = ()
    content: str = ""
    """Free text, for memories that are no problem and solution."""

    @property
    def text(self) -> str:
        """All of it as one text, the same each time."""
        parts = [
            f"# {self.title}",
            self.content,
            self.problem and f"Problem: {self.problem}",
            self.solution and f"Solution: {self.solution}",
            "\n".join(f"- {fact}" for fact in self.facts),
        ]
        return "\n".join(part for part in parts if part)


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a memory came from."""

    tree_id: TreeId | None = None
    """The tree that it belongs to; `None` for all trees."""
    personality: str | None = None
    """The personality under which the branch was spoken; nobody else is told of it unasked."""
    nodes: Sequence[NodeId] = ()
    """What it was made from, root first; deleted ones are no longer named."""
    method: Method = "hand"
    model: str | None = None


@dataclass(frozen=True, slots=True)
class Memory:
    """One stored memory."""

    id: str
    told: Told
    origin: Origin
    redacted: int
    """How many secrets were taken out before it was written."""
    created_at: float
    updated_at: float
    loads: Sequence[Load] = field(default=())


@dataclass(frozen=True, slots=True)
class Recalled:
    """A memory that a text is about, and how much."""

    memory: Memory
    score: float
    """0 to 1."""


class MemoryFeed(Protocol):
    """What finding memories needs of a store."""

    async def memories_mark(self, user_id: UserId) -> int:
        """A number that changes with every change of the user's memories."""
        ...

    async def all_memories(self, user_id: UserId) -> Sequence[Memory]:
        """All of them, oldest first."""
        ...


class Recaller(Protocol):
    """Finds the memories that a text is about."""

    async def search(self, user_id: UserId, text: str, most: int, tree_id: TreeId | None = None) -> Sequence[Recalled]:
        """The best first; with a tree, its own and those of all trees."""
        ...

    async def relevant(
        self, user_id: UserId, tree_id: TreeId, text: str, *, most: int, personality: str | None = None
    ) -> Sequence[Piece]:
        """What a turn in a tree should know, the best first; nothing where no memory is near enough."""
        ...
