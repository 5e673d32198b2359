"""Trees on the move: what a file holds of a tree, as values, and what a store does with them.

A file is read as a stream of items: the tree's fields first, then personalities, its zones, its nodes, parents before children, and
what is kept beside them (`domain/beside.py`). Readers (`transfer/`) make items and stores take them, so neither knows the other.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Protocol

from proxy.domain.beside import Beside
from proxy.domain.message import Role
from proxy.domain.tree import Node, NodeId, Tree, TreeId, UserId
from proxy.domain.zone import DataZone, Personality, Scope


@dataclass(frozen=True, slots=True)
class TreeFields:
    """A tree without its nodes, as a file tells it."""

    name: str
    id: TreeId | None = None
    title: str | None = None
    system_prompt: str | None = None
    max_context_tokens: int | None = None
    metadata: Mapping[str, object] = field(default_factory=dict)
    participants: Mapping[str, Role] = field(default_factory=dict)
    scratchpad: str | None = None
    personality: str | None = None
    created_at: float | None = None
    """`None` where the format tells no times: then it is the time of the import."""
    updated_at: float | None = None


@dataclass(frozen=True, slots=True)
class ZoneText:
    """A zone of the tree, or of one of its nodes."""

    name: Scope
    text: str
    updated_at: float
    node_id: NodeId | None = None
    """The node's id in the file; the node itself comes later."""


@dataclass(frozen=True, slots=True)
class Carried:
    """One node of a file."""

    node: Node
    """Its id and its parent's are those of the file; its tree is not known yet."""
    has_id: bool = True
    """False where the format gives messages no ids: these are the reader's own, and never kept."""
    system_of: NodeId | None = None
    """An earlier node of the file that was said under the same system text."""


Item = TreeFields | ZoneText | Carried | Beside


@dataclass(frozen=True, slots=True)
class Target:
    """Where an import goes."""

    tree: str | None = None
    """A tree's name; else the name in the file. A tree of that name is grown, else it is made."""
    parent: NodeId | None = None
    """A node that the imported ones hang under, in its tree; else they hang from the root."""
    keeps_ids: bool = False
    """Whether ids that nobody has are kept. That tells which ones somebody has, so it is for the operator alone; otherwise only ids
    of the user's own are known again, and all others are made anew, whether somebody has them or not."""


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import has done."""

    tree: Tree
    is_new: bool
    """The tree was made by the import."""
    added: int
    """Nodes stored."""
    known: int
    """Nodes that were stored before, and were left as they are."""
    renamed: int
    """Nodes that got another id than the file's."""
    beside: Mapping[str, int] = field(default_factory=dict)
    """What was added beside nodes, by its kind: `artefacts`, `versions`, `memories`, `images`, `summaries`, `personalities`."""
    kept_personalities: Sequence[str] = ()
    """Names in the file under which the user had personalities of their own, which stay as they are."""


Progress = Callable[[int], None]
"""Told how many nodes are done so far."""


class TreeCopy(Protocol):
    """One tree, or one branch of it, as it was at one moment."""

    @property
    def tree(self) -> Tree: ...
    @property
    def zones(self) -> Sequence[DataZone]:
        """The tree's own, then those of its nodes that are told."""
        ...

    @property
    def scratchpad(self) -> str: ...
    @property
    def personalities(self) -> Sequence[Personality]:
        """Those that the tree or one of its nodes names, by name."""
        ...

    @property
    def is_branch(self) -> bool: ...

    def nodes(self) -> AsyncIterator[Node]:
        """Parents before children."""
        ...

    def beside(self) -> AsyncIterator[Beside]:
        """What is kept beside the nodes: bodies, artefacts, memories, images, those switched off in messages, summaries."""
        ...


class ArchiveStore(Protocol):
    """What moving trees needs of a store."""

    def snapshot(
        self, user_id: UserId, tree_id: TreeId, node_id: NodeId | None = None, *, newest: bool = False
    ) -> AbstractAsyncContextManager[TreeCopy]:
        """A tree as it is now, whatever happens to it meanwhile; with a node, the branch that ends there.

        Args:
            newest: The branch that ends in the newest node, where no node is named.

        Raises NotFound.
        """
        ...

    async def bring_in(
        self, user_id: UserId, items: Iterable[Item], target: Target, progress: Progress | None = None
    ) -> Imported:
        """Store what a file holds, all of it or nothing.

        `items` is read on another thread than the caller's, perhaps more than once; whatever it raises undoes the import.

        Raises NotFound, InvalidRequest, StoreError.
        """
        ...
