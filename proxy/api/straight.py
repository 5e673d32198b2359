"""The addresses that models are asked at, without a framework in between: their handlers take a request and nothing else.

Litestar describes these routes, and makes arguments of requests and answers of values for all others. What is not addressed letter for
letter goes its way as well, and comes to the same handlers: another spelling of an address, another method, an odd name of this host.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from litestar import Litestar, Request, Response
from litestar.enums import HttpMethod
from litestar.handlers import HTTPRouteHandler
from litestar.routes import HTTPRoute
from litestar.types import ASGIApp, Receive, Scope, Send

from proxy.api import errors
from proxy.operations.entry import current

ADDRESSES: Final = frozenset({"/v1/chat/completions", "/v1/completions", "/v1/embeddings"})
_HOST: Final = re.compile(rb"[0-9A-Za-z.:\[\]_-]*")
"""Names of hosts about which nothing is odd."""


class Straight:
    """Wraps an application."""

    def __init__(self, app: ASGIApp, handlers: Mapping[str, HTTPRouteHandler]) -> None:
        """`handlers` answer what is posted to these addresses."""
        self._app = app
        self._handlers = handlers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        handler = self._handlers.get(scope["path"])
        if handler is None or scope.get("method") != HttpMethod.POST or not _HOST.fullmatch(_host(scope)):
            await self._app(scope, receive, send)
            return
        scope["route_handler"], scope["path_template"], scope["path_params"] = handler, scope["path"], {}
        request: Request[Any, Any, Any] = Request(scope, receive, send)
        try:
            await _send(await handler.fn(request), request)
        except Exception as exc:
            if current.get().status:  # the answer has begun, and can only break off
                raise
            await _send(errors.told(request, exc), request)


def straight(app: Litestar) -> ASGIApp:
    """An application's routes, these before the others.

    What scripts of other pages are told (CORS) is Litestar's to tell: where there are such, it has all routes.
    """
    if app.cors_config is not None:
        return app.asgi_handler
    posted = {
        route.path: route.route_handler_map["POST"][0]
        for route in app.routes
        if isinstance(route, HTTPRoute) and route.path in ADDRESSES
    }
    return Straight(app.asgi_handler, posted)


async def _send(answer: Response[Any], request: Request[Any, Any, Any]) -> None:
    await answer.to_asgi_response(None, request, status_code=200)(request.scope, request.receive, request.send)


def _host(scope: Scope) -> bytes:
    for name, value in scope["headers"]:
        if name == b"host":
            return value
    return b""
