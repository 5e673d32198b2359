"""What is made of a whole tree: its twin, its title."""

from __future__ import annotations

from typing import Literal

from litestar import post
from litestar.handlers import HTTPRouteHandler
from litestar.params import JSONBody
from pydantic import Field

from proxy.api.openai.models import Catalogue, alone
from proxy.api.tree.trees import NAME, TreeOut
from proxy.api.tree.wire import ERRORS, TREE_ID, Asker, Body, InPath, Out
from proxy.chat.titling import Titling
from proxy.domain.tree import NodeId, Tree, TreeId
from proxy.domain.turn import Caller
from proxy.errors import NotFound
from proxy.store.sqlite import SqliteStore


class TitleIn(Body):
    """By what, and by whom."""

    node_id: str | None = Field(
        default=None,
        max_length=200,
        description="Title the tree by the branch to this node; else by its first topic.",
        examples=[None],
    )
    model: str | None = Field(
        default=None,
        max_length=500,
        description="Who writes it; else `titles.model`, or the model that answered last there. Without any, first words.",
    )


class TitleOut(Out):
    """The tree's title from now on."""

    object: Literal["title"] = "title"
    tree_id: str = Field(examples=[TREE_ID])
    title: str = Field(examples=["Locks of the Panama canal"])
    by: str = Field(description="The model that wrote it, or `extractive` for first words.", examples=["extractive"])


class CloneIn(Body):
    """A twin of a tree."""

    name: str | None = NAME


def routes(store: SqliteStore, titling: Titling, models: Catalogue) -> list[HTTPRouteHandler]:
    """The routes over a store."""

    @post("/trees/{tree_id:str}/clone", summary="A tree's twin without its messages", responses=ERRORS)
    async def clone_tree(tree_id: InPath, data: JSONBody[CloneIn], caller: Asker) -> TreeOut:
        """All that is kept of the tree itself, its zones too, under a name of its own; no message."""
        return TreeOut.of(await store.clone_tree(caller.user_id, TreeId(tree_id), data.name))

    @post("/trees/{tree_id:str}/title", status_code=200, summary="Have a tree titled", responses=ERRORS)
    async def title_tree(tree_id: InPath, data: JSONBody[TitleIn], caller: Asker) -> TitleOut:
        """By a model, or without one by first words. Thinking blocks stay out."""
        tree = await store.tree_of(caller.user_id, TreeId(tree_id))
        node_id = None if data.node_id is None else NodeId(data.node_id)
        model = None if data.model is None else alone(data.model, models.names())
        titled = await titling.title(tree, node_id, model or await _model_there(store, caller, tree, node_id))
        return TitleOut(tree_id=tree.id, title=titled.title, by=titled.by)

    return [clone_tree, title_tree]


async def _model_there(store: SqliteStore, caller: Caller, tree: Tree, node_id: NodeId | None) -> str | None:
    """The model that answered at a node, or at the active one."""
    if node_id is None:
        active = await store.active(caller.user_id, tree.id, caller.key_id, None)
        node_id = active.node_id if active else None
    if node_id is None:
        return None
    try:
        return (await store.call_behind(caller.user_id, node_id)).model
    except NotFound:
        return None
