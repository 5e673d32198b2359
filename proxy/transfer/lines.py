"""The lines of Graft's own format for what is kept beside messages: their shapes, and how they are written.

What must hold between them is looked after by `beside.py`, which also tells what stands in them.
"""

from __future__ import annotations

import base64
from typing import Annotated, Any

import msgspec

from proxy.domain.beside import (
    TEXT,
    Beside,
    Body,
    CarriedArtefact,
    CarriedImage,
    CarriedMemory,
    SwitchedOff,
)
from proxy.domain.memory import Method
from proxy.domain.picture import LINK_MAX
from proxy.domain.summary import Summary, SummaryKind
from proxy.domain.zone import Personality
from proxy.transfer.checks import LAST_SECOND
from proxy.transfer.encoding import encoded

_Id = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
_Title = Annotated[str, msgspec.Meta(min_length=1, max_length=1_000)]
_Seconds = Annotated[float, msgspec.Meta(ge=0, le=LAST_SECOND)]
_Count = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
_Number = Annotated[int, msgspec.Meta(ge=1, le=2**53)]


class EndLine(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    zones: _Count
    nodes: _Count
    personalities: _Count = 0
    bodies: _Count = 0
    artefacts: _Count = 0
    memories: _Count = 0
    images: _Count = 0
    switched_off: _Count = 0
    summaries: _Count = 0


class PersonalityLine(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    name: _Id
    created_at: _Seconds
    updated_at: _Seconds
    system_prompt: str | None = None
    zone: str = ""
    metadata: dict[str, Any] = {}


class BodyLine(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    hash: str
    media_type: str
    text: str | None = None
    base64: str | None = None


class LoadLine(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    at: _Seconds
    node: _Id | None = None
    version: _Number | None = None


class VersionLine(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    version: _Number
    body: str
    at: _Seconds
    note: str | None = None
    reverts_to: _Number | None = None


class ArtefactLine(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    id: _Id
    title: _Title
    type: str
    last: _Number
    created_at: _Seconds
    updated_at: _Seconds
    versions: Annotated[list[VersionLine], msgspec.Meta(min_length=1)]
    tags: list[str] = []
    loads: list[LoadLine] = []


class MemoryLine(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    id: _Id
    title: _Title
    method: Method
    created_at: _Seconds
    updated_at: _Seconds
    problem: str = ""
    solution: str = ""
    facts: list[str] = []
    content: str = ""
    model: str | None = None
    personality: str | None = None
    redacted: _Count = 0
    everywhere: bool = False
    nodes: list[_Id] = []
    loads: list[LoadLine] = []


class ImageLine(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    id: _Id
    active: bool
    created_at: _Seconds
    node: _Id | None = None
    body: str | None = None
    url: Annotated[str, msgspec.Meta(min_length=1, max_length=LINK_MAX)] | None = None


class SwitchedOffLine(msgspec.Struct, forbid_unknown_fields=True):
    node: _Id
    numbers: Annotated[list[_Count], msgspec.Meta(min_length=1)]


class SummaryLine(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    id: _Id
    node: _Id
    kind: SummaryKind
    text: str
    tokens: _Count
    model: str
    created_at: _Seconds
    previous: _Id | None = None
    removed_at: _Seconds | None = None


def list_of(item: Beside) -> str:
    """The list in which an item stands."""
    match item:
        case Personality():
            return "personalities"
        case Body():
            return "bodies"
        case CarriedArtefact():
            return "artefacts"
        case CarriedMemory():
            return "memories"
        case CarriedImage():
            return "images"
        case SwitchedOff():
            return "switched_off"
        case Summary():
            return "summaries"


def line(item: Beside) -> bytes:
    """An item as JSON on one line."""
    return encoded(_struct(item))


def _struct(item: Beside) -> msgspec.Struct:
    match item:
        case Personality():
            metadata = dict(item.metadata)
            return PersonalityLine(item.name, item.created_at, item.updated_at, item.system_prompt, item.zone, metadata)
        case Body(hash_, media_type, data):
            if media_type == TEXT:
                return BodyLine(hash_, media_type, text=data.decode())
            return BodyLine(hash_, media_type, base64=base64.b64encode(data).decode())
        case CarriedArtefact():
            versions = [VersionLine(one.number, one.body, one.at, one.note, one.reverts_to) for one in item.versions]
            return ArtefactLine(
                item.id,
                item.title,
                item.type,
                item.last,
                item.created_at,
                item.updated_at,
                versions,
                list(item.tags),
                _load_lines(item),
            )
        case CarriedMemory():
            return _memory_line(item)
        case CarriedImage():
            return ImageLine(item.id, item.active, item.created_at, item.node_id, item.body, item.url)
        case SwitchedOff():
            return SwitchedOffLine(item.node_id, list(item.numbers))
        case Summary():
            return SummaryLine(
                item.id,
                item.node_id,
                item.kind,
                item.text,
                item.tokens,
                item.model,
                item.created_at,
                item.previous_id,
                item.removed_at,
            )


def _memory_line(item: CarriedMemory) -> MemoryLine:
    return MemoryLine(
        item.id,
        item.told.title,
        item.method,
        item.created_at,
        item.updated_at,
        item.told.problem,
        item.told.solution,
        list(item.told.facts),
        item.told.content,
        item.model,
        item.personality,
        item.redacted,
        item.everywhere,
        list(item.nodes),
        _load_lines(item),
    )


def _load_lines(item: CarriedArtefact | CarriedMemory) -> list[LoadLine]:
    return [LoadLine(one.at, one.node_id, one.version) for one in item.placed]
