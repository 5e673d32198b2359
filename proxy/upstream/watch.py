"""How long a stream may be silent, how long it may take, and how large it may grow."""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING

from proxy.upstream.guarded import TooLarge

if TYPE_CHECKING:
    from aiohttp import StreamReader


class Watch:
    """Ends a read that waits too long. One timer a stream, however many chunks come: it looks again instead of being set anew."""

    def __init__(
        self,
        reader: StreamReader,
        first_by: float,
        idle_s: float,
        last_by: float = math.inf,
        most_bytes: float = math.inf,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._reader = reader
        self._idle_s = idle_s
        self._first_by = first_by
        self._last_by = last_by
        self._most_bytes = most_bytes
        self._size = 0
        self._due: float | None = None
        """When the present read is overdue; `None` between reads, for a client that is slow to take is no silent provider."""
        self.started = False
        """Whether a chunk has come: from then on any sign of life counts, until then only the first chunk."""
        self.expired = False
        self._timer = self._loop.call_at(min(first_by, self._loop.time() + idle_s), self._look)

    async def read(self) -> bytes:
        """Some bytes, or none at the end. Raises TimeoutError and TooLarge."""
        now = self._loop.time()
        if now >= self._last_by:  # a busy stream never waits long enough to be looked at
            self.expired = True
            raise TimeoutError
        self._due = min(now + self._idle_s, self._last_by) if self.started else self._first_by
        data = await self._reader.readany()
        self._due = None
        self._size += len(data)
        if self._size > self._most_bytes:
            raise TooLarge(int(self._most_bytes))
        return data

    async def rest(self) -> bytes:
        """All that is still to come."""
        parts = []
        while data := await self.read():
            parts.append(data)
        return b"".join(parts)

    @property
    def is_over(self) -> bool:
        """Whether the time for the whole stream has gone by."""
        return self._loop.time() >= self._last_by

    def stop(self) -> None:
        self._timer.cancel()

    def _look(self) -> None:
        now = self._loop.time()
        if self._due is not None and now >= self._due:
            self.expired = True
            self._reader.set_exception(TimeoutError())
            return
        self._timer = self._loop.call_at(self._due or now + self._idle_s, self._look)
