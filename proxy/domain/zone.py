"""Zones: text and images that are sent with every request under their scope, and what of them holds for one place in a tree.

A zone belongs to a user, to one of their trees, or to one node, and then it holds for that node's subtree alone. A personality
brings text of its own. What stands for a place is a list of pieces in the order in which they are sent; how a piece looks to the
model is the business of whoever puts a context together.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from proxy.domain.tree import NodeId, TreeId, UserId

Scope = Literal["personality", "user", "discussion", "memory", "node"]
"""In the order in which standing text is sent. `user` holds for all trees of a user, `node` for one node's subtree."""
SCOPES: tuple[Scope, ...] = ("personality", "user", "discussion", "memory", "node")

USER_ZONES: tuple[Scope, ...] = ("user", "memory")
"""Zones that may hold for all trees of a user."""
TREE_ZONES: tuple[Scope, ...] = ("personality", "discussion", "memory")
"""Zones of one tree. Its `personality` zone is sent under the tree's own personality, or none: another one that a request names has
a zone of its own."""


@dataclass(frozen=True, slots=True)
class DataZone:
    """One zone's text; empty text is no zone."""

    name: Scope
    user_id: UserId
    tree_id: TreeId | None
    """`None` for zones that hold for all trees."""
    text: str
    updated_at: float
    node_id: NodeId | None = None
    """For the scope `node`: whose subtree it holds for."""


@dataclass(frozen=True, slots=True)
class Personality:
    """Somebody that the model is asked to be, under a name that requests and trees call."""

    user_id: UserId
    name: str
    system_prompt: str | None
    """Sent where the client brings no instructions; in place of the tree's."""
    zone: str
    """Sent with every request under it, whatever the client brings."""
    metadata: Mapping[str, object]
    created_at: float
    updated_at: float


@dataclass(frozen=True, slots=True)
class Image:
    """A picture that is sent while it is active."""

    id: str
    media_type: str | None
    """`None` for a picture elsewhere, which nobody here has looked at."""
    data_b64: str | None
    """Its bytes, where they are kept here and wanted."""
    url: str | None
    """Where it is, when it is elsewhere; it is never fetched from here."""
    active: bool
    bytes: int
    """0 for a picture elsewhere."""

    @property
    def link(self) -> str:
        """What OpenAI's `image_url.url` takes."""
        return self.url if self.url is not None else f"data:{self.media_type};base64,{self.data_b64 or ''}"


@dataclass(frozen=True, slots=True)
class Piece:
    """One text, and its images, that Graft places in a context."""

    scope: Scope
    source: str
    """What it came from: `zone`, `artefact:TITLE@3`, `memory:ID`, `image:ID`, `personality:NAME`."""
    text: str
    node_id: NodeId | None = None
    """For the scope `node`: it holds for this node's subtree."""
    images: tuple[Image, ...] = ()
    tokens: int | None = None
    """Of the text; `None` until somebody counts."""


@dataclass(frozen=True, slots=True)
class Standing:
    """All that holds for one place, in the order in which it is sent."""

    pieces: tuple[Piece, ...] = ()
    """Widest scope first; those of nodes in the order of the path."""
    system_prompt: str | None = None
    """The personality's, else the tree's: sent where the client brings no instructions."""
    inactive: Mapping[NodeId, frozenset[int]] = field(default_factory=dict)
    """Images in messages of the path that are not sent: their numbers among the images of each message."""
