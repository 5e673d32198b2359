"""Every request is watched from its first byte to the last of its answer: it gets an id, a line in the log, and its place in the figures.

The id is the client's `x-request-id`, where that is one that can be logged, and every answer tells it. A server that is about to stop
answers here that it does, and lets what is running go on.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import Any, Final, cast

import msgspec
from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from proxy.api.errors import refusal
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
            figures.observe("graft_first_byte_seconds", entry.first_byte_ms / 1000, entry.lane)
        for stage, spent_ms in entry.stages_ms.items():
            figures.observe("graft_stage_seconds", spent_ms / 1000, stage)
        for kind, tokens in zip(("prompt", "cached", "completion"), entry.tokens(), strict=True):
            if tokens:
                figures.count("graft_tokens_total", model, kind, by=tokens)
        if entry.saved_tokens:
            figures.count("graft_saved_tokens_total", model, by=entry.saved_tokens)
        if entry.placed:
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
        watch, entry = self._watch, _entry(scope)
        shown = (b"x-request-id", entry.id.encode())
        current.set(entry)
        if watch.traces is not None:
            watch.traces.begin(entry, scope["headers"])

        def sent(message: Message) -> Any:
            if message["type"] == "http.response.start":
                entry.status, entry.first_byte_ms = message["status"], entry.spent_ms
                message["headers"] = [*message["headers"], shown]
            return send(message)

        if watch.content and scope["path"] not in ANSWERED_TO_THE_LAST:
            receive, sent = _listening(receive, sent)
        try:
            if watch.closing and scope["path"] not in ANSWERED_TO_THE_LAST:
                await _refuse(watch, cast("Send", sent))
            else:
                await self._app(scope, receive, cast("Send", sent))
        except asyncio.CancelledError:
            if not watch.closing or entry.status:
                raise
            await _refuse(watch, cast("Send", sent))  # the grace period is over, and nothing of an answer is out
        finally:
            entry.status = entry.status or LEFT
            entry.route = entry.route or UNKNOWN
            watch.end(entry)


def _entry(scope: Any) -> Entry:
    method = scope["method"]
    named = next((value for name, value in scope["headers"] if name == b"x-request-id"), None)
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


async def _refuse(watch: Watch, send: Send) -> None:
    """Say that the server is about to stop: another one may answer, or this one once it is back."""
    watch.figures.count("graft_refused_total", "closing")
    content = msgspec.json.encode(refusal(503, "The server is about to stop. Try again in a moment."))
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", b"%d" % len(content)),
        (b"retry-after", b"%d" % RETRY_S),
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": 503, "headers": headers})
    await send({"type": "http.response.body", "body": content, "more_body": False})
