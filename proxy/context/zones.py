"""What Graft places of its own, as the model sees it: byte-identical until somebody edits it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from proxy.context.lines import Kind, Line
from proxy.context.marking import marked
from proxy.context.tokens import estimate
from proxy.domain.message import Message, Role, said
from proxy.domain.tree import NodeId
from proxy.domain.zone import Image, Piece

ZonesAs = Literal["system", "merge", "user"]
"""A system message of their own, a part of the client's last one, or a user's message."""


def text(pieces: Sequence[Piece]) -> str:
    """Pieces as one marked text, in their order; empty when none has text."""
    return "\n\n".join(marked(piece.scope, piece.source, piece.text) for piece in pieces if piece.text.strip())


def head(system: Sequence[Message], pieces: Sequence[Piece], zones_as: ZonesAs) -> list[Line]:
    """The head of a context: the system messages, untouched and in order, the standing text and the images behind them.

    `merge` writes the text into the last system message, for upstreams that take only one; without any system message, or with
    one that is not plain text, it stands in one of its own.
    """
    lines = [Line(message, "system", estimate(message)) for message in system]
    if not pieces:
        return lines
    block, images = text(pieces), _images(pieces)
    if zones_as == "user":
        return [*lines, *_placed("user", block, images, "zones")]
    if block and zones_as == "merge" and system and isinstance(system[-1].wire.get("content"), str):
        last = system[-1]
        merged = Message({**last.wire, "content": f"{last.wire['content']}\n\n{block}"})
        tokens = estimate(merged)
        lines[-1] = Line(merged, "system", tokens, placed_tokens=tokens - lines[-1].tokens)
    elif block:
        lines += _placed("system", block, [], "zones")
    return [*lines, *_placed("user", "", images, "images")]


def hanging(node_id: NodeId | None, pieces: Sequence[Piece], zones_as: ZonesAs, kind: Kind = "node zone") -> list[Line]:
    """What hangs on a node of the path, as messages of its own. Pictures can only be in a user's message (OpenAI, vision guide)."""
    block, images = text(pieces), _images(pieces)
    if images:
        return _placed("user", block, images, kind, node_id)
    return _placed("system" if zones_as == "system" else "user", block, [], kind, node_id)


def _images(pieces: Sequence[Piece]) -> list[Image]:
    return [image for piece in pieces for image in piece.images if image.active]


def _placed(role: Role, block: str, images: Sequence[Image], kind: Kind, node_id: NodeId | None = None) -> list[Line]:
    """One placed message, or none where there is nothing to say."""
    if images:
        shown: list[object] = [{"type": "image_url", "image_url": {"url": image.link}} for image in images]
        words = [{"type": "text", "text": block}] if block else []
        message = Message({"role": role, "content": [*words, *shown]})
    elif block:
        message = said(role, block)
    else:
        return []
    return [Line(message, kind, estimate(message), node_id, placed=True)]
