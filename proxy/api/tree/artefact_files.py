"""Artefacts out and in: a file with all versions, streamed; and such a file made an artefact, all of it or nothing."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Annotated, Any, Final, Literal
from urllib.parse import quote

from litestar import MediaType, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.openapi import ResponseSpec
from litestar.params import JSONBody, QueryParameter
from litestar.response import Stream
from pydantic import Field

from proxy.api.tree.artefact_wire import ArtefactOut, Note, Tags, Text, Title, Type
from proxy.api.tree.wire import ERRORS, TITLE_MAX, Asker, Body, InPath
from proxy.domain.artefact import TYPE, Artefact, Brought, Version
from proxy.domain.tree import TreeId, UserId
from proxy.store.sqlite import SqliteStore

MOST: Final = 10_000
"""Versions in one file."""
PAGE: Final = 100


class VersionFile(Body):
    """One version in a file."""

    text: Text
    note: Note
    created_at: float | None = Field(default=None, ge=0, examples=[1763776800.5])


class ArtefactFile(Body):
    """An artefact as a file: what `GET /api/artefacts/{artefact_id}/export` writes."""

    graft_artefact: Literal[1] = Field(description="The version of this format.")
    title: Title
    type: Type = TYPE
    tags: Tags = Field(default=[])
    versions: list[VersionFile] = Field(min_length=1, max_length=MOST, description="Oldest first.")


NewTitle = Annotated[
    str | None, QueryParameter(min_length=1, max_length=TITLE_MAX, description="Another title than the file's.")
]

_FILE: Final = ResponseSpec(ArtefactFile, description="The file.", media_type=MediaType.JSON, generate_examples=False)


def routes(store: SqliteStore) -> list[HTTPRouteHandler]:
    @get("/artefacts/{artefact_id:str}/export", summary="An artefact as a file", responses={200: _FILE, **ERRORS})
    async def export_artefact(artefact_id: InPath, caller: Asker) -> Stream:
        """With all its versions, oldest first; where versions were removed, the numbers close up when it comes back."""
        artefact = await store.artefact(caller.user_id, artefact_id)
        name = quote(f"{artefact.title}.artefact.json", safe="")
        return Stream(
            _pieces(store, caller.user_id, artefact),
            media_type=MediaType.JSON,
            headers={"content-disposition": f"attachment; filename*=UTF-8''{name}"},
        )

    @post("/trees/{tree_id:str}/artefacts/import", summary="A file made an artefact", responses=ERRORS)
    async def import_artefact(
        tree_id: InPath, data: JSONBody[ArtefactFile], caller: Asker, title: NewTitle = None
    ) -> ArtefactOut:
        """All of it, or nothing where anything is wrong. A title that the tree has already is refused: name another."""
        brought = [Brought(one.text, one.note, one.created_at) for one in data.versions]
        return ArtefactOut.of(
            await store.add_artefact(
                caller.user_id, TreeId(tree_id), title or data.title, data.type, data.tags, brought
            )
        )

    return [export_artefact, import_artefact]


async def _pieces(store: SqliteStore, user_id: UserId, artefact: Artefact) -> AsyncIterator[bytes]:
    """The file, one version at a time."""
    head = {"graft_artefact": 1, "title": artefact.title, "type": artefact.type, "tags": list(artefact.tags)}
    yield _json(head)[:-1] + b',"versions":['
    after, more, first = 0, True, True
    while more:
        page = await store.artefact_history(user_id, artefact.id, after, PAGE)
        more = page.has_more
        for version in page.items:
            after = version.number
            yield (b"" if first else b",") + _json(await _written(store, user_id, artefact, version))
            first = False
    yield b"]}"


async def _written(store: SqliteStore, user_id: UserId, artefact: Artefact, version: Version) -> dict[str, Any]:
    _, text = await store.artefact_text(user_id, artefact.id, version.number)
    return {"text": text, "note": version.note, "created_at": version.at}


def _json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
