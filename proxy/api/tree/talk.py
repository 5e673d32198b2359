"""A turn said and answered in one call, on the road of every other turn; both its messages come back.

A turn goes on with the active branch unless it names a parent, or asks to be placed. Results of tools that a reply called are turns
too: they name that reply as their parent.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import aclosing
from typing import Any, Literal

from litestar import Response, post
from litestar.handlers import HTTPRouteHandler
from litestar.openapi import ResponseSpec
from litestar.params import JSONBody
from pydantic import Field

from proxy.api.metering import Permit
from proxy.api.openai.chat_completions import Fields, answer_headers, streamed
from proxy.api.openai.models import Catalogue, split
from proxy.api.tree.answers import OPTIONS_OF_OURS, Asking
from proxy.api.tree.messages import MessageIn, NodeOut, SaidIn
from proxy.api.tree.wire import ASKED, Admit, Asker, InPath, Out, Parent
from proxy.chat.answer import Chat
from proxy.chat.collect import Fold
from proxy.chat.terms import Answer
from proxy.domain.message import Message, Role
from proxy.domain.tree import ROOT, NodeId, Tree, TreeId
from proxy.domain.turn import Caller, Turn
from proxy.errors import InvalidRequest, NotFound
from proxy.store.sqlite import SqliteStore

MESSAGES_MAX = 100


class TalkIn(Asking):
    """What is said, by whom and where."""

    content: Any = Field(
        default=None,
        description="What the user says: a text, or OpenAI's content parts.",
        examples=["How deep is the lock?"],
    )
    messages: list[SaidIn] = Field(
        default=[],
        max_length=MESSAGES_MAX,
        description="In place of `content`: the turn's messages, such as results of tools.",
        examples=[[]],
    )
    sender: str | None = Field(default=None, max_length=200, description="Who says `content`.", examples=["Ada"])
    parent_id: Parent = None
    personality: str | None = Field(
        default=None, min_length=1, max_length=200, description="The personality that answers; else the tree's own."
    )
    placed: bool = Field(default=False, description="Let the router decide where the turn belongs.")

    def said(self, participants: Mapping[str, Role]) -> list[MessageIn]:
        """The turn's messages, each with its role. Raises InvalidRequest."""
        if (self.content is None) is (not self.messages):
            raise InvalidRequest("A turn has either `content` or `messages`.", param="content")
        if self.content is None:
            return [one.settled(participants, f"messages[{index}].") for index, one in enumerate(self.messages)]
        return [SaidIn.model_construct(role="user", content=self.content, sender=self.sender).settled(participants)]


class TalkOut(Out):
    """A turn and its answer."""

    object: Literal["chat"] = "chat"
    user_message: NodeOut | None = Field(description="What was said; null where it was answered and not stored.")
    ai_message: NodeOut | None = Field(description="The reply.")
    text: str = Field(description="What the reply says.", examples=["Five metres."])
    route: str = Field(examples=["pinned"])
    reason: str | None = Field(examples=["the client named the parent"])
    confidence: float | None = Field(examples=[1.0])


TALK = {
    200: ResponseSpec(
        TalkOut,
        description="Both messages. With `stream`, the answer as server-sent events, as `/v1/chat/completions` sends it.",
        generate_examples=False,
    ),
    **ASKED,
}


def routes(store: SqliteStore, chat: Chat, models: Catalogue, fields: Fields) -> list[HTTPRouteHandler]:
    """The route over a store, and the road that answers."""

    @post("/trees/{tree_id:str}/chat", status_code=200, summary="Say something and have it answered", responses=TALK)
    async def talk(tree_id: InPath, data: JSONBody[TalkIn], caller: Asker, admit: Admit) -> Response[Any]:
        """On the active branch, under `parent_id`, or with `placed` where the router puts it."""
        tree = await store.tree_of(caller.user_id, TreeId(tree_id))
        turn = await _turn(store, caller, tree, data, models)
        fields.dropped(turn.model, turn.options, stream=turn.stream)
        permit = admit()
        answer = await chat.answer(turn, caller, permit.guest)
        headers = {**permit.headers, **answer_headers(answer)}
        if data.stream:
            return streamed(answer, headers, permit)
        return Response(await _told(store, caller, answer, permit), headers=headers)

    return [talk]


async def _turn(store: SqliteStore, caller: Caller, tree: Tree, data: TalkIn, models: Catalogue) -> Turn:
    """The turn as the road takes it. Raises NotFound, InvalidRequest."""
    if taken := sorted(OPTIONS_OF_OURS & data.options.keys()):
        raise InvalidRequest(f"{taken[0]!r} is no option; it has a place of its own.", param=f"options.{taken[0]}")
    messages = data.said(tree.participants)
    if data.placed and "parent_id" in data.model_fields_set:
        raise InvalidRequest("A turn that names its parent is not placed.", param="placed")
    parent = None if data.placed else await _parent(store, caller, tree, data)
    named = split(data.model or await _model_before(store, caller, parent) or models.names()[0], models.names())
    return Turn(
        model=named.model,
        messages=[Message(message.wire) for message in messages],
        options=data.options,
        stream=data.stream,
        policy="auto",
        tree=tree.name,
        parent=parent,
        sender=messages[-1].sender,
        personality=data.personality or named.personality,
    )


async def _parent(store: SqliteStore, caller: Caller, tree: Tree, data: TalkIn) -> str:
    """The node that is named, else the active one, else the root. Raises NotFound."""
    if "parent_id" not in data.model_fields_set:
        active = await store.active(caller.user_id, tree.id, caller.key_id, None)
        return active.node_id if active else ROOT
    if data.parent_id in (None, ROOT):
        return ROOT
    node = await store.node(caller.user_id, NodeId(str(data.parent_id)))
    if node.tree_id != tree.id:
        raise NotFound(f"The node {data.parent_id!r} does not exist here.")
    return node.id


async def _model_before(store: SqliteStore, caller: Caller, parent: str | None) -> str | None:
    """The model of the reply that the turn answers."""
    if parent in (None, ROOT):
        return None
    try:
        return (await store.call_behind(caller.user_id, NodeId(str(parent)))).model
    except NotFound:
        return None


async def _told(store: SqliteStore, caller: Caller, answer: Answer, permit: Permit) -> TalkOut:
    """Both messages, once the reply is stored. Raises the UpstreamError family."""
    fold = Fold()
    async with aclosing(answer.chunks) as chunks:
        async for chunk in chunks:
            fold.add(chunk)
            permit.spent(chunk.wire.get("usage"))
    text = next((message.text for message in fold.completion().messages), "")
    receipt = answer.receipt
    if receipt is None:
        return TalkOut(
            user_message=None, ai_message=None, text=text, route="aside", reason=answer.aside, confidence=None
        )
    reply = await store.node(caller.user_id, receipt.node_id)
    assert reply.parent_id is not None
    return TalkOut.model_construct(
        user_message=NodeOut.of(await store.node(caller.user_id, reply.parent_id)),
        ai_message=NodeOut.of(reply),
        text=text,
        route=receipt.route,
        reason=receipt.reason,
        confidence=receipt.confidence,
    )
