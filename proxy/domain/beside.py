"""What is kept beside the messages of a tree, as a file carries it: bodies once by their content, and what refers to them.

Ids are those of the file; a store that takes them in may give others. Whatever names a node names one of the same file.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from proxy.domain.memory import Method, Told
from proxy.domain.summary import Summary
from proxy.domain.tree import NodeId
from proxy.domain.zone import Personality

TEXT: Final = "text/plain"
"""What the body of an artefact is."""


@dataclass(frozen=True, slots=True)
class Body:
    """Bytes that others refer to: the text of an artefact's version, or a picture."""

    hash: str
    media_type: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Placed:
    """Where something is loaded in the tree."""

    node_id: NodeId | None
    """The node in whose subtree it holds; `None` for the whole tree."""
    at: float
    version: int | None = None
    """The version of an artefact that stays; `None` for the newest of each time."""


@dataclass(frozen=True, slots=True)
class CarriedVersion:
    """One version of an artefact."""

    number: int
    body: str
    """The hash of its text's body."""
    at: float
    note: str | None = None
    reverts_to: int | None = None


@dataclass(frozen=True, slots=True)
class CarriedArtefact:
    """An artefact with all versions that are kept, by their numbers."""

    id: str
    title: str
    type: str
    tags: Sequence[str]
    last: int
    """The highest number that a version ever had."""
    created_at: float
    updated_at: float
    versions: Sequence[CarriedVersion]
    placed: Sequence[Placed] = ()


@dataclass(frozen=True, slots=True)
class CarriedMemory:
    """A memory with the nodes that it was made from."""

    id: str
    told: Told
    method: Method
    created_at: float
    updated_at: float
    redacted: int = 0
    model: str | None = None
    personality: str | None = None
    everywhere: bool = False
    """It belongs to all trees of its user, not to this one."""
    nodes: Sequence[NodeId] = ()
    placed: Sequence[Placed] = ()


@dataclass(frozen=True, slots=True)
class CarriedImage:
    """An image on the tree or on a node; in the order in which those of a place stand."""

    id: str
    node_id: NodeId | None
    active: bool
    created_at: float
    body: str | None = None
    """The hash of its body; else it is elsewhere, at `url`."""
    url: str | None = None


@dataclass(frozen=True, slots=True)
class SwitchedOff:
    """Images in a message that are not sent."""

    node_id: NodeId
    numbers: Sequence[int]
    """Their places among the images of the message."""


Beside = Personality | Body | CarriedArtefact | CarriedMemory | CarriedImage | SwitchedOff | Summary
"""Personalities come before the nodes, everything else after them, bodies first; personalities and summaries with empty ids for
what only a store knows."""


def name_of(media_type: str, data: bytes) -> str:
    """What a body is called in files: SHA-256 of its media type, a zero byte and its bytes, in hex."""
    digest = hashlib.sha256(media_type.encode() + b"\0")
    digest.update(data)
    return digest.hexdigest()
