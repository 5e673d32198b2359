"""One answer on its way to the socket: its head is put together once, and leaves with the body where that is one piece.

uvicorn looks at each name and each value by itself, twice, and writes the head before it knows the body. Here names are looked at
once for all requests, and a head as a whole. A header that cannot be sent is left out, and told in the log: the client still gets its
answer. Its other duties are uvicorn's: to say how the body ends, and what becomes of the connection.

Source: RFC 9112, 6 (how a body ends), and 9.6 (the end of a connection); RFC 9110, 5.1 and 5.5 (names and values of headers).
"""

from __future__ import annotations

import logging
import re
from functools import lru_cache
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

log = logging.getLogger(__name__)

_NAME: Final = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_CONTROLS: Final = bytes([*range(0x09), *range(0x0A, 0x20), 0x7F])
"""What no line may hold: with a line's end, it would begin a header of its own."""
_NO_NAME: Final = b"\0"
"""Stands before a name that is none, so that its line is not sent."""
_NO_BODY: Final = (204, 304)
_LENGTH, _CODING, _CONNECTION = b"content-length: ", b"transfer-encoding: ", b"connection: "
_OF_THE_BODY: Final = frozenset({_LENGTH, _CODING, _CONNECTION})
"""Headers that say how a body ends."""


class Sending(RequestResponseCycle):
    """The answer to one request."""

    _head = b""
    """What waits for the first piece of the body."""

    async def send(self, message: Any) -> None:
        """Take a message of the application; returns when there is room for more."""
        if self.flow.write_paused and not self.disconnected:
            await self.flow.drain()
        if self.disconnected:
            return
        expected = "http.response.body" if self.response_started else "http.response.start"
        if self.response_complete or message["type"] != expected:
            raise RuntimeError(f"There is no place for a message {message['type']!r} in this answer.")
        if self.response_started:
            self._go_on(message.get("body", b""), is_last=not message.get("more_body", False))
        else:
            self._begin(message["status"], message.get("headers", ()))

    def _begin(self, status: int, headers: Any) -> None:
        self.response_started = True
        self.waiting_for_100_continue = False
        lines = [STATUS_LINE[status][:-2]]
        says_close = False
        for header, value in (*self.default_headers, *headers):
            name = _written(header)
            if name in _OF_THE_BODY:
                says_close = self._frame(name, value) or says_close
            lines.append(name + value)
        if not self.keep_alive and not says_close:
            lines.append(b"connection: close")
        if self.chunked_encoding is None and self.scope["method"] != "HEAD" and status not in _NO_BODY:
            self.chunked_encoding = True
            lines.append(b"transfer-encoding: chunked")
        lines += (b"", b"")
        head = b"\r\n".join(lines)
        if len(head.translate(None, _CONTROLS)) + 2 * (len(lines) - 1) != len(head):
            head = b"\r\n".join(_sendable(lines))
        if self.expected_content_length:
            self._head = head
        else:
            self.transport.write(head)

    def _frame(self, name: bytes, value: bytes) -> bool:
        """Take in what a header says of the body; whether it says that the connection ends."""
        if name == _CONNECTION and b"close" in (token.strip() for token in value.lower().split(b",")):
            self.keep_alive = False
            return True
        if name == _LENGTH and self.chunked_encoding is None:
            self.expected_content_length, self.chunked_encoding = int(value), False
        elif name == _CODING and value.lower() == b"chunked":
            self.expected_content_length, self.chunked_encoding = 0, True
        return False

    def _go_on(self, body: bytes, *, is_last: bool) -> None:
        piece = self._head + self._framed(body, is_last=is_last)
        self._head = b""
        if piece:
            self.transport.write(piece)
        if not is_last:
            return
        if self.expected_content_length:
            raise RuntimeError("The body of the answer is shorter than its head says.")
        self.response_complete = True
        self.message_event.set()
        if not self.keep_alive:
            self.transport.close()
        self.on_response()

    def _framed(self, body: bytes, *, is_last: bool) -> bytes:
        """A piece of the body as it goes out."""
        if self.scope["method"] == "HEAD":
            self.expected_content_length = 0
            return b""
        if self.chunked_encoding:
            chunk = b"%x\r\n%b\r\n" % (len(body), body) if body else b""
            return chunk + b"0\r\n\r\n" if is_last else chunk
        self.expected_content_length -= len(body)
        if self.expected_content_length < 0:
            raise RuntimeError("The body of the answer is longer than its head says.")
        return body


class Unframed(Sending):
    """To a client of HTTP/1.0, which knows no chunks: what has no length ends with the connection (RFC 9112, 6.3)."""

    def _begin(self, status: int, headers: Any) -> None:
        self.chunked_encoding = False
        super()._begin(status, headers)

    def _framed(self, body: bytes, *, is_last: bool) -> bytes:  # noqa: ARG002
        return b"" if self.scope["method"] == "HEAD" else body


def _sendable(lines: list[bytes]) -> list[bytes]:
    """The lines of a head that are one line each."""
    sendable = [line for line in lines if line.translate(None, _CONTROLS) == line]
    for line in lines:
        if line not in sendable:
            log.error("A header of the answer cannot be sent and was left out: %r", line.partition(b": ")[0])
    return sendable


@lru_cache(1024)
def _written(name: bytes) -> bytes:
    """A header's name with what stands before its value."""
    return (name.lower() if _NAME.fullmatch(name) else _NO_NAME + name) + b": "
