"""One client's connection: how much it may send before it is a request, and how long it may take over it and over its answer.

uvicorn's protocol reads whatever comes, for as long as it comes. This one bounds the request line and the headers while they arrive, the
time until they are complete, the number of connections, and the time for which a client may leave an answer unread. Who goes too far
gets OpenAI's error body and a closed connection; nothing of it reaches the application. It is noted all the same: it has an id, a line in
the log, and its place in the figures.

A client that takes nothing while more than a buffer of its answer waits (64 KiB, beside the kernel's own) is disconnected after a while.
To the rest of Graft it has then left, as any client may: what was received is stored as interrupted. Until then the upstream is not
read further, so memory stays flat.

Source: RFC 9110, 15.5 (408, 414); RFC 6585, 5 (431); RFC 9112, 3.2 (one Host), 9.6 (why the end of a connection is waited for).
"""

from __future__ import annotations

import asyncio
import logging
import math
from dataclasses import dataclass
from typing import Any, ClassVar, Final

import msgspec
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from proxy.api.errors import refusal
from proxy.api.leaving import EXTENSION, LINE, Line
from proxy.api.sending import Sending, Unframed
from proxy.api.watching import Watch

log = logging.getLogger(__name__)

_LINGER_S: Final = 2.0
"""How long what a refused client still sends is read and thrown away: closing at once would take the refusal from it."""
_PROTOCOL: Final = "uvicorn.error.connection"
"""The logger of uvicorn's protocol."""
_ABOUT_THE_REQUEST: Final = frozenset({b"expect", b"host"})
"""Headers that are looked at as they come."""
_NEVER: Final = math.inf
_EARLY_S: Final = 0.002
"""So much too early a timer may come: the loop's clock counts milliseconds."""
_NO_MORE: Final = 2
"""Above so many times the connections that are served, further ones are closed unheard."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one connection may do."""

    connections: int = 2000
    """Of this process, at the same time."""
    url_bytes: int = 16 * 1024
    header_bytes: int = 64 * 1024
    """Names and values of one request."""
    headers: int = 200
    head_s: float = 15.0
    """From the first byte of a request, or from the beginning of the connection, until its headers are complete."""
    unread_s: float = 60.0
    """How long a client may leave an answer unread."""


class Connection(HttpToolsProtocol):
    """uvicorn's protocol within bounds."""

    bounds: ClassVar[Bounds]
    watch: ClassVar[Watch]

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        self.logger = logging.getLogger(_PROTOCOL)
        self.url = b""
        self._line = Line()
        self._extensions: dict[str, dict[object, object]] = {EXTENSION: {LINE: self._line}}
        self._refusal: tuple[int, str, str] | None = None
        """What the parser's callbacks found wrong."""
        self._is_refused = False
        self._answered: RequestResponseCycle | None = None
        """The request that is being answered, or was last; uvicorn knows the one that came last, which may wait behind it."""
        self._head_bytes = 0
        self._header_bytes = 0
        self._in_head = False
        self._has_host = False
        self._in_body = False
        """Between the headers and the end of what belongs to the request, trailers included."""
        self._has_moved = False
        """Whether a request began, or some of its body came, in what was just read."""
        self._head_until = self._idle_until = _NEVER
        """Until when the rest of a head is waited for, and the next request; by the loop's clock."""
        self._look: asyncio.TimerHandle | None = None
        """Looks whether these times have come; a request moves them and leaves it alone, for to set a timer costs more than to look."""
        self._unread_due: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > _NO_MORE * self.bounds.connections:
            self.watch.unheard()
            transport.abort()
            return
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        for due in (self._look, self._unread_due):
            if due is not None:
                due.cancel()
        self._look = self._unread_due = None
        super().connection_lost(exc)
        self._give_up_answer()
        self._line.lose()

    def data_received(self, data: bytes) -> None:
        if self._is_refused:
            return
        if self._idle_until != _NEVER:  # the connection was idle, and is not allowed to be busy with nothing
            self._idle_until = _NEVER
            self._await_head()
        self._has_moved = False
        super().data_received(data)
        if (self._in_head or self._in_body) and not self._has_moved and not self._is_refused:
            # A name or value that never ends comes to no callback, so what was read is counted as well. The same holds behind a
            # body, where the parser gathers a trailer until it ends, and for what stands beside a chunk's size.
            self._head_bytes += len(data)
            if self._head_bytes > self.bounds.header_bytes + self.bounds.url_bytes:
                self._refuse(431, self._too_many_bytes(), "headers")

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["extensions"] = self._extensions
        self._in_head = self._has_moved = True
        self._in_body = self._has_host = False
        self._head_bytes = self._header_bytes = 0
        self._line.has_body = False
        self._await_head()

    def on_url(self, url: bytes) -> None:
        super().on_url(url)
        if len(self.url) > self.bounds.url_bytes:
            self._stop(414, f"The URL is longer than {self.bounds.url_bytes} bytes (server.max_url_kb).", "url")

    def on_header(self, name: bytes, value: bytes) -> None:
        self._header_bytes += len(name) + len(value)
        if self._header_bytes > self.bounds.header_bytes:
            self._stop(431, self._too_many_bytes(), "headers")
        if len(self.headers) >= self.bounds.headers:
            self._stop(431, f"The request has more than {self.bounds.headers} headers (server.max_headers).", "headers")
        if self._in_head:  # what comes behind a body is no header, and nothing reads it
            name = name.lower()
            if name in _ABOUT_THE_REQUEST:
                self._take_in(name, value)
            self.headers.append((name, value))

    def _take_in(self, name: bytes, value: bytes) -> None:
        if name == b"expect":
            self.expect_100_continue = value.lower() == b"100-continue"
        elif self._has_host:  # who else reads the request might take the other one
            self._stop(400, "The request has more than one Host header.", "")
        else:
            self._has_host = True

    def on_body(self, body: bytes) -> None:
        super().on_body(body)
        self._has_moved, self._head_bytes = True, 0

    def on_message_complete(self) -> None:
        self._in_body = False
        self._line.has_body = True
        super().on_message_complete()

    def on_headers_complete(self) -> None:
        self._in_head, self._in_body, self._head_bytes = False, True, 0
        self._head_until = _NEVER
        if len(self.connections) > self.bounds.connections:
            self._stop(503, "The server has as many connections as it can serve. Try again.", "connections")
        super().on_headers_complete()
        if self.cycle is not None:  # it runs only when this callback has returned
            self.cycle.__class__ = Unframed if self.scope["http_version"] == "1.0" else Sending
        if not self.pipeline:
            self._answered = self.cycle

    def _unsupported_upgrade_warning(self) -> None:
        """An upgrade is an offer, and is not taken: the request is answered as any other (RFC 9110, 7.8)."""

    def send_400_response(self, msg: str) -> None:
        """What the parser refuses, for its own reasons or for ours."""
        self._refuse(*(self._refusal or (400, msg, "")))

    def pause_writing(self) -> None:
        super().pause_writing()
        self._await_reader()

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._unread_due is not None:
            self._unread_due.cancel()
            self._unread_due = None

    def on_response_complete(self) -> None:
        if self.pipeline or self.transport.is_closing():
            if self.pipeline:
                self._answered = self.pipeline[-1][0]
            super().on_response_complete()
        else:  # as uvicorn does, which sets a timer for each request
            self.server_state.total_requests += 1
            self.flow.resume_reading()
            self._idle_until = self._look_at(self.timeout_keep_alive)
        self._await_last_bytes()

    def _await_head(self) -> None:
        if self._head_until == _NEVER:
            self._head_until = self._look_at(self.bounds.head_s)

    def _look_at(self, within_s: float) -> float:
        """Look in so many seconds, if not before; returns when that is."""
        at = self.loop.time() + within_s
        if self._look is None or at < self._look.when():
            if self._look is not None:
                self._look.cancel()
            self._look = self.loop.call_at(at, self._looked)
        return at

    def _looked(self) -> None:
        self._look = None
        now = self.loop.time() + _EARLY_S
        if now >= self._head_until:
            self._head_until = _NEVER
            self._head_is_late()
        if now >= self._idle_until:
            self._idle_until = _NEVER
            self.timeout_keep_alive_handler()
            self._await_last_bytes()
        if (at := min(self._head_until, self._idle_until)) != _NEVER and self._look is None:
            self._look = self.loop.call_at(at, self._looked)

    def _head_is_late(self) -> None:
        if self.transport.is_closing():
            return
        if self.cycle is not None and not self.cycle.response_complete:  # it may wait for us with a further request
            self._await_head()
        elif self._in_head:
            self._refuse(
                408, f"The request's headers did not arrive within {self.bounds.head_s:g} s (server.head_s).", "slow"
            )
        else:
            self.transport.close()

    def _await_last_bytes(self) -> None:
        """A connection that is closing ends once its client has taken what is left, which a client may never do."""
        if self.transport.is_closing() and self.transport.get_write_buffer_size():
            self._await_reader()

    def _await_reader(self) -> None:
        if self._unread_due is None:
            self._unread_due = self.loop.call_later(self.bounds.unread_s, self._unread)

    def _unread(self) -> None:
        self._unread_due = None
        log.info("A client left an answer unread for %g s and was disconnected (server.unread_s)", self.bounds.unread_s)
        self.watch.figures.count("graft_refused_total", "unread")
        self.transport.abort()

    def _give_up_answer(self) -> bool:
        """Write no more of the answer that is not complete; whether it had begun."""
        cycle = self._answered
        if cycle is None or cycle.response_complete:
            return False
        cycle.disconnected = True
        cycle.message_event.set()
        return cycle.response_started

    def _too_many_bytes(self) -> str:
        return f"The request's headers are larger than {self.bounds.header_bytes} bytes (server.max_headers_kb)."

    def _stop(self, status: int, message: str, limit: str) -> None:
        """Have the parser stop reading; `send_400_response` is called next."""
        self._refusal = (status, message, limit)
        raise ValueError(message)

    def _refuse(self, status: int, message: str, limit: str) -> None:
        """Answer in OpenAI's shape and be done with this connection; `limit` is what there was too much of."""
        self._is_refused = True
        if self._give_up_answer():  # in the middle of another answer there is no place for this one
            self.transport.abort()
            return
        self._unset_keepalive_if_required()
        begun = self._in_head or self._in_body
        method = self.parser.get_method().decode() if begun and self.url else ""
        request_id = self.watch.refused(method, self.headers if begun else (), status, limit)
        self.transport.write(_answer(status, message, request_id))
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self.loop.call_later(_LINGER_S, self.transport.abort)


def within(bounds: Bounds, watch: Watch) -> type[HttpToolsProtocol]:
    """The protocol with these bounds, as uvicorn takes it; `watch` is told of what it refuses."""
    logging.getLogger(_PROTOCOL).addFilter(_is_news)
    return type("BoundConnection", (Connection,), {"bounds": bounds, "watch": watch})


def _is_news(record: logging.LogRecord) -> bool:
    """Whether a line of uvicorn's tells what no line of ours does."""
    return record.msg != "Invalid HTTP request received."


def _answer(status: int, message: str, request_id: str) -> bytes:
    body = msgspec.json.encode(refusal(status, message))
    retry = b"retry-after: 1\r\n" if status == 503 else b""
    head = b"content-type: application/json\r\ncontent-length: %d\r\nx-request-id: %s\r\n%sconnection: close\r\n\r\n"
    return STATUS_LINE[status] + head % (len(body), request_id.encode(), retry) + body
