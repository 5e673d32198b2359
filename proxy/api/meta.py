"""`GET /health` (this process lives) and `GET /ready` (store and models can be used)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from litestar import Response, get
from litestar.handlers import HTTPRouteHandler

from proxy.errors import ProxyError


def routes(ready: Callable[[], Awaitable[None]]) -> list[HTTPRouteHandler]:
    """The two routes; `ready` raises what keeps the server from answering."""

    @get("/health")
    async def health() -> dict[str, str]:
        return {"status": "ok"}

    @get("/ready")
    async def readiness() -> Response[dict[str, Any]]:
        try:
            await ready()
        except ProxyError as exc:
            return Response({"status": "not ready", "reason": exc.message}, status_code=503)
        return Response({"status": "ready"})

    return [health, readiness]
