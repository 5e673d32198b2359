"""`POST /v1/chat/completions`: a checked body becomes a `Turn`; chunks leave as server-sent events or as one body."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import aclosing
from operator import attrgetter
from typing import Any, Protocol, cast

import msgspec
from litestar import Request, Response, post
from litestar.handlers import HTTPRouteHandler

from proxy.api import errors, sse
from proxy.api.arriving import body_of
from proxy.api.auth import Gatekeeper
from proxy.api.heard import plain
from proxy.api.hints import Hints
from proxy.api.metering import Permit
from proxy.api.openai import wire
from proxy.api.openai.models import Catalogue, split
from proxy.api.written import Written
from proxy.chat.answer import Chat
from proxy.chat.terms import Answer
from proxy.domain.placement import POLICIES, Policy
from proxy.domain.tree import ROOT
from proxy.domain.turn import Chunk, Receipt, Served, Turn
from proxy.errors import InvalidRequest
from proxy.operations.entry import current

UNBUFFERED = {"cache-control": "no-cache", "x-accel-buffering": "no"}
"""Headers of a stream: nobody on the way shall hold it back."""

_TREE_NAME_MAX = 200
_HEADER_TEXT_MAX = 500


class Fields(Protocol):
    """What a model's lane does with the fields of a request."""

    def dropped(self, name: str, options: Mapping[str, object], *, stream: bool) -> Sequence[str]:
        """Fields that a model is not sent, to be named to the client. Raises InvalidRequest for what must not be asked at all."""
        ...


def handler(
    gatekeeper: Gatekeeper,
    models: Catalogue,
    fields: Fields,
    chat: Chat,
    hints: Hints,
    most: wire.Most = wire.MOST,
) -> HTTPRouteHandler:
    """The route under `/v1/chat/completions`."""

    @post("/", status_code=200)
    async def create_chat_completion(request: Request[Any, Any, Any]) -> Response[Any]:
        visitor = await gatekeeper.expect(request)
        body = wire.decode(await body_of(request))
        caller = await gatekeeper.caller(request, body, visitor)
        turn = _turn(visitor.headers, body, models, hints, most)
        dropped = fields.dropped(turn.model, turn.options, stream=turn.stream)
        permit = gatekeeper.admit(request, caller)
        answer = await chat.answer(turn, caller, permit.guest)
        headers = {**permit.headers, **answer_headers(answer)}
        if dropped:
            headers["x-graft-dropped"] = header_names(dropped)
        if turn.stream:
            return streamed(answer, headers, permit, usage_wanted=turn.usage_wanted)
        async with aclosing(answer.chunks) as chunks:
            async for chunk in chunks:
                permit.spent(chunk.wire.get("usage"))
                return Written(chunk.raw or msgspec.json.encode(chunk.wire), headers=headers)
        raise InvalidRequest("The upstream gave no answer.")

    return create_chat_completion


def streamed(
    answer: Answer, headers: Mapping[str, str], permit: Permit, *, usage_wanted: bool = False
) -> sse.Events[Chunk]:
    """An answer as server-sent events; usage that the client did not ask for stays here."""

    def told(chunk: Chunk) -> bytes:
        if chunk.events is not None:
            return chunk.events
        if (usage := chunk.wire.get("usage")) is not None:
            permit.spent(usage)
            if not usage_wanted and not chunk.wire.get("choices"):
                return b""
        return sse.frame(chunk.raw or chunk.wire)

    return sse.Events(
        answer.chunks, errors.body_of, answer.silence_s, told, attrgetter("followed"), headers={**headers, **UNBUFFERED}
    )


def answer_headers(answer: Answer) -> dict[str, str]:
    """What was done with a request: where its turn was attached, or what it was taken for, and for whose."""
    headers = {**placement_headers(answer.receipt), **model_header(answer.served)}
    if answer.aside is not None:
        headers["x-graft-aside"] = header_text(answer.aside)
    if answer.client is not None:
        headers["x-graft-client"] = header_text(answer.client)
    return headers


def model_header(served: Served) -> dict[str, str]:
    """Which deployment answers; nothing where that is not known yet."""
    entry = current.get()
    entry.answered_by, entry.lane = served.deployment, served.lane
    return {"x-graft-model": header_text(served.deployment)} if served.deployment else {}


def placement_headers(receipt: Receipt | None) -> dict[str, str]:
    """Where the turn was attached, why, and what it cost."""
    if receipt is None:
        return {"x-graft-route": "aside"}
    return {
        "x-graft-tree": header_text(receipt.tree),
        "x-graft-node": receipt.node_id,
        "x-graft-parent": receipt.parent_id or ROOT,
        "x-graft-route": receipt.route,
        "x-graft-confidence": f"{receipt.confidence:.2f}",
        "x-graft-reason": header_text(receipt.reason),
        "x-graft-context-tokens": str(receipt.sent_tokens),
        "x-graft-saved-tokens": str(receipt.saved_tokens),
        "x-graft-context-from": header_text(",".join(receipt.context_from)),
        "x-graft-overhead-ms": f"{receipt.overhead_ms:.1f}",
    }


def header_text(text: str) -> str:
    """Text that can stand in a header: printable ASCII, the rest escaped."""
    if text.isascii() and text.isprintable():
        return text[:_HEADER_TEXT_MAX].strip()
    safe = text.replace("\u2026", "...").encode("ascii", "backslashreplace").decode()
    return "".join(character if character.isprintable() else " " for character in safe)[:_HEADER_TEXT_MAX].strip()


def header_names(names: Sequence[str]) -> str:
    """Names with commas between them; what is no printable ASCII, and a comma inside a name, is escaped as in Python.

    Names beyond the first 500 characters are only counted.
    """
    shown, left = "", len(names)
    for name in names:
        escaped = name.encode("unicode_escape").decode().replace(",", "\\x2c").replace(" ", "\\x20") or '""'
        if len(shown) + len(escaped) > _HEADER_TEXT_MAX:
            break
        shown, left = f"{shown},{escaped}" if shown else escaped, left - 1
    return shown if not left else f"{shown},... {left} more".lstrip(",")


def _turn(
    headers: Mapping[str, str], body: Mapping[str, Any], models: Catalogue, hints: Hints, most: wire.Most
) -> Turn:
    request = wire.check(body, most)
    model, form, personality = split(request.model, models.names())
    metadata = request.metadata or {}
    parent = headers.get("x-graft-parent") or _text(metadata.get("graft_parent"), "metadata.graft_parent")
    wire.check_tool_pairs(body["messages"], parent_named=parent is not None)
    return wire.turn_of(
        body,
        request,
        model=model,
        policy=_policy(headers.get("x-graft-route")) or form,
        tree=_tree_name(headers.get("x-graft-tree")),
        parent=parent,
        personality=_personality(headers.get("x-graft-personality")) or personality,
        hint=hints.conversation(headers),
        idempotency_key=headers.get("idempotency-key"),
        retried=headers.get("x-stainless-retry-count", "0") not in ("", "0"),
        client=hints.client(headers, metadata, model),
    )


def _policy(asked: str | None) -> Policy | None:
    if asked is None:
        return None
    if asked.lower() not in POLICIES:
        raise InvalidRequest(
            f"X-Graft-Route must be one of {', '.join(POLICIES)}, not {asked!r}.", param="X-Graft-Route"
        )
    return cast("Policy", asked.lower())


def _tree_name(name: str | None) -> str | None:
    if name is None:
        return None
    if not name.strip() or len(name) > _TREE_NAME_MAX:
        raise InvalidRequest(f"X-Graft-Tree must be a name of 1 to {_TREE_NAME_MAX} characters.", param="X-Graft-Tree")
    try:
        return plain(name)
    except ValueError as exc:
        raise InvalidRequest(f"X-Graft-Tree: {exc}.", param="X-Graft-Tree") from exc


def _personality(name: str | None) -> str | None:
    if name is not None and not name.strip():
        raise InvalidRequest("X-Graft-Personality is empty; leave it out.", param="X-Graft-Personality")
    return name


def _text(value: object, param: str) -> str | None:
    if value is not None and not isinstance(value, str):
        raise InvalidRequest(f"{param} must be a node id or 'root'.", param=param)
    return value
