"""Pictures: what kind they are, told by their own first bytes, and which parts of a message they are.

Sources: W3C PNG 5.2; ITU-T T.81 annex B (JPEG); GIF89a section 17; Google's WebP container specification. These four are what
OpenAI's vision guide takes, and each has one signature, so no library is asked.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from proxy.domain.message import Message, Wire
from proxy.domain.tree import NodeId, TreeId
from proxy.domain.zone import Image
from proxy.errors import InvalidRequest, RequestTooLarge

PICTURE_MAX: Final = 20_000_000
"""Bytes of one picture (OpenAI, vision guide: 20 MB an image)."""
LINK_MAX: Final = 8_192
"""Characters of the address of a picture elsewhere."""
PARTS: Final = frozenset({"image_url", "input_image", "image"})
"""Types of content parts that are pictures, in the shapes that clients send."""

_SIGNATURES: Final = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
)
_PNG_BEGINS: Final = b"IHDR"
"""The first chunk of every PNG; its name stands behind the signature and its length."""
_SAME: Final = {"image/jpg": "image/jpeg", "image/pjpeg": "image/jpeg", "image/x-png": "image/png"}
"""What clients call them beside their registered names."""
_HEAD: Final = 64
"""Letters of base64 that are enough to tell a picture's kind."""


@dataclass(frozen=True, slots=True)
class Picture:
    """What somebody brings: bytes, or the address of a picture elsewhere."""

    media_type: str | None
    """`None` for a picture elsewhere."""
    data: bytes | None
    url: str | None
    active: bool = True

    @property
    def link(self) -> str:
        """What OpenAI's `image_url.url` takes."""
        if self.data is None:
            return self.url or ""
        return f"data:{self.media_type};base64,{base64.b64encode(self.data).decode()}"


@dataclass(frozen=True, slots=True)
class Hung:
    """A picture and where it hangs: on a tree, on a node for its subtree, or in a message."""

    image: Image
    tree_id: TreeId
    node_id: NodeId | None = None
    number: int | None = None
    """Its place among the pictures of a message; `None` for one that is in no message."""
    created_at: float | None = None


def media_type_of(data: bytes) -> str | None:
    """What a picture is by its first bytes; `None` for whatever is none of the four kinds."""
    for signature, media_type in _SIGNATURES:
        if data.startswith(signature):
            return media_type if media_type != "image/png" or data[12:16] == _PNG_BEGINS else None
    return "image/webp" if data[:4] == b"RIFF" and data[8:12] == b"WEBP" else None


def decoded(text: str, claimed: str | None = None) -> Picture:
    """A picture from base64, or from a data URL that holds base64.

    Args:
        claimed: What its sender says that it is; a data URL says so itself.

    Raises:
        InvalidRequest: It is no base64, no picture of a kind that models take, or another kind than is claimed.
        RequestTooLarge: It has more than `PICTURE_MAX` bytes.
    """
    head, comma, body = text.partition(",") if text[:5].lower() == "data:" else ("", "", text)
    if head and (not comma or not head.lower().endswith(";base64")):
        raise InvalidRequest("A data URL needs `;base64,` before its bytes.")
    data = _bytes_of(body)
    media_type = media_type_of(data)
    if media_type is None:
        raise InvalidRequest("These bytes are no PNG, JPEG, GIF or WebP picture.")
    for told in (head[5:].split(";")[0], claimed):
        if told and _SAME.get(told.lower(), told.lower()) != media_type:
            raise InvalidRequest(f"The picture is claimed to be {told!r}, but its bytes are {media_type!r}.")
    return Picture(media_type, data, None)


def _bytes_of(body: str) -> bytes:
    if len(body) > (PICTURE_MAX + 2) // 3 * 4 + PICTURE_MAX // 16:  # some wrap their lines
        raise _too_large()
    try:
        data = base64.b64decode("".join(body.split()), validate=True)
    except (binascii.Error, ValueError) as exc:
        raise InvalidRequest(f"This is no base64: {exc}.") from exc
    if len(data) > PICTURE_MAX:
        raise _too_large()
    return data


def _too_large() -> RequestTooLarge:
    return RequestTooLarge(f"The picture is too large: {PICTURE_MAX // 1_000_000} MB are allowed.")


def pictures_in(message: Message) -> list[Wire]:
    """The parts of a message that are pictures, in order; a picture's number is its place here."""
    content = message.wire.get("content")
    parts = content if isinstance(content, list) else ()
    return [part for part in parts if isinstance(part, dict) and part.get("type") in PARTS]


def said_picture(part: Wire, id: str, *, active: bool) -> Image:
    """A picture in a message as it stands there, its bytes where they came with it."""
    told = part.get("image_url")
    url = told.get("url") if isinstance(told, Mapping) else told
    if not isinstance(url, str):
        return Image(id, None, None, None, active, 0)
    if url[:5].lower() != "data:":
        return Image(id, None, None, url, active, 0)
    body = "".join(url.partition(",")[2].split())
    size = max(0, len(body) * 3 // 4 - body[-2:].count("="))
    return Image(id, _told_by(body[:_HEAD]), body, None, active, size)


def _told_by(head: str) -> str | None:
    try:
        return media_type_of(base64.b64decode(head[: len(head) // 4 * 4]))
    except (binascii.Error, ValueError):
        return None
