"""`GET /health` (this process lives) and `GET /ready` (store and models can be used)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from litestar import Response, get
from litestar.handlers import HTTPRouteHandler

from proxy.errors import ProxyError


def routes(ready: Callable[[], Awaitable[None]], worker: int | None = None) -> list[HTTPRouteHandler]:
    """The two routes.

    Args:
        ready: Raises what keeps the server from answering.
        worker: The number of this process among several, which it tells.
    """
    lives: dict[str, str | int] = {"status": "ok"} if worker is None else {"status": "ok", "worker": worker}

    @get("/health")
    async def health() -> dict[str, str | int]:
        return lives

    @get("/ready")
    async def readiness() -> Response[dict[str, Any]]:
        try:
            await ready()
        except ProxyError as exc:
            return Response({"status": "not ready", "reason": exc.message}, status_code=503)
        return Response({"status": "ready"})

    return [health, readiness]
