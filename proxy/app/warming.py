"""What happens once the port is open, and before it is closed: libraries imported, counters recalled and kept, work finished."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

from litestar import Litestar

from proxy.api.metering import Meter
from proxy.api.watching import Watch
from proxy.app.expiring import expire_on
from proxy.app.forgetting import Forgetting
from proxy.app.parts import Parts
from proxy.config import Settings
from proxy.errors import StoreUnavailable
from proxy.operations import logs
from proxy.operations.sharing import Shared

log = logging.getLogger("graft")

PATIENCE_S = 1.0
"""How long titles, summaries and vectors may still take when the server stops: they are made again."""


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
        logs.adopt()
        routing = self._settings.routing
        scorer = f"LLM {routing.model!r} behind the embedded scorer" if routing.model else "embedded scorer"
        log.info("Placement: %s, vectors %r, policy %r", scorer, routing.embedder, routing.policy)
        log.info("Models: %s", ", ".join(self._parts.lanes.models.names()))
        self._when_warm()
        log.info("Ready after %.1f s", time.perf_counter() - started)


@asynccontextmanager
async def running(
    _: Litestar,
    parts: Parts,
    warm: Warm,
    meter: Meter,
    settings: Settings,
    watch: Watch,
    shared: Shared,
    forgetting: Forgetting,
) -> AsyncGenerator[None, None]:
    async with parts.store:
        how = "encrypted" if parts.store.is_encrypted else "not encrypted"
        log.info("Store: %s (durability %s, %s)", settings.storage.url, settings.storage.durability, how)
        await meter.recall(parts.store)
        if watch.content:
            log.warning("server.log_content is on: what is asked and answered is written to this log")
        await forgetting.begin()
        works = (meter.keep_on(parts.store), shared.keep_on(), forgetting.keep_on())
        keeping = [asyncio.create_task(work) for work in works]
        if settings.storage.expire_days is not None:
            keeping.append(asyncio.create_task(expire_on(parts.store, settings.storage.expire_days)))
        warm.start()
        try:
            yield
        finally:
            await warm.stop()
            for task in keeping:
                task.cancel()
            await asyncio.gather(*keeping, return_exceptions=True)
            await parts.chat.tasks.finish(0.0 if watch.at_once else PATIENCE_S)
            await meter.keep(parts.store)
            await parts.lanes.close()
            shared.write()
            if watch.traces is not None:
                await asyncio.to_thread(watch.traces.close)
