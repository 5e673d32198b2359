"""The lines of a context: each message that is sent, with what it is and what it weighs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import reduce
from typing import Literal, NamedTuple

from proxy.domain.message import Message
from proxy.domain.tree import NodeId

Kind = Literal["system", "zones", "images", "summary", "history", "client", "node zone", "turn"]
"""`client`: what the client said and no node holds. `node zone`: what hangs on a node of the path."""


class Line(NamedTuple):
    """One message of a context. A named tuple, since a thousand of them may be made for a request."""

    message: Message
    kind: Kind
    tokens: int
    node_id: NodeId | None = None
    """The stored message that it is, or that it hangs on."""
    is_stored: bool = False
    """Whether it says word for word what that node holds."""
    counted: bool = False
    """Whether `tokens` is no estimate."""
    placed: bool = False
    """Whether Graft put it there of its own."""
    placed_tokens: int = 0
    """Of the tokens, those of what Graft placed in a message of somebody else."""


def joined(lines: Iterable[Line]) -> list[Line]:
    """Lines without a placed user's message of its own, for chat templates that want user and assistant in turn.

    It becomes the end of the user's message before it, else the beginning of the one behind it, so it never moves as a path grows.
    """
    done: list[Line] = []
    waiting: list[Line] = []
    for line in lines:
        before = done[-1] if done else None
        if line.placed and line.message.role == "user":
            if before is not None and not waiting and before.message.role == "user" and not before.placed:
                done[-1] = _with(before, line, behind=True)
            else:
                waiting.append(line)
        elif waiting and line.message.role == "user":
            done.append(reduce(lambda below, one: _with(below, one, behind=False), reversed(waiting), line))
            waiting = []
        else:
            done += [*waiting, line]
            waiting = []
    return [*done, *waiting]


def _with(line: Line, placed: Line, *, behind: bool) -> Line:
    own, other = line.message.wire.get("content"), placed.message.wire.get("content")
    content: object
    if isinstance(own, str) and isinstance(other, str):
        content = f"{own}\n\n{other}" if behind else f"{other}\n\n{own}"
    else:
        content = [*_parts(own), *_parts(other)] if behind else [*_parts(other), *_parts(own)]
    message = Message({**line.message.wire, "content": content})
    return line._replace(
        message=message,
        tokens=line.tokens + placed.tokens,
        is_stored=False,
        counted=False,
        placed_tokens=line.placed_tokens + placed.tokens,
    )


def _parts(content: object) -> Sequence[object]:
    if isinstance(content, list):
        return content
    return [{"type": "text", "text": content}] if content else []
