"""A tree drawn with lines, for the terminal and for a chat: who is shown, how deep, behind which guides.

A turn that goes straight on stands below the one before it, at the same depth; only where a branch parts does the drawing go in deeper,
so a long conversation stays readable. Colours and labels are the reader's own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from proxy.domain.message import Role
from proxy.domain.tree import NodeId, State


class Outlined(Protocol):
    """A node without its contents."""

    @property
    def id(self) -> NodeId: ...

    @property
    def parent_id(self) -> NodeId | None: ...

    @property
    def role(self) -> Role: ...

    @property
    def state(self) -> State: ...

    @property
    def created_at(self) -> float: ...

    @property
    def preview(self) -> str | None: ...


N = TypeVar("N", bound=Outlined)


@dataclass(frozen=True, slots=True)
class _Place(Generic[N]):
    node: N | None
    below: list[_Place[N]] = field(default_factory=list)


def drawn(nodes: Sequence[N], *, replies: bool) -> Iterator[tuple[str, N]]:
    """The lines of a tree below its title, each as its guides and its node.

    Args:
        nodes: Parents before children.
        replies: Whether an assistant's messages have lines of their own.
    """
    waiting = [("", place, i == 0) for i, place in enumerate(reversed(_places(nodes, replies=replies)))]
    while waiting:
        before, place, last = waiting.pop()
        assert place.node is not None
        yield before + ("└── " if last else "├── "), place.node
        inner = before + ("    " if last else "│   ")
        waiting += [(inner, below, i == 0) for i, below in enumerate(reversed(place.below))]


def _places(nodes: Sequence[N], *, replies: bool) -> list[_Place[N]]:
    children: dict[NodeId | None, list[N]] = {}
    for node in nodes:
        children.setdefault(node.parent_id, []).append(node)
    top: _Place[N] = _Place(None)
    waiting = [(node, top, top) for node in reversed(children.get(None, []))]
    while waiting:
        node, place, above = waiting.pop()  # `above` is the last one shown, under which a branch parts
        own = children.get(node.id, [])
        if replies or node.role != "assistant":
            above = _Place(node)
            place.below.append(above)
        inner = above if node.parent_id is None or len(own) > 1 else place
        waiting += [(child, inner, above) for child in reversed(own)]
    return top.below


_UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
"""What steers a terminal (C0 but tab and new line, DEL, C1) or turns the direction of what stands beside it."""


def visible(text: str) -> str:
    """A text that somebody else wrote, harmless where it is printed: what would steer the terminal is shown as a replacement character."""
    return _UNSEEN.sub("\ufffd", text)


def shorten(text: str, limit: int = 60) -> str:
    """The beginning of a text on one line, harmless where it is printed."""
    flat = visible(" ".join(text.split()))
    return flat if len(flat) <= limit else flat[: limit - 1].rstrip() + "…"
