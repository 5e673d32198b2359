"""How a database is opened, taken part in, and left again; and on which of its connections a function runs.

Several servers may have one database file, and what a killed one left open is ended by the next that comes (`tenancy`). Who opens it
beside a server (the `graft` command) says `recover=False` and counts as none. An old database is brought up to date by whoever has it
alone: a server of an earlier version would not know its tables any longer.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Self, TypeVar

import aiosqlite

from proxy.errors import ConfigError
from proxy.operations.figures import Figures
from proxy.store import clock
from proxy.store.committing import Writer
from proxy.store.connection import MEMORY, SYNCHRONOUS, Reader, connect, file_of, prepare, whole
from proxy.store.glancing import Busy, Glances
from proxy.store.migrating import migrate, pending, version_of
from proxy.store.room import try_to_write
from proxy.store.sealing import registered
from proxy.store.tenancy import Tenancy
from proxy.store.troubles import translated
from proxy.store.turns import writing

if TYPE_CHECKING:
    from proxy.store.sealing.cipher import Cipher

T = TypeVar("T")


class Opening:
    """A database that is opened by `start` or `async with`, and closed by `close` or at the end of that."""

    def __init__(
        self, url: str, *, durability: str = "process", recover: bool = True, cipher: Cipher | None = None
    ) -> None:
        """Name a database; nothing is opened yet.

        Args:
            url: `sqlite:///relative.db`, `sqlite:////absolute.db` or `sqlite://:memory:`.
            durability: `process`: what was acknowledged survives a crash of the process. `power`: also one of the machine.
            recover: Whether this is a server: then what killed ones left open is ended.
            cipher: How values are sealed; without one they are stored as they are.

        Raises ConfigError.
        """
        self._file = file_of(url)
        self._durability = durability
        self._recover = recover
        self._cipher = cipher
        self._connections: tuple[aiosqlite.Connection, ...] = ()
        self._tenancy: Tenancy | None = None
        self._writer: Writer
        self._reader: Reader
        self.figures = Figures()
        """Where commits are counted."""
        self._glances: Glances | None = None
        """For short questions; a database in memory has one connection only."""

    @classmethod
    async def open(
        cls, url: str, *, durability: str = "process", recover: bool = True, cipher: Cipher | None = None
    ) -> Self:
        """Name a database and open it at once."""
        store = cls(url, durability=durability, recover=recover, cipher=cipher)
        await store.start()
        return store

    async def start(self) -> None:
        """Open the database, made where missing and brought up to date. Raises StoreError, ConfigError."""
        try:
            if self._recover and self._file != MEMORY:
                await asyncio.to_thread(prepare, self._file)
                self._tenancy = await asyncio.to_thread(Tenancy.claim, self._file)
            await self._open()
        except BaseException:
            self._leave()
            raise

    async def _open(self) -> None:
        first = await connect(self._file, durability=self._durability, cipher=self._cipher)
        second = first
        try:
            await _up_to_date(first, self._file, self._tenancy)
            await _with_its_keys(first, self._file, self._tenancy, self._cipher)
            if self._file != MEMORY:
                second = await connect(self._file, durability=self._durability, read_only=True, cipher=self._cipher)
                self._glances = Glances(self._file, SYNCHRONOUS[self._durability], self._cipher)
            await whole(first, clock.go_on_from)
            self._connections = (first, second)
            self._writer, self._reader = Writer(first, self.figures), Reader(second)
            if self._tenancy is not None:
                await self._take_part(self._tenancy)
        except BaseException:
            if self._glances is not None:
                self._glances.close()
            for connection in {first, second}:
                await connection.close()
            raise

    async def _take_part(self, tenancy: Tenancy) -> None:
        """Become one of the servers, and end what was left open by those that are no more."""
        await asyncio.to_thread(tenancy.sit)
        if tenancy.is_first:
            await self.recover()
            await asyncio.to_thread(tenancy.share)
            return
        await self.recover(tenancy.place)
        for place in await asyncio.to_thread(tenancy.left):
            await self._end_what_was_left(tenancy, place)

    async def _end_what_was_left(self, tenancy: Tenancy, place: int) -> bool:
        """End what a server left open; false where it lives."""
        with tenancy.held(place) as is_free:
            if is_free:
                await self.recover(place)
        return is_free

    async def recover(self, place: int | None = None) -> int:
        """End the calls that an earlier process left open, from one place or from anywhere; returns how many."""
        return await self._write(partial(writing.recover, place=place))

    @property
    def is_encrypted(self) -> bool:
        """Whether what is stored from now on is sealed."""
        return self._cipher is not None and self._cipher.is_sealing

    @property
    def place(self) -> int | None:
        """The number of this server among those that use the file; `None` for who is no server."""
        return self._tenancy.place if self._tenancy is not None else None

    async def is_answering(self, place: int | None) -> bool:
        """Whether another server lives at a place. What a dead one left open is ended."""
        if place is None or self._tenancy is None or place == self.place:
            return False
        return not await self._end_what_was_left(self._tenancy, place)

    def waiting(self) -> tuple[int, int]:
        """Writes and questions that wait for their thread."""
        return (self._writer.waiting, self._reader.waiting) if self._connections else (0, 0)

    def _leave(self) -> None:
        if self._tenancy is not None:
            self._tenancy.leave()

    async def close(self) -> None:
        """Finish what was asked so far, then let go of the database."""
        await self._writer.close()
        if self._glances is not None:
            self._glances.close()
            self._glances = None
        for connection in set(self._connections):
            await connection.close()
        self._leave()

    async def __aenter__(self) -> Self:
        if not self._connections:
            await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def ping(self) -> None:
        """Raises StoreError when the database cannot be written to."""
        await self._write(partial(try_to_write, file=self._file))

    def _read(self, function: Callable[[sqlite3.Connection], T]) -> Awaitable[T]:
        return self._reader.run(function)

    async def _glance(self, function: Callable[[sqlite3.Connection], T]) -> T:
        """Ask for a few rows."""
        if self._glances is not None:
            try:
                return self._glances.run(function)
            except Busy:
                pass
            except sqlite3.Error as exc:
                raise translated(exc) from exc
        return await self._read(function)

    def _write(self, function: Callable[[sqlite3.Connection], T]) -> Awaitable[T]:
        return self._writer.run(function)


async def _up_to_date(connection: aiosqlite.Connection, file: str, tenancy: Tenancy | None) -> None:
    """Make the tables, or bring old ones up to date where no server uses them. Raises ConfigError."""
    if file == MEMORY or not await whole(connection, version_of) or not await whole(connection, pending):
        await whole(connection, migrate)
        return
    alone = tenancy if tenancy is not None else await asyncio.to_thread(Tenancy.claim, file)
    try:
        lacking = await whole(connection, pending)  # somebody may have done it meanwhile
        if lacking and not alone.is_first:
            raise ConfigError(
                f"The database {file!r} must be brought up to date, and a server of an earlier Graft uses it. Stop that one first."
            )
        await whole(connection, migrate)
    finally:
        if alone is not tenancy:
            alone.leave()


async def _with_its_keys(
    connection: aiosqlite.Connection, file: str, tenancy: Tenancy | None, cipher: Cipher | None
) -> None:
    """See that the keys at hand are those of the database; a new one is taken in where no server uses it. Raises ConfigError."""
    if not await whole(connection, partial(registered.check, cipher=cipher)):
        return
    alone = tenancy
    if alone is None and file != MEMORY:
        alone = await asyncio.to_thread(Tenancy.claim, file)
    try:
        if alone is not None and not alone.is_first:
            raise ConfigError(registered.UNKNOWN_TO_SERVER)
        await whole(connection, partial(registered.take_in, cipher=cipher))
    finally:
        if alone is not None and alone is not tenancy:
            alone.leave()
