"""LiteLLM's connections, guarded: no redirect is followed, no answer is unpacked beyond a size, and no byte of a header breaks one.

LiteLLM's HTTP clients follow redirects, and what they send again at the new address may hold a key (only `Authorization` is taken out
on the way to another host) and the conversation. They also unpack whatever a provider has packed, and a kilobyte of gzip may be a
megabyte. All of them send through one class, of which one method is wrapped here: a redirect is an error, and a body is unpacked and
counted before anybody else sees it.
"""

from __future__ import annotations

import functools
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextvars import ContextVar
from typing import Any, cast

from proxy import heap
from proxy.upstream import heard

MOST_BYTES: ContextVar[int] = ContextVar("MOST_BYTES", default=64 * 2**20)
"""How large an answer to this request may be, unpacked."""
_PACKED = frozenset({"gzip", "x-gzip", "deflate"})
_AT_ONCE = 1 << 18
"""Most bytes that are unpacked in one step."""
_ANSWERS = heap.Cycles()
"""An answer of httpx keeps its body, and a stream that holds the answer."""


class TooLarge(Exception):
    """An answer is larger than it may be."""

    def __init__(self, most_bytes: int) -> None:
        super().__init__(f"The answer is larger than {most_bytes} bytes.")
        self.most_bytes = most_bytes


class Redirected(Exception):
    """A provider has answered with another address."""

    def __init__(self, status: int) -> None:
        super().__init__(f"The answer is a redirect ({status}).")
        self.status = status


def guard(transport: Any) -> None:
    """Wrap the method of a transport class of httpx's kind that sends a request; once."""
    send = transport.handle_async_request
    if hasattr(send, "__wrapped__"):
        return

    @functools.wraps(send)
    async def sent(self: Any, request: Any) -> Any:
        response = await send(self, request)
        if 300 <= response.status_code < 400:
            await response.aclose()
            raise Redirected(response.status_code)
        heard.begun(response.status_code)
        return _guarded(response)

    transport.handle_async_request = sent
    transport._make_aiohttp_request = _with_plain_headers(transport._make_aiohttp_request)  # noqa: SLF001


def _with_plain_headers(ask: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    """LiteLLM hands aiohttp's headers over to httpx as texts, which httpx takes in ASCII alone; HTTP allows every byte above it."""

    @functools.wraps(ask)
    async def asked(*args: Any, **options: Any) -> Any:
        response = await ask(*args, **options)
        if all(name.isascii() and value.isascii() for name, value in response.raw_headers):
            return response
        return _Unspelled(response)

    return asked


class _Unspelled:
    """A response of aiohttp's whose headers are bytes, which httpx reads by itself."""

    def __init__(self, response: Any) -> None:
        self._response = response
        self.headers = response.raw_headers

    def __getattr__(self, name: str) -> Any:
        return getattr(self._response, name)


def _guarded(response: Any) -> Any:
    """The response with a body that is counted."""
    packing = response.headers.get("content-encoding", "").strip().lower()
    if packing in _PACKED:
        for name in ("content-encoding", "content-length"):
            response.headers.pop(name, None)
    response.stream = _counted(response.stream, packing, MOST_BYTES.get())
    return response


def _counted(stream: Any, packing: str, most_bytes: int) -> Any:
    """A stream of the same class, which httpx asks for; that class comes with LiteLLM."""
    counted = _counting(cast("Any", type(stream)))()
    counted.guarded = stream, packing, most_bytes
    return counted


@functools.cache
def _counting(kind: Any) -> Any:
    """A class of streams that count. Made once: a class is a cycle of some size, and takes longer to make than a body to count."""

    class Counted(kind):  # type: ignore[misc]
        def __init__(self) -> None:
            """Holds nothing but what it guards."""

        async def __aiter__(self) -> AsyncIterator[bytes]:
            stream, packing, most_bytes = self.guarded
            size = 0
            unpack = unpacking(packing) if packing in _PACKED else None
            try:
                async for data in stream:
                    for piece in unpack(data) if unpack else (data,):
                        size += len(piece)
                        if size > most_bytes:
                            raise TooLarge(most_bytes)
                        yield piece
            finally:
                _ANSWERS.add(size)

        async def aclose(self) -> None:
            await self.guarded[0].aclose()

    return Counted


def unpacking(packing: str) -> Callable[[bytes], Iterator[bytes]]:
    """A function that unpacks what it is given, a bounded piece at a time. It raises zlib.error.

    `deflate` comes with a header or, as some servers send it, without one.
    """
    unpacker: Any = None

    def unpack(data: bytes) -> Iterator[bytes]:
        nonlocal unpacker
        if unpacker is None:
            has_header = packing != "deflate" or (data[:1] and data[0] & 0x0F == 8)
            unpacker = zlib.decompressobj(zlib.MAX_WBITS | 32 if has_header else -zlib.MAX_WBITS)
        while data:
            if piece := unpacker.decompress(data, _AT_ONCE):
                yield piece
            data = unpacker.unconsumed_tail

    return unpack
