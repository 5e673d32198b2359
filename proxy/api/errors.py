"""The one map from Graft's errors to OpenAI's error body.

Source: OpenAI API reference, error codes; the body is `{"error": {"message", "type", "param", "code"}}`.
"""

from __future__ import annotations

import logging
import math
import re
from typing import Any

from litestar import MediaType, Request, Response
from litestar.exceptions import HTTPException, ValidationException
from litestar.handlers import BaseRouteHandler

from proxy import errors
from proxy.api.encoding import rendered
from proxy.operations.entry import current

log = logging.getLogger(__name__)

_STATUSES: tuple[tuple[type[errors.ProxyError], int], ...] = (
    (errors.RequestTooLarge, 413),
    (errors.TooSlow, 408),
    (errors.InvalidRequest, 400),
    (errors.Unauthenticated, 401),
    (errors.Forbidden, 403),
    (errors.NotFound, 404),
    (errors.RateLimited, 429),
    (errors.Overloaded, 503),
    (errors.StoreUnavailable, 503),
    (errors.ClientLeft, 499),
)
"""The first family that an error belongs to counts."""
_LIMITS: tuple[tuple[type[errors.ProxyError], str], ...] = (
    (errors.Overloaded, "busy"),
    (errors.RequestTooLarge, "body"),
    (errors.TooSlow, "slow"),
)
"""What there was too much of, as refusals are counted."""
_OURS = {"x-request-id": "x-graft-upstream-request-id", "request-id": "x-graft-upstream-request-id"}
"""What a provider's header is called where its name means something of this server."""
FAILED = "Graft failed on this request. The server's log has the details."
_INDEX = re.compile(r"\.(\d+)\b")
"""An item of a list in a path, as pydantic writes it."""
_OUTSIDE = ("path", "query")
"""Where fields stand that are no part of a body."""
_MISSING = re.compile(r"Missing required \w+ parameter '([^']+)'")
"""Litestar's words for it."""


def status_of(exc: errors.ProxyError) -> int:
    """The HTTP status of an error."""
    if isinstance(exc, errors.UpstreamError):
        return exc.status
    return next((status for family, status in _STATUSES if isinstance(exc, family)), 500)


def body_of(exc: errors.ProxyError) -> dict[str, Any]:
    """OpenAI's error body."""
    status = status_of(exc)
    entry = current.get()
    entry.failure = type(exc).__name__
    entry.limit = next((limit for family, limit in _LIMITS if isinstance(exc, family)), "")
    if isinstance(exc, errors.RateLimited):
        entry.limit = exc.type
    if isinstance(exc, errors.UpstreamError):
        entry.lane = entry.lane or exc.lane
    kind = (
        getattr(exc, "type", None)
        or _TYPES.get(status)
        or ("server_error" if status >= 500 else "invalid_request_error")
    )
    code = getattr(exc, "code", None) or _CODES.get(status)
    return {"error": {"message": exc.message, "type": kind, "param": getattr(exc, "param", None), "code": code}}


def headers_of(exc: errors.ProxyError) -> dict[str, str]:
    """`Retry-After` and the provider's rate-limit headers; a connection on which nobody waits any longer is closed."""
    headers = {_OURS.get(name, name): value for name, value in getattr(exc, "headers", {}).items()}
    if isinstance(exc, errors.TooSlow):
        headers["connection"] = "close"
    retry_after_s = getattr(exc, "retry_after_s", None)
    if retry_after_s is not None and math.isfinite(retry_after_s):
        headers["retry-after"] = str(math.ceil(retry_after_s))
    return headers


def told(request: Request[Any, Any, Any], exc: Exception) -> Response[bytes]:
    """Any error of a request."""
    match exc:
        case errors.ProxyError():
            return proxy_error(request, exc)
        case HTTPException():
            return http_error(request, exc)
        case _:
            return unexpected(request, exc)


def proxy_error(request: Request[Any, Any, Any], exc: errors.ProxyError) -> Response[bytes]:
    """An error that Graft raised on purpose."""
    status = status_of(exc)
    if status >= 500:
        log.warning(
            "%s %s: %s: %s", request.method, in_one_line(request.url.path), type(exc).__name__, in_one_line(exc.message)
        )
    return Response(rendered(body_of(exc)), status_code=status, headers=headers_of(exc), media_type=MediaType.JSON)


def http_error(request: Request[Any, Any, Any], exc: HTTPException) -> Response[bytes]:
    """An error of the framework: unknown route, wrong method, body too large, a field that is not allowed."""
    if isinstance(exc, ValidationException):
        return proxy_error(request, _at_fault(exc, request.scope.get("route_handler")))
    match exc.status_code:
        case 404:
            message = f"Unknown URL: {request.method} {request.url.path}. The OpenAI API is served under /v1."
        case 405:
            message = f"{request.url.path} does not take {request.method}."
        case 413:
            current.get().limit = "body"
            message = "The request body is larger than this server takes (server.max_body_mb)."
        case _:
            message = exc.detail
    return _refused(exc.status_code, message)


def unexpected(request: Request[Any, Any, Any], exc: Exception) -> Response[bytes]:
    """Anything else: logged once, here, and told without its details."""
    current.get().failure = type(exc).__name__
    log.error("%s %s failed", request.method, in_one_line(request.url.path), exc_info=exc)
    return _refused(500, FAILED)


def _at_fault(exc: ValidationException, handler: BaseRouteHandler | None) -> errors.InvalidRequest:
    """The first field that the framework refuses, named as a path such as `messages[2].role`."""
    faults = exc.extra if isinstance(exc.extra, list) else []
    fault = next((one for one in faults if isinstance(one, dict)), {})
    key, told = str(fault.get("key", "")), str(fault.get("message", exc.detail))
    if missing := _MISSING.match(exc.detail):
        return errors.InvalidRequest(f"The parameter {missing[1]!r} is missing.", param=missing[1])
    if not key or (key == "data" and "instance of" in told):
        return errors.InvalidRequest("The body must be a JSON object with the fields of this endpoint.")
    param, choices = _as_sent(key, handler if fault.get("source") in _OUTSIDE else None)
    among = f" The choices are {', '.join(choices)}." if choices else ""
    return errors.InvalidRequest(f"{told.removeprefix('Value error, ')}: {param!r}.{among}", param=param)


def _as_sent(key: str, handler: BaseRouteHandler | None) -> tuple[str, list[str]]:
    """What a client calls a field, and the values that it may have where these are few."""
    field = handler.parsed_fn_signature.parameters.get(key) if handler else None
    if field is None:
        return _INDEX.sub(r"[\1]", key), []
    name = getattr(field.kwarg_definition, "name", None) or key
    return name, [str(one) for one in field.args] if field.is_literal else []


def refusal(status: int, message: str) -> dict[str, Any]:
    """OpenAI's error body for what none of Graft's errors stands for."""
    kind = "server_error" if status >= 500 else "invalid_request_error"
    return {"error": {"message": message, "type": kind, "param": None, "code": _CODES.get(status)}}


def in_one_line(text: str) -> str:
    """Foreign text as it may stand in a log: nothing in it begins a line, moves a cursor or turns the direction of writing."""
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)


def _refused(status: int, message: str) -> Response[bytes]:
    return Response(rendered(refusal(status, message)), status_code=status, media_type=MediaType.JSON)


_TYPES = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}
_CODES = {401: "invalid_api_key", 404: "not_found", 413: "request_too_large"}
