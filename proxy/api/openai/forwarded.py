"""`POST /v1/embeddings` and the legacy `POST /v1/completions`: forwarded to the model's server, never placed and never stored.

Source: OpenAI API reference, create embeddings; create completion (legacy).
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import replace
from typing import Any

import msgspec
from litestar import Request, Response, Router, post

from proxy.api import errors, sse
from proxy.api.arriving import body_of
from proxy.api.auth import Gatekeeper
from proxy.api.metering import Permit
from proxy.api.openai import wire
from proxy.api.openai.chat_completions import UNBUFFERED, header_names, model_header
from proxy.api.openai.models import Catalogue, alone
from proxy.errors import InvalidRequest
from proxy.operations.entry import current
from proxy.upstream.forwarding import Forwarded, Forwarding, Kind

NEEDED: Mapping[Kind, str] = {"embeddings": "input", "completions": "prompt"}
"""The field that each cannot do without."""


class _Used(msgspec.Struct):
    usage: Any = None


_read_usage = msgspec.json.Decoder(_Used).decode


def router(gatekeeper: Gatekeeper, models: Catalogue, forwarding: Forwarding) -> Router:
    """The two routes."""

    async def forwarded(kind: Kind, request: Request[Any, Any, Any]) -> tuple[Mapping[str, Any], Forwarded, Permit]:
        visitor = await gatekeeper.expect(request)
        body = wire.decode(await body_of(request))
        caller = await gatekeeper.caller(request, body, visitor)
        model = alone(_checked(kind, body), models.names())
        permit = gatekeeper.admit(request, caller)
        current.get().model = model
        answer = await forwarding.forward(kind, model, body)
        return body, replace(answer, pieces=permit.guest.kept(answer.pieces)), permit

    @post("/embeddings", status_code=200)
    async def create_embedding(request: Request[Any, Any, Any]) -> Response[bytes]:
        _, answer, permit = await forwarded("embeddings", request)
        return await _whole(answer, permit)

    @post("/completions", status_code=200)
    async def create_completion(request: Request[Any, Any, Any]) -> Response[Any]:
        body, answer, permit = await forwarded("completions", request)
        if not body.get("stream"):
            return await _whole(answer, permit)
        first = await anext(answer.pieces, None)  # what fails before the first byte has a status of its own
        pieces = _resumed(first, answer.pieces, permit)
        return sse.Events[bytes](pieces, errors.body_of, headers={**_headers(answer, permit), **UNBUFFERED})

    return Router("/v1", route_handlers=[create_embedding, create_completion])


def _checked(kind: Kind, body: Mapping[str, Any]) -> str:
    """The model's name. Raises InvalidRequest for what no server would take."""
    model = body.get("model")
    if not isinstance(model, str) or not model:
        raise InvalidRequest("The parameter 'model' is missing: name one of GET /v1/models.", param="model")
    needed = NEEDED[kind]
    if not isinstance(body.get(needed), str | list) or body[needed] == []:
        raise InvalidRequest(f"The parameter {needed!r} is missing: a text, or a list.", param=needed)
    if not isinstance(body.get("stream"), bool | None):
        raise InvalidRequest("`stream` must be true or false.", param="stream")
    return model


async def _whole(answer: Forwarded, permit: Permit) -> Response[bytes]:
    async with aclosing(answer.pieces) as pieces:
        async for piece in pieces:
            permit.spent(_usage_in(piece))
            return Response(piece, media_type="application/json", headers=_headers(answer, permit))
    raise InvalidRequest("The upstream gave no answer.")


async def _resumed(
    first: bytes | None, rest: AsyncGenerator[bytes, None], permit: Permit
) -> AsyncGenerator[bytes, None]:
    async with aclosing(rest):
        if first is not None:
            permit.spent(_usage_in(first))
            yield first
            async for piece in rest:
                permit.spent(_usage_in(piece))
                yield piece


def _usage_in(piece: bytes) -> object:
    """What an answer says of its tokens, if it does."""
    if b'"usage"' not in piece:
        return None
    try:
        return _read_usage(piece).usage
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def _headers(answer: Forwarded, permit: Permit) -> dict[str, str]:
    dropped = {"x-graft-dropped": header_names(answer.dropped)} if answer.dropped else {}
    return {"x-graft-route": "aside", **permit.headers, **dropped, **model_header(answer.served)}
