"""A context part by part: what each zone, the history and the new turn take of it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING, cast

from proxy.context.lines import Line
from proxy.context.tokens import MEDIA_TOKENS, rough
from proxy.domain.message import Wire
from proxy.domain.zone import Piece

if TYPE_CHECKING:
    from proxy.context.compose import Context

_SAID = ("summary", "history", "client", "turn")
_NONE = {"messages": 0, "tokens": 0}

_kind = attrgetter("kind")


def parts_of(context: Context, pieces: Sequence[Piece], beside_tokens: int) -> list[Wire]:
    """The parts that are there, in the order in which they are sent; their tokens add up to all that is sent.

    Each has `kind`, `messages` and `tokens`. A `zone` names its `scope`, its `source` and the `node_id` on which it hangs, and the
    `marking` of all zones is a part of its own. What stands beside the messages is `tools`.
    """
    zones = [part for piece in pieces if (part := _zone(piece)) is not None]
    said = _said(context.lines)
    parts: list[Wire] = [said["system"]] if "system" in said else []
    if zones:
        parts += [part for part, _ in zones]
        if (marking := _placed(context.lines) - sum(tokens for _, tokens in zones)) > 0:
            parts.append({"kind": "marking", "messages": 0, "tokens": marking})
    if beside_tokens:
        parts.append({"kind": "tools", "messages": 0, "tokens": beside_tokens})
    return parts + [said[kind] for kind in _SAID if kind in said]


def _said(lines: Sequence[Line]) -> dict[str, Wire]:
    """Each kind of line that is there."""
    found: dict[str, Wire] = {}
    for kind, alike in groupby(lines, _kind):
        tokens = [line.tokens - line.placed_tokens for line in alike]
        before = cast("dict[str, int]", found.get(kind) or _NONE)
        messages = before["messages"] + len(tokens)
        found[kind] = {"kind": kind, "messages": messages, "tokens": before["tokens"] + sum(tokens)}
    return found


def _placed(lines: Sequence[Line]) -> int:
    """Tokens that Graft placed, but for summaries."""
    return sum(line.tokens if line.placed else line.placed_tokens for line in lines if line.kind != "summary")


def _zone(piece: Piece) -> tuple[Wire, int] | None:
    images = sum(image.active for image in piece.images)
    text_tokens = (rough(piece.text) if piece.tokens is None else piece.tokens) if piece.text.strip() else 0
    if not images and not text_tokens:
        return None
    tokens = text_tokens + images * MEDIA_TOKENS
    named = {"kind": "zone", "scope": piece.scope, "source": piece.source, "node_id": piece.node_id}
    return {**named, "messages": 0, "images": images, "tokens": tokens}, tokens
