"""What a scorer is asked about one turn: a value, complete in itself.

Everything that is read from the tree is read here, in one go, so a decision that takes seconds never meets a tree that has
moved on; and a scene can be kept, replayed, and given to a DSPy optimizer as an example's input.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from proxy.domain.placement import Attachment, FeedNode, Question
from proxy.domain.tree import NodeId
from proxy.routing.grove import TreeModel
from proxy.routing.limits import RoutingLimits
from proxy.routing.windows import SYSTEM_TOKENS, Line, View, Window, clip, is_said, personality_at

TURN_TOKENS = 400
"""Cap of the new turn, in rough tokens: a pasted file is recognised by its ends."""

_BEFORE = 2
_AFTER = 1
"""Messages shown on either side of an attachment point."""

_FAR = 64
"""Attachment points of one branch that are ranked: its first quarter of these, and its newest."""


class Gate(Protocol):
    """The embedded scorer: answers without a network, and says how sure it is. Synchronous; called on a worker thread."""

    def attach(self, model: TreeModel, question: Question, until: float = math.inf) -> Attachment:
        """Where the turn belongs. Raises OutOfTime, between two stages, once `time.monotonic()` is past `until`."""
        ...

    def shortlist(self, model: TreeModel, question: Question, points: Sequence[NodeId], keep: int) -> list[NodeId]:
        """The points that fit the turn best, best first."""
        ...

    def load(self) -> None:
        """Read what every answer needs, which takes a while."""
        ...

    def is_quick(self, model: TreeModel) -> bool:
        """Whether an answer about this tree, or what `warm` does for it, takes about a millisecond now."""
        ...

    def warm(self, model: TreeModel) -> int:
        """Derive ahead of time some of what the next question about this tree will need; 0 when nothing is left to do."""
        ...

    def forget(self, users: Iterable[str]) -> None:
        """Hold nothing of users who were deleted, nor any words that were read lately."""
        ...


@dataclass(frozen=True, slots=True)
class Point:
    """A place within a branch where a turn can be attached."""

    node: NodeId
    before: tuple[Line, ...]
    after: tuple[Line, ...]
    """What was said next on this path; empty at the branch's end."""
    depth: int
    """Messages from the root to here."""
    order: int
    """How well the embedded scorer likes it; 0 is best."""
    active: bool


@dataclass(frozen=True, slots=True)
class Scene:
    """A turn and the windows and points it is compared with."""

    new_turn: str
    system: str | None
    """The system text that the client sent with the turn, in a few words."""
    roots: tuple[Window, ...]
    tips: tuple[Window, ...]
    points: Mapping[NodeId, tuple[Point, ...]]
    """Attachment points by branch end, root first."""
    leaning: NodeId | None = None
    """Where the embedded scorer would put the turn."""
    conversations: Mapping[NodeId, NodeId] = field(default_factory=dict)
    """The first node of the conversation of each place."""


def see(
    model: TreeModel, question: Question, gate: Gate, leaning: NodeId | None, limits: RoutingLimits
) -> Scene | None:
    """The scene of a question; `None` when nothing was said that it may see, or not even what was said at its cursor.

    A chat that names no personality goes on under the one it has.

    Args:
        leaning: Where the embedded scorer would put the turn; its branch is always shown, and so is the cursor's.
    """
    follows = question.fresh is None
    personality = question.personality or (personality_at(model, question.cursor) if follows else None)
    view = View(
        model,
        personality=personality,
        cursor=question.cursor,
        window=limits.window,
        tokens=limits.message_tokens,
    )
    if view.is_silent or (follows and view.cursor != question.cursor):
        return None
    needed = _needed_ends(view, (question.cursor, leaning))
    ends = _kept(model, question, gate, view.ends, needed, limits.pool)
    starts = {end: view.root_of(end) for end in dict.fromkeys([*needed, *ends])}
    roots = _kept(model, question, gate, view.roots, [start for end in needed if (start := starts[end])], limits.pool)
    branch = {start: end for end, start in reversed(starts.items())}
    root_windows = tuple(view.root_window(point, branch.get(point) or view.end_under(point)) for point in roots)
    tip_windows = tuple(view.tip_window(end) for end in ends)
    points = _points(
        model, question, gate, view, [window.end for window in (*root_windows, *tip_windows)], limits.points
    )
    return Scene(
        clip(question.new_turn, TURN_TOKENS),
        clip(question.system, SYSTEM_TOKENS) if question.system else None,
        root_windows,
        tip_windows,
        points,
        leaning,
        _conversations(view, points),
    )


def _conversations(view: View, points: Mapping[NodeId, Sequence[Point]]) -> dict[NodeId, NodeId]:
    """The first node above each place that is shown."""
    found: dict[NodeId, NodeId] = {}
    for end, along in points.items():
        first = view.path(end)[0].id
        found |= {point.node: first for point in along} | {end: first}
    return found


def _needed_ends(view: View, nodes: Iterable[NodeId | None]) -> list[NodeId]:
    """The ends of the branches on which these nodes stand."""
    ends = set(view.ends)
    visible = (node_id for node_id in nodes if node_id is not None and node_id in view)
    found = (node_id if node_id in ends else view.end_under(node_id) for node_id in visible)
    return [end for end in dict.fromkeys(found) if end in ends]


def _kept(
    model: TreeModel, question: Question, gate: Gate, points: Sequence[NodeId], needed: Sequence[NodeId], keep: int
) -> list[NodeId]:
    """At most `keep` points, in the order in which they came: the needed ones, then those that the gate likes best."""
    if len(points) <= keep:
        return list(points)
    known = set(points)
    ranked = gate.shortlist(model, question, points, keep)
    liked = [point for point in dict.fromkeys([*needed, *ranked, *reversed(points)]) if point in known]
    chosen = set(liked[:keep])
    return [point for point in points if point in chosen]


def _points(
    model: TreeModel, question: Question, gate: Gate, view: View, ends: Iterable[NodeId], keep: int
) -> dict[NodeId, tuple[Point, ...]]:
    paths = {end: view.path(end) for end in dict.fromkeys(ends)}
    places = {end: _near(_places(view, path)) for end, path in paths.items()}
    nodes = list(dict.fromkeys(path[at].id for end, path in paths.items() for at in places[end]))
    ranked = gate.shortlist(model, question, nodes, len(nodes)) if len(nodes) > keep else []
    order = {node_id: at for at, node_id in enumerate(ranked)}
    return {
        end: tuple(_point(view, path, at, order.get(path[at].id, len(nodes))) for at in places[end])
        for end, path in paths.items()
    }


def _places(view: View, path: Sequence[FeedNode]) -> list[int]:
    """Where a turn can be attached without tearing another one: before a user's message, and at the end."""
    last = len(path) - 1
    return [
        at
        for at, node in enumerate(path)
        if node.id in view and (at == last or (path[at + 1].role == "user" and is_said(node)))
    ]


def _near(places: list[int]) -> list[int]:
    return places if len(places) <= _FAR else places[: _FAR // 4] + places[-(_FAR - _FAR // 4) :]


def _point(view: View, path: Sequence[FeedNode], at: int, order: int) -> Point:
    said = [node for node in path[: at + 1] if is_said(node)]
    later = [node for node in path[at + 1 :] if is_said(node)]
    return Point(
        path[at].id,
        tuple(map(view.line, said[-_BEFORE:])),
        tuple(map(view.line, later[:_AFTER])),
        len(said),
        order,
        path[at].id == view.cursor,
    )
