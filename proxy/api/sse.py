"""Server-sent events as OpenAI frames them: `data: JSON`, an empty line, line feeds only, `[DONE]` at the end.

While the upstream is silent a comment keeps the connection open; clients skip comments (HTML standard, server-sent events).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping
from typing import Any

import msgspec

from proxy.errors import ProxyError

DONE = b"data: [DONE]\n\n"
KEEP_ALIVE = b": keep-alive\n\n"
KEEP_ALIVE_S = 15.0

_encode = msgspec.json.Encoder().encode


def frame(value: Mapping[str, Any]) -> bytes:
    return b"data: " + _encode(value) + b"\n\n"


async def events(
    values: AsyncGenerator[Mapping[str, Any], None],
    error_body: Callable[[ProxyError], Mapping[str, Any]],
    keep_alive_s: float = KEEP_ALIVE_S,
) -> AsyncGenerator[bytes, None]:
    """Frame a stream; an error after the first byte leaves as an event, and then nothing says that the answer is complete."""
    pending: asyncio.Future[Mapping[str, Any]] | None = None
    try:
        while True:
            pending = pending or asyncio.ensure_future(_next(values))
            done, _ = await asyncio.wait((pending,), timeout=keep_alive_s)
            if not done:
                yield KEEP_ALIVE
                continue
            try:
                value = pending.result()
            except StopAsyncIteration:
                yield DONE
                return
            except ProxyError as exc:
                yield frame(error_body(exc))
                return
            finally:
                pending = None
            yield frame(value)
    finally:
        if pending is None:
            await values.aclose()
        else:  # the client left: the waiting task ends the stream itself, since every await in here is cancelled
            pending.add_done_callback(_settle)
            pending.cancel()


def _settle(ended: asyncio.Future[Mapping[str, Any]]) -> None:
    if not ended.cancelled():
        ended.exception()


async def _next(values: AsyncGenerator[Mapping[str, Any], None]) -> Mapping[str, Any]:
    return await anext(values)
