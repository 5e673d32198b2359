"""Whole users: told of, deleted, and what was deleted a moment ago. The part of `SqliteStore` that stands behind `graft users` and `/api/me`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Final, Protocol, TypeVar

import anyio

from proxy.domain.ports import User
from proxy.domain.tree import UserId
from proxy.errors import StoreUnavailable
from proxy.store.persons import departures, leaving, listing
from proxy.store.persons.departures import Departed
from proxy.store.records import Account
from proxy.store.threads import Threads
from proxy.store.troubles import is_for_room

FORGOTTEN_WITHIN_S: Final = 2.5
"""By then every process has looked for what was deleted, and trusts no key's row that it read before."""

T = TypeVar("T")

Told = Callable[[int], object]
"""Told how many nodes are gone."""


class Persons(Threads, Protocol):
    """Every look-up is by user first."""

    async def accounts(self) -> list[Account]:
        """All users, by id."""
        return await self._read(listing.accounts)

    async def account(self, user_id: UserId) -> Account:
        """How much is stored of a user. Raises NotFound."""
        return await self._read(partial(listing.account, user_id=user_id))

    async def departed(self, seen: int) -> Departed:
        """What was deleted since number `seen`."""
        return await self._glance(partial(departures.since, seen=seen))

    async def absent(self, users: Sequence[User]) -> list[UserId]:
        """Who of these users was deleted, also where somebody new has come under the name."""
        return await self._read(partial(listing.absent, users=users))

    async def newest_departure(self) -> int:
        """The number from which on to ask."""
        return await self._glance(departures.newest_of)

    async def begin_leaving(self, user_id: UserId) -> list[UserId]:
        """Mark a user as leaving, with all whom their `app` keys speak for. Raises NotFound."""
        return await self._write(partial(leaving.begin, user_id=user_id))

    async def left_behind(self) -> list[UserId]:
        """Users whose deletion was begun and not finished."""
        return await self._read(leaving.left_behind)

    async def delete_user(
        self, user_id: UserId, tell: Told = lambda _: None, *, forgotten_within_s: float = FORGOTTEN_WITHIN_S
    ) -> list[UserId]:
        """Delete a user with everything, and all whom their `app` keys speak for; returns who is gone.

        Args:
            tell: Told of progress.
            forgotten_within_s: How long to wait until no process holds anything of them.

        Raises NotFound.
        """
        ids = await self.begin_leaving(user_id)
        await anyio.sleep(forgotten_within_s)
        await self.take_leave(ids, tell)
        return ids

    async def take_leave(self, ids: Sequence[UserId], tell: Told = lambda _: None) -> None:
        """Delete users who are marked as leaving, bit by bit."""
        gone = 0
        tables = await self._read(leaving.tables)
        for user_id in ids:
            for tree_id in await self._read(partial(leaving.trees_of, user_id=user_id)):
                while taken := await self._step(partial(leaving.take_nodes, user_id=user_id, tree_id=tree_id)):
                    gone += taken
                    tell(gone)
            for one, most in tables:
                step = partial(leaving.take_rows, user_id=user_id, one=one, most=most)
                while await self._step(step):
                    pass
            await self._write(partial(leaving.finish, user_id=user_id))

    async def _step(self, step: Callable[..., T]) -> T:
        """Take one step; on a disk that has no room for it, a smaller one. Raises StoreUnavailable where none is small enough."""
        share = 1.0
        while True:
            try:
                return await self._write(partial(step, share=share))
            except StoreUnavailable as exc:
                share /= 4
                if share < leaving.SMALLEST_SHARE or not is_for_room(exc):
                    raise
