"""What was sent, kept so that it can be told again word for word, without keeping it twice.

A message of the path is kept as the number of its node, one of the new turn as its place in the turn, the client's only system message as the
system text that stands with the turn; whatever else was sent (zones, summaries, messages that no node holds) is kept as it was,
compressed where it is long. Pictures that Graft placed are kept by their ids. So what is deleted is gone from here too.

Under `follow` what was sent is the client's own list. What of it was recognised is kept as the path to the last such message: it is told as
stored, which may differ in white space from what the client sent.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import msgspec

from proxy.chat.prepared import Prepared
from proxy.chat.request import Request
from proxy.context.lines import Line
from proxy.context.wording import lean
from proxy.domain.message import Message, Wire
from proxy.domain.tree import Node
from proxy.domain.zone import Image, Piece

REMOVED = {"type": "text", "text": "(an image that was removed since)"}
GONE: Wire = {"role": "user", "content": "(a message that was deleted since)"}
LEVEL = 1
"""Of compression: what is kept is short, and the road waits for it."""
SHORT = 512
"""Bytes up to which nothing is compressed: there, getting ready to takes longer than all the rest."""

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode

Item = int | str | dict[str, object]
"""A stored message, as the distance of its number from the one before; `system`: the system text of the turn; else an object: `turn`, how far
from the end of the turn; `path` and `messages`, so many messages up to a node; `wire`, a message as it was."""


@dataclass(frozen=True, slots=True)
class Again:
    """What a manifest is told from."""

    nodes: Mapping[int, Node]
    """Stored messages by their numbers."""
    turn: Sequence[Node]
    """The path to the end of the turn."""
    path: Sequence[Node]
    """The path that was followed, if one was."""
    images: Mapping[str, Image]
    """Pictures that are still there, with their bytes."""


def manifest(request: Request, prepared: Prepared, new: Mapping[int, int], *, with_system: bool) -> bytes:
    """What was sent, in short.

    Args:
        new: How far from the end of the stored turn a message is, by `id()` of the message.
        with_system: Whether the client's system text stands with the last of these.
    """
    pictures = {image.link: image.id for piece in prepared.pieces for image in piece.images}
    seqs = {node.id: node.seq for node in prepared.context.path}
    system = request.turn.system
    alone = system[0] if with_system and len(system) == 1 and set(system[0].wire) == {"role", "content"} else None
    items: list[Item] = []
    lines, last = prepared.context.lines, 0
    first, run = (0, 0) if prepared.draft is not None else _followed(lines, prepared.pieces)
    for line in (*lines[:first], *lines[first + run :]):
        if line.is_stored and line.node_id in seqs:
            items.append(seqs[line.node_id] - last)
            last = seqs[line.node_id]
        elif id(line.message) in new:
            items.append({"turn": new[id(line.message)]})
        elif line.message is alone and isinstance(alone.wire["content"], str):
            items.append("system")
        elif id(line.message) in prepared.buried:
            items.append({"wire": GONE})
        else:
            items.append({"wire": _without_bytes(line.message.wire, pictures)})
    if run:
        items.insert(first, {"path": lines[first + run - 1].node_id, "messages": run})
    told = _spelt(items)
    return zlib.compress(told, LEVEL) if len(told) > SHORT else told


def _followed(lines: Sequence[Line], pieces: Sequence[Piece]) -> tuple[int, int]:
    """Under `follow`: where the messages that were recognised begin, and how many there are in a row; none where they are fewer than two."""
    if pieces and any(line.kind == "node zone" for line in lines):
        return 0, 0
    first = 0
    while first < len(lines) and lines[first].kind != "client":
        first += 1
    run = 0
    for line in lines[first:]:
        if line.kind != "client" or line.node_id is None:
            break
        run += 1
    return (first, run) if run > 1 else (0, 0)


def parsed(kept: bytes) -> list[Item]:
    """A manifest that was kept."""
    return cast("list[Item]", _decode(kept if kept.startswith(b"[") else zlib.decompress(kept)))


def numbers(items: Sequence[Item]) -> list[int]:
    """The numbers of the stored messages in a manifest."""
    found: list[int] = []
    for item in items:
        if isinstance(item, int):
            found.append((found[-1] if found else 0) + item)
    return found


def pictures(items: Sequence[Item]) -> list[str]:
    """The ids of the pictures in a manifest."""
    wires = [item["wire"] for item in items if isinstance(item, dict) and "wire" in item]
    contents = [wire.get("content") for wire in wires if isinstance(wire, dict)]
    parts = [part for content in contents if isinstance(content, list) for part in content]
    return [str(part["graft_image"]) for part in parts if isinstance(part, dict) and "graft_image" in part]


def told(items: Sequence[Item], again: Again) -> list[Wire]:
    """The messages that were sent, as far as they are still there."""
    wires: list[Wire] = []
    last = 0
    for item in items:
        if isinstance(item, int):
            last += item
            wires.append(lean(again.nodes[last].message).wire if last in again.nodes else GONE)
        elif isinstance(item, str):
            wires.append({"role": "system", "content": (again.turn[-1].system if again.turn else None) or ""})
        elif "turn" in item:
            behind = int(str(item["turn"]))
            wires.append(again.turn[-1 - behind].message.wire if behind < len(again.turn) else GONE)
        elif "path" in item:
            count = int(str(item["messages"]))
            run = [node.message.wire for node in again.path[-count:]]
            wires += [GONE] * (count - len(run)) + run
        else:
            wires.append(_with_bytes(cast("Wire", item["wire"]), again.images))
    return wires


def _without_bytes(wire: Wire, pictures: Mapping[str, str]) -> Wire:
    content = wire.get("content")
    if not isinstance(content, list) or not pictures:
        return wire
    parts = []
    for part in content:
        shown = part.get("image_url") if isinstance(part, dict) else None
        link = shown.get("url") if isinstance(shown, dict) else None
        parts.append({"graft_image": pictures[link]} if isinstance(link, str) and link in pictures else part)
    return {**wire, "content": parts}


def _with_bytes(wire: Wire, images: Mapping[str, Image]) -> Wire:
    content = wire.get("content")
    if not isinstance(content, list):
        return wire
    parts: list[object] = []
    for part in content:
        if isinstance(part, dict) and "graft_image" in part:
            image = images.get(str(part["graft_image"]))
            parts.append({"type": "image_url", "image_url": {"url": image.link}} if image else REMOVED)
        else:
            parts.append(part)
    return {**wire, "content": parts}


def _spelt(items: Sequence[Item]) -> bytes:
    try:
        return _encode(items)
    except (UnicodeEncodeError, OverflowError):  # half an emoji, very long integers
        import json  # noqa: PLC0415 - rarely needed

        return json.dumps(items).encode()


def new_messages(messages: Sequence[Message]) -> dict[int, int]:
    """The messages of a turn, by `id()`, with how far each is from its end."""
    return {id(message): len(messages) - 1 - i for i, message in enumerate(messages)}
