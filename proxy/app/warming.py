"""What happens once the port is open, and before it is closed: libraries imported, counters recalled and kept, work finished."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

from litestar import Litestar

from proxy.api.metering import Meter
from proxy.app.parts import Parts
from proxy.config import Settings
from proxy.errors import StoreUnavailable

log = logging.getLogger("graft")


class Warm:
    """The heavy libraries, imported once the port is open and off the request's path."""

    def __init__(self, parts: Parts, settings: Settings, when_warm: Callable[[], None]) -> None:
        self._parts = parts
        self._settings = settings
        self._when_warm = when_warm
        self._loading: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._loading = asyncio.get_running_loop().create_task(self._load())

    async def stop(self) -> None:
        if self._loading is not None:
            self._loading.cancel()
            await asyncio.gather(self._loading, return_exceptions=True)

    async def ready(self) -> None:
        """Raises ProxyError while store or models cannot be used."""
        if self._loading is None or not self._loading.done():
            raise StoreUnavailable("Models are still being loaded.")
        self._loading.result()
        await self._parts.store.ping()

    async def _load(self) -> None:
        started = time.perf_counter()
        await self._parts.lanes.warm()
        await self._parts.router.start()
        routing = self._settings.routing
        scorer = f"LLM {routing.model!r} behind the embedded scorer" if routing.model else "embedded scorer"
        log.info("Placement: %s, vectors %r, policy %r", scorer, routing.embedder, routing.policy)
        log.info("Models: %s", ", ".join(self._parts.lanes.models.names()))
        self._when_warm()
        log.info("Ready after %.1f s", time.perf_counter() - started)


@asynccontextmanager
async def running(
    _: Litestar, parts: Parts, warm: Warm, meter: Meter, settings: Settings
) -> AsyncGenerator[None, None]:
    async with parts.store:
        log.info("Store: %s (durability %s)", settings.storage.url, settings.storage.durability)
        await meter.recall(parts.store)
        keeping = asyncio.create_task(meter.keep_on(parts.store))
        warm.start()
        try:
            yield
        finally:
            await warm.stop()
            keeping.cancel()
            await asyncio.gather(keeping, return_exceptions=True)
            await parts.chat.tasks.finish()
            await meter.keep(parts.store)
            await parts.lanes.close()
