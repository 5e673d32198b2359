"""`GET /metrics`: the figures of this server, as Prometheus reads them.

They tell nothing of any one user, but much of all of them together, so a user's key opens nothing here: this machine itself may ask,
and whoever has the token that the operator set.
"""

from __future__ import annotations

import hmac
import os
from collections.abc import Mapping
from typing import Any, Final, cast

from litestar import Request, Response, get
from litestar.handlers import HTTPRouteHandler
from litestar.middleware import DefineMiddleware
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from proxy.api.auth import demand_loopback, is_loopback
from proxy.errors import Forbidden
from proxy.operations.figures import told
from proxy.operations.sharing import Shared

_TRUSTED: Final = "FORWARDED_ALLOW_IPS"
"""uvicorn's variable: which proxies before this server are believed when they say for whom they ask. Nothing else here asks that."""


def route(shared: Shared, token: str | None) -> HTTPRouteHandler:
    """The route.

    Args:
        token: What whoever asks from elsewhere must show; `None` lets this machine ask and nobody else.
    """
    forwarded = DefineMiddleware(
        cast("Any", ProxyHeadersMiddleware), trusted_hosts=os.environ.get(_TRUSTED, "127.0.0.1")
    )

    @get("/metrics", include_in_schema=False, middleware=[forwarded])
    async def metrics(request: Request[Any, Any, Any]) -> Response[bytes]:
        if not _shows(request.headers, token):
            _demand_neighbour(request)
        content, media_type = told(shared.whole(), request.headers.get("accept", ""))
        return Response(content, media_type=media_type)

    return metrics


def _shows(headers: Mapping[str, str], token: str | None) -> bool:
    scheme, _, shown = headers.get("authorization", "").partition(" ")
    if token is None or scheme.lower() != "bearer":
        return False
    return hmac.compare_digest(shown.strip().encode(), token.encode())


def _demand_neighbour(request: Request[Any, Any, Any]) -> None:
    """Raises Forbidden for whoever is not on this machine, or does not call it by its own name."""
    if request.client is None or not is_loopback(request.client.host):
        raise Forbidden("Figures are told on this machine only, or to whoever shows the token of `metrics.token`.")
    demand_loopback(request.headers)
