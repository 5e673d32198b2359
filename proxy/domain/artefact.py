"""Artefacts: titled texts that a tree keeps in versions, apart from what was said: a plan, a source file, a letter.

A version is never changed; an update, a revert and an import add one. Numbers count up and are never given twice, also when a
version was removed. A *load* places an artefact in what is sent: for its whole tree, or for the subtree of one node, in a pinned
version or always the newest.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from proxy.domain.tree import NodeId, TreeId

BODY_MAX: Final = 10_000_000
"""Bytes of one version's text, as UTF-8."""
TYPE: Final = "text"
"""What an artefact is unless somebody says otherwise."""


@dataclass(frozen=True, slots=True)
class Version:
    """One version of an artefact, without its text."""

    number: int
    size: int
    """Bytes of the text, as UTF-8."""
    note: str | None
    """What its author said of it."""
    reverts_to: int | None
    """The version whose text this one brought back."""
    at: float


@dataclass(frozen=True, slots=True)
class Load:
    """Where an artefact or a memory is placed in what is sent."""

    tree_id: TreeId | None
    """`None` for all trees of the user; memories only."""
    node_id: NodeId | None
    """The node in whose subtree it holds; `None` for the whole tree."""
    version: int | None
    """The version that stays; `None` for the newest of each time, and for memories."""
    at: float


@dataclass(frozen=True, slots=True)
class Artefact:
    """A titled text in versions."""

    id: str
    tree_id: TreeId
    title: str
    """Unique in the tree."""
    type: str
    tags: Sequence[str]
    newest: Version
    count: int
    """How many versions are kept."""
    created_at: float
    updated_at: float
    loads: Sequence[Load] = field(default=())


@dataclass(frozen=True, slots=True)
class Brought:
    """One version of an artefact that comes in with a file."""

    text: str
    note: str | None = None
    at: float | None = None
    """`None` is the time of the import."""


def difference(title: str, old: str, new: str, numbers: tuple[int, int]) -> str:
    """A unified diff of two versions; empty where they are the same.

    A text without a line break at its end is shown as `diff` does it, so that the two cannot be taken for one.
    """
    before, after = (f"{title}@{number}" for number in numbers)
    lines = difflib.unified_diff(old.splitlines(keepends=True), new.splitlines(keepends=True), before, after)
    return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)
