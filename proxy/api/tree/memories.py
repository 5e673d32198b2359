"""Memories: made of branches or written by hand, listed, searched, edited, deleted, and loaded where they are to be sent."""

from __future__ import annotations

from typing import Annotated, Any

from litestar import delete, get, patch, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import JSONBody, QueryParameter

from proxy.api.tree.memory_wire import (
    MemoriesFound,
    MemorizedOut,
    MemorizeIn,
    MemoryDeleted,
    MemoryIn,
    MemoryList,
    MemoryOut,
    MemoryPatch,
    MemoryPlace,
)
from proxy.api.tree.wire import ERRORS, After, Asker, InPath, PageSize
from proxy.distil.remembering import Remembering
from proxy.domain.memory import Recaller, Told
from proxy.domain.tree import NodeId, TreeId
from proxy.errors import InvalidRequest
from proxy.store.sqlite import SqliteStore

OfTree = Annotated[str | None, QueryParameter(max_length=200, description="Only those that belong to this tree.")]
ForTree = Annotated[
    str | None, QueryParameter(max_length=200, description="Only those of this tree and those of all trees.")
]
Words = Annotated[str, QueryParameter(min_length=1, max_length=2_000, description="What they should be about.")]
Most = Annotated[int, QueryParameter(ge=1, le=100, description="Most memories that are told.")]


def routes(store: SqliteStore, remembering: Remembering, recaller: Recaller) -> list[HTTPRouteHandler]:
    @post("/nodes/{node_id:str}/memorize", summary="Make a memory of a branch", responses=ERRORS)
    async def memorize(node_id: InPath, data: JSONBody[MemorizeIn], caller: Asker) -> MemorizedOut:
        """The branch from the root to this node becomes a title, a problem, a solution and facts. A model writes them; where there is
        none, or it fails, sentences are picked from what was said, and `method` says `extractive`. What Graft itself had placed,
        thinking blocks and secrets stay out.
        """
        made = await remembering.memorize(
            caller.user_id,
            NodeId(node_id),
            model=data.model,
            extractive=data.extractive,
            everywhere=data.everywhere,
        )
        return MemorizedOut(memory=MemoryOut.of(made.memory), why=made.why)

    @get("/memories", summary="Memories", responses=ERRORS)
    async def list_memories(
        caller: Asker, limit: PageSize = 100, after: After = None, tree_id: OfTree = None
    ) -> MemoryList:
        """As they came."""
        tree = None if tree_id is None else TreeId(tree_id)
        return MemoryList.of(await store.memory_page(caller.user_id, after, limit, tree))

    @post("/memories", summary="Write a memory by hand", responses=ERRORS)
    async def add_memory(data: JSONBody[MemoryIn], caller: Asker) -> MemoryOut:
        """Secrets are taken out before it is kept. It is not sent with anything until it is loaded."""
        tree = None if data.tree_id is None else TreeId(data.tree_id)
        nodes = [NodeId(one) for one in data.node_ids]
        return MemoryOut.of(await remembering.note(caller.user_id, data.told(), tree, nodes))

    @get("/memories/search", summary="Find memories", responses=ERRORS)
    async def search_memories(q: Words, caller: Asker, limit: Most = 10, tree_id: ForTree = None) -> MemoriesFound:
        """By meaning and by words, the best first."""
        tree = None if tree_id is None else (await store.tree_of(caller.user_id, TreeId(tree_id))).id
        return MemoriesFound.of(list(await recaller.search(caller.user_id, q, limit, tree)))

    @get("/memories/{memory_id:str}", summary="One memory", responses=ERRORS)
    async def get_memory(memory_id: InPath, caller: Asker) -> MemoryOut:
        """With what it came from, and the places where it is loaded."""
        return MemoryOut.of(await store.memory(caller.user_id, memory_id))

    @patch("/memories/{memory_id:str}", summary="Edit a memory", responses=ERRORS)
    async def edit_memory(memory_id: InPath, data: JSONBody[MemoryPatch], caller: Asker) -> MemoryOut:
        """Fields that are left out stay. Secrets are taken out here too."""
        before = await store.memory(caller.user_id, memory_id)
        changes = data.model_dump(exclude_unset=True)
        tree = changes.pop("tree_id", before.origin.tree_id)
        return MemoryOut.of(await remembering.edit(caller.user_id, memory_id, _changed(before.told, changes), tree))

    @delete("/memories/{memory_id:str}", status_code=200, summary="Delete a memory", responses=ERRORS)
    async def delete_memory(memory_id: InPath, caller: Asker) -> MemoryDeleted:
        """Wherever it was loaded, it is not sent any more."""
        await store.delete_memory(caller.user_id, memory_id)
        return MemoryDeleted(id=memory_id)

    @post("/memories/{memory_id:str}/load", status_code=200, summary="Send it with requests", responses=ERRORS)
    async def load_memory(memory_id: InPath, data: JSONBody[MemoryPlace], caller: Asker) -> MemoryOut:
        """In the memory zone: of all trees, of one, or for a node's subtree alone."""
        return MemoryOut.of(await store.load_memory(caller.user_id, memory_id, *_place(data)))

    @post("/memories/{memory_id:str}/unload", status_code=200, summary="Send it no more", responses=ERRORS)
    async def unload_memory(memory_id: InPath, data: JSONBody[MemoryPlace], caller: Asker) -> MemoryOut:
        """From the place where it was loaded; other places keep it."""
        return MemoryOut.of(await store.unload_memory(caller.user_id, memory_id, *_place(data)))

    return [
        memorize,
        list_memories,
        add_memory,
        search_memories,
        get_memory,
        edit_memory,
        delete_memory,
        load_memory,
        unload_memory,
    ]


def _changed(told: Told, changes: dict[str, Any]) -> Told:
    for name, value in changes.items():
        if value is None:
            raise InvalidRequest(f"The {name} cannot be null; leave it out to keep it.", param=name)
    parts = {"title": told.title, "problem": told.problem, "solution": told.solution, "facts": told.facts}
    return Told(**{**parts, "content": told.content, **changes})


def _place(data: MemoryPlace) -> tuple[TreeId | None, NodeId | None]:
    tree = None if data.tree_id is None else TreeId(data.tree_id)
    return tree, None if data.node_id is None else NodeId(data.node_id)
