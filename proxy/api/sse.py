"""Server-sent events as OpenAI frames them: `data: JSON`, an empty line, line feeds only, `[DONE]` at the end.

One task reads the upstream and writes to the client, so a client that is slow holds the upstream back. What came together
leaves together, in one write, and what comes alone leaves alone, at once. While the upstream is silent a comment keeps the connection
open; clients skip comments (HTML standard, server-sent events).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping
from typing import Any, TypeVar

import msgspec
from litestar import Response
from litestar.types import Receive, Scope, Send

from proxy.api.written import encoded
from proxy.errors import ProxyError

DONE = b"data: [DONE]\n\n"
KEEP_ALIVE = b": keep-alive\n\n"
KEEP_ALIVE_S = 15.0
_EVENTS = (b"content-type", b"text/event-stream; charset=utf-8")

T = TypeVar("T")
Payload = Mapping[str, Any] | bytes

_encode = msgspec.json.Encoder().encode


def frame(value: Payload) -> bytes:
    """One event; bytes are JSON already, in one line."""
    return b"data: " + (value if isinstance(value, bytes) else _encode(value)) + b"\n\n"


def alone(_: object) -> bool:
    """Nothing is known of what comes with a value."""
    return False


class Events(Response[T]):
    """A stream of values as an answer."""

    def __init__(
        self,
        values: AsyncGenerator[T, None],
        error_body: Callable[[ProxyError], Mapping[str, Any]],
        keep_alive_s: float = KEEP_ALIVE_S,
        framed: Callable[[T], bytes] = frame,  # type: ignore[assignment]  # right where T is a payload
        followed: Callable[[T], bool] = alone,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Frame a stream; an error after the first byte leaves as an event, and then nothing says that the answer is complete.

        Args:
            framed: The events that tell a client of a value; no bytes where it is told nothing.
            followed: Whether the next value has come with this one, so that both may leave together.
        """
        self.headers = dict(headers or {})
        self._values = values
        self._error_body = error_body
        self._framed = framed
        self._followed = followed
        self._keep_alive_s = keep_alive_s

    def to_asgi_response(self, app: Any, request: Any, **added: Any) -> Any:  # noqa: ARG002
        """What sends it; `added` is told by Litestar."""
        headers = [*encoded({**(added.get("headers") or {}), **self.headers}), _EVENTS]
        status = added.get("status_code") or 200

        async def answer(scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG001
            await send({"type": "http.response.start", "status": status, "headers": headers})
            await self.send(send, receive)

        return answer

    async def send(self, send: Send, receive: Receive) -> None:
        """Send the events, until they end or the client leaves: then the source is closed, and may take its time to tidy up.

        They are sent by a task of their own, for each chunk wakes whoever waits for it, and all that stands around a request with it.
        """
        loop, outlet = asyncio.get_running_loop(), Outlet(send, self._keep_alive_s)
        answering = loop.create_task(self._relay(outlet))
        leaving = loop.create_task(_end_with_client(receive, answering))
        try:
            await answering
        except asyncio.CancelledError:
            if not leaving.done():  # it is the server that ends
                raise
        finally:
            outlet.stop()
            leaving.cancel()

    async def _relay(self, outlet: Outlet) -> None:
        framed, followed = self._framed, self._followed
        waiting = list[bytes]()
        try:
            async for value in self._values:
                waiting.append(framed(value))
                if not followed(value):
                    await outlet.send(b"".join(waiting))
                    waiting.clear()
            waiting.append(DONE)
        except ProxyError as exc:
            waiting.append(frame(self._error_body(exc)))
        finally:
            await self._values.aclose()
        await outlet.send(b"".join(waiting), last=True)


class Outlet:
    """Frames on their way to one client, and comments while there are none."""

    def __init__(self, send: Send, keep_alive_s: float) -> None:
        self._send = send
        self._is_sending = False
        self._keep_alive_s = keep_alive_s
        self._loop = asyncio.get_running_loop()
        self._moved_at = self._loop.time()
        self._timer = self._loop.call_later(keep_alive_s, self._beat)
        self._beating: asyncio.Task[None] | None = None

    async def send(self, data: bytes, *, last: bool = False) -> None:
        """Send events, if there are any, in one piece; returns when the client's connection has taken them."""
        if data or last:
            self._is_sending = True
            await self._send({"type": "http.response.body", "body": data, "more_body": not last})
            self._is_sending = False
            self._moved_at = self._loop.time()

    def stop(self) -> None:
        self._timer.cancel()
        if self._beating is not None:
            self._beating.cancel()

    def _beat(self) -> None:
        """One timer a stream: it looks how long nothing has moved, instead of being set anew with every frame."""
        quiet_s = self._loop.time() - self._moved_at
        if quiet_s >= self._keep_alive_s and not self._is_sending:
            self._beating = self._loop.create_task(self._comment())
            quiet_s = 0.0
        self._timer = self._loop.call_later(max(self._keep_alive_s - quiet_s, 0.001), self._beat)

    async def _comment(self) -> None:
        await self._send({"type": "http.response.body", "body": KEEP_ALIVE, "more_body": True})


async def _end_with_client(receive: Receive, answering: asyncio.Task[Any]) -> None:
    """Cancel the task that answers when the client has left: once, so that it can wait for what it has to store."""
    while (await receive())["type"] != "http.disconnect":
        pass
    answering.cancel()
