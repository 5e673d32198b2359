"""How long a whole answer is waited for: one timer for all that wait, where setting one for each would cost more than looking at all.

Used like `asyncio.timeout`, and no other: what waits too long is cancelled, and that becomes a TimeoutError.
"""

from __future__ import annotations

import asyncio
from types import TracebackType


class Deadlines:
    """Those that wait, and the one timer. It belongs to the event loop in which it was last used."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._waits: set[Wait] = set()
        self._timer: asyncio.TimerHandle | None = None

    def until(self, due: float) -> Wait:
        """A block that ends by `due`, by the event loop's clock. Raises TimeoutError at its end."""
        return Wait(self, due)

    def add(self, wait: Wait, loop: asyncio.AbstractEventLoop) -> None:
        if self._loop is not loop:
            self._loop, self._timer, self._waits = loop, None, set()
        self._waits.add(wait)
        if self._timer is None or wait.due < self._timer.when():
            self._set(loop, wait.due)

    def discard(self, wait: Wait) -> None:
        """The timer stays: it finds nobody whose time is over, and is set anew."""
        self._waits.discard(wait)

    def _set(self, loop: asyncio.AbstractEventLoop, due: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = loop.call_at(due, self._look, loop)

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer, now = None, loop.time()
        for wait in [wait for wait in self._waits if wait.due <= now]:
            self._waits.discard(wait)
            wait.expire()
        if self._waits:
            self._set(loop, min(wait.due for wait in self._waits))


class Wait:
    """One that waits."""

    __slots__ = ("_cancelling", "_deadlines", "_expired", "_task", "due")

    def __init__(self, deadlines: Deadlines, due: float) -> None:
        self._deadlines = deadlines
        self.due = due
        self._expired = False

    def __enter__(self) -> None:
        loop = asyncio.get_running_loop()
        task = asyncio.current_task(loop)
        assert task is not None
        self._task, self._cancelling = task, task.cancelling()
        self._deadlines.add(self, loop)

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._deadlines.discard(self)
        if self._expired and self._task.uncancel() <= self._cancelling and kind is asyncio.CancelledError:
            raise TimeoutError from exc

    def expire(self) -> None:
        """The time is over."""
        self._expired = True
        self._task.cancel()
