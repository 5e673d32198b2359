"""Artefacts: titled texts that a tree keeps in versions, apart from what was said: a plan, a source file, a letter.

A version is never changed; an update, a revert and an import add one. Numbers count up and are never given twice, also when a
version was removed. A *load* places an artefact in what is sent: for its whole tree, or for the subtree of one node, in a pinned
version or always the newest.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from proxy.domain.tree import NodeId, TreeId
from proxy.errors import InvalidRequest

BODY_MAX: Final = 10_000_000
"""Bytes of one version's text, as UTF-8."""
CONTEXT: Final = 3
"""Lines shown around a difference."""
LINES_MAX: Final = 10_000
"""Lines of both versions between their first difference and their last that are compared."""
TYPE: Final = "text"
"""What an artefact is unless somebody says otherwise."""


_NUMBERS: Final = re.compile(r"([-+])(\d+)(?=[, ])")


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

    Raises InvalidRequest where so many lines lie between the first and the last difference that comparing them would take long.
    """
    before, after = _lines(old), _lines(new)
    start, end = _alike(before, after)
    first = max(0, start - CONTEXT)
    before, after = (lines[first : len(lines) - max(0, end - CONTEXT)] for lines in (before, after))
    between = len(before) + len(after)
    if between > LINES_MAX:
        raise InvalidRequest(f"The versions differ over {between} lines; up to {LINES_MAX} are compared.", param="from")
    from_, to = (f"{title}@{number}" for number in numbers)
    told = difflib.unified_diff(before, after, from_, to, n=CONTEXT)
    return "".join(_shown(line, first) for line in told)


def _lines(text: str) -> list[str]:
    """Lines as `diff` sees them: only a line feed ends one."""
    lines = text.split("\n")
    return [f"{line}\n" for line in lines[:-1]] + lines[-1:] * bool(lines[-1])


def _alike(before: Sequence[str], after: Sequence[str]) -> tuple[int, int]:
    """How many lines two texts have in common at their beginnings, and how many more at their ends."""
    shorter = min(len(before), len(after))
    start = next((i for i in range(shorter) if before[i] != after[i]), shorter)
    rest = shorter - start
    return start, next((i for i in range(rest) if before[-1 - i] != after[-1 - i]), rest)


def _shown(line: str, first: int) -> str:
    """A line of a diff that began at line `first` of both texts."""
    if line.startswith("@@"):
        line = _NUMBERS.sub(lambda found: f"{found[1]}{int(found[2]) + first}", line)
    return line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"
