"""What stands for the beginning of a path where the whole of it is not sent: summaries, and cuts that hold.

A summary belongs to the node that it covers up to, so it serves every path through that node and no other. A newer one is made of
the one before it and of what was said since. Nothing that was said is changed by either.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from proxy.domain.message import Message
from proxy.domain.tree import NodeId, TreeId

SummaryKind = Literal["asked", "auto"]
"""`asked` for by a user: sent in place of what it covers. `auto`: sent so only where the path does not fit."""

EXTRACTIVE = "extractive"
"""What the model of a summary is called that no model wrote: it quotes."""


@dataclass(frozen=True, slots=True)
class Written:
    """A text that was made of other texts."""

    text: str
    model: str
    """Who wrote it: a configured model, or `EXTRACTIVE`."""


@dataclass(frozen=True, slots=True)
class Summary:
    """What was said from the root to a node, in short."""

    id: str
    tree_id: TreeId
    node_id: NodeId
    """The last message that it covers."""
    previous_id: str | None
    """The summary that it goes on from; it may have been removed since."""
    kind: SummaryKind
    text: str
    tokens: int
    model: str
    created_at: float
    removed_at: float | None = None
    """Set while it is not used; it can be restored."""


@dataclass(frozen=True, slots=True)
class Cut:
    """Where what was sent of a path began, since all of it did not fit. It holds for the paths that go on from here."""

    node_id: NodeId
    """The end of the path."""
    start_id: NodeId
    """The first node that was sent."""
    budget_tokens: int
    """The room that there was."""


@dataclass(frozen=True, slots=True)
class Shortened:
    """What is known of a path's beginning."""

    summaries: Sequence[Summary] = ()
    """Those in use, in the order of the path; of one node, the newest is last."""
    cuts: Sequence[Cut] = ()
    """In the order of the path."""


@dataclass(frozen=True, slots=True)
class Passage:
    """What a summary is to be made of."""

    before: str | None
    """The summary of what came earlier."""
    messages: Sequence[Message]
    """What was said since, oldest first."""
