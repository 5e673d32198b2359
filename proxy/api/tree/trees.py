"""Trees: made, listed, changed, deleted, searched; and which branch is active."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from litestar import delete, get, patch, post, put
from litestar.handlers import HTTPRouteHandler
from litestar.params import JSONBody, QueryParameter
from pydantic import AfterValidator, Field

from proxy.api.tree.messages import NodeOut
from proxy.api.tree.wire import (
    ERRORS,
    NAME_MAX,
    NODE_ID,
    TITLE_MAX,
    TREE_ID,
    ZONE_MAX,
    After,
    Asker,
    Body,
    InPath,
    Listed,
    Metadata,
    Out,
    PageSize,
)
from proxy.domain.message import Role
from proxy.domain.tree import NodeId, Tree, TreeId
from proxy.errors import NotFound
from proxy.store.browse.pages import Page
from proxy.store.browse.search import Hit
from proxy.store.sqlite import SqliteStore

Words = Annotated[str, QueryParameter(min_length=1, max_length=1_000, description="All of these must be there.")]
InTree = Annotated[str | None, QueryParameter(max_length=200, description="Look in this tree only.")]
Chat = Annotated[str | None, QueryParameter(max_length=500, description="The client's own chat, where it names one.")]

SPEAKERS_MAX = 100


def _few(speakers: dict[str, Any]) -> dict[str, Any]:
    if len(speakers) > SPEAKERS_MAX:
        raise ValueError(f"there are {len(speakers)}; {SPEAKERS_MAX} are allowed")
    return speakers


Speaker = Annotated[str, Field(min_length=1, max_length=200, pattern=r"\S")]
Participants = Annotated[dict[Speaker, Role], AfterValidator(_few)]
_SPEAKERS = "Who speaks here, and in which role: a message may name its sender alone."
NAME = Field(
    default=None,
    min_length=1,
    max_length=NAME_MAX,
    pattern=r"\S",
    description="What `X-Graft-Tree` names; unique, and never changed. Without one the tree is called by its id.",
    examples=["travel"],
)
_TITLE = Field(default=None, max_length=TITLE_MAX, examples=["The summer trip"])
_PROMPT = Field(
    default=None, max_length=ZONE_MAX, description="Sent where the client brings no system message of its own."
)
_PERSONALITY = Field(
    default=None, max_length=100, description="One of the caller's, for requests that name none.", examples=[None]
)
_LIMIT = Field(default=None, ge=256, le=100_000_000, description="Narrower than the model's window, in tokens.")


class TreeIn(Body):
    """A new tree."""

    name: str | None = NAME
    title: str | None = _TITLE
    system_prompt: str | None = _PROMPT
    metadata: Metadata = Field(default={}, examples=[{"colour": "blue"}])
    max_context_tokens: int | None = _LIMIT
    participants: Participants = Field(
        default={}, description=_SPEAKERS, examples=[{"Ada": "user", "Tutor": "assistant"}]
    )
    personality: str | None = _PERSONALITY


class TreePatch(Body):
    """What changes; fields that are left out stay."""

    title: str | None = _TITLE
    system_prompt: str | None = _PROMPT
    metadata: Metadata = Field(default={}, description="Items to set; null takes one away.")
    max_context_tokens: int | None = _LIMIT
    participants: Annotated[dict[Speaker, Role | None], AfterValidator(_few)] = Field(
        default={}, description="Names to set; null takes one away.", examples=[{"Ada": "user"}]
    )
    personality: str | None = _PERSONALITY


class TreeOut(Out):
    """One tree, without its nodes."""

    object: Literal["tree"] = "tree"
    id: str = Field(examples=[TREE_ID])
    name: str = Field(examples=["travel"])
    title: str | None = Field(examples=["The summer trip"])
    system_prompt: str | None = Field(examples=[None])
    metadata: dict[str, Any] = Field(examples=[{"colour": "blue"}])
    max_context_tokens: int | None = Field(examples=[None])
    participants: dict[str, Role] = Field(examples=[{"Ada": "user", "Tutor": "assistant"}])
    personality: str | None = Field(description="For requests that name none.", examples=[None])
    created_at: float = Field(description="Seconds since 1970, UTC.", examples=[1763776800.5])
    updated_at: float = Field(examples=[1763780400.25])

    @classmethod
    def of(cls, tree: Tree) -> TreeOut:
        return cls(
            id=tree.id,
            name=tree.name,
            title=tree.title,
            system_prompt=tree.system_prompt,
            metadata=dict(tree.metadata),
            max_context_tokens=tree.max_context_tokens,
            participants=dict(tree.participants),
            personality=tree.personality,
            created_at=tree.created_at,
            updated_at=tree.updated_at,
        )


class TreeList(Listed):
    data: list[TreeOut]


class TreeDeleted(Out):
    id: str = Field(examples=[TREE_ID])
    object: Literal["tree.deleted"] = "tree.deleted"
    deleted: bool = True
    nodes: int = Field(description="How many nodes are gone with it.", examples=[120])


class HitOut(Out):
    """A node in which the words were found."""

    node: NodeOut
    snippet: str = Field(description="The text around them.", examples=["… how deep the lock is at noon …"])


class Found(Listed):
    """What a search found."""

    trees: list[TreeOut] = Field(description="Trees whose title or name has the words; on the first page only.")
    data: list[HitOut] = Field(description="Nodes, the newest first.")

    @classmethod
    def of(cls, trees: Sequence[Tree], page: Page[Hit]) -> Found:
        return cls.model_construct(
            object="list",
            has_more=page.has_more,
            last_id=page.items[-1].node.id if page.items else None,
            trees=[TreeOut.of(tree) for tree in trees],
            data=[HitOut.model_construct(node=NodeOut.of(hit.node), snippet=hit.snippet) for hit in page.items],
        )


class ActiveIn(Body):
    """Where turns without a history go on."""

    node_id: str = Field(max_length=200, examples=[NODE_ID])
    conversation: str | None = Field(default=None, max_length=500, description="For this chat of the client alone.")


class ActiveOut(Out):
    """The active branch, by the node in which it ends."""

    object: Literal["active"] = "active"
    tree_id: str = Field(examples=[TREE_ID])
    node_id: str | None = Field(description="Null as long as nothing was said.", examples=[NODE_ID])
    conversation: str | None = Field(examples=[None])
    at: float | None = Field(description="Seconds since 1970, UTC.", examples=[1763776800.5])


def routes(store: SqliteStore) -> list[HTTPRouteHandler]:
    """The routes over a store."""

    @post("/trees", summary="Make a tree", responses=ERRORS)
    async def create_tree(data: JSONBody[TreeIn], caller: Asker) -> TreeOut:
        """Empty, and the caller's own. A name that another of the caller's trees has is refused."""
        tree = await store.create_tree(
            caller.user_id,
            data.name,
            title=data.title,
            system_prompt=data.system_prompt,
            metadata=data.metadata,
            max_context_tokens=data.max_context_tokens,
            participants=data.participants,
            personality=data.personality,
        )
        return TreeOut.of(tree)

    @get("/trees", summary="The trees of the caller", responses=ERRORS)
    async def list_trees(caller: Asker, limit: PageSize = 100, after: After = None) -> TreeList:
        """The one used last comes first. A tree that is used between two pages moves to the front of the list."""
        page = await store.tree_page(caller.user_id, None if after is None else TreeId(after), limit)
        last_id = page.items[-1].id if page.items else None
        return TreeList(has_more=page.has_more, last_id=last_id, data=[TreeOut.of(tree) for tree in page.items])

    @get("/trees/{tree_id:str}", summary="One tree", responses=ERRORS)
    async def get_tree(tree_id: InPath, caller: Asker) -> TreeOut:
        """What is kept of the tree itself; its nodes are read by `structure`, `children` and `/api/nodes`."""
        return TreeOut.of(await store.tree_of(caller.user_id, TreeId(tree_id)))

    @patch("/trees/{tree_id:str}", summary="Rename or change a tree", responses=ERRORS)
    async def update_tree(tree_id: InPath, data: JSONBody[TreePatch], caller: Asker) -> TreeOut:
        """Fields that are left out stay as they are; metadata changes item by item."""
        changes = {name: getattr(data, name) for name in data.model_fields_set}
        return TreeOut.of(await store.update_tree(caller.user_id, TreeId(tree_id), changes))

    @delete("/trees/{tree_id:str}", status_code=200, summary="Delete a tree", responses=ERRORS)
    async def delete_tree(tree_id: InPath, caller: Asker) -> TreeDeleted:
        """All nodes and zones go with it. Its name is free again; a client's old history never brings the words back."""
        return TreeDeleted(id=tree_id, nodes=await store.delete_tree(caller.user_id, TreeId(tree_id)))

    @get("/search", summary="Search titles and texts", responses=ERRORS)
    async def search(
        caller: Asker, q: Words, tree_id: InTree = None, limit: PageSize = 20, after: After = None
    ) -> Found:
        """Whole words or their beginnings, whatever their case or accents, in the caller's own trees."""
        within = None if tree_id is None else TreeId(tree_id)
        page = await store.search(caller.user_id, q, within, None if after is None else NodeId(after), limit)
        titled = await store.search_titles(caller.user_id, q) if after is None and within is None else []
        return Found.of(titled[:limit], page)

    @get("/trees/{tree_id:str}/active", summary="The active branch", responses=ERRORS)
    async def get_active(tree_id: InPath, caller: Asker, conversation: Chat = None) -> ActiveOut:
        """Where a turn of this key goes on that brings no history."""
        tree = await store.tree_of(caller.user_id, TreeId(tree_id))
        active = await store.active(caller.user_id, tree.id, caller.key_id, conversation)
        node_id, at = (active.node_id, active.at) if active else (None, None)
        return ActiveOut(tree_id=tree.id, node_id=node_id, conversation=conversation, at=at)

    @put("/trees/{tree_id:str}/active", summary="Switch the active branch", responses=ERRORS)
    async def set_active(tree_id: InPath, data: JSONBody[ActiveIn], caller: Asker) -> ActiveOut:
        """From now on, turns of this key without a history go on from this node."""
        tree = await store.tree_of(caller.user_id, TreeId(tree_id))
        node = await store.node(caller.user_id, NodeId(data.node_id))
        if node.tree_id != tree.id:
            raise NotFound(f"The node {data.node_id!r} does not exist here.")
        active = await store.point(caller.user_id, caller.key_id, data.conversation, node.id)
        return ActiveOut(tree_id=tree.id, node_id=active.node_id, conversation=data.conversation, at=active.at)

    return [create_tree, list_trees, get_tree, update_tree, delete_tree, search, get_active, set_active]
