"""`create_app(settings)`: where parts become an application."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from litestar import Litestar, Router
from litestar.config.cors import CORSConfig
from litestar.plugins.pydantic import PydanticPlugin

from proxy.api import docs, errors, meta, metrics
from proxy.api.auth import Gatekeeper
from proxy.api.doorway import Doorway
from proxy.api.metering import Meter
from proxy.api.openai import chat_completions, forwarded, models, stored
from proxy.api.straight import straight
from proxy.api.tree import memories, routes
from proxy.api.watching import Watch, Watched
from proxy.app.bounds import most, patience
from proxy.app.forgetting import Forgetting
from proxy.app.parts import (
    Parts,
    aside_kinds,
    assemble,
    configured_models,
    hints_of,
    resolved,
    signed_users,
    traces_of,
)
from proxy.app.warming import Warm, running
from proxy.config import Settings
from proxy.context.marking import without_placed
from proxy.distil.remembering import Remembering
from proxy.domain.turn import Limits
from proxy.operations import logs
from proxy.operations.counts import SharedCounts
from proxy.operations.figures import Figures
from proxy.operations.sharing import Shared
from proxy.operations.traces import Traces
from proxy.store.sqlite import SqliteStore


def create_app(
    settings: Settings,
    env: Mapping[str, str] = os.environ,
    *,
    when_warm: Callable[[], None] = lambda: None,
    worker: int | None = None,
    shared_in: Path | None = None,
    traces: Traces | None = None,
) -> Litestar:
    """The application; nothing is opened before it starts.

    Args:
        settings: What the operator chose.
        env: Where keys and providers are looked up.
        worker: The number of this process among several.
        shared_in: A folder that all processes of this server share, for their figures and counts.
        traces: Where requests are traced to; else where `settings` say.
        when_warm: Called once the libraries are loaded, on the event loop; for whoever owns the whole process.

    Raises:
        ConfigError: The configuration names models or a scorer that cannot be used.
    """
    configured = configured_models(settings, env)
    store = SqliteStore(
        settings.storage.url, durability=settings.storage.durability, cipher=settings.storage.cipher(env)
    )
    traces = traces or traces_of(settings.traces)
    watch = Watch(traces=traces, content=settings.server.log_content, names=not store.is_encrypted)
    store.figures = watch.figures
    parts = assemble(settings, store, configured, watch.figures, traces)
    watch.aside_kinds = aside_kinds(settings.clients)
    logs.redact.learn([secret for model in configured.all() for secret in model.secrets])
    counts = SharedCounts(shared_in, worker, settings.server.workers) if shared_in and worker else None
    meter = Meter(settings.server.max_at_once, Limits(**settings.limits.model_dump()), counts=counts)
    gatekeeper = Gatekeeper(
        store,
        settings.clients.user_headers,
        settings.server.cors_origins,
        signed_users(settings.clients, env),
        meter,
        settings.upstream.abandoned_s,
    )
    learned = Path(settings.routing.personal) if settings.routing.personal is not None else None
    forgetting = Forgetting(parts, gatekeeper, meter, learned)
    warm = Warm(parts, settings, when_warm)
    shared = Shared(watch.figures, shared_in)
    _gauges(watch.figures, parts, meter)
    max_body = int(settings.server.max_body_mb * 1_000_000)
    app = Litestar(
        route_handlers=[
            Router(
                "/v1/chat/completions",
                route_handlers=[
                    chat_completions.handler(
                        gatekeeper,
                        configured,
                        parts.lanes,
                        parts.chat,
                        hints_of(settings.clients),
                        most(settings.server),
                    ),
                    *stored.handlers(gatekeeper, store),
                ],
            ),
            forwarded.router(gatekeeper, configured, parts.lanes.forwarding),
            models.router(gatekeeper, configured, int(time.time())),
            routes.router(
                gatekeeper,
                store,
                parts.router,
                parts.chat,
                configured,
                parts.lanes,
                settings.routing.fresh,
                memories.routes(
                    store, Remembering(store, parts.lanes, settings.routing.model, without_placed), parts.recall
                ),
            ),
            *meta.routes(warm.ready, worker),
            *([metrics.route(shared, _token(settings, env))] if settings.metrics.enabled else []),
        ],
        lifespan=[
            partial(
                running,
                parts=parts,
                warm=warm,
                meter=meter,
                settings=settings,
                watch=watch,
                shared=shared,
                forgetting=forgetting,
            )
        ],
        exception_handlers={Exception: errors.told},
        cors_config=_cors(settings.server.cors_origins),
        request_max_body_size=max_body,
        openapi_config=docs.config(),
        plugins=[
            PydanticPlugin(validate_strict=True, prefer_alias=True)
        ],  # "1" and true are no numbers; names as they are sent
        logging_config=None,  # Litestar's own starts a thread for each application and never ends it
    )
    doorway = Doorway(straight(app), max_body, patience(settings.server), gatekeeper.limits_of)
    app.asgi_handler = Watched(doorway, watch)
    app.state.watch = watch
    return app


def _gauges(figures: Figures, parts: Parts, meter: Meter) -> None:
    """What is looked up when somebody asks how the server stands."""
    figures.gauge("graft_in_flight", lambda: {(): meter.running})
    figures.gauge("graft_breaker_open", parts.lanes.care.open)
    figures.gauge("graft_store_waiting_writes", lambda: {(): parts.store.waiting()[0]})
    figures.gauge("graft_store_waiting_reads", lambda: {(): parts.store.waiting()[1]})


def _token(settings: Settings, env: Mapping[str, str]) -> str | None:
    token = settings.metrics.token
    return None if token is None else resolved(token, env, "metrics.token")


def _cors(origins: Sequence[str]) -> CORSConfig | None:
    """What a browser is told about scripts of other pages."""
    if not origins:
        return None
    return CORSConfig(
        allow_origins=list(origins),
        allow_methods=["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"],
        allow_headers=["*"],
        expose_headers=["*"],
    )
