"""Turns moved, undone and answered again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from litestar import Response, post
from litestar.handlers import HTTPRouteHandler
from litestar.openapi import ResponseSpec
from litestar.params import JSONBody
from pydantic import Field

from proxy.api.metering import Permit
from proxy.api.openai.chat_completions import Fields, answer_headers, streamed
from proxy.api.openai.models import Catalogue, alone
from proxy.api.tree.messages import NodeOut
from proxy.api.tree.wire import ASKED, NODE_ID, Admit, Asker, Body, InPath, Out, Parent, parent_of
from proxy.chat import reanswer, undo
from proxy.chat.answer import Chat
from proxy.chat.reanswer import AskAgain, StoredTurn
from proxy.chat.terms import Answer
from proxy.domain.tree import Node, NodeId
from proxy.domain.turn import Caller
from proxy.errors import InvalidRequest, NotFound
from proxy.store.sqlite import SqliteStore

OPTIONS_OF_OURS = frozenset({"model", "messages", "stream"})
"""Fields of a chat request that have places of their own here."""


class Asking(Body):
    """How the upstream is asked."""

    model: str | None = Field(
        default=None, max_length=500, description="A configured model; that of the reply before without it."
    )
    stream: bool = Field(default=False, description="Answer as server-sent events of `chat.completion.chunk`.")
    options: dict[str, Any] = Field(
        default={}, description="OpenAI's request fields, such as `temperature` or `tools`.", examples=[{"seed": 7}]
    )


class RegenerateIn(Asking):
    """Another reply, beside those that are there."""


class UndoIn(Asking):
    """The turn back to where it would have been."""

    answer_again: bool = Field(default=False, description="Answer it there; the reply that it had stays, marked.")


class MoveIn(UndoIn):
    """A node, with all below it, to another place of its tree."""

    parent_id: Parent
    why: str = Field(default="move", min_length=1, max_length=500, description="Kept with the move.")


class Moved(Out):
    """What hangs where now."""

    node: NodeOut = Field(description="What was moved, at its new place.")
    from_parent_id: str | None = Field(description="Where it hung before.", examples=[NODE_ID])
    reply: NodeOut | None = Field(description="The new reply, where one was asked for.")
    superseded: list[str] = Field(description="Replies whose place it took; they stay beside it.", examples=[[]])


_STREAM = "With `stream`, the answer as server-sent events, as `/v1/chat/completions` sends it."
REPLY = {200: ResponseSpec(NodeOut, description=f"The new reply. {_STREAM}", generate_examples=False), **ASKED}
MOVED = {200: ResponseSpec(Moved, description=f"The new place. {_STREAM}", generate_examples=False), **ASKED}


def routes(store: SqliteStore, chat: Chat, models: Catalogue, fields: Fields) -> list[HTTPRouteHandler]:
    """The routes over a store, and the road that answers."""
    again = Again(store, chat, models, fields)

    @post("/nodes/{node_id:str}/regenerate", status_code=200, summary="Another reply", responses=REPLY)
    async def regenerate(node_id: InPath, data: JSONBody[RegenerateIn], caller: Asker, admit: Admit) -> Response[Any]:
        """To a reply, or to a message that has none: asked again from where it hangs. Earlier replies stay as siblings."""
        turn = await reanswer.question_of(store, caller.user_id, NodeId(node_id))
        wish = await again.wish(caller, turn, data)
        permit = admit()
        answer = await chat.answer_again(wish, caller, permit.guest)
        headers = {**permit.headers, **answer_headers(answer)}
        if wish.stream:
            return streamed(answer, headers, permit)
        return Response(await again.reply(caller, answer, permit), headers=headers)

    @post("/nodes/{node_id:str}/move", status_code=200, summary="Move a node and all below it", responses=MOVED)
    async def move(node_id: InPath, data: JSONBody[MoveIn], caller: Asker, admit: Admit) -> Response[Any]:
        """Never under itself, and never into another tree. With `answer_again`, the whole turn that the node belongs to
        moves and is answered from its new context; the move stays also when that fails.
        """
        parent = parent_of(data.parent_id)
        if data.answer_again:
            turn = await reanswer.turn_around(store, caller.user_id, NodeId(node_id))
            return await again.moved(caller, turn, parent, data.why, data, admit)
        node = await store.node(caller.user_id, NodeId(node_id))
        return await again.only_moved(caller, node, parent, data.why, data)

    @post("/nodes/{node_id:str}/undo", status_code=200, summary="Undo the placement of a turn", responses=MOVED)
    async def undo_placement(node_id: InPath, data: JSONBody[UndoIn], caller: Asker, admit: Admit) -> Response[Any]:
        """For any message of a turn, or its reply. A turn that was moved goes back; else it goes to where its client was."""
        turn = await reanswer.turn_around(store, caller.user_id, NodeId(node_id))
        parent = await undo.origin(store, caller.user_id, turn.first)
        if data.answer_again:
            return await again.moved(caller, turn, parent, undo.WHY, data, admit)
        return await again.only_moved(caller, turn.first, parent, undo.WHY, data)

    return [regenerate, move, undo_placement]


class Again:
    """Moves turns, and has them answered."""

    def __init__(self, store: SqliteStore, chat: Chat, models: Catalogue, fields: Fields) -> None:
        self._store = store
        self._chat = chat
        self._models = models
        self._fields = fields

    async def wish(self, caller: Caller, turn: StoredTurn, asking: Asking, *, supersedes: bool = False) -> AskAgain:
        """What is asked of the upstream. Raises what it would refuse at once."""
        model = alone(asking.model or await self._model_before(caller, turn), self._models.names())
        if taken := sorted(OPTIONS_OF_OURS & asking.options.keys()):
            raise InvalidRequest(f"{taken[0]!r} is no option; it has a place of its own.", param=f"options.{taken[0]}")
        self._fields.dropped(model, asking.options, stream=asking.stream)
        return AskAgain(turn, model, asking.options, asking.stream, supersedes)

    async def moved(
        self,
        caller: Caller,
        turn: StoredTurn,
        parent: NodeId | None,
        why: str,
        asking: Asking,
        admit: Callable[[], Permit],
    ) -> Response[Any]:
        """Move a turn and answer it there."""
        wish = await self.wish(caller, turn, asking, supersedes=True)
        permit = admit()
        await self._store.move(caller.user_id, turn.first.id, parent, why)
        there = await reanswer.turn_around(self._store, caller.user_id, turn.asked[-1].id)
        answer = await self._chat.answer_again(replace(wish, turn=there), caller, permit.guest)
        headers = {**permit.headers, **answer_headers(answer)}
        if wish.stream:
            return streamed(answer, headers, permit)
        reply = await self.reply(caller, answer, permit)
        return Response(await self._placed(caller, turn.first, reply, there.replies), headers=headers)

    async def only_moved(
        self, caller: Caller, node: Node, parent: NodeId | None, why: str, asking: Asking
    ) -> Response[Any]:
        """Move a node without asking anybody."""
        for name in ("model", "stream", "options"):
            if getattr(asking, name):
                raise InvalidRequest(f"{name!r} goes with `answer_again`: nothing is answered without it.", param=name)
        await self._store.move(caller.user_id, node.id, parent, why)
        return Response(await self._placed(caller, node))

    async def reply(self, caller: Caller, answer: Answer, permit: Permit) -> NodeOut:
        """The new reply, once it is stored. Raises the UpstreamError family."""
        async for chunk in answer.chunks:
            permit.spent(chunk.wire.get("usage"))
        assert answer.receipt is not None
        return NodeOut.of(await self._store.node(caller.user_id, answer.receipt.node_id))

    async def _placed(
        self, caller: Caller, before: Node, reply: NodeOut | None = None, superseded: Sequence[Node] = ()
    ) -> Moved:
        node = NodeOut.of(await self._store.node(caller.user_id, before.id))
        gone = [one.id for one in superseded]
        return Moved.model_construct(node=node, from_parent_id=before.parent_id, reply=reply, superseded=gone)

    async def _model_before(self, caller: Caller, turn: StoredTurn) -> str:
        try:
            return (await self._store.call_behind(caller.user_id, turn.asked[-1].id)).model
        except NotFound as exc:
            raise InvalidRequest("The turn was never answered by a model: name one.", param="model") from exc
