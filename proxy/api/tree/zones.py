"""Data zones: text that is sent with every request under its scope. Read, replaced, appended to, cleared.

`user` and `memory` hold for all trees of the caller; `system_prompt`, `personality`, `discussion` and `memory` belong to one tree;
the zone of a node holds for its subtree alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from litestar import delete, get, post, put
from litestar.handlers import HTTPRouteHandler
from litestar.params import JSONBody, PathParameter
from pydantic import Field

from proxy.api.tree.wire import ERRORS, NODE_ID, TREE_ID, ZONE_MAX, Asker, Body, InPath, Out
from proxy.domain.tree import NodeId, Tree, TreeId
from proxy.domain.turn import Caller
from proxy.domain.zone import SCOPES, TREE_ZONES, USER_ZONES, DataZone, Scope
from proxy.store.sqlite import SqliteStore

UserZone = Literal["user", "memory"]
TreeZone = Literal["system_prompt", "personality", "discussion", "memory"]
AnyZone = Literal["system_prompt", "personality", "user", "discussion", "memory", "node"]
UserZonePath = Annotated[UserZone, PathParameter(description="Which zone of all trees.")]
ZonePath = Annotated[TreeZone, PathParameter(description="Which zone of the tree.")]


class ZoneIn(Body):
    """Text for a zone; empty text is no zone."""

    text: str = Field(max_length=ZONE_MAX, examples=["We bake on Sundays."])


class ZoneOut(Out):
    """One zone."""

    object: Literal["zone"] = "zone"
    name: AnyZone = Field(examples=["discussion"])
    tree_id: str | None = Field(description="Null for a zone of all trees.", examples=[TREE_ID])
    node_id: str | None = Field(default=None, description="Whose subtree it holds for.", examples=[None])
    text: str = Field(description="Empty where nothing was written.", examples=["We bake on Sundays."])
    updated_at: float | None = Field(description="Seconds since 1970, UTC.", examples=[1763776800.5])

    @classmethod
    def of(cls, zone: DataZone) -> ZoneOut:
        return cls(
            name=zone.name,
            tree_id=zone.tree_id,
            node_id=zone.node_id,
            text=zone.text,
            updated_at=zone.updated_at or None,
        )


class NodeZone(Out):
    """That a node has a zone; its text is read there."""

    node_id: str = Field(examples=[NODE_ID])
    characters: int = Field(examples=[19])
    updated_at: float = Field(examples=[1763776800.5])


class ZoneList(Out):
    """All zones that are sent in a tree, in the order in which they are sent."""

    object: Literal["list"] = "list"
    data: list[ZoneOut]
    nodes: list[NodeZone] = Field(description="Nodes with a zone of their own, the one written last first.")


def of_user(store: SqliteStore) -> list[HTTPRouteHandler]:
    """The routes of the zones that hold for all trees."""

    async def told(caller: Caller, name: UserZone) -> ZoneOut:
        return _one(await store.zones(caller.user_id, None), name, None)

    @get("/zones/{name:str}", summary="A zone of all trees", responses=ERRORS)
    async def get_user_zone(name: UserZonePath, caller: Asker) -> ZoneOut:
        """Text that is sent with every request of the caller."""
        return await told(caller, name)

    @put("/zones/{name:str}", summary="Replace it", responses=ERRORS)
    async def put_user_zone(name: UserZonePath, data: JSONBody[ZoneIn], caller: Asker) -> ZoneOut:
        """From the next request on."""
        await store.put_zone(caller.user_id, None, name, data.text)
        return await told(caller, name)

    @post("/zones/{name:str}", status_code=200, summary="Append to it", responses=ERRORS)
    async def append_user_zone(name: UserZonePath, data: JSONBody[ZoneIn], caller: Asker) -> ZoneOut:
        """On a line of its own."""
        await store.append_zone(caller.user_id, None, name, data.text, ZONE_MAX)
        return await told(caller, name)

    @delete("/zones/{name:str}", status_code=200, summary="Clear it", responses=ERRORS)
    async def clear_user_zone(name: UserZonePath, caller: Asker) -> ZoneOut:
        """Nothing is sent for it any more."""
        await store.put_zone(caller.user_id, None, name, "")
        return await told(caller, name)

    return [get_user_zone, put_user_zone, append_user_zone, clear_user_zone]


def of_trees(store: SqliteStore) -> list[HTTPRouteHandler]:
    """The routes of the zones that belong to one tree."""

    async def told(caller: Caller, tree_id: str, name: TreeZone) -> ZoneOut:
        tree = await store.tree_of(caller.user_id, TreeId(tree_id))
        if name == "system_prompt":
            return _system_prompt(tree)
        return _one(await store.zones(caller.user_id, tree.id), name, tree.id)

    @get("/trees/{tree_id:str}/zones", summary="All zones that are sent in a tree", responses=ERRORS)
    async def list_zones(tree_id: InPath, caller: Asker) -> ZoneList:
        """The tree's system prompt, the zones of all trees, the tree's own; empty ones too."""
        tree = await store.tree_of(caller.user_id, TreeId(tree_id))
        return _listed(
            tree, await store.zones(caller.user_id, tree.id), await store.node_zones(caller.user_id, tree.id)
        )

    @get("/trees/{tree_id:str}/zones/{name:str}", summary="One zone of a tree", responses=ERRORS)
    async def get_zone(tree_id: InPath, name: ZonePath, caller: Asker) -> ZoneOut:
        """`system_prompt` stands in where a client brings no system message; the others are sent with every request in the tree,
        `personality` only where no other personality than the tree's own is named.
        """
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


def of_nodes(store: SqliteStore) -> list[HTTPRouteHandler]:
    """The routes of the zones that hold for one node's subtree."""

    async def told(caller: Caller, node_id: str) -> ZoneOut:
        return ZoneOut.of(await store.node_zone(caller.user_id, NodeId(node_id)))

    @get("/nodes/{node_id:str}/zone", summary="The zone of a node", responses=ERRORS)
    async def get_node_zone(node_id: InPath, caller: Asker) -> ZoneOut:
        """Text that is sent right behind the node, wherever a path leads through it; nowhere else."""
        return await told(caller, node_id)

    @put("/nodes/{node_id:str}/zone", summary="Replace it", responses=ERRORS)
    async def put_node_zone(node_id: InPath, data: JSONBody[ZoneIn], caller: Asker) -> ZoneOut:
        """From the next request below the node on."""
        await store.put_zone(caller.user_id, None, "node", data.text, node_id=NodeId(node_id))
        return await told(caller, node_id)

    @post("/nodes/{node_id:str}/zone", status_code=200, summary="Append to it", responses=ERRORS)
    async def append_node_zone(node_id: InPath, data: JSONBody[ZoneIn], caller: Asker) -> ZoneOut:
        """On a line of its own."""
        await store.append_zone(caller.user_id, None, "node", data.text, ZONE_MAX, node_id=NodeId(node_id))
        return await told(caller, node_id)

    @delete("/nodes/{node_id:str}/zone", status_code=200, summary="Clear it", responses=ERRORS)
    async def clear_node_zone(node_id: InPath, caller: Asker) -> ZoneOut:
        """Nothing is sent for it any more."""
        await store.put_zone(caller.user_id, None, "node", "", node_id=NodeId(node_id))
        return await told(caller, node_id)

    return [get_node_zone, put_node_zone, append_node_zone, clear_node_zone]


async def _write(store: SqliteStore, caller: Caller, tree_id: str, name: TreeZone, text: str) -> None:
    if name == "system_prompt":
        await store.set_system_prompt(caller.user_id, TreeId(tree_id), text or None)
    else:
        await store.put_zone(caller.user_id, TreeId(tree_id), name, text)


def _system_prompt(tree: Tree) -> ZoneOut:
    return ZoneOut(name="system_prompt", tree_id=tree.id, text=tree.system_prompt or "", updated_at=None)


def _listed(tree: Tree, zones: Sequence[DataZone], on_nodes: Sequence[DataZone]) -> ZoneList:
    places: list[tuple[Scope, TreeId | None]] = [
        *((name, None) for name in USER_ZONES),
        *((name, tree.id) for name in TREE_ZONES),
    ]
    places.sort(key=lambda place: SCOPES.index(place[0]))
    nodes = [
        NodeZone(node_id=zone.node_id, characters=len(zone.text), updated_at=zone.updated_at)
        for zone in on_nodes
        if zone.node_id is not None
    ]
    return ZoneList(data=[_system_prompt(tree), *(_one(zones, name, of) for name, of in places)], nodes=nodes)


def _one(zones: Sequence[DataZone], name: Scope, tree_id: TreeId | None) -> ZoneOut:
    """One zone of those that were read; empty where nothing was written."""
    found = next((zone for zone in zones if (zone.name, zone.tree_id) == (name, tree_id)), None)
    return ZoneOut.of(found) if found else ZoneOut(name=name, tree_id=tree_id, text="", updated_at=None)
