"""For handlers that take a request and nothing else: they are called, and their answer is sent, without what Litestar does for others.

Litestar finds the route and tells the errors; between the two it makes arguments of a request and answers of values, where there are
any of either. It is given to a handler as a middleware, and is the last: nothing is called behind it.
"""

from __future__ import annotations

from typing import Any, cast

from litestar import Request
from litestar.handlers import HTTPRouteHandler
from litestar.types import ASGIApp, Receive, Scope, Send


class Straight:
    """Calls the handler of the route."""

    def __init__(self, app: ASGIApp) -> None:
        """`app` is Litestar's own way to the handler, which is not gone."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        handler = cast("HTTPRouteHandler", scope["route_handler"])
        request: Request[Any, Any, Any] = Request(scope, receive, send)
        response = await handler.fn(request)
        await response.to_asgi_response(None, request, status_code=handler.status_code)(scope, receive, send)
