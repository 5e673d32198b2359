"""What stands around the messages of a path: zones that hang on its nodes, and what the client said there and no node holds.

A zone stands right behind its node. Nothing may stand between a tool's call and its results, so what hangs on either stands before the
call: there it stays, however the loop goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain

from proxy.context import zones
from proxy.context.lines import Line
from proxy.context.tokens import estimate
from proxy.context.zones import ZonesAs
from proxy.domain.message import Message
from proxy.domain.tree import NodeId
from proxy.domain.zone import Piece

_NOBODY: Mapping[NodeId | None, Sequence[Message]] = {}


@dataclass(slots=True)
class Around:
    """Lines by the node that they stand before or behind."""

    before: dict[NodeId, list[Line]] = field(default_factory=dict)
    behind: dict[NodeId, list[Line]] = field(default_factory=dict)

    def all(self) -> Iterable[Line]:
        return chain(*self.before.values(), *self.behind.values())


def around(
    path: Iterable[tuple[NodeId | None, Message]],
    pieces: Sequence[Piece],
    zones_as: ZonesAs,
    loose: Mapping[NodeId | None, Sequence[Message]] = _NOBODY,
    weigh: Callable[[Message], int] = estimate,
) -> Around:
    """Find the place of everything that hangs on a path.

    Args:
        path: Messages in order, those that are stored with their ids.
        pieces: What Graft places; those without a node are passed over.
        loose: What the client said and no node holds, by the node that it follows.
        weigh: Tokens of a message.
    """
    found = Around()
    hanging: dict[NodeId, list[Piece]] = {}
    for piece in pieces:
        if piece.node_id is not None:
            hanging.setdefault(piece.node_id, []).append(piece)
    if not hanging and not loose:
        return found
    for node_id, caller in _callers(path):
        if node_id in hanging:
            lines = zones.hanging(node_id, hanging[node_id], zones_as)
            lines = lines if weigh is estimate else [line._replace(tokens=weigh(line.message)) for line in lines]
            side = found.behind if caller is None else found.before
            side.setdefault(caller or node_id, []).extend(lines)
        if node_id in loose:
            said = [Line(one, "client", weigh(one)) for one in loose[node_id]]
            found.behind.setdefault(node_id, []).extend(said)
    return found


def _callers(path: Iterable[tuple[NodeId | None, Message]]) -> Iterable[tuple[NodeId, NodeId | None]]:
    """The stored messages, each with the one that calls tools if it is that or one of the results."""
    caller: NodeId | None = None
    for node_id, message in path:
        wire = message.wire
        if wire["role"] != "tool":
            caller = node_id if wire.get("tool_calls") else None
        if node_id is not None:
            yield node_id, caller
