"""Requests whose users may be deleted meanwhile, or whose clients leave: whoever is gone is answered no further."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Collection
from types import TracebackType
from typing import Any, Protocol, TypeVar
from weakref import WeakSet

from proxy.domain.ports import User
from proxy.domain.tree import UserId
from proxy.errors import ClientLeft, NotFound

T = TypeVar("T")

KEPT = 10_000
"""Users whose answers have ended are let go of when so many are known."""


def departed() -> NotFound:
    """What is said to somebody who is still being answered."""
    return NotFound("The user was deleted while this was being answered.", code="user_deleted")


class Answering(Protocol):
    """An answer that several may wait for."""

    waiting: int
    """Who wait for it beside its own client."""


class Guest:
    """One request of a user."""

    __slots__ = ("__weakref__", "_has_left", "_is_gone", "answering", "is_over", "waiting")

    def __init__(self) -> None:
        self._is_gone = False
        self._has_left = False
        self.is_over = False
        """Whether the answer was ended from outside."""
        self.answering: Answering | None = None
        """What it is answered with, where others may join."""
        self.waiting: asyncio.Task[Any] | None = None
        """Who waits for the next part of the answer."""

    def end(self) -> None:
        """The user was deleted: end the answer, also where it waits for its upstream."""
        self._is_gone = self.is_over = True
        self._stop()

    def leave(self) -> None:
        """The client has left: end the answer where it waits for its upstream, unless somebody else waits for the same."""
        if self.answering is None or not self.answering.waiting:
            self._has_left = self.is_over = True
            self._stop()

    def _stop(self) -> None:
        if self.waiting is not None:
            self.waiting.cancel()

    def check(self) -> None:
        """Raises NotFound where the user was deleted since the request came."""
        if self._is_gone:
            raise departed()

    def check_both(self) -> None:
        """Raises as `check`, and ClientLeft."""
        self.check()
        if self._has_left:
            raise ClientLeft("The client left before its answer was there.")

    def kept(self, chunks: AsyncGenerator[T, None]) -> AsyncGenerator[T, None]:
        """An answer, as long as its user and its client are there. Raises as `check`, and ClientLeft."""
        return Kept(self, chunks)


class Kept(AsyncGenerator[T, None]):
    """An answer, as long as its user and its client are there."""

    def __init__(self, guest: Guest, chunks: AsyncGenerator[T, None]) -> None:
        self._guest = guest
        self._chunks = chunks
        self._loop = asyncio.get_running_loop()  # who asks for it with each chunk makes a system call with each

    async def __anext__(self) -> T:
        guest, task = self._guest, None
        try:
            if guest.is_over:
                guest.check_both()
            task = guest.waiting = asyncio.current_task(self._loop)
            piece: T = await self._chunks.__anext__()
        except StopAsyncIteration:
            guest.waiting = None
            raise
        except BaseException as exc:
            guest.waiting = None
            await self._chunks.aclose()
            if isinstance(exc, asyncio.CancelledError) and guest.is_over and task is not None and task.uncancel() == 0:
                guest.check_both()
            raise
        guest.waiting = None
        return piece

    async def asend(self, _: None) -> T:
        return await self.__anext__()

    async def athrow(
        self,
        typ: type[BaseException] | BaseException,
        val: BaseException | object = None,
        tb: TracebackType | None = None,
    ) -> T:
        return await self._chunks.athrow(typ, val, tb)  # type: ignore[arg-type]

    async def aclose(self) -> None:
        await self._chunks.aclose()


class Presence:
    """Who is being answered in this process."""

    def __init__(self) -> None:
        self._guests: dict[User, WeakSet[Guest]] = {}

    def enter(self, user: User, guest: Guest | None = None) -> Guest:
        """A request has come. It is forgotten with its answer."""
        if len(self._guests) > KEPT:
            self.users()
        guest = guest or Guest()
        known = self._guests.get(user)
        if known is None:
            known = self._guests[user] = WeakSet()
        known.add(guest)
        return guest

    def users(self) -> list[User]:
        """Who is being answered; the others are let go of."""
        self._guests = {user: guests for user, guests in self._guests.items() if guests}
        return list(self._guests)

    def end(self, gone: Collection[UserId]) -> None:
        """Users were deleted: end what is being answered."""
        for user in [known for known in self._guests if known.id in gone]:
            for guest in list(self._guests.pop(user)):
                guest.end()
