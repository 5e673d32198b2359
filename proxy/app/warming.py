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

PLACING = ("auto", "shadow")
"""Policies that compare turns by their vectors."""
PATIENCE_S = 1.0
"""How long titles, summaries and vectors may still take when the server stops: they are made again."""


class Warm:
    """The heavy libraries, imported once the port is open and off the request's path."""

    def __init__(self, parts: Parts, settings: Settings, when_warm: Callable[[], None]) -> None:
        self._parts = parts
        self._settings = settings
        self._when_warm = when_warm
        self._loading: asyncio.Task[None] | None = None
        self._is_ready = False

    def start(self) -> None:
        self._loading = asyncio.get_running_loop().create_task(self._load())

    async def stop(self) -> None:
        if self._loading is not None:
            self._loading.cancel()
            await asyncio.gather(self._loading, return_exceptions=True)

    async def ready(self) -> None:
        """Raises ProxyError while store or models cannot be used, and what kept the models from being loaded."""
        if not self._is_ready:
            if self._loading is not None and self._loading.done():
                self._loading.result()
            raise StoreUnavailable("Models are still being loaded.")
        await self._parts.store.ping()

    async def _load(self) -> None:
        started, routing, parts = time.perf_counter(), self._settings.routing, self._parts
        try:
            await parts.lanes.warm()
            await parts.router.start()
            logs.adopt()
            scorer = f"LLM {routing.model!r} behind the embedded scorer" if routing.model else "embedded scorer"
            log.info("Placement: %s, vectors %r, policy %r", scorer, routing.embedder, routing.policy)
            log.info("Models: %s", ", ".join(parts.lanes.models.names()))
            log.info("Ready after %.1f s", time.perf_counter() - started)
            self._is_ready = True
            if routing.policy in PLACING:
                await self._embed()
        finally:
            self._when_warm()

    async def _embed(self) -> None:
        """Have the embedder loaded before the first turn that needs it; where that fails, that turn meets the same trouble."""
        try:
            await self._parts.router.load()
        except Exception as exc:  # noqa: BLE001  # of libraries and of files that are not ours
            log.warning("The embedder %r cannot be loaded: %s", self._settings.routing.embedder, exc)


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
