"""A program's notes beside a tree: read, replaced, appended to, cleared. They are kept and never sent to a model."""

from __future__ import annotations

from typing import Literal

from litestar import delete, get, post, put
from litestar.handlers import HTTPRouteHandler
from litestar.params import JSONBody
from pydantic import Field

from proxy.api.tree.wire import ERRORS, TREE_ID, ZONE_MAX, Asker, Body, InPath, Out
from proxy.domain.tree import TreeId
from proxy.domain.turn import Caller
from proxy.store.sqlite import SqliteStore


class ScratchpadIn(Body):
    """Text for the notes; empty text is none."""

    text: str = Field(max_length=ZONE_MAX, examples=["Step 2 of 5: compare the prices."])


class ScratchpadOut(Out):
    """The notes as they are now."""

    object: Literal["scratchpad"] = "scratchpad"
    tree_id: str = Field(examples=[TREE_ID])
    text: str = Field(description="Empty where nothing was written.", examples=["Step 2 of 5: compare the prices."])


def routes(store: SqliteStore) -> list[HTTPRouteHandler]:
    """The routes over a store."""

    async def told(caller: Caller, tree_id: str) -> ScratchpadOut:
        return ScratchpadOut(tree_id=tree_id, text=await store.scratchpad(caller.user_id, TreeId(tree_id)))

    @get("/trees/{tree_id:str}/scratchpad", summary="A program's notes beside a tree", responses=ERRORS)
    async def get_scratchpad(tree_id: InPath, caller: Asker) -> ScratchpadOut:
        """No model is sent them."""
        return await told(caller, tree_id)

    @put("/trees/{tree_id:str}/scratchpad", summary="Replace the notes", responses=ERRORS)
    async def put_scratchpad(tree_id: InPath, data: JSONBody[ScratchpadIn], caller: Asker) -> ScratchpadOut:
        """All of them."""
        await store.set_scratchpad(caller.user_id, TreeId(tree_id), data.text)
        return await told(caller, tree_id)

    @post("/trees/{tree_id:str}/scratchpad", status_code=200, summary="Append to the notes", responses=ERRORS)
    async def append_scratchpad(tree_id: InPath, data: JSONBody[ScratchpadIn], caller: Asker) -> ScratchpadOut:
        """On a line of its own."""
        await store.append_scratchpad(caller.user_id, TreeId(tree_id), data.text, ZONE_MAX)
        return await told(caller, tree_id)

    @delete("/trees/{tree_id:str}/scratchpad", status_code=200, summary="Clear the notes", responses=ERRORS)
    async def clear_scratchpad(tree_id: InPath, caller: Asker) -> ScratchpadOut:
        """Nothing is kept of them."""
        await store.set_scratchpad(caller.user_id, TreeId(tree_id), "")
        return await told(caller, tree_id)

    return [get_scratchpad, put_scratchpad, append_scratchpad, clear_scratchpad]
