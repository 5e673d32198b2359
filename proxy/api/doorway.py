"""What is settled before a request is routed, and after it: bodies are waited for, within bounds; those that came packed are unpacked;
`HEAD` is a `GET` without its body; every answer under a limited key tells what is left of its limits; and a request that was admitted to a
model gives its place back however it ended.

Source: RFC 9110, 9.3.2 (HEAD).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Final, cast

import msgspec
from litestar.enums import HttpMethod, ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from proxy.api.arriving import Arriving, Held, Patience
from proxy.api.auth import LIMITS, PERMIT
from proxy.api.errors import body_of, headers_of, status_of
from proxy.api.leaving import line_of
from proxy.api.unpacking import Packed, packing_of, unpacked
from proxy.errors import ProxyError
from proxy.operations.entry import current

_HARMLESS: Final = {
    b"x-content-type-options": b"nosniff",
    b"content-security-policy": b"default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
}
"""The page that describes the API has a style sheet in it, and nothing else that a browser would load or run."""

_REFUSED: Final = 400
"""The first status that says so."""

Left = Callable[[], dict[str, str]]
"""Tells what is left of a key's limits, as headers."""
Limits = Callable[[Scope], Awaitable[Left | None]]


async def unlimited(_: Scope) -> None:
    """Nobody has limits."""


class Doorway:
    """Wraps the application."""

    def __init__(
        self, app: ASGIApp, max_body: int, patience: Patience | None = None, limits: Limits = unlimited
    ) -> None:
        """`limits` finds out what is left to the sender of a request that came to nobody who did."""
        self._app = app
        self._limits = limits
        self._max_body = max_body
        self._patience = patience or Patience()
        self._held = Held()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            await self._app(scope, receive, send)
            return
        arriving, send = Arriving(receive, self._patience, self._held, line_of(scope)), self._told(scope, send)
        receive = cast("Receive", arriving)
        if scope["method"] == HttpMethod.HEAD:
            scope, send = _changed(scope, method=HttpMethod.GET), _bodiless(send)
        try:
            if (packing := packing_of(scope)) is not None:
                try:
                    body = await unpacked(packing, receive, self._max_body)
                except ProxyError as refused:
                    await _refuse(send, refused)
                    return
                scope, receive = _with_length(scope, len(body)), _again(body, receive)
            await self._app(scope, receive, send)
        finally:
            arriving.let_go()
            state = scope.get("state", {})
            if PERMIT in state:
                state[PERMIT].release()
            current.get().route = scope.get("path_template", "")

    def _told(self, scope: Scope, send: Send) -> Send:
        """Answers that say what is left of the key's limits, where it has any, and that no browser takes for a page of ours.

        What users have stored goes out again as JSON or as a file; a browser that is led to it shall neither guess another type nor
        run it.
        """

        def sent(message: Message) -> Any:
            if message["type"] == "http.response.start":
                limits = scope.get("state", {}).get(LIMITS)
                if limits is None and message["status"] >= _REFUSED:
                    return refused(message)
                message["headers"] = _with_own(message["headers"], limits)
            return send(message)

        async def refused(message: Any) -> None:
            message["headers"] = _with_own(message["headers"], await self._limits(scope))
            await send(message)

        return cast("Send", sent)


def _with_own(headers: Iterable[tuple[bytes, bytes]], limits: Left | None) -> list[tuple[bytes, bytes]]:
    own = _HARMLESS
    if limits is not None:
        own = _HARMLESS | {name.encode(): value.encode() for name, value in limits().items()}
    return [*(header for header in headers if header[0].lower() not in own), *own.items()]


def _with_length(scope: Scope, length: int) -> Scope:
    headers = [(n, v) for n, v in scope["headers"] if n not in (b"content-encoding", b"content-length")]
    return _changed(scope, headers=[*headers, (b"content-length", b"%d" % length)])


def _changed(scope: Scope, **changes: object) -> Scope:
    return cast("Scope", {**scope, **changes})


def _again(body: bytes, receive: Receive) -> Receive:
    """The body in one message, and then what else the connection has to say."""
    waiting: list[Any] = [{"type": "http.request", "body": body, "more_body": False}]

    async def received() -> Any:
        return waiting.pop() if waiting else await receive()

    return received


def _bodiless(send: Send) -> Send:
    async def sent(message: Message) -> None:
        await send(cast("Message", {**message, "body": b""}) if message["type"] == "http.response.body" else message)

    return sent


async def _refuse(send: Send, refused: ProxyError) -> None:
    status = 415 if isinstance(refused, Packed) else status_of(refused)
    content = msgspec.json.encode(body_of(refused))
    told = {"content-type": "application/json", "content-length": str(len(content)), **headers_of(refused)}
    headers = [(name.encode(), value.encode()) for name, value in told.items()]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": content, "more_body": False})
