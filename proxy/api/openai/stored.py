"""Stored chat completions, answered from the tree: list, get, update, delete, and the messages that one answered.

Everything that Graft stores is listed, whether or not the request said `store: true`: the tree holds it anyway. The messages are
those of the path that the completion answered, its system text first.

Source: OpenAI API reference, chat completions: list, get, update, delete, get messages.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from litestar import Request, Response, delete, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, QueryParameter

from proxy.api.arriving import body_of
from proxy.api.auth import Gatekeeper
from proxy.api.encoding import rendered
from proxy.api.openai import wire
from proxy.chat import collect
from proxy.domain.message import Message
from proxy.domain.tree import Node
from proxy.domain.turn import Caller, Completion
from proxy.errors import InvalidRequest, NotFound
from proxy.store.records import Stored
from proxy.store.sqlite import SqliteStore

MAX_NOTES, MAX_NAME, MAX_VALUE = 16, 64, 512
"""OpenAI's limits for metadata."""

Limit = Annotated[int, QueryParameter(ge=1, le=100, description="Entries a page.")]
After = Annotated[str | None, QueryParameter(description="The id of the entry before this page.")]
Order = Annotated[Literal["asc", "desc"], QueryParameter(description="`asc`: the oldest first.")]
InPath = FromPath[str]


def handlers(gatekeeper: Gatekeeper, store: SqliteStore) -> list[HTTPRouteHandler]:
    """The five routes under `/v1/chat/completions`."""

    async def caller_of(request: Request[Any, Any, Any]) -> Caller:
        return await gatekeeper.caller(request, request.query_params)

    @get("/")
    async def list_chat_completions(
        request: Request[Any, Any, Any],
        limit: Limit = 20,
        after: After = None,
        order: Order = "asc",
        model: Annotated[str | None, QueryParameter(description="Only those of this model.")] = None,
    ) -> Response[Any]:
        """Stored completions; `metadata[NAME]=VALUE` narrows to those that bear it."""
        caller = await caller_of(request)
        wanted = _filter(request.query_params)
        page = await store.stored_page(caller.user_id, after, limit, order, model, wanted)
        return _json(_listed([_dressed(stored) for stored in page.items], has_more=page.has_more))

    @get("/{completion_id:str}")
    async def get_chat_completion(request: Request[Any, Any, Any], completion_id: InPath) -> Response[Any]:
        """One stored completion, as its client was given it."""
        caller = await caller_of(request)
        return _json(_dressed(await store.stored(caller.user_id, completion_id)))

    @post("/{completion_id:str}", status_code=200)
    async def update_chat_completion(request: Request[Any, Any, Any], completion_id: InPath) -> Response[Any]:
        """Replace its metadata."""
        caller = await caller_of(request)
        notes = _notes(wire.decode(await body_of(request)))
        return _json(_dressed(await store.note_stored(caller.user_id, completion_id, notes)))

    @delete("/{completion_id:str}", status_code=200)
    async def delete_chat_completion(request: Request[Any, Any, Any], completion_id: InPath) -> dict[str, Any]:
        """Take it off the list; its words leave the tree as soon as no later turn goes on from them."""
        caller = await caller_of(request)
        await store.forget_stored(caller.user_id, completion_id)
        return {"object": "chat.completion.deleted", "id": completion_id, "deleted": True}

    @get("/{completion_id:str}/messages")
    async def list_messages(
        request: Request[Any, Any, Any],
        completion_id: InPath,
        limit: Limit = 20,
        after: After = None,
        order: Order = "asc",
    ) -> Response[Any]:
        """What was said up to the completion."""
        caller = await caller_of(request)
        stored = await store.stored(caller.user_id, completion_id)
        messages = _messages(await store.path(caller.user_id, stored.call.turn_id), completion_id)
        first = 0
        messages = messages if order == "asc" else messages[::-1]
        if after is not None:
            first = next((i for i, message in enumerate(messages, 1) if message["id"] == after), 0)
            if not first:
                raise NotFound(f"The message {after!r} does not exist here.")
        return _json(_listed(messages[first : first + limit], has_more=len(messages) > first + limit))

    return [
        list_chat_completions,
        get_chat_completion,
        update_chat_completion,
        delete_chat_completion,
        list_messages,
    ]


def _dressed(stored: Stored) -> dict[str, Any]:
    messages = [node.message for node in stored.replies]
    envelope = {**stored.call.envelope, "id": stored.id}
    answer = Completion(messages, [stored.call.finish_reason] * len(messages), stored.call.usage, envelope)
    return {**collect.whole(answer).wire, "metadata": dict(stored.metadata) or None}


def _messages(path: Sequence[Node], completion_id: str) -> list[dict[str, Any]]:
    """The path in the shape of OpenAI's store; content in parts stands beside the text."""
    system = path[-1].system if path else None
    head = [{"id": f"{completion_id}-system", "role": "system", "content": system}] if system else []
    return [*head, *({**_said(node.message), "id": node.id} for node in path)]


def _said(message: Message) -> dict[str, Any]:
    content = message.wire.get("content")
    parts = {"content": message.text or None, "content_parts": content} if isinstance(content, list) else {}
    return {"content": None, **message.wire, **parts}


def _listed(items: Sequence[Mapping[str, Any]], *, has_more: bool) -> dict[str, Any]:
    ends = {"first_id": items[0]["id"] if items else None, "last_id": items[-1]["id"] if items else None}
    return {"object": "list", "data": list(items), **ends, "has_more": has_more}


def _filter(query: Any) -> dict[str, str]:
    return {
        name.removeprefix("metadata[")[:-1]: value
        for name, value in query.multi_items()
        if name.startswith("metadata[") and name.endswith("]")
    }


def _notes(body: Mapping[str, Any]) -> dict[str, str]:
    """The metadata in a body. Raises InvalidRequest."""
    if "metadata" not in body:
        raise InvalidRequest("The parameter 'metadata' is missing: an object, or null for none.", param="metadata")
    notes = body["metadata"] or {}
    if not isinstance(notes, dict) or len(notes) > MAX_NOTES:
        raise InvalidRequest(f"metadata must be an object of at most {MAX_NOTES} texts.", param="metadata")
    for name, value in notes.items():
        if len(name) > MAX_NAME or not isinstance(value, str) or len(value) > MAX_VALUE:
            raise InvalidRequest(
                f"metadata takes names of up to {MAX_NAME} characters and texts of up to {MAX_VALUE}: {name[:80]!r}.",
                param=f"metadata.{name[:80]}",
            )
    return notes


def _json(content: Mapping[str, Any]) -> Response[bytes]:
    return Response(rendered(content), media_type="application/json")
