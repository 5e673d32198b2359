"""The routes that tell about placement: a node's decision and receipt, a preview, the shadow report."""

from __future__ import annotations

from typing import Annotated

from litestar import get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import JSONBody, QueryParameter

from proxy.api.tree.routing import (
    DecisionOut,
    PreviewOut,
    ReceiptOut,
    RouteIn,
    RouteOut,
    ShadowOut,
    shadow_report,
)
from proxy.api.tree.wire import ERRORS, LARGEST, Asker, InPath, parent_of
from proxy.chat import preview, reanswer
from proxy.chat.answer import Chat
from proxy.domain.message import Message
from proxy.domain.placement import Attachment, Fresh
from proxy.domain.ports import TurnRouter
from proxy.domain.tree import DEFAULT_TREE, NodeId, Tree, TreeId
from proxy.domain.turn import Caller, Turn
from proxy.errors import InvalidRequest, NotFound
from proxy.store.sqlite import SqliteStore

Turns = Annotated[int, QueryParameter(ge=1, le=2_000, description="Most turns of a page.")]
Before = Annotated[int | None, QueryParameter(ge=1, le=LARGEST, description="The `last_id` of the page before.")]


def routes(store: SqliteStore, chat: Chat, router: TurnRouter, fresh: Fresh | None) -> list[HTTPRouteHandler]:
    """The routes over a store and a router."""

    @get("/nodes/{node_id:str}/route", summary="Why a turn stands where it stands", responses=ERRORS)
    async def get_route(node_id: InPath, caller: Asker) -> RouteOut:
        """For any message of a turn, or its reply: the decision that placed the turn, and how it was moved since."""
        turn = await reanswer.turn_around(store, caller.user_id, NodeId(node_id))
        decided = await store.placed(caller.user_id, turn.first.id)
        moves = await store.moves(caller.user_id, turn.first.id)
        return RouteOut.of(turn.first.id, turn.first.parent_id, decided, moves)

    @get("/nodes/{node_id:str}/receipt", summary="What a reply cost", responses=ERRORS)
    async def get_receipt(node_id: InPath, caller: Asker) -> ReceiptOut:
        """For a reply: its call. For a turn: the newest call that answers it. With the messages that were sent."""
        call = await store.call_behind(caller.user_id, NodeId(node_id))
        return ReceiptOut.of(node_id, call, await chat.sent(caller.user_id, call))

    @post("/route", status_code=200, summary="Where a turn would go, and why", responses=ERRORS)
    async def preview_route(data: JSONBody[RouteIn], caller: Asker) -> PreviewOut:
        """Asks the router as policy `auto` does. Nothing is stored."""
        return await _previewed(store, router, fresh, data, caller)

    @get("/trees/{tree_id:str}/shadow", summary="What `auto` would have done", responses=ERRORS)
    async def get_shadow(tree_id: InPath, caller: Asker, limit: Turns = 500, before: Before = None) -> ShadowOut:
        """Of the turns that followed their client under policy `shadow`: joins, savings and disagreements."""
        page = await store.shadows(caller.user_id, TreeId(tree_id), before, limit)
        places = [place for one in page.items for place in (one.followed, one.attachment.parent_id) if place]
        lengths = await store.path_lengths(caller.user_id, places)
        return shadow_report(page.items, lengths, has_more=page.has_more)

    return [get_route, get_receipt, preview_route, get_shadow]


async def _previewed(
    store: SqliteStore, router: TurnRouter, fresh: Fresh | None, data: RouteIn, caller: Caller
) -> PreviewOut:
    messages = [Message(message.wire) for message in data.messages]
    if messages[-1].role not in ("user", "tool"):
        raise InvalidRequest("The last message must be the user's turn.", param="messages")
    if data.personality is not None:
        await store.personality(caller.user_id, data.personality)
    tree = await _tree(store, caller, data.tree_id)
    at = parent_of(data.cursor)
    if at is not None and (await store.node(caller.user_id, at)).tree_id != (tree.id if tree else None):
        raise NotFound(f"The node {data.cursor!r} does not exist here.")
    if tree is None:
        nothing = Attachment(None, "root", "The tree is empty.", 1.0, "none")
        return PreviewOut(tree_id=None, cursor=None, unknown=0, decision=DecisionOut.of(nothing))
    turn = Turn(model="", messages=messages, hint=data.conversation, personality=data.personality)
    seen = await preview.preview(store, router, turn, caller, tree, at, fresh)
    return PreviewOut(
        tree_id=tree.id, cursor=seen.cursor, unknown=seen.unknown, decision=DecisionOut.of(seen.attachment)
    )


async def _tree(store: SqliteStore, caller: Caller, tree_id: str | None) -> Tree | None:
    """The tree asked for; the default one is not made by being asked for."""
    if tree_id is not None:
        return await store.tree_of(caller.user_id, TreeId(tree_id))
    return next((tree for tree in await store.trees(caller.user_id) if tree.name == DEFAULT_TREE), None)
