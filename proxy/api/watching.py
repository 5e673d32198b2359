"""Every request is watched from its first byte to the last of its answer: it gets an id, a line in the log, and its place in the figures.

The id is the client's `x-request-id`, where that is one that can be logged, and every answer tells it. A server that is about to stop
answers here that it does, and lets what is running go on; a stream that outlasts the grace period ends with an event that says so.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final, cast

import msgspec
from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from proxy.api import sse
from proxy.api.errors import FAILED, refusal
from proxy.operations import logs
from proxy.operations.entry import Entry, current, new_id, sane_id
from proxy.operations.figures import Figures
from proxy.operations.traces import Traces

METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
UNKNOWN: Final = "unmatched"
"""The route of an address that this server does not have."""
LEFT: Final = 499
"""The status noted for a client that left before there was one."""
ANSWERED_TO_THE_LAST: Final = ("/health", "/ready", "/metrics")
MOST_LOGGED: Final = 64 * 1024
"""Bytes of a body that are logged, where the operator asked for content."""
RETRY_S: Final = 5
TOLD_EVERY_S: Final = 60.0
"""How often the log tells of connections that are closed unheard, be they thousands."""
TAKEN_WITHIN_S: Final = 1.0
"""How long a client may take to make room for the last event of a stream that is ended."""

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Watch:
    """What is done with what is seen."""

    figures: Figures = field(default_factory=Figures)
    traces: Traces | None = None
    content: bool = False
    """Whether bodies are logged."""
    names: bool = True
    """Whether names that clients gave are told: those of trees and of helpers' tasks."""
    aside_kinds: frozenset[str] = frozenset()
    """What asides are counted as."""
    closing: bool = False
    """Whether the server is about to stop."""
    at_once: bool = False
    """Whether it shall stop without waiting for what is running."""
    told_at: float = -TOLD_EVERY_S
    """When the log last told of connections that were closed unheard, by `time.monotonic()`."""

    def refused(self, method: str, headers: Iterable[tuple[bytes, bytes]], status: int, limit: str) -> str:
        """A request was refused before it was one; returns the id that its client is told.

        Args:
            method: Empty where it was not understood.
            limit: What there was too much of; empty where it was at fault itself.
        """
        entry = _entry(method, headers)
        entry.status, entry.route = status, UNKNOWN
        self.figures.count("graft_requests_total", entry.route, entry.method, str(status), "")
        if limit:
            self.figures.count("graft_refused_total", limit)
        logs.request_line(entry)
        return entry.id

    def unheard(self) -> None:
        """A connection was closed before anything was read of it."""
        self.figures.count("graft_refused_total", "unheard")
        if (now := time.monotonic()) - self.told_at >= TOLD_EVERY_S:
            self.told_at = now
            log.warning("There are twice as many connections as can be served: further ones are closed unheard")

    def end(self, entry: Entry) -> None:
        """A request has been answered."""
        figures, model = self.figures, entry.model
        if not self.names:
            entry.tree, entry.aside = "", self._aside_kind(entry.aside) if entry.aside else ""
        figures.count("graft_requests_total", entry.route, entry.method, str(entry.status), entry.lane)
        figures.observe("graft_request_seconds", entry.spent_ms / 1000, entry.route)
        if entry.limit:
            figures.count("graft_refused_total", entry.limit)
        if model:
            self._of_a_model(entry)
        logs.request_line(entry)
        if self.traces is not None:
            self.traces.end(entry)

    def _of_a_model(self, entry: Entry) -> None:
        figures, model = self.figures, entry.model
        if entry.first_byte_ms:
            lane = entry.lane if entry.status < 400 else ""  # an error comes as fast as it likes
            figures.observe("graft_first_byte_seconds", entry.first_byte_ms / 1000, lane)
        for stage, spent_ms in entry.stages_ms.items():
            figures.observe("graft_stage_seconds", spent_ms / 1000, stage)
        for kind, tokens in zip(("prompt", "cached", "completion"), entry.tokens(), strict=True):
            if tokens:
                figures.count("graft_tokens_total", model, kind, by=tokens)
        if entry.saved_tokens:
            figures.count("graft_saved_tokens_total", model, by=entry.saved_tokens)
        if entry.placed and entry.scorer:  # an answer that was there or on its way already places no turn
            figures.count("graft_routes_total", entry.placed, entry.scorer)
        if entry.degraded:
            figures.count("graft_degraded_total")
        if entry.aside:
            figures.count("graft_asides_total", self._aside_kind(entry.aside))

    def _aside_kind(self, aside: str) -> str:
        """One of a few names; what a client called its task is none of them."""
        if aside in self.aside_kinds:
            return aside
        return "command" if aside.startswith("command ") else "task"


class Watched:
    """Wraps the application, outside of everything else."""

    def __init__(self, app: ASGIApp, watch: Watch) -> None:
        self._app = app
        self._watch = watch

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            await self._app(scope, receive, send)
            return
        watch, entry = self._watch, _entry(scope["method"], scope["headers"])
        answer = _Begun()
        shown = (b"x-request-id", entry.id.encode())
        current.set(entry)
        if watch.traces is not None:
            watch.traces.begin(entry, scope["headers"])

        def sent(message: Message) -> Any:
            if message["type"] == "http.response.start":
                entry.status, entry.first_byte_ms = message["status"], entry.spent_ms
                message["headers"] = answer.headers = [*message["headers"], shown]
            elif not message.get("more_body"):
                answer.is_whole = True
            return send(message)

        if watch.content and scope["path"] not in ANSWERED_TO_THE_LAST:
            receive, sent = _listening(receive, sent)
        try:
            if watch.closing and scope["path"] not in ANSWERED_TO_THE_LAST:
                await _refuse(watch, cast("Send", sent))
            else:
                await self._app(scope, receive, cast("Send", sent))
        except (asyncio.CancelledError, Exception) as exc:  # noqa: BLE001  # raised again where it cannot be told
            await self._broken_off(exc, entry, answer, cast("Send", sent))
        finally:
            entry.status = entry.status or LEFT
            entry.route = entry.route or UNKNOWN
            watch.end(entry)

    async def _broken_off(self, exc: BaseException, entry: Entry, answer: _Begun, send: Send) -> None:
        """Tell what can still be told to a client whose answer ends before its end. Raises the reason where that is nothing."""
        if isinstance(exc, asyncio.CancelledError) and self._watch.closing:
            await _ended(self._watch, entry, answer, send)
        elif entry.status or isinstance(exc, asyncio.CancelledError):
            raise exc
        else:
            entry.failure = type(exc).__name__
            log.error("A request failed, and so did what tells of it", exc_info=exc)
            await _tell(send, 500, FAILED)


@dataclass(slots=True)
class _Begun:
    """What of an answer is out."""

    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    is_whole: bool = False

    @property
    def is_stream(self) -> bool:
        return any(n.lower() == b"content-type" and v.startswith(b"text/event-stream") for n, v in self.headers)


def _entry(method: str, headers: Iterable[tuple[bytes, bytes]]) -> Entry:
    named = next((value for name, value in headers if name == b"x-request-id"), None)
    request_id = new_id() if named is None else sane_id(named.decode("latin-1"))
    return Entry(request_id, method if method in METHODS else "other", began_at=time.time())


def _listening(receive: Receive, sent: Any) -> tuple[Receive, Any]:
    """The same, each body's beginning logged when it is complete."""
    asked, answered = bytearray(), bytearray()

    async def received() -> Any:
        message = await receive()
        if message["type"] == "http.request":
            _keep(asked, message.get("body", b""))
            if not message.get("more_body"):
                logs.CONTENT.info("was asked", extra={"content": asked.decode("utf-8", "replace")})
        return message

    def told(message: Any) -> Any:
        if message["type"] == "http.response.body":
            _keep(answered, message.get("body", b""))
            if not message.get("more_body"):
                logs.CONTENT.info("was answered", extra={"content": answered.decode("utf-8", "replace")})
        return sent(message)

    return cast("Receive", received), told


def _keep(kept: bytearray, piece: bytes) -> None:
    kept += piece[: max(0, MOST_LOGGED - len(kept))]


async def _ended(watch: Watch, entry: Entry, answer: _Begun, send: Send) -> None:
    """The grace period is over. A stream ends with an event that says so, any other answer where it stands."""
    if not entry.status:
        await _refuse(watch, send)
        return
    if answer.is_whole:
        return
    entry.failure = "Stopped"
    if not answer.is_stream:
        return
    said = refusal(503, "The server was stopped before the answer was complete. What had arrived of it is kept.")
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(TAKEN_WITHIN_S):
            await send({"type": "http.response.body", "body": sse.frame(said), "more_body": False})


async def _refuse(watch: Watch, send: Send) -> None:
    """Say that the server is about to stop: another one may answer, or this one once it is back."""
    watch.figures.count("graft_refused_total", "closing")
    later = (b"retry-after", b"%d" % RETRY_S), (b"connection", b"close")
    await _tell(send, 503, "The server is about to stop. Try again in a moment.", *later)


async def _tell(send: Send, status: int, message: str, *headers: tuple[bytes, bytes]) -> None:
    """A refusal as the whole answer."""
    content = msgspec.json.encode(refusal(status, message))
    told = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(content)), *headers]
    await send({"type": "http.response.start", "status": status, "headers": told})
    await send({"type": "http.response.body", "body": content, "more_body": False})
