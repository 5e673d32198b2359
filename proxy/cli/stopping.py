"""How a serving process stops: it takes nothing new, finishes what it answers within a grace period, and stores the rest as it stands.

The first signal begins that; a second one ends the grace period at once, and still what was received is stored. A worker of several is
asked by its supervisor: by SIGTERM, however often, and by SIGUSR1 for at once; a terminal's Ctrl-C reaches it too, and is its
supervisor's business.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
from collections.abc import Callable
from types import FrameType

import uvicorn

from proxy.api.watching import Watch
from proxy.cli.common import AT_ONCE

log = logging.getLogger("graft")

STORED_WITHIN_S = 8.0
"""How long requests that were ended may take to say so; SQLite waits for no longer than that by far, unless something is wrong."""
_LOOKED_EVERY_S = 0.05


class Server(uvicorn.Server):
    """Serves until it is asked to stop."""

    def __init__(
        self, config: uvicorn.Config, watch: Watch, grace_s: float, when_up: Callable[[], None], *, is_worker: bool
    ) -> None:
        super().__init__(config)
        self._watch = watch
        self._grace_s = grace_s
        self._when_up = when_up
        self._is_worker = is_worker

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            if self._is_worker:
                asyncio.get_running_loop().add_signal_handler(AT_ONCE, self._end_at_once)
            self._when_up()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002
        """A signal has come."""
        if self._is_worker and sig == signal.SIGINT:
            return
        if self.should_exit and not self._is_worker:
            self._end_at_once()
        if not self.should_exit:
            self._captured_signals.append(sig)
        self.should_exit = self._watch.closing = True

    def _end_at_once(self) -> None:
        self._watch.at_once = self._watch.closing = self.should_exit = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Close the door, wait for what is running, end what is left, and store it."""
        for server in self.servers:
            server.close()
        for one in sockets or []:
            one.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        await self._finished()
        left = list(self.server_state.tasks)
        if left:
            log.warning("%d requests are not finished and are ended; what has arrived is stored", len(left))
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left, timeout=STORED_WITHIN_S)
        await self.lifespan.shutdown()

    async def _finished(self) -> None:
        """Wait for requests that are being answered, within the grace period."""
        loop = asyncio.get_running_loop()
        until = loop.time() + self._grace_s
        if self.server_state.tasks:
            log.info("Finishing %d requests, within %g s", len(self.server_state.tasks), self._grace_s)
        while self._busy() and loop.time() < until and not self._watch.at_once:  # noqa: ASYNC110  # uvicorn tells nobody
            await asyncio.sleep(_LOOKED_EVERY_S)

    def _busy(self) -> bool:
        """Whether a request is being answered, or the end of an answer is still to be sent; idle connections have been closed."""
        return bool(self.server_state.tasks or self.server_state.connections)
