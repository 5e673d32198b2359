"""Nodes: read one or many, add, label, delete."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Annotated, Literal

from litestar import delete, get, patch, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import JSONBody, QueryParameter
from pydantic import Field

from proxy.api.tree.messages import BranchIn, MessageIn, NodeIn, NodeList, NodeOut, NodePatch, OutlineList, chain
from proxy.api.tree.wire import ERRORS, NODE_ID, After, Asker, InPath, Out, PageSize
from proxy.domain.tree import Node, NodeId, Tree, TreeId
from proxy.domain.turn import Caller
from proxy.store.sqlite import SqliteStore

PathLength = Annotated[
    int, QueryParameter(ge=1, le=5_000, description="Most nodes; those nearest to the node are given.")
]


class NodeDeleted(Out):
    id: str = Field(examples=[NODE_ID])
    object: Literal["node.deleted"] = "node.deleted"
    deleted: bool = True
    nodes: int = Field(description="How many nodes are gone, descendants included.", examples=[3])


def reading(store: SqliteStore) -> list[HTTPRouteHandler]:
    """The routes that only read."""

    @get("/trees/{tree_id:str}/structure", summary="A tree without contents", responses=ERRORS)
    async def get_structure(
        tree_id: InPath, caller: Asker, limit: PageSize = 1_000, after: After = None
    ) -> OutlineList:
        """Ids and edges of all nodes in order of arrival, page by page. Only a branch that was moved may stand before its parent."""
        page = await store.structure_page(caller.user_id, TreeId(tree_id), _node(after), limit)
        return OutlineList.of(page.items, has_more=page.has_more)

    @get("/trees/{tree_id:str}/children", summary="What hangs from the root", responses=ERRORS)
    async def get_tops(tree_id: InPath, caller: Asker, limit: PageSize = 100, after: After = None) -> NodeList:
        """The first messages of a tree's topics, oldest first."""
        page = await store.children_page(caller.user_id, TreeId(tree_id), None, _node(after), limit)
        return NodeList.of(page.items, has_more=page.has_more)

    @get("/nodes/{node_id:str}", summary="One node", responses=ERRORS)
    async def get_node(node_id: InPath, caller: Asker) -> NodeOut:
        """What was said, by whom, and where it hangs."""
        return NodeOut.of(await store.node(caller.user_id, NodeId(node_id)))

    @get("/nodes/{node_id:str}/path", summary="From the root to a node", responses=ERRORS)
    async def get_path(node_id: InPath, caller: Asker, limit: PathLength = 1_000) -> NodeList:
        """Oldest first. Where `has_more` is true, the path of the first node's parent goes on towards the root.

        Messages that were never answered are left out, unless the node itself is one.
        """
        path = await store.path(caller.user_id, NodeId(node_id))
        return NodeList.of(path[-limit:], has_more=len(path) > limit)

    @get("/nodes/{node_id:str}/children", summary="What answers a node", responses=ERRORS)
    async def get_children(node_id: InPath, caller: Asker, limit: PageSize = 100, after: After = None) -> NodeList:
        """Oldest first."""
        return await _children(caller, await store.node(caller.user_id, NodeId(node_id)), after, limit)

    @get("/nodes/{node_id:str}/siblings", summary="A node and those beside it", responses=ERRORS)
    async def get_siblings(node_id: InPath, caller: Asker, limit: PageSize = 100, after: After = None) -> NodeList:
        """Everything that hangs where the node hangs, the node itself included; oldest first."""
        node = await store.node(caller.user_id, NodeId(node_id))
        page = await store.children_page(caller.user_id, node.tree_id, node.parent_id, _node(after), limit)
        return NodeList.of(page.items, has_more=page.has_more)

    @get("/nodes/{node_id:str}/subtree", summary="A node and all below it", responses=ERRORS)
    async def get_subtree(node_id: InPath, caller: Asker, limit: PageSize = 100, after: After = None) -> NodeList:
        """In order of arrival."""
        page = await store.subtree_page(caller.user_id, NodeId(node_id), _node(after), limit)
        return NodeList.of(page.items, has_more=page.has_more)

    async def _children(caller: Caller, node: Node, after: str | None, limit: int) -> NodeList:
        page = await store.children_page(caller.user_id, node.tree_id, node.id, _node(after), limit)
        return NodeList.of(page.items, has_more=page.has_more)

    return [get_structure, get_tops, get_node, get_path, get_children, get_siblings, get_subtree]


def writing(store: SqliteStore) -> list[HTTPRouteHandler]:
    """The routes that add, label and delete."""

    @post("/trees/{tree_id:str}/nodes", summary="Add a message", responses=ERRORS)
    async def add_node(tree_id: InPath, data: JSONBody[NodeIn], caller: Asker) -> NodeOut:
        """Hang a message under any node of the tree, or under the root."""
        tree = await store.tree_of(caller.user_id, TreeId(tree_id))
        [node] = await asyncio.to_thread(chain, tree, data.parent_id, [data])
        await _append(store, tree, [node], [data])
        return NodeOut.of(await store.node(caller.user_id, node.id))

    @post("/trees/{tree_id:str}/branches", summary="Begin a branch", responses=ERRORS)
    async def add_branch(tree_id: InPath, data: JSONBody[BranchIn], caller: Asker) -> NodeList:
        """Hang a chain of messages under any node of the tree, or under the root: all of it, or nothing."""
        tree = await store.tree_of(caller.user_id, TreeId(tree_id))
        nodes = await asyncio.to_thread(chain, tree, data.parent_id, data.messages, "messages[{}].")
        await _append(store, tree, nodes, data.messages)
        return NodeList.of([await store.node(caller.user_id, node.id) for node in nodes], has_more=False)

    @patch("/nodes/{node_id:str}", summary="Label a node", responses=ERRORS)
    async def update_node(node_id: InPath, data: JSONBody[NodePatch], caller: Asker) -> NodeOut:
        """Set labels and metadata; the message itself is never changed."""
        return NodeOut.of(await store.annotate(caller.user_id, NodeId(node_id), data.ours, data.metadata))

    @delete("/nodes/{node_id:str}", status_code=200, summary="Delete a node and all below it", responses=ERRORS)
    async def delete_node(node_id: InPath, caller: Asker) -> NodeDeleted:
        """The words are gone; keyed marks stay, so that a client's old history never brings them back."""
        gone = await store.delete(caller.user_id, NodeId(node_id))
        return NodeDeleted(id=node_id, nodes=gone)

    return [add_node, add_branch, update_node, delete_node]


async def _append(store: SqliteStore, tree: Tree, nodes: Sequence[Node], messages: Sequence[MessageIn]) -> None:
    """Store messages, then switch off the pictures in them that came inactive."""
    await store.append(tree.user_id, tree.id, nodes)
    for node, told in zip(nodes, messages, strict=True):
        for number in told.switched_off(node.message):
            await store.switch_image(tree.user_id, f"{node.id}.{number}", active=False)


def _node(told: str | None) -> NodeId | None:
    return None if told is None else NodeId(told)
