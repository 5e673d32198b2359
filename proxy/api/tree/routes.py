"""`/api` as one router: the caller is known before a body is read, and every route has it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from functools import partial
from typing import Any

from litestar import MediaType, Request, Response, Router
from litestar.connection import ASGIConnection
from litestar.di import Provide
from litestar.handlers import BaseRouteHandler, HTTPRouteHandler
from litestar.params import QueryParameter
from litestar.serialization import default_serializer

from proxy.api import errors
from proxy.api.auth import Gatekeeper
from proxy.api.encoding import rendered
from proxy.api.metering import Permit
from proxy.api.openai.chat_completions import Fields
from proxy.api.openai.models import Catalogue
from proxy.api.tree import (
    answers,
    artefact_files,
    artefacts,
    asides,
    composed,
    contexts,
    decisions,
    images,
    me,
    nodes,
    personalities,
    scratchpad,
    summaries,
    talk,
    transfer,
    trees,
    wholes,
    zones,
)
from proxy.chat.answer import Chat
from proxy.domain.placement import Fresh
from proxy.domain.ports import TurnRouter
from proxy.domain.tree import Tree
from proxy.domain.turn import Caller
from proxy.errors import InvalidRequest
from proxy.store.sqlite import SqliteStore


class Json(Response[Any]):
    """A body in JSON, whatever a client has stored."""

    def render(self, content: Any, media_type: str, enc_hook: Callable[[Any], Any] = default_serializer) -> bytes:
        return rendered(content) if media_type == MediaType.JSON else super().render(content, media_type, enc_hook)


def router(
    gatekeeper: Gatekeeper,
    store: SqliteStore,
    turns: TurnRouter,
    chat: Chat,
    models: Catalogue,
    fields: Fields,
    fresh: Fresh | None,
    more: Sequence[HTTPRouteHandler] = (),
) -> Router:
    """The tree API; `more` are routes that need parts of their own."""

    async def authenticate(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
        """An `app` key's sub-user is named by a header, or by `user` or `safety_identifier` in the query."""
        assert isinstance(connection, Request)
        connection.state.caller = await gatekeeper.caller(connection, connection.query_params)
        _demand_known(connection.query_params, handler)

    async def caller(request: Request[Any, Any, Any]) -> Caller:
        found: Caller = request.state.caller
        return found

    async def admit(request: Request[Any, Any, Any]) -> Callable[[], Permit]:
        return partial(gatekeeper.admit, request, request.state.caller)

    def grown(tree: Tree) -> None:
        chat.tasks.start(turns.warm(tree.user_id, tree.id))

    return Router(
        "/api",
        route_handlers=[
            *trees.routes(store),
            *([] if chat.titling is None else wholes.routes(store, chat.titling, models)),
            *nodes.reading(store),
            *nodes.writing(store),
            *answers.routes(store, chat, models, fields),
            *talk.routes(store, chat, models, fields),
            *decisions.routes(store, chat, turns, fresh),
            *asides.routes(store),
            *me.routes(store, chat),
            *transfer.routes(store, grown),
            *scratchpad.routes(store),
            *artefacts.in_trees(store),
            *artefacts.alone(store),
            *artefacts.in_versions(store),
            *artefact_files.routes(store),
            *more,
            *zones.of_user(store),
            *zones.of_trees(store),
            *zones.of_nodes(store),
            *composed.routes(store),
            *images.routes(store),
            *contexts.routes(store, chat, models),
            *summaries.pruning(store, chat, models),
            *summaries.routes(store),
            *personalities.routes(store),
        ],
        guards=[authenticate],
        dependencies={"caller": Provide(caller), "admit": Provide(admit)},
        exception_handlers={RecursionError: _too_deep, UnicodeDecodeError: _no_text},
        response_class=Json,
        tags=["trees"],
        security=[{"key": []}],
    )


def _demand_known(query: Collection[str], handler: BaseRouteHandler) -> None:
    """A misspelt parameter would be ignored, and the answer be another than was asked for. Raises InvalidRequest."""
    if not query:
        return
    known = {"user", "safety_identifier"}  # who an `app` key speaks for
    for name, field in handler.parsed_fn_signature.parameters.items():
        told = field.kwarg_definition
        if isinstance(told, QueryParameter):
            known.add(told.name or name)
    for name in query:
        if name not in known:
            takes = ", ".join(sorted(known))
            raise InvalidRequest(f"This endpoint has no parameter {name!r}; it takes {takes}.", param=name)


def _too_deep(request: Request[Any, Any, Any], _: RecursionError) -> Response[bytes]:
    return errors.proxy_error(request, InvalidRequest("The body is nested too deeply."))


def _no_text(request: Request[Any, Any, Any], exc: UnicodeDecodeError) -> Response[bytes]:
    """The framework's reader of JSON lets this error through."""
    return errors.proxy_error(request, InvalidRequest(f"The body is not JSON: it is no UTF-8 ({exc.reason})."))
