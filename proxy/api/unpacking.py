"""A body that came packed, as it was before.

It is refused as soon as it grows past the limit for bodies, packed or unpacked, so that a small file cannot fill the memory, nor a long
one that holds nothing keep this server busy. What stands behind the end of a packing is another member (gzip) or a fault.

Source: RFC 9110, 8.4.1 (content codings); RFC 1952, 2.2 (a gzip file is one or more members).
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Any, Final, cast

from litestar.types import Receive, Scope

from proxy.errors import InvalidRequest, RequestTooLarge

_GZIP, _DEFLATE = 31, 15
_PACKINGS: Final = {b"gzip": _GZIP, b"x-gzip": _GZIP, b"deflate": _DEFLATE}
"""What zlib must be told to read each coding."""
_STEP: Final = 256 * 1024
"""Bytes that are unpacked at once."""
_PIECE: Final = 4096
"""Bytes that zlib is given at once: behind each member it copies what is left of them, and a member may have 20 bytes."""


class Packed(InvalidRequest):
    """A body whose packing is not read here."""


def packing_of(scope: Scope) -> bytes | None:
    for name, value in scope["headers"]:
        if name == b"content-encoding":
            coding = value.strip().lower()
            return None if coding in (b"", b"identity") else coding
    return None


async def unpacked(packing: bytes, receive: Receive, most: int) -> bytes:
    """The body. Raises InvalidRequest: Packed, RequestTooLarge."""
    bits = _PACKINGS.get(packing)
    if bits is None:
        name = packing.decode("ascii", "replace")
        raise Packed(f"Bodies packed as {name!r} are not read here: use gzip, deflate, or none.")
    unpacking, parts = _Unpacking(bits), list[bytes]()
    came = size = 0
    more = True
    while more:
        message = cast("Any", await receive())
        if message["type"] != "http.request":
            raise InvalidRequest("The client left before the body was complete.")
        packed, more = message["body"], message["more_body"]
        came += len(packed)
        for part in unpacking.of(packed):
            parts.append(part)
            size += len(part)
            if size > most:
                break
        if max(came, size) > most:
            raise RequestTooLarge("The request body is larger than this server takes (server.max_body_mb).")
    if not unpacking.is_whole:
        raise InvalidRequest("The body ends before its packing does.")
    return b"".join(parts)


class _Unpacking:
    """A body as it arrives, member behind member."""

    def __init__(self, bits: int) -> None:
        self._bits = bits
        self._member = zlib.decompressobj(bits)

    @property
    def is_whole(self) -> bool:
        """Whether it may end here."""
        return self._member.eof

    def of(self, packed: bytes) -> Iterator[bytes]:
        """What the next bytes hold, some of it at a time. Raises InvalidRequest."""
        for start in range(0, len(packed), _PIECE):
            rest = packed[start : start + _PIECE]
            while rest:
                if self._member.eof:
                    self._begin_another()
                try:
                    yield self._member.decompress(rest, _STEP)
                except zlib.error as exc:
                    raise InvalidRequest(f"The body is not what its Content-Encoding says: {exc}.") from exc
                rest = self._member.unconsumed_tail or self._member.unused_data

    def _begin_another(self) -> None:
        if self._bits != _GZIP:
            raise InvalidRequest("The body goes on behind the end of its packing.")
        self._member = zlib.decompressobj(self._bits)
