"""What artefacts look like on the wire."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import ConfigDict, Field

from proxy.api.tree.wire import NODE_ID, TITLE_MAX, TREE_ID, Body, Label, Listed, Out
from proxy.domain.artefact import BODY_MAX, TYPE, Artefact, Load, Version
from proxy.store.browse.pages import Page

ARTEFACT_ID: Final = "a_2dHs7Kq0WmZtYx4LbNcRvE"
NEWEST: Final = "newest"
"""How the newest version is written where a number is expected."""

Title = Annotated[str, Field(min_length=1, max_length=TITLE_MAX, examples=["Packing list"])]
Type = Annotated[
    str, Field(min_length=1, max_length=100, description="What it is, in a word of yours.", examples=["text"])
]
Tags = Annotated[list[Label], Field(max_length=50, examples=[["lisbon"]])]
Text = Annotated[
    str, Field(max_length=BODY_MAX, description="At most 10 MB as UTF-8.", examples=["Passport\nWalking shoes\n"])
]
Note = Annotated[
    str | None, Field(default=None, max_length=1_000, description="What is new in it.", examples=["shoes added"])
]
VersionNumber = Annotated[int, Field(ge=1, lt=1 << 63, examples=[1])]
NodePlace = Annotated[
    str | None,
    Field(default=None, max_length=200, description="The node in whose subtree it holds; null for the whole tree.", examples=[NODE_ID]),
]  # fmt: skip


class ArtefactIn(Body):
    """A new artefact."""

    title: Title
    type: Type = TYPE
    tags: Tags = Field(default=[])
    text: Text
    note: Note


class ArtefactPatch(Body):
    """What changes; fields that are left out stay."""

    title: Title | None = None
    type: Type | None = None
    tags: Tags | None = None


class VersionIn(Body):
    """A new version."""

    text: Text
    note: Note


class RevertIn(Body):
    """Which version comes back."""

    version: VersionNumber
    note: Note


class LoadIn(Body):
    """Where it is sent, and which version of it."""

    node_id: NodePlace
    version: VersionNumber | None = Field(default=None, description="Pinned; null for the newest of each time.")


class UnloadIn(Body):
    """Where it is sent no more."""

    node_id: NodePlace


class VersionOut(Out):
    """One version, without its text."""

    object: Literal["artefact.version"] = "artefact.version"
    version: int = Field(examples=[2])
    size: int = Field(description="Bytes as UTF-8.", examples=[23])
    note: str | None = Field(examples=["shoes added"])
    reverts_to: int | None = Field(description="The version whose text it brought back.", examples=[None])
    created_at: float = Field(description="Seconds since 1970, UTC.", examples=[1763776800.5])

    @classmethod
    def of(cls, version: Version) -> VersionOut:
        return cls(
            version=version.number,
            size=version.size,
            note=version.note,
            reverts_to=version.reverts_to,
            created_at=version.at,
        )


class VersionText(VersionOut):
    """One version with its text."""

    text: str = Field(examples=["Passport\nWalking shoes\n"])


class VersionList(Listed):
    """Versions, oldest first. The next page begins after the last one: `?newer_than=LAST_ID`."""

    last_id: str | None = Field(description="What to send as `newer_than` for the next page.", examples=["2"])
    data: list[VersionOut]

    @classmethod
    def of(cls, page: Page[Version]) -> VersionList:
        last = str(page.items[-1].number) if page.items else None
        return cls(has_more=page.has_more, last_id=last, data=[VersionOut.of(one) for one in page.items])


class PlaceOut(Out):
    """One place where something is loaded."""

    tree_id: str | None = Field(description="Null for all trees.", examples=[TREE_ID])
    node_id: str | None = Field(description="Null for the whole tree.", examples=[None])
    version: int | None = Field(description="Null for the newest of each time.", examples=[None])
    loaded_at: float = Field(examples=[1763776800.5])

    @classmethod
    def of(cls, load: Load) -> PlaceOut:
        return cls(tree_id=load.tree_id, node_id=load.node_id, version=load.version, loaded_at=load.at)


class ArtefactOut(Out):
    """One artefact, without its text."""

    object: Literal["artefact"] = "artefact"
    id: str = Field(examples=[ARTEFACT_ID])
    tree_id: str = Field(examples=[TREE_ID])
    title: str = Field(examples=["Packing list"])
    type: str = Field(examples=["text"])
    tags: list[str] = Field(examples=[["lisbon"]])
    newest: VersionOut
    versions: int = Field(description="How many are kept.", examples=[2])
    loads: list[PlaceOut] = Field(description="Where it is sent.")
    created_at: float = Field(examples=[1763776800.5])
    updated_at: float = Field(examples=[1763780400.25])

    @classmethod
    def of(cls, artefact: Artefact) -> ArtefactOut:
        return cls(
            id=artefact.id,
            tree_id=artefact.tree_id,
            title=artefact.title,
            type=artefact.type,
            tags=list(artefact.tags),
            newest=VersionOut.of(artefact.newest),
            versions=artefact.count,
            loads=[PlaceOut.of(load) for load in artefact.loads],
            created_at=artefact.created_at,
            updated_at=artefact.updated_at,
        )


class ArtefactList(Listed):
    """Artefacts by title."""

    data: list[ArtefactOut]

    @classmethod
    def of(cls, page: Page[Artefact]) -> ArtefactList:
        last = page.items[-1].id if page.items else None
        return cls(has_more=page.has_more, last_id=last, data=[ArtefactOut.of(one) for one in page.items])


class ArtefactDeleted(Out):
    id: str = Field(examples=[ARTEFACT_ID])
    object: Literal["artefact.deleted"] = "artefact.deleted"
    deleted: bool = True


class VersionDeleted(Out):
    id: str = Field(description="The artefact's.", examples=[ARTEFACT_ID])
    object: Literal["artefact.version.deleted"] = "artefact.version.deleted"
    version: int = Field(examples=[1])
    deleted: bool = True
    artefact_deleted: bool = Field(description="Whether it was the last one.", examples=[False])


class DiffOut(Out):
    """Two versions compared."""

    model_config = ConfigDict(frozen=True, defer_build=True, serialize_by_alias=True)

    object: Literal["artefact.diff"] = "artefact.diff"
    old: int = Field(alias="from", examples=[1])
    new: int = Field(alias="to", examples=[2])
    diff: str = Field(examples=["--- Packing list@1\n+++ Packing list@2\n@@ -1 +1,2 @@\n Passport\n+Walking shoes\n"])
