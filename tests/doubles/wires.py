"""A connection without a network: a transport that keeps what is written, and a loop whose clock is moved by hand."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import Callable
from typing import Any


class Transport:
    """Implements what the server's protocol uses of `asyncio.Transport`."""

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.is_closed = False

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return {"peername": ["127.0.0.1", 1], "sockname": ["127.0.0.1", 2]}.get(name, default)

    def write(self, data: bytes) -> None:
        self.written.append(data)

    def is_closing(self) -> bool:
        return self.is_closed

    def close(self) -> None:
        self.is_closed = True

    abort = close

    def can_write_eof(self) -> bool:
        return False

    def get_write_buffer_size(self) -> int:
        return 0

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...


class Timer:
    """Implements `asyncio.TimerHandle`."""

    def __init__(self, at: float, told: Callable[[], None]) -> None:
        self._at = at
        self.told: Callable[[], None] | None = told

    def when(self) -> float:
        return self._at

    def cancel(self) -> None:
        self.told = None


class Clockwork:
    """The loop of a test, with a clock of its own."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.set = 0
        """Timers that were set."""
        self._timers: list[tuple[float, int, Timer]] = []
        self._number = itertools.count()

    def time(self) -> float:
        return self.now

    def call_at(self, at: float, told: Callable[[], None]) -> Timer:
        self.set += 1
        timer = Timer(at, told)
        heapq.heappush(self._timers, (at, next(self._number), timer))
        return timer

    def call_later(self, within_s: float, told: Callable[[], None]) -> Timer:
        return self.call_at(self.now + within_s, told)

    def create_task(self, work: Any) -> asyncio.Task[Any]:
        return asyncio.get_running_loop().create_task(work)

    def go_on(self, seconds: float) -> None:
        """Let time pass, and what is due happen in its order."""
        until = self.now + seconds
        while self._timers and self._timers[0][0] <= until:
            at, _, timer = heapq.heappop(self._timers)
            self.now = at
            if timer.told is not None:
                timer.told()
        self.now = until
