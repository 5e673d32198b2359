"""Answers that LiteLLM's connections bring are counted while they are read, each by itself."""

from __future__ import annotations

import gzip
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import pytest

from proxy.upstream import guarded

pytestmark = pytest.mark.anyio


class Body:
    """As a transport gives it."""

    def __init__(self, *pieces: bytes) -> None:
        self._pieces = pieces
        self.is_closed = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self._pieces:
            yield piece

    async def aclose(self) -> None:
        self.is_closed = True


def answered(body: Body, **headers: str) -> Any:
    return guarded._guarded(SimpleNamespace(headers=headers, stream=body))


async def read(response: Any) -> bytes:
    return b"".join([piece async for piece in response.stream])


async def test_each_body_is_counted_by_itself_and_no_class_is_made_for_it() -> None:
    guarded.MOST_BYTES.set(8)
    first, second = answered(Body(b"12345", b"678")), answered(Body(b"12345", b"6789"))
    assert type(first.stream) is type(second.stream)
    assert isinstance(first.stream, Body)
    assert await read(first) == b"12345678"
    with pytest.raises(guarded.TooLarge):
        await read(second)


async def test_what_is_packed_is_counted_as_it_was_before() -> None:
    guarded.MOST_BYTES.set(1000)
    packed = gzip.compress(b"x" * 1001)
    response = answered(Body(packed), **{"content-encoding": "gzip", "content-length": str(len(packed))})
    assert response.headers == {}
    with pytest.raises(guarded.TooLarge):
        await read(response)


async def test_closing_an_answer_closes_what_is_beneath() -> None:
    body = Body()
    await answered(body).stream.aclose()
    assert body.is_closed
