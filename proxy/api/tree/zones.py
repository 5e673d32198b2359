"""Data zones: text that is sent with every request under its scope. Read, replaced, appended to, cleared.

`user` holds for all trees of the caller. `system_prompt` and `discussion` belong to one tree.
"""

from __future__ import annotations

from typing import Annotated, Literal

from litestar import delete, get, post, put
from litestar.handlers import HTTPRouteHandler
from litestar.params import JSONBody, PathParameter
from pydantic import Field

from proxy.api.tree.wire import ERRORS, TREE_ID, ZONE_MAX, Asker, Body, InPath, Out
from proxy.domain.tree import Tree, TreeId
from proxy.domain.turn import Caller
from proxy.domain.zone import DataZone
from proxy.store.sqlite import SqliteStore
from proxy.store.zones import ANY_TREE

TreeZone = Literal["system_prompt", "discussion"]
ZonePath = Annotated[TreeZone, PathParameter(description="Which zone of the tree.")]


class ZoneIn(Body):
    """Text for a zone; empty text is no zone."""

    text: str = Field(max_length=ZONE_MAX, examples=["We bake on Sundays."])


class ZoneOut(Out):
    """One zone."""

    object: Literal["zone"] = "zone"
    name: Literal["system_prompt", "user", "discussion"] = Field(examples=["discussion"])
    tree_id: str | None = Field(description="Null for the zone of all trees.", examples=[TREE_ID])
    text: str = Field(description="Empty where nothing was written.", examples=["We bake on Sundays."])
    updated_at: float | None = Field(description="Seconds since 1970, UTC.", examples=[1763776800.5])


class ZoneList(Out):
    """All zones that are sent in a tree, widest first."""

    object: Literal["list"] = "list"
    data: list[ZoneOut]


def of_user(store: SqliteStore) -> list[HTTPRouteHandler]:
    """The routes of the zone that holds for all trees."""

    async def told(caller: Caller) -> ZoneOut:
        return _user_zone(await store.zones(caller.user_id, TreeId(ANY_TREE)))

    @get("/zones/user", summary="The zone of all trees", responses=ERRORS)
    async def get_user_zone(caller: Asker) -> ZoneOut:
        """Text that is sent with every request of the caller."""
        return await told(caller)

    @put("/zones/user", summary="Replace it", responses=ERRORS)
    async def put_user_zone(data: JSONBody[ZoneIn], caller: Asker) -> ZoneOut:
        """From the next request on."""
        await store.put_zone(caller.user_id, None, "user", data.text)
        return await told(caller)

    @post("/zones/user", status_code=200, summary="Append to it", responses=ERRORS)
    async def append_user_zone(data: JSONBody[ZoneIn], caller: Asker) -> ZoneOut:
        """On a line of its own."""
        await store.append_zone(caller.user_id, None, "user", data.text, ZONE_MAX)
        return await told(caller)

    @delete("/zones/user", status_code=200, summary="Clear it", responses=ERRORS)
    async def clear_user_zone(caller: Asker) -> ZoneOut:
        """Nothing is sent for it any more."""
        await store.put_zone(caller.user_id, None, "user", "")
        return await told(caller)

    return [get_user_zone, put_user_zone, append_user_zone, clear_user_zone]


def of_trees(store: SqliteStore) -> list[HTTPRouteHandler]:
    """The routes of the zones that belong to one tree."""

    async def told(caller: Caller, tree_id: str, name: TreeZone) -> ZoneOut:
        tree = await store.tree_of(caller.user_id, TreeId(tree_id))
        if name == "system_prompt":
            return _system_prompt(tree)
        return _discussion(tree, await store.zones(caller.user_id, tree.id))

    @get("/trees/{tree_id:str}/zones", summary="All zones that are sent in a tree", responses=ERRORS)
    async def list_zones(tree_id: InPath, caller: Asker) -> ZoneList:
        """The tree's system prompt, the zone of all trees, the tree's own; empty ones too."""
        tree = await store.tree_of(caller.user_id, TreeId(tree_id))
        zones = await store.zones(caller.user_id, tree.id)
        return ZoneList(data=[_system_prompt(tree), _user_zone(zones), _discussion(tree, zones)])

    @get("/trees/{tree_id:str}/zones/{name:str}", summary="One zone of a tree", responses=ERRORS)
    async def get_zone(tree_id: InPath, name: ZonePath, caller: Asker) -> ZoneOut:
        """`system_prompt` stands in where a client brings no system message; `discussion` is sent with every request in the tree."""
        return await told(caller, tree_id, name)

    @put("/trees/{tree_id:str}/zones/{name:str}", summary="Replace a zone", responses=ERRORS)
    async def put_zone(tree_id: InPath, name: ZonePath, data: JSONBody[ZoneIn], caller: Asker) -> ZoneOut:
        """From the next request in the tree on."""
        await _write(store, caller, tree_id, name, data.text)
        return await told(caller, tree_id, name)

    @post("/trees/{tree_id:str}/zones/{name:str}", status_code=200, summary="Append to a zone", responses=ERRORS)
    async def append_zone(tree_id: InPath, name: ZonePath, data: JSONBody[ZoneIn], caller: Asker) -> ZoneOut:
        """On a line of its own."""
        if name == "system_prompt":
            await store.append_system_prompt(caller.user_id, TreeId(tree_id), data.text, ZONE_MAX)
        else:
            await store.append_zone(caller.user_id, TreeId(tree_id), name, data.text, ZONE_MAX)
        return await told(caller, tree_id, name)

    @delete("/trees/{tree_id:str}/zones/{name:str}", status_code=200, summary="Clear a zone", responses=ERRORS)
    async def clear_zone(tree_id: InPath, name: ZonePath, caller: Asker) -> ZoneOut:
        """Nothing is sent for it any more."""
        await _write(store, caller, tree_id, name, "")
        return await told(caller, tree_id, name)

    return [list_zones, get_zone, put_zone, append_zone, clear_zone]


async def _write(store: SqliteStore, caller: Caller, tree_id: str, name: TreeZone, text: str) -> None:
    if name == "system_prompt":
        await store.set_system_prompt(caller.user_id, TreeId(tree_id), text or None)
    else:
        await store.put_zone(caller.user_id, TreeId(tree_id), name, text)


def _system_prompt(tree: Tree) -> ZoneOut:
    return ZoneOut(name="system_prompt", tree_id=tree.id, text=tree.system_prompt or "", updated_at=None)


def _user_zone(zones: list[DataZone]) -> ZoneOut:
    found = next((zone for zone in zones if zone.tree_id is None and zone.name == "user"), None)
    text, at = (found.text, found.updated_at) if found else ("", None)
    return ZoneOut(name="user", tree_id=None, text=text, updated_at=at)


def _discussion(tree: Tree, zones: list[DataZone]) -> ZoneOut:
    found = next((zone for zone in zones if zone.tree_id == tree.id and zone.name == "discussion"), None)
    text, at = (found.text, found.updated_at) if found else ("", None)
    return ZoneOut(name="discussion", tree_id=tree.id, text=text, updated_at=at)
