"""Paths and turns for tests of what is sent."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from proxy.context.compose import Draft, Window
from proxy.domain.message import Message, said
from proxy.domain.tree import Node, NodeId, TreeId
from proxy.domain.zone import Piece, Scope

WIDE = Window(tokens=100_000, reply_tokens=0, margin=0)


def calls(*ids: str, text: str | None = None) -> Message:
    made = [{"id": one, "type": "function", "function": {"name": "f", "arguments": "{}"}} for one in ids]
    return Message({"role": "assistant", "content": text, "tool_calls": made})


def result(id: str, text: str = "done") -> Message:
    return Message({"role": "tool", "tool_call_id": id, "content": text})


def chain(messages: Sequence[Message], tokens: Sequence[int] | None = None, after: Sequence[Node] = ()) -> list[Node]:
    """A path that goes on after another with these messages; ids are `n0`, `n1`, ..."""
    nodes: list[Node] = []
    for number, message in enumerate(messages):
        parent = [*after, *nodes][-1].id if after or nodes else None
        node_id, size = NodeId(f"n{len(after) + number}"), tokens[number] if tokens else None
        nodes.append(Node(node_id, TreeId("t"), parent, message, "whole", float(number), tokens=size))
    return [*after, *nodes]


def talk(pairs: int) -> list[Node]:
    """Questions and answers in turn."""
    messages = [
        message for n in range(pairs) for message in (said("user", f"question {n}"), said("assistant", f"answer {n}"))
    ]
    return chain(messages)


def draft(path: Sequence[Node] = (), turn: Sequence[Message] = (said("user", "new"),), **more) -> Draft:
    return Draft(**{"system": (), "path": path, "turn": turn} | more)


def zone(scope: Scope, text: str) -> Piece:
    return Piece(scope, "zone", text)


def texts(messages: Iterable[Message]) -> list[str]:
    return [message.text for message in messages]
