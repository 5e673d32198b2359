"""What was deleted is forgotten by this process too: whoever deleted it, here or in another process, or by a command.

Once a second it is asked what was deleted since. Trees and users are dropped from memory, answers to users who are gone end, and their keys
work no longer. A deletion that was begun and not finished, since its process was stopped, is finished here.
"""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

from proxy.api.auth import Gatekeeper
from proxy.api.metering import Meter
from proxy.app.parts import Parts
from proxy.domain.tree import UserId
from proxy.errors import StoreError
from proxy.routing import personal
from proxy.store.persons.departures import Departed
from proxy.store.persons.methods import FORGOTTEN_WITHIN_S

log = logging.getLogger("graft")

EVERY_S = 1.0


class Forgetting:
    """Watches for what was deleted."""

    def __init__(self, parts: Parts, gatekeeper: Gatekeeper, meter: Meter, learned: Path | None) -> None:
        """`learned` is the folder of what was learned from single users."""
        self._parts = parts
        self._gatekeeper = gatekeeper
        self._meter = meter
        self._learned = learned
        self._seen = 0

    async def begin(self) -> None:
        """Look from now on: nothing that was deleted before is in memory. Raises StoreError."""
        self._seen = await self._parts.store.newest_departure()

    async def keep_on(self) -> None:
        """Do so every second, until cancelled."""
        finishing = asyncio.create_task(self._finish())
        try:
            while True:
                await asyncio.sleep(EVERY_S)
                try:
                    await self.look()
                except StoreError as exc:
                    log.warning("It cannot be told what was deleted: %s", exc)
        finally:
            finishing.cancel()
            await asyncio.gather(finishing, return_exceptions=True)

    async def look(self) -> None:
        """Forget what was deleted since the last time. Raises StoreError."""
        departed = await self._parts.store.departed(self._seen)
        self._seen = departed.newest
        if not departed.is_whole:
            await self._forget_everything()
        if departed.users or departed.trees:
            self._forget(departed)

    def _forget(self, departed: Departed) -> None:
        parts, users = self._parts, frozenset(map(UserId, departed.users))
        parts.router.forget(users, departed.trees)
        if not users:
            return
        parts.recall.forget(users)
        parts.store.forget_users(users)
        parts.chat.forget(users)
        for key_id in self._gatekeeper.forget(users):
            self._meter.forget(key_id)
        if self._learned is not None:
            personal.remove(self._learned, users)

    async def _forget_everything(self) -> None:
        """The process was away too long to be told what was deleted; its users' trees are read again when they are used."""
        parts = self._parts
        parts.router.clear()
        parts.recall.clear()
        parts.store.forget_users(None)
        gone = await parts.store.absent(parts.chat.being_answered())
        parts.chat.forget(gone, everything=True)
        self._gatekeeper.forget(None)

    async def _finish(self) -> None:
        """Finish what another process began, and did not finish."""
        await asyncio.sleep(2 * FORGOTTEN_WITHIN_S)
        try:
            if left := await self._parts.store.left_behind():
                log.info("Deleting %d users whose deletion was not finished", len(left))
                await self._parts.store.take_leave(left)
        except StoreError as exc:
            log.warning("The deletion of users could not be finished: %s", exc)
