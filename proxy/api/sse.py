"""Server-sent events as OpenAI frames them: `data: JSON`, an empty line, line feeds only, `[DONE]` at the end.

One task a stream reads ahead of the client's connection by a little: what came together leaves together, in one write, and what
comes alone leaves alone, at once. While the upstream is silent a comment keeps the connection open; clients skip comments (HTML
standard, server-sent events).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping
from typing import Any, TypeVar

import msgspec

from proxy.errors import ProxyError

DONE = b"data: [DONE]\n\n"
KEEP_ALIVE = b": keep-alive\n\n"
KEEP_ALIVE_S = 15.0

_AHEAD = 64 * 1024
"""Bytes that may wait for the client before the upstream is read further."""

T = TypeVar("T")
Payload = Mapping[str, Any] | bytes

_encode = msgspec.json.Encoder().encode
_leaving: set[asyncio.Task[None]] = set()
"""Streams whose client has left: kept until they have ended themselves."""


def frame(value: Payload) -> bytes:
    """One event; bytes are JSON already, in one line."""
    return b"data: " + (value if isinstance(value, bytes) else _encode(value)) + b"\n\n"


def as_it_is(value: Payload) -> Payload:
    """What is told of a value that is a payload already."""
    return value


async def events(
    values: AsyncGenerator[T, None],
    error_body: Callable[[ProxyError], Mapping[str, Any]],
    keep_alive_s: float = KEEP_ALIVE_S,
    payload_of: Callable[[T], Payload | None] = as_it_is,  # type: ignore[assignment]  # right where T is a payload
) -> AsyncGenerator[bytes, None]:
    """Frame a stream; an error after the first byte leaves as an event, and then nothing says that the answer is complete.

    Args:
        payload_of: What the client is told of a value; `None` where nothing is.
    """
    outlet = Outlet(keep_alive_s)
    reading = asyncio.get_running_loop().create_task(_read(values, outlet, error_body, payload_of))
    try:
        while data := await outlet.take():
            yield data
        await reading
    finally:
        outlet.stop()
        if reading.done():
            _settle(reading)
        else:  # the client left: the task ends the stream itself, since every await in here is cancelled
            _leaving.add(reading)
            reading.add_done_callback(_settle)
            reading.cancel()


async def settled() -> None:
    """Wait until the streams whose clients have left have ended."""
    while _leaving:
        await asyncio.gather(*_leaving, return_exceptions=True)


class Outlet:
    """Frames between the task that reads the upstream and the client's connection."""

    def __init__(self, keep_alive_s: float) -> None:
        self._loop = asyncio.get_running_loop()
        self._frames: list[bytes] = []
        self._size = 0
        self._ended = False
        self._taker: asyncio.Future[None] | None = None
        self._putter: asyncio.Future[None] | None = None
        self._keep_alive_s = keep_alive_s
        self._moved_at = self._loop.time()
        self._timer = self._loop.call_later(keep_alive_s, self._beat)

    def put(self, data: bytes) -> None:
        self._frames.append(data)
        self._size += len(data)
        _wake(self._taker)

    @property
    def is_full(self) -> bool:
        """Whether much is waiting for the client."""
        return self._size > _AHEAD

    async def room(self) -> None:
        while self.is_full:
            self._putter = self._loop.create_future()
            await self._putter

    async def take(self) -> bytes:
        """All that waits, in one piece; nothing once the stream has ended."""
        while not self._frames and not self._ended:
            self._taker = self._loop.create_future()
            await self._taker
            self._taker = None
        self._moved_at = self._loop.time()
        data = self._frames[0] if len(self._frames) == 1 else b"".join(self._frames)
        self._frames.clear()
        self._size = 0
        _wake(self._putter)
        return data

    def end(self) -> None:
        self._ended = True
        _wake(self._taker)

    def stop(self) -> None:
        self._timer.cancel()

    def _beat(self) -> None:
        """One timer a stream: it looks how long nothing has moved, instead of being set anew with every frame."""
        quiet_s = self._loop.time() - self._moved_at
        if quiet_s >= self._keep_alive_s and self._taker is not None:
            self.put(KEEP_ALIVE)
            quiet_s = 0.0
        self._timer = self._loop.call_later(max(self._keep_alive_s - quiet_s, 0.001), self._beat)


async def _read(
    values: AsyncGenerator[T, None],
    outlet: Outlet,
    error_body: Callable[[ProxyError], Mapping[str, Any]],
    payload_of: Callable[[T], Payload | None],
) -> None:
    try:
        async for value in values:
            if (payload := payload_of(value)) is None:
                continue
            outlet.put(frame(payload))
            if outlet.is_full:
                await outlet.room()
        outlet.put(DONE)
    except ProxyError as exc:
        outlet.put(frame(error_body(exc)))
    finally:
        try:
            await values.aclose()
        finally:
            outlet.end()


def _wake(waiter: asyncio.Future[None] | None) -> None:
    if waiter is not None and not waiter.done():
        waiter.set_result(None)


def _settle(ended: asyncio.Task[None]) -> None:
    _leaving.discard(ended)
    if not ended.cancelled():
        ended.exception()
