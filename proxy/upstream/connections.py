"""aiohttp's connections, mended in two points: what a provider does to one is noticed at once, and one that it had left is told apart.

A body whose framing breaks ends the connection, but aiohttp tells nobody who is reading that body, and they wait until their time is
over. And a connection that was kept open may be closed by its provider in the moment in which the next request goes out on it: nobody
has read that request, so it may go out once more. aiohttp does so for methods that change nothing, and a chat is a POST.

Source: RFC 9112, 9.3.1 "Retrying Requests".
"""

from __future__ import annotations

import asyncio
import functools
from contextvars import ContextVar
from typing import Any

STALE_S = 2.0
"""Whoever had closed a connection is heard of within one journey; whoever ends it later has read the request, and may be at work on it."""

_made: ContextVar[bool] = ContextVar("graft_connection_made", default=True)
"""Whether a connection was made for the present request."""


class Sending:
    """One request that goes out."""

    __slots__ = ("_began", "_loop")

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._began = self._loop.time()
        _made.set(False)

    def was_unheard(self, exc: Exception) -> bool:
        """Whether it failed because its connection was one that had been kept, and that the provider had closed meanwhile."""
        import aiohttp  # noqa: PLC0415  # as late as in `session.py`

        if _made.get() or self._loop.time() - self._began > STALE_S:
            return False
        if isinstance(exc, aiohttp.ServerDisconnectedError):
            return isinstance(exc.message, str)  # else it holds what had come of a head
        return isinstance(exc, aiohttp.ClientOSError | aiohttp.ClientConnectionResetError)


def connector(**options: Any) -> Any:
    """A pool of connections that notes when it makes one."""
    return _connectors()(**options)


@functools.cache
def _connectors() -> Any:
    import aiohttp  # noqa: PLC0415

    class Connector(aiohttp.TCPConnector):
        async def _create_connection(self, *args: Any) -> Any:
            _made.set(True)
            return await super()._create_connection(*args)

    return Connector


@functools.cache
def tell_of_broken_bodies() -> None:
    """Let every connection of aiohttp, LiteLLM's among them, tell whoever reads a body that what follows of it cannot be read."""
    import aiohttp  # noqa: PLC0415
    from aiohttp.client_proto import ResponseHandler  # noqa: PLC0415
    from aiohttp.http_exceptions import HttpProcessingError  # noqa: PLC0415

    handler: Any = ResponseHandler
    set_exception = handler.set_exception

    def told(self: Any, exc: BaseException, *cause: BaseException) -> None:
        set_exception(self, exc, *cause)
        body = self._payload
        if isinstance(exc, HttpProcessingError) and body is not None and not body.is_eof() and body.exception() is None:
            body.set_exception(aiohttp.ClientPayloadError("The framing of the body is broken."), exc)

    handler.set_exception = told
