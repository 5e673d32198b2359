"""Artefacts: titled texts of a tree in versions. Added, updated, read, compared, reverted, renamed, removed, loaded, and as files."""

from __future__ import annotations

import asyncio
from typing import Annotated

from litestar import delete, get, patch, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import JSONBody, PathParameter, QueryParameter

from proxy.api.tree.artefact_wire import (
    NEWEST,
    ArtefactDeleted,
    ArtefactIn,
    ArtefactList,
    ArtefactOut,
    ArtefactPatch,
    DiffOut,
    LoadIn,
    RevertIn,
    UnloadIn,
    VersionDeleted,
    VersionIn,
    VersionList,
    VersionOut,
    VersionText,
)
from proxy.api.tree.wire import ERRORS, LARGEST, After, Asker, InPath, PageSize
from proxy.domain.artefact import Brought, difference
from proxy.domain.tree import NodeId, TreeId
from proxy.errors import InvalidRequest
from proxy.store.sqlite import SqliteStore

Which = Annotated[str, PathParameter(description="A version's number, or `newest`.", max_length=20)]
From = Annotated[int, QueryParameter(name="from", ge=1, le=LARGEST, description="A version's number.")]
To = Annotated[
    int | None, QueryParameter(name="to", ge=1, le=LARGEST, description="Another version's number; else the newest.")
]
NewerThan = Annotated[int, QueryParameter(ge=0, le=LARGEST, description="Only versions with higher numbers.")]
OfType = Annotated[str | None, QueryParameter(name="type", max_length=100, description="Only artefacts of this type.")]
Tagged = Annotated[str | None, QueryParameter(max_length=100, description="Only artefacts with this tag.")]


def in_trees(store: SqliteStore) -> list[HTTPRouteHandler]:
    """The routes below a tree."""

    @get("/trees/{tree_id:str}/artefacts", summary="A tree's artefacts", responses=ERRORS)
    async def list_artefacts(
        tree_id: InPath,
        caller: Asker,
        limit: PageSize = 100,
        after: After = None,
        of: OfType = None,
        tag: Tagged = None,
    ) -> ArtefactList:
        """By title, without their texts."""
        return ArtefactList.of(
            await store.artefact_page(caller.user_id, TreeId(tree_id), after, limit, type=of, tag=tag)
        )

    @post("/trees/{tree_id:str}/artefacts", summary="Add an artefact", responses=ERRORS)
    async def add_artefact(tree_id: InPath, data: JSONBody[ArtefactIn], caller: Asker) -> ArtefactOut:
        """Its text becomes version 1. It is not sent with anything until it is loaded."""
        brought = [Brought(data.text, data.note)]
        return ArtefactOut.of(
            await store.add_artefact(caller.user_id, TreeId(tree_id), data.title, data.type, data.tags, brought)
        )

    return [list_artefacts, add_artefact]


def alone(store: SqliteStore) -> list[HTTPRouteHandler]:
    """The routes of one artefact."""

    @get("/artefacts/{artefact_id:str}", summary="One artefact", responses=ERRORS)
    async def get_artefact(artefact_id: InPath, caller: Asker) -> ArtefactOut:
        """Without its text, which is a version's; with the places where it is loaded."""
        return ArtefactOut.of(await store.artefact(caller.user_id, artefact_id))

    @patch("/artefacts/{artefact_id:str}", summary="Rename it, or change its type or tags", responses=ERRORS)
    async def change_artefact(artefact_id: InPath, data: JSONBody[ArtefactPatch], caller: Asker) -> ArtefactOut:
        """Fields that are left out stay. A title is given once in a tree."""
        changes = data.model_dump(exclude_unset=True)
        for name, value in changes.items():
            if value is None:
                raise InvalidRequest(f"The {name} cannot be null; leave it out to keep it.", param=name)
        return ArtefactOut.of(await store.change_artefact(caller.user_id, artefact_id, changes))

    @delete("/artefacts/{artefact_id:str}", status_code=200, summary="Remove it with all versions", responses=ERRORS)
    async def remove_artefact(artefact_id: InPath, caller: Asker) -> ArtefactDeleted:
        """Wherever it was loaded, it is not sent any more."""
        await store.remove_artefact(caller.user_id, artefact_id)
        return ArtefactDeleted(id=artefact_id)

    @post("/artefacts/{artefact_id:str}/load", status_code=200, summary="Send it with requests", responses=ERRORS)
    async def load_artefact(artefact_id: InPath, data: JSONBody[LoadIn], caller: Asker) -> ArtefactOut:
        """In the discussion zone of its tree, or for a node's subtree alone; pinned to a version, or always the newest. Loaded again in
        the same place, only its version changes.
        """
        return ArtefactOut.of(await store.load_artefact(caller.user_id, artefact_id, _node(data.node_id), data.version))

    @post("/artefacts/{artefact_id:str}/unload", status_code=200, summary="Send it no more", responses=ERRORS)
    async def unload_artefact(artefact_id: InPath, data: JSONBody[UnloadIn], caller: Asker) -> ArtefactOut:
        """From the place where it was loaded; other places keep it."""
        return ArtefactOut.of(await store.unload_artefact(caller.user_id, artefact_id, _node(data.node_id)))

    return [get_artefact, change_artefact, remove_artefact, load_artefact, unload_artefact]


def in_versions(store: SqliteStore) -> list[HTTPRouteHandler]:
    """The routes of an artefact's versions."""

    @get("/artefacts/{artefact_id:str}/versions", summary="Its history", responses=ERRORS)
    async def list_versions(
        artefact_id: InPath, caller: Asker, limit: PageSize = 100, newer_than: NewerThan = 0
    ) -> VersionList:
        """Its versions, oldest first, without their texts."""
        return VersionList.of(await store.artefact_history(caller.user_id, artefact_id, newer_than, limit))

    @post("/artefacts/{artefact_id:str}/versions", summary="Update it: add a version", responses=ERRORS)
    async def add_version(artefact_id: InPath, data: JSONBody[VersionIn], caller: Asker) -> ArtefactOut:
        """Earlier versions stay as they are. A text that was stored before takes no more room."""
        return ArtefactOut.of(await store.update_artefact(caller.user_id, artefact_id, data.text, data.note))

    @get("/artefacts/{artefact_id:str}/versions/{version:str}", summary="One version with its text", responses=ERRORS)
    async def get_version(artefact_id: InPath, version: Which, caller: Asker) -> VersionText:
        """`newest`, or any number that the history tells."""
        found, text = await store.artefact_text(caller.user_id, artefact_id, _number(version))
        return VersionText(**VersionOut.of(found).model_dump(), text=text)

    @delete(
        "/artefacts/{artefact_id:str}/versions/{version:str}",
        status_code=200,
        summary="Remove one version",
        responses=ERRORS,
    )
    async def remove_version(artefact_id: InPath, version: Which, caller: Asker) -> VersionDeleted:
        """Its number is not given again, and loads that were pinned to it end. With its last version the artefact goes."""
        number = _number(version)
        if number is None:
            number = (await store.artefact(caller.user_id, artefact_id)).newest.number
        gone = await store.remove_artefact_version(caller.user_id, artefact_id, number)
        return VersionDeleted(id=artefact_id, version=number, artefact_deleted=gone)

    @get("/artefacts/{artefact_id:str}/diff", summary="Two versions compared", responses=ERRORS)
    async def compare(
        artefact_id: InPath,
        caller: Asker,
        old: From,
        new: To = None,
    ) -> DiffOut:
        """A unified diff between any two, in either direction; empty where they say the same."""
        (before, old_text), (after, new_text) = [
            await store.artefact_text(caller.user_id, artefact_id, number) for number in (old, new)
        ]
        title = (await store.artefact(caller.user_id, artefact_id)).title
        told = await asyncio.to_thread(difference, title, old_text, new_text, (before.number, after.number))
        return DiffOut.model_validate({"from": before.number, "to": after.number, "diff": told})

    @post("/artefacts/{artefact_id:str}/revert", status_code=200, summary="Bring a version back", responses=ERRORS)
    async def revert(artefact_id: InPath, data: JSONBody[RevertIn], caller: Asker) -> ArtefactOut:
        """Its text becomes the newest version; nothing is taken away."""
        return ArtefactOut.of(await store.revert_artefact(caller.user_id, artefact_id, data.version, data.note))

    return [list_versions, add_version, get_version, remove_version, compare, revert]


def _number(told: str) -> int | None:
    """Raises InvalidRequest."""
    if told == NEWEST:
        return None
    if not (told.isascii() and told.isdigit()) or int(told) > LARGEST:
        raise InvalidRequest(f"A version is a number or {NEWEST!r}, not {told!r}.", param="version")
    return int(told)


def _node(told: str | None) -> NodeId | None:
    return None if told is None else NodeId(told)
