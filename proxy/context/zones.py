"""The standing zones as the model sees them: byte-identical until somebody edits one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from proxy.domain.message import Message, said
from proxy.domain.zone import Piece, Scope

ZonesAs = Literal["system", "merge"]

_TITLES: dict[Scope, str] = {
    "personality": "Who you are",
    "user": "About the user",
    "discussion": "About this discussion",
    "memory": "What is remembered",
    "node": "About this branch",
}


def text(pieces: Sequence[Piece]) -> str:
    """The pieces as one formatted text, in their order; empty when none has text."""
    return "\n\n".join(f"## {_TITLES[piece.scope]}\n{piece.text.strip()}" for piece in pieces if piece.text.strip())


def head(system: Sequence[Message], pieces: Sequence[Piece], zones_as: ZonesAs) -> list[Message]:
    """The head of a context: the system messages, untouched and in order, and the zones behind them.

    `merge` writes the zones into the last system message, for upstreams that take only one; without any system message, or with
    one that is not plain text, they stand in one of their own.
    """
    block = text(pieces)
    if not block:
        return list(system)
    if zones_as == "merge" and system and isinstance(system[-1].wire.get("content"), str):
        last = system[-1]
        merged = Message({**last.wire, "content": f"{last.wire['content']}\n\n{block}"})
        return [*system[:-1], merged]
    return [*system, said("system", block)]
