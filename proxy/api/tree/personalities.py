"""Personalities: named, stored, attached to trees (`PATCH /api/trees/{tree_id}`) or named by a request."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from litestar import delete, get, patch, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import JSONBody, PathParameter
from pydantic import Field

from proxy.api.tree.wire import ERRORS, PERSONALITY, ZONE_MAX, Asker, Body, Metadata, Out
from proxy.domain.zone import Personality
from proxy.store.sqlite import SqliteStore

Name = Annotated[str, PathParameter(description="Its name.", max_length=100)]

_PROMPT = Field(
    default=None,
    max_length=ZONE_MAX,
    description="Sent where the client brings no system message; in place of the tree's.",
    examples=["You are a patient teacher of physics."],
)


class PersonalityIn(Body):
    """A new personality."""

    name: str = Field(
        min_length=1,
        max_length=100,
        pattern=PERSONALITY,
        description="What requests and trees call it: letters, digits, `.`, `_` and `-`; never changed.",
        examples=["tutor"],
    )
    system_prompt: str | None = _PROMPT
    zone: str = Field(
        default="",
        max_length=ZONE_MAX,
        description="Sent with every request under it, whatever the client brings.",
        examples=["Ask back before you explain."],
    )
    metadata: Metadata = Field(default={}, examples=[{"title": "The tutor"}])


class PersonalityPatch(Body):
    """What changes; fields that are left out stay."""

    system_prompt: str | None = _PROMPT
    zone: str = Field(default="", max_length=ZONE_MAX)
    metadata: Metadata = Field(default={}, description="Items to set; null takes one away.")


class PersonalityOut(Out):
    """One personality."""

    object: Literal["personality"] = "personality"
    name: str = Field(examples=["tutor"])
    system_prompt: str | None = Field(examples=["You are a patient teacher of physics."])
    zone: str = Field(examples=["Ask back before you explain."])
    metadata: dict[str, Any] = Field(examples=[{"title": "The tutor"}])
    created_at: float = Field(description="Seconds since 1970, UTC.", examples=[1763776800.5])
    updated_at: float = Field(examples=[1763780400.25])

    @classmethod
    def of(cls, one: Personality) -> PersonalityOut:
        return cls(
            name=one.name,
            system_prompt=one.system_prompt,
            zone=one.zone,
            metadata=dict(one.metadata),
            created_at=one.created_at,
            updated_at=one.updated_at,
        )


class PersonalityList(Out):
    """All of the caller's, by name."""

    object: Literal["list"] = "list"
    data: list[PersonalityOut]


class PersonalityDeleted(Out):
    name: str = Field(examples=["tutor"])
    object: Literal["personality.deleted"] = "personality.deleted"
    deleted: bool = True


def routes(store: SqliteStore) -> list[HTTPRouteHandler]:
    """The routes over a store."""

    @get("/personalities", summary="The personalities of the caller", responses=ERRORS)
    async def list_personalities(caller: Asker) -> PersonalityList:
        """All of them, in the order of their names."""
        found = await store.personalities(caller.user_id)
        return PersonalityList(data=[PersonalityOut.of(one) for one in found])

    @post("/personalities", summary="Make a personality", responses=ERRORS)
    async def create_personality(data: JSONBody[PersonalityIn], caller: Asker) -> PersonalityOut:
        """A name that another of the caller's personalities has is refused."""
        made = await store.create_personality(
            caller.user_id, data.name, system_prompt=data.system_prompt, zone=data.zone, metadata=data.metadata
        )
        return PersonalityOut.of(made)

    @get("/personalities/{name:str}", summary="One personality", responses=ERRORS)
    async def get_personality(name: Name, caller: Asker) -> PersonalityOut:
        """As it is sent from the next request on."""
        return PersonalityOut.of(await store.personality(caller.user_id, name))

    @patch("/personalities/{name:str}", summary="Change a personality", responses=ERRORS)
    async def update_personality(name: Name, data: JSONBody[PersonalityPatch], caller: Asker) -> PersonalityOut:
        """Fields that are left out stay as they are; metadata changes item by item."""
        changes = {field: getattr(data, field) for field in data.model_fields_set}
        return PersonalityOut.of(await store.update_personality(caller.user_id, name, changes))

    @delete("/personalities/{name:str}", status_code=200, summary="Delete a personality", responses=ERRORS)
    async def delete_personality(name: Name, caller: Asker) -> PersonalityDeleted:
        """Trees that had it have none. What was said under it stays, behind its wall."""
        await store.delete_personality(caller.user_id, name)
        return PersonalityDeleted(name=name)

    return [list_personalities, create_personality, get_personality, update_personality, delete_personality]
