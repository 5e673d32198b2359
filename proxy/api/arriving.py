"""A request's body on its way in: it comes fast enough, and all bodies together stay within a bound.

A body may take a while, and longer for every byte that it brings: who sends steadily is waited for, and who dribbles is not. What is
on its way in all requests at the same time is counted, so that many large bodies cannot fill the memory between them; beyond the bound
further requests are told to come back, and those that are complete go on.
"""

from __future__ import annotations

import asyncio
import math
from dataclasses import dataclass
from typing import Any, Final, cast

from litestar import Request
from litestar.handlers import HTTPRouteHandler
from litestar.types import Receive

from proxy.api.leaving import Line
from proxy.errors import InvalidRequest, Overloaded, RequestTooLarge, TooSlow

_RETRY_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a body is waited for, and how much of all bodies is held."""

    body_s: float = 30.0
    """For a body of no size."""
    bytes_a_second: float = 8_000.0
    """For so many bytes it may take a second longer."""
    bytes_at_once: int = 512_000_000
    """Of all bodies in this process that are being read or answered."""


class Held:
    """Bytes of bodies that this process holds."""

    __slots__ = ("bytes",)

    def __init__(self) -> None:
        self.bytes = 0


class Arriving:
    """An ASGI `receive` that gives up on a body that takes too long; one that is here is not waited for."""

    __slots__ = ("_began_at", "_complete", "_held", "_line", "_own", "_patience", "_receive")

    def __init__(self, receive: Receive, patience: Patience, held: Held, line: Line | None = None) -> None:
        """`line` is the connection, where the server tells."""
        self._receive = receive
        self._patience = patience
        self._held = held
        self._line = line
        self._own = 0
        self._began_at: float | None = None
        self._complete = False

    async def __call__(self) -> Any:
        """The next message. Raises TooSlow and Overloaded."""
        if self._complete:
            return await self._receive()
        is_here = self._line is not None and self._line.has_body
        message: Any = await (self._receive() if is_here else self._awaited())
        if message["type"] != "http.request":
            self._complete = True
            return message
        size = len(message["body"])
        self._own += size
        self._held.bytes += size
        self._complete = not message["more_body"]
        if self._held.bytes > self._patience.bytes_at_once:
            raise Overloaded(
                "The server is reading as many bodies as it can hold (server.max_bodies_mb). Try again.",
                retry_after_s=_RETRY_S,
            )
        return message

    async def _awaited(self) -> Any:
        """The next message, within the time that what has come gives it. Raises TooSlow."""
        if self._began_at is None:
            self._began_at = asyncio.get_running_loop().time()
        due = self._began_at + self._patience.body_s + self._own / self._patience.bytes_a_second
        try:
            async with asyncio.timeout_at(due):
                return await self._receive()
        except TimeoutError:
            raise TooSlow("The body came too slowly to be waited for (server.body_s).") from None

    def let_go(self) -> None:
        """The request is over, and its body with it."""
        self._held.bytes -= self._own
        self._own = 0


async def body_of(request: Request[Any, Any, Any]) -> bytes:
    """All of a body. Raises RequestTooLarge, and InvalidRequest where it does not come whole."""
    handler = cast("HTTPRouteHandler", request.scope["route_handler"])
    most_bytes = handler.resolve_request_max_body_size() or math.inf
    announced = next((value for name, value in request.scope["headers"] if name == b"content-length"), b"")
    parts, size = list[bytes](), 0
    more, too_large = True, announced.isdigit() and int(announced) > most_bytes
    while more and not too_large:
        message: Any = await request.receive()
        if message["type"] != "http.request":
            raise InvalidRequest("The client left before the body was complete.")
        parts.append(message["body"])
        size += len(message["body"])
        more, too_large = message["more_body"], size > most_bytes
    if too_large:
        raise RequestTooLarge("The request body is larger than this server takes (server.max_body_mb).")
    return parts[0] if len(parts) == 1 else b"".join(parts)
