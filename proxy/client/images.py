"""Images as content parts of a message: base64 becomes a data URL whose media type is found from the bytes."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from typing import Any, Final

from proxy.client.records import Wire

_BEGINNINGS: Final = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
)


def parts(content: str | Sequence[Wire] | None, images: Sequence[str]) -> Any:
    """What is said, with images behind it."""
    if not images:
        return content if content is None or isinstance(content, str) else list(content)
    text = [{"type": "text", "text": content}] if isinstance(content, str) else list(content or ())
    return [*text, *({"type": "image_url", "image_url": {"url": url(image)}} for image in images)]


def url(image: str) -> str:
    """The URL of an image: its own, or a data URL of base64. Raises ValueError for what is neither."""
    if image.startswith(("http://", "https://", "data:")):
        return image
    try:
        head = base64.b64decode(image[:64], validate=True)
    except binascii.Error as exc:
        raise ValueError("An image is a URL or base64.") from exc
    found = next((media for beginning, media in _BEGINNINGS if head.startswith(beginning)), None)
    if found is None and head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        found = "image/webp"
    if found is None:
        raise ValueError("These bytes are no PNG, JPEG, GIF or WebP image.")
    return f"data:{found};base64,{image}"
