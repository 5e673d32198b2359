"""Windows: the few messages by which a scorer knows a branch.

A `View` is what one question may see of a tree: nodes behind a personality wall are left out (a node without a personality
of its own has that of the node above it), and what remains is cut into branches. Every branch has a root window (its first messages; branches sharing those are one window) and a tip window (its
last ones). A branch that is shorter takes part with what it has. Messages are counted as people count them: system text
stands beside the window, and the bare tool calls and tool results of a reply are left out.

Node ids of any kind stay in here; `prompt.py` shows scorers small numbers. Nothing here calls a model.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from proxy.domain.message import Role
from proxy.domain.placement import FeedNode
from proxy.domain.tree import NodeId
from proxy.routing.grove import TreeModel

CHARS_PER_TOKEN = 4
"""A rough measure, good enough to bound a prompt."""

SYSTEM_TOKENS = 40
"""The branch's system message in a few words."""


@dataclass(frozen=True, slots=True)
class Line:
    """One message as a scorer sees it: on one line, clipped."""

    role: Role
    text: str


@dataclass(frozen=True, slots=True)
class Window:
    """The first or the last messages of a branch."""

    kind: Literal["root", "tip"]
    point: NodeId
    """The node of its last message, or the one that ends the branch."""
    end: NodeId
    """Where the branch goes on: `point` itself, or, for a root window, the end of the branch that it stands for."""
    lines: tuple[Line, ...]
    system: str | None
    """The system text under which it was said, in a few words."""
    active: bool
    """The user was here a moment ago."""
    trail: frozenset[NodeId]
    """All nodes from the root to `point`."""


def on_one_path(one: Window, other: Window) -> bool:
    """Whether one window's point stands above the other's, or is the same."""
    return one.point in other.trail or other.point in one.trail


class View:
    """The nodes of a tree that one question may see, and its branches."""

    def __init__(
        self, model: TreeModel, *, personality: str | None, cursor: NodeId | None, window: int, tokens: int
    ) -> None:
        """`window` is in messages; `tokens` is the cap of one message."""
        self._model = model
        self._window = window
        self._tokens = tokens
        self._said, self._own = _this_side(model, personality)
        self.cursor = cursor if cursor in self._own else None
        parents = {model.nodes[node_id].parent_id for node_id in self._said}
        tips = [node_id for node_id in self._said if node_id not in parents and self._shows_something(node_id)]
        self.roots = self._find_roots(set(tips))
        """The last node of every root window, oldest first."""
        self._root_set = frozenset(self.roots)
        self.ends = tips
        """The tips, oldest first, and the cursor where it is none: the client's own chat ends there."""
        if self.cursor is not None and self.cursor in parents and self._said[self.cursor]:
            self.ends = [*tips, self.cursor]

    def __contains__(self, node_id: object) -> bool:
        """Whether a turn may be attached here."""
        return node_id in self._own

    @property
    def is_silent(self) -> bool:
        """Nothing was said yet that this question may see."""
        return not any(self._said.values())

    def path(self, node_id: NodeId) -> list[FeedNode]:
        """Root to node."""
        return self._model.path(node_id)

    def root_of(self, node_id: NodeId) -> NodeId | None:
        """The root window's point on the path to a node; `None` where the path ends before its window does."""
        return next((node.id for node in self._upwards(node_id) if node.id in self._root_set), None)

    def end_under(self, node_id: NodeId) -> NodeId:
        """The end of the newest branch through a node."""
        while below := [child for child in self._model.nodes.children(node_id) if child in self._own]:
            node_id = below[-1]
        return node_id

    def root_window(self, point: NodeId, end: NodeId) -> Window:
        trail = self.path(point)
        active = self.cursor is not None and (
            any(node.id == self.cursor for node in trail) or self.root_of(self.cursor) == point
        )
        return self._window_of("root", trail, end, active=active)

    def tip_window(self, end: NodeId) -> Window:
        return self._window_of("tip", self.path(end), end, active=end == self.cursor)

    def line(self, node: FeedNode) -> Line:
        return Line(node.role, clip(node.text, self._tokens) or "(no text)")

    def _window_of(self, kind: Literal["root", "tip"], path: list[FeedNode], end: NodeId, *, active: bool) -> Window:
        lines = tuple(self.line(node) for node in [node for node in path if is_said(node)][-self._window :])
        trail = frozenset(node.id for node in path)
        return Window(kind, path[-1].id, end, lines, self._system_of(path), active, trail)

    def _system_of(self, path: list[FeedNode]) -> str | None:
        """The system text nearest to the end of a path, else the tree's."""
        for node in reversed(path):
            text = node.text if _is_system(node) else node.system
            if text:
                return clip(text, SYSTEM_TOKENS)
        return clip(self._model.system_prompt, SYSTEM_TOKENS) if self._model.system_prompt else None

    def _find_roots(self, tips: set[NodeId]) -> list[NodeId]:
        return [
            node_id
            for node_id, said in self._said.items()
            if (said == self._window and is_said(self._model.nodes[node_id]))
            or (said < self._window and node_id in tips)
        ]

    def _shows_something(self, node_id: NodeId) -> bool:
        """A branch that holds a system message only takes part with that."""
        return self._said[node_id] > 0 or bool(self._model.nodes[node_id].text)

    def _upwards(self, node_id: NodeId | None) -> Iterator[FeedNode]:
        while node_id is not None:
            node = self._model.nodes[node_id]
            yield node
            node_id = node.parent_id


def is_said(node: FeedNode) -> bool:
    """Whether a node is a message that a person would count."""
    return node.role == "user" or (node.role == "assistant" and bool(node.text.strip()))


def clip(text: str, tokens: int) -> str:
    """A text on one line, its middle left out where it is longer than a cap in (rough) tokens.

    The end is kept because it is what a user answers to.
    """
    room = tokens * CHARS_PER_TOKEN
    if len(text) > 8 * room:
        text = f"{text[: 4 * room]} {text[-4 * room :]}"
    text = " ".join(text.split())
    if len(text) <= room:
        return text
    tail = room // 3
    return f"{text[: room - tail].rstrip()} [...] {text[-tail:].lstrip()}"


def personality_at(model: TreeModel, node_id: NodeId | None) -> str | None:
    """The personality under which a node was said: the nearest named one on its path."""
    while node_id is not None and (node := model.nodes.get(node_id)) is not None:
        if node.personality is not None:
            return node.personality
        node_id = node.parent_id
    return None


def _this_side(model: TreeModel, personality: str | None) -> tuple[dict[NodeId, int], set[NodeId]]:
    """The nodes on this side of the wall with how many messages were said up to each, and those among them to attach to.

    What was said before a chat took on its personality is part of that chat, but no place for a turn of that personality.
    """
    said: dict[NodeId, int] = {}
    whose: dict[NodeId | None, str | None] = {None: None}
    for node in model.nodes.values():
        if node.parent_id in whose and node.personality in (None, personality):
            whose[node.id] = node.personality or whose[node.parent_id]
            said[node.id] = (said[node.parent_id] if node.parent_id else 0) + is_said(node)
    own = {node_id for node_id in said if whose[node_id] == personality}
    visible = set(own)
    for node_id in own:
        above = model.nodes[node_id].parent_id
        while above is not None and above not in visible:
            visible.add(above)
            above = model.nodes[above].parent_id
    return {node_id: count for node_id, count in said.items() if node_id in visible}, own


def _is_system(node: FeedNode) -> bool:
    return node.role in ("system", "developer")
