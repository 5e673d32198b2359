"""What would be sent from a place, and what of the window it takes."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from litestar import get
from litestar.handlers import HTTPRouteHandler
from litestar.params import QueryParameter
from pydantic import Field

from proxy.api.openai.models import Catalogue, split
from proxy.api.tree.wire import ERRORS, NODE_ID, TREE_ID, Asker, InPath, Out
from proxy.chat.answer import Chat
from proxy.chat.looking import Look, Looked
from proxy.domain.tree import NodeId, Tree, TreeId
from proxy.domain.turn import Caller
from proxy.errors import NotFound
from proxy.store.sqlite import SqliteStore

Model = Annotated[str | None, QueryParameter(max_length=500, description="A configured model; the first without it.")]
Under = Annotated[str | None, QueryParameter(max_length=200, description="As if a request named this personality.")]
Says = Annotated[str | None, QueryParameter(max_length=20_000, description="What the user would say.")]
At = Annotated[str | None, QueryParameter(max_length=200, description="The place; the newest node without it.")]


class PartOut(Out):
    """One part of what is sent."""

    kind: Literal["system", "zone", "marking", "tools", "summary", "history", "client", "turn"] = Field(
        description="`client`: what the client said and no node holds. `marking`: what tells zones from what was said.",
        examples=["zone"],
    )
    messages: int = Field(description="How many; 0 for what stands within others.", examples=[0])
    tokens: int = Field(examples=[12])
    scope: str | None = Field(default=None, description="Of a zone.", examples=["discussion"])
    source: str | None = Field(default=None, description="What a zone's text came from.", examples=["zone"])
    node_id: str | None = Field(default=None, description="On which node it hangs.", examples=[None])
    images: int = Field(default=0, examples=[0])


class Fitted(Out):
    """How much of a window is taken, and by what."""

    tree_id: str = Field(examples=[TREE_ID])
    node_id: str | None = Field(description="What the turn would answer; null is the root.", examples=[NODE_ID])
    model: str = Field(examples=["gpt-4o"])
    window_tokens: int = Field(description="The model's input window, or the tree's limit.", examples=[128_000])
    budget_tokens: int = Field(description="Of it, room for the context.", examples=[117_504])
    tokens: int = Field(description="What is taken; estimated where it was not counted.", examples=[2048])
    parts: list[PartOut]
    kept: int = Field(description="Messages of the path that are sent.", examples=[14])
    left_out: int = Field(description="Messages of the path that do not fit.", examples=[0])
    summarised: int = Field(description="Messages that a summary stands for.", examples=[0])
    summary_id: str | None = Field(examples=[None])
    context_from: list[str] = Field(description="Every conversation that contributes.", examples=[["chat-1"]])


class Status(Fitted):
    """What a tree takes of a model's window, before anybody asks."""

    object: Literal["status"] = "status"


class ContextOut(Fitted):
    """The messages that would be sent."""

    object: Literal["context"] = "context"
    messages: list[dict[str, Any]] = Field(description="As the upstream would get them.")


def model_of(models: Catalogue, told: str | None) -> str:
    """The model that is meant: the first where none is named. Raises ModelNotFound."""
    return split(told, models.names())[0] if told else models.names()[0]


def routes(store: SqliteStore, chat: Chat, models: Catalogue) -> list[HTTPRouteHandler]:
    """The routes over a store and the road."""

    async def looked(caller: Caller, look: Look) -> Looked:
        if look.personality is not None:
            await store.personality(caller.user_id, look.personality)
        return await chat.look(look, caller)

    async def place(caller: Caller, tree: Tree, node_id: str | None) -> NodeId | None:
        if node_id is None:
            return await store.newest(caller.user_id, tree.id)
        if (await store.node(caller.user_id, NodeId(node_id))).tree_id != tree.id:
            raise NotFound(f"The node {node_id!r} does not exist here.")
        return NodeId(node_id)

    @get("/nodes/{node_id:str}/context", summary="What would be sent from a node", responses=ERRORS)
    async def get_context(
        node_id: InPath, caller: Asker, model: Model = None, personality: Under = None, content: Says = None
    ) -> ContextOut:
        """The very messages of a request that goes on from here, put together as for one; without `content`, those before the
        new turn. A client's own instructions are not known here, so the personality's or the tree's prompt stands for them.
        """
        node = await store.node(caller.user_id, NodeId(node_id))
        tree = await store.tree_of(caller.user_id, node.tree_id)
        look = Look(tree, node.id, model_of(models, model), personality, content)
        found = await looked(caller, look)
        wires = [dict(message.wire) for message in found.prepared.context.messages]
        return ContextOut(messages=wires, **_fitted(look, found))

    @get("/trees/{tree_id:str}/status", summary="What a tree takes of the window", responses=ERRORS)
    async def get_status(
        tree_id: InPath, caller: Asker, node_id: At = None, model: Model = None, personality: Under = None
    ) -> Status:
        """Tokens by zone and part, before any request."""
        tree = await store.tree_of(caller.user_id, TreeId(tree_id))
        look = Look(tree, await place(caller, tree, node_id), model_of(models, model), personality)
        return Status(**_fitted(look, await looked(caller, look)))

    return [get_context, get_status]


def _fitted(look: Look, looked: Looked) -> dict[str, Any]:
    prepared = looked.prepared
    context = prepared.context
    return {
        "tree_id": look.tree.id,
        "node_id": look.node_id,
        "model": look.model,
        "window_tokens": min(looked.window.tokens, look.tree.max_context_tokens or looked.window.tokens),
        "budget_tokens": context.budget_tokens,
        "tokens": context.tokens,
        "parts": [PartOut.model_validate(part) for part in prepared.parts],
        "kept": len(context.path),
        "left_out": context.left_out,
        "summarised": context.summarised,
        "summary_id": context.summary.id if context.summary else None,
        "context_from": list(prepared.said_in),
    }
