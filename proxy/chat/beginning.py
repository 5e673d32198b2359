"""An answer with its first chunk, so that what fails before it is raised while there is still a status to fail with."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Coroutine, Sequence
from typing import Any, TypeVar

from proxy.domain.beginning import Beginning
from proxy.domain.turn import Chunk

T = TypeVar("T")


async def begun(chunks: AsyncGenerator[Chunk, None], waits_s: float | None) -> AsyncGenerator[Chunk, None]:
    """The same chunks, the first of them there. A stream that is silent for `waits_s` begins without it.

    Raises what is raised before the first chunk.
    """
    if waits_s is None:
        return Resumed(await anext(chunks, None), chunks)
    return Resumed(await _awaited(_first(chunks), waits_s), chunks)


async def each(chunks: Sequence[Chunk]) -> AsyncGenerator[Chunk, None]:
    """Chunks that are all there."""
    for chunk in chunks:
        yield chunk


class Resumed(Beginning[Chunk]):
    """Chunks of which the first is there, or still waited for."""

    def __init__(self, first: Chunk | Awaitable[Chunk | None] | None, chunks: AsyncGenerator[Chunk, None]) -> None:
        self._begun = first
        self._chunks = chunks

    async def _first(self) -> Chunk:
        self._rest = self._chunks
        first = self._begun if isinstance(self._begun, Chunk) or self._begun is None else await self._begun
        return await self._chunks.__anext__() if first is None else first

    async def aclose(self) -> None:
        await self._chunks.aclose()


async def _first(chunks: AsyncGenerator[Chunk, None]) -> Chunk | None:
    return await anext(chunks, None)


async def _awaited(work: Coroutine[Any, Any, T], at_most_s: float) -> asyncio.Future[T]:
    """Work that is done, or still running when the time is over. Raises what it raises."""
    task = asyncio.get_running_loop().create_task(work)
    try:
        await asyncio.wait((task,), timeout=at_most_s)
    except asyncio.CancelledError:
        task.cancel()
        await asyncio.wait((task,))  # it stores what was received
        raise
    if task.done():
        task.result()
    return task
