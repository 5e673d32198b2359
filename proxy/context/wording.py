"""How a message is sent that is not sent just as it is stored: empty fields, images that are off, what holds for one turn alone."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from proxy.context import zones
from proxy.domain.message import Message
from proxy.domain.picture import PARTS
from proxy.domain.zone import Piece

SWITCHED_OFF = "(an image that is switched off)"
"""Stands for a message that was nothing but images: a provider refuses an empty one."""


def lean(message: Message) -> Message:
    """A message without fields that say nothing: some providers refuse what others answer with (`annotations: []`)."""
    if len(message.wire) == 2 and "content" in message.wire:  # nothing but role and content, as most are
        return message
    fields = message.wire.items()
    lean = {name: value for name, value in fields if value or name == "content" or value not in (None, [])}
    return message if len(lean) == len(message.wire) else Message(lean)


def is_image(part: object) -> bool:
    """Whether a part of a message's content is an image (OpenAI, vision guide)."""
    return isinstance(part, dict) and part.get("type") in PARTS


def without_images(message: Message, off: Collection[int]) -> Message:
    """A message without some of its images, by their number among its images."""
    content = message.wire.get("content")
    if not isinstance(content, list) or not off:
        return message
    kept: list[object] = []
    number = 0
    for part in content:
        if is_image(part):
            number += 1
            if number - 1 in off:
                continue
        kept.append(part)
    return Message({**message.wire, "content": kept or SWITCHED_OFF})


def at_head(messages: Sequence[Message], pieces: Sequence[Piece]) -> list[Message]:
    """Messages, what holds for this turn alone at the head of the first that a user said; where none did, it is not placed."""
    block = zones.text(pieces)
    first = next((i for i, message in enumerate(messages) if message.role == "user"), None)
    if not block or first is None:
        return list(messages)
    wire = messages[first].wire
    content = wire.get("content")
    if isinstance(content, list):
        headed: object = [{"type": "text", "text": block}, *content]
    else:
        headed = f"{block}\n\n{content or ''}"
    return [*messages[:first], Message({**wire, "content": headed}), *messages[first + 1 :]]
