"""An answer with its first chunk, so that what fails before it is raised while there is still a status to fail with."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Coroutine, Sequence
from typing import Any, TypeVar

from proxy.domain.turn import Chunk

T = TypeVar("T")


async def begun(chunks: AsyncGenerator[Chunk, None], waits_s: float | None) -> AsyncGenerator[Chunk, None]:
    """The same chunks, the first of them there. A stream that is silent for `waits_s` begins without it.

    Raises what is raised before the first chunk.
    """
    first: asyncio.Future[Chunk | None] = asyncio.get_running_loop().create_future()
    if waits_s is not None:
        first = await _awaited(_first(chunks), waits_s)
    else:
        first.set_result(await _first(chunks))
    return _resumed(first, chunks)


async def each(chunks: Sequence[Chunk]) -> AsyncGenerator[Chunk, None]:
    """Chunks that are all there."""
    for chunk in chunks:
        yield chunk


async def _resumed(
    first: asyncio.Future[Chunk | None], rest: AsyncGenerator[Chunk, None]
) -> AsyncGenerator[Chunk, None]:
    """The same chunks, the first of them there or still waited for."""
    try:
        if (chunk := await first) is not None:
            yield chunk
        async for chunk in rest:
            yield chunk
    finally:
        await rest.aclose()


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
