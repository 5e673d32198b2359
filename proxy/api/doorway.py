"""What is settled before a request is routed, and after it: bodies are waited for, within bounds; those that came packed are unpacked;
`HEAD` is a `GET` without its body; every answer under a limited key tells what is left of its limits; and a request that was admitted to a
model gives its place back however it ended.

A packed body is refused as soon as what it holds grows past the limit for bodies, so that a small file cannot fill the memory.

Source: RFC 9110, 8.4.1 (content codings) and 9.3.2 (HEAD).
"""

from __future__ import annotations

import zlib
from typing import Any, Final, cast

import msgspec
from litestar.enums import HttpMethod, ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from proxy.api.arriving import Arriving, Held, Patience
from proxy.api.auth import LIMITS, PERMIT
from proxy.api.errors import body_of, headers_of, status_of
from proxy.api.leaving import line_of
from proxy.errors import InvalidRequest, ProxyError, RequestTooLarge
from proxy.operations.entry import current

_PACKINGS: Final = {b"gzip": 31, b"x-gzip": 31, b"deflate": 15}
"""What zlib must be told to read each coding."""
_HARMLESS: Final = {
    b"x-content-type-options": b"nosniff",
    b"content-security-policy": b"default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
}
"""The page that describes the API has a style sheet in it, and nothing else that a browser would load or run."""
_STEP: Final = 256 * 1024


class Packed(InvalidRequest):
    """A body whose packing is not read here."""


class Doorway:
    """Wraps the application."""

    def __init__(self, app: ASGIApp, max_body: int, patience: Patience | None = None) -> None:
        self._app = app
        self._max_body = max_body
        self._patience = patience or Patience()
        self._held = Held()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            await self._app(scope, receive, send)
            return
        arriving, send = Arriving(receive, self._patience, self._held, line_of(scope)), _told(scope, send)
        receive = cast("Receive", arriving)
        if scope["method"] == HttpMethod.HEAD:
            scope, send = _changed(scope, method=HttpMethod.GET), _bodiless(send)
        try:
            if (packing := _packing(scope)) is not None:
                try:
                    body = await _unpacked(packing, receive, self._max_body)
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


def _packing(scope: Scope) -> bytes | None:
    for name, value in scope["headers"]:
        if name == b"content-encoding":
            coding = value.strip().lower()
            return None if coding in (b"", b"identity") else coding
    return None


async def _unpacked(packing: bytes, receive: Receive, most: int) -> bytes:
    """The body as it was before it was packed. Raises ProxyError."""
    bits = _PACKINGS.get(packing)
    if bits is None:
        name = packing.decode("ascii", "replace")
        raise Packed(f"Bodies packed as {name!r} are not read here: use gzip, deflate, or none.")
    unpacking = zlib.decompressobj(bits)
    parts: list[bytes] = []
    size = 0
    more = True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            raise InvalidRequest("The client left before the body was complete.")
        packed, more = message["body"], message["more_body"]
        while packed:
            try:
                part = unpacking.decompress(packed, _STEP)
            except zlib.error as exc:
                raise InvalidRequest(f"The body is not what its Content-Encoding says: {exc}.") from exc
            size += len(part)
            if size > most:
                raise RequestTooLarge("The request body is larger than this server takes (server.max_body_mb).")
            parts.append(part)
            packed = unpacking.unconsumed_tail
    if not unpacking.eof:
        raise InvalidRequest("The body ends before its packing does.")
    return b"".join(parts)


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


def _told(scope: Scope, send: Send) -> Send:
    """Answers that say what is left of the key's limits, where it has any, and that no browser takes for a page of ours.

    What users have stored goes out again as JSON or as a file; a browser that is led to it shall neither guess another type nor run it.
    """

    def sent(message: Message) -> Any:
        if message["type"] == "http.response.start":
            own = _HARMLESS
            if (limits := scope.get("state", {}).get(LIMITS)) is not None:
                own = _HARMLESS | {name.encode(): value.encode() for name, value in limits().items()}
            others = [header for header in message["headers"] if header[0].lower() not in own]
            message["headers"] = [*others, *own.items()]
        return send(message)

    return cast("Send", sent)


async def _refuse(send: Send, refused: ProxyError) -> None:
    status = 415 if isinstance(refused, Packed) else status_of(refused)
    content = msgspec.json.encode(body_of(refused))
    told = {"content-type": "application/json", "content-length": str(len(content)), **headers_of(refused)}
    headers = [(name.encode(), value.encode()) for name, value in told.items()]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": content, "more_body": False})
