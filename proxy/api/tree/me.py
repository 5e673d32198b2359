"""Whoever asks: what is stored of them, given to them whole, and deleted with all of it."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from typing import Annotated, Any, BinaryIO, Literal
from urllib.parse import quote

from litestar import delete, get
from litestar.handlers import HTTPRouteHandler
from litestar.openapi import ResponseSpec
from litestar.params import QueryParameter
from litestar.response import Stream
from pydantic import Field

from proxy.api.tree.wire import BUSY, ERRORS, Asker, Out
from proxy.chat.answer import Chat
from proxy.domain.turn import Caller
from proxy.errors import Forbidden, InvalidRequest, NotFound
from proxy.store.records import Account
from proxy.store.sqlite import SqliteStore

BLOCK = 256 * 1024

Confirm = Annotated[
    str,
    QueryParameter(
        required=True,
        max_length=600,
        description="The user's own id, as `GET /api/me` tells it: nothing brings it back.",
    ),
]


class MeOut(Out):
    """A user, and how much is stored of them."""

    object: Literal["user"] = "user"
    id: str = Field(examples=["ann"])
    created_at: float | None = Field(
        description="Seconds since 1970, UTC; null as long as nothing was said.", examples=[1763776800.5]
    )
    trees: int = Field(examples=[3])
    nodes: int = Field(examples=[420])
    keys: int = Field(description="Keys in use.", examples=[1])

    @classmethod
    def of(cls, account: Account) -> MeOut:
        return cls(
            id=account.id,
            created_at=account.created_at,
            trees=account.trees,
            nodes=account.nodes,
            keys=account.keys,
        )


class MeDeleted(Out):
    """Nothing is left."""

    id: str = Field(examples=["ann"])
    object: Literal["user.deleted"] = "user.deleted"
    deleted: bool = True


_ARCHIVE = ResponseSpec(
    bytes,
    description="A zip file: one file of JSON lines a table, and bodies as they are.",
    media_type="application/zip",
    generate_examples=False,
)


def routes(store: SqliteStore, chat: Chat) -> list[HTTPRouteHandler]:
    """The routes over a store; what was begun is finished by the road's tasks."""

    @get("/me", summary="Who asks, and how much is stored of them", responses=BUSY)
    async def get_me(caller: Asker) -> MeOut:
        """Under an `app` key: the person that it names."""
        try:
            return MeOut.of(await store.account(caller.user_id))
        except NotFound:
            return MeOut(id=caller.user_id, created_at=None, trees=0, nodes=0, keys=0)

    @get("/me/export", summary="Everything that is stored about who asks", responses={200: _ARCHIVE, **ERRORS})
    async def export_me(caller: Asker) -> Stream:
        """One archive: conversations, zones, artefacts and images with their bodies, memories, decisions, corrections, receipts, what was
        sent, keys without their secrets. `about.json` in it says what each file is and what is left out.
        """
        kept = tempfile.TemporaryFile()  # noqa: SIM115 - closed when it has been sent
        try:
            await store.tell_everything(caller.user_id, kept)
        except BaseException:
            kept.close()
            raise
        name = quote(f"{caller.user_id}.zip", safe="")
        disposition = f"attachment; filename*=UTF-8''{name}"
        return Stream(_blocks(kept), media_type="application/zip", headers={"content-disposition": disposition})

    @delete("/me", status_code=200, summary="Delete who asks, with everything", responses={403: ERRORS[401], **ERRORS})
    async def delete_me(caller: Asker, confirm: Confirm) -> MeDeleted:
        """Everything: conversations, zones, artefacts, memories, images, decisions, receipts, bills, keys; what is being answered ends.
        Nothing is kept by which it could be known again. Under an `app` key: the person that it names.
        """
        _check(caller, confirm)
        await asyncio.shield(chat.tasks.start(_deleted(store, caller)))  # also where the client leaves
        return MeDeleted(id=caller.user_id)

    return [get_me, export_me, delete_me]


def _check(caller: Caller, confirm: str) -> None:
    if not caller.named:
        raise Forbidden(
            "This key speaks for many people: name the one who is to be deleted. `graft users delete` deletes the app itself."
        )
    if confirm != caller.user_id:
        raise InvalidRequest("To delete everything, `confirm` must be the user's own id.", param="confirm")


async def _deleted(store: SqliteStore, caller: Caller) -> Any:
    try:
        return await store.delete_user(caller.user_id)
    except NotFound:
        return None  # nothing was stored


async def _blocks(kept: BinaryIO) -> AsyncIterator[bytes]:
    with kept:
        kept.seek(0)
        while block := await asyncio.to_thread(kept.read, BLOCK):
            yield block
