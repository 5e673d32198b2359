"""Connections to the database: how they are opened and set up, and how a function runs on the thread of one.

A transaction is a plain function of a `sqlite3.Connection`. It runs whole on the connection's thread, one hop for all of its
statements. Readers see the last commit and never wait for the writer (SQLite's write-ahead log); `committing` has the writer. A
database in memory has one connection for both.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

import aiosqlite

from proxy.errors import ConfigError, StoreUnavailable
from proxy.store.sealing.values import Connection
from proxy.store.troubles import translated

if TYPE_CHECKING:
    from proxy.store.sealing.cipher import Cipher

T = TypeVar("T")

MEMORY: Final = ":memory:"
CACHED_STATEMENTS: Final = 256
_LOG_PAGES: Final = 4_000
"""Pages of the write-ahead log before they are carried into the file (16 MB): a page that changes often is carried once."""
CACHE_KB: Final = 16_000

_BUSY_MS: Final = 15_000
"""How long to wait for another process, such as the `graft` command beside a server: a large import is copied in seconds."""
SYNCHRONOUS: Final = {"process": "NORMAL", "power": "FULL"}


def file_of(url: str) -> str:
    """The file that a `storage.url` names, or `:memory:`.

    `sqlite:///graft.db` is relative to where the server was started, `sqlite:////var/lib/graft.db` absolute.

    Raises ConfigError.
    """
    scheme, _, rest = url.partition("://")
    if scheme != "sqlite":
        raise ConfigError(
            f"storage.url {url!r}: this Graft stores in SQLite only. Write sqlite:///FILE or sqlite://:memory:."
        )
    if rest in (MEMORY, f"/{MEMORY}"):
        return MEMORY
    if not rest.startswith("/") or rest == "/":
        raise ConfigError(
            f"storage.url {url!r} names no file. Write sqlite:///FILE (three slashes) or sqlite://:memory:."
        )
    return rest[1:]


async def connect(
    file: str, *, durability: str = "process", read_only: bool = False, cipher: Cipher | None = None
) -> aiosqlite.Connection:
    """Open one connection; the caller closes it.

    Args:
        durability: `process`: a commit survives a crash of the process. `power`: also one of the machine.
        cipher: How values are sealed, where they are.

    Raises ConfigError, StoreError.
    """
    if durability not in SYNCHRONOUS:
        raise ConfigError(f"storage.durability {durability!r} is neither 'process' nor 'power'.")
    prepare(file)
    try:
        connection = await aiosqlite.connect(
            file, isolation_level=None, cached_statements=CACHED_STATEMENTS, factory=Connection
        )
    except sqlite3.Error as exc:
        raise translated(exc, file) from exc
    try:
        await whole(
            connection, partial(configure, synchronous=SYNCHRONOUS[durability], read_only=read_only, cipher=cipher)
        )
    except BaseException:
        await connection.close()
        raise
    return connection


async def whole(connection: aiosqlite.Connection, function: Callable[[sqlite3.Connection], T]) -> T:
    """Run a function, statements and all, on the connection's thread.

    One hop costs about as much as six statements, so it is paid once a transaction. aiosqlite offers this under a private
    name only; its version is bound narrowly for that reason.

    Raises StoreError.
    """
    try:
        return await handed_over(connection, function)
    except sqlite3.Error as exc:
        raise translated(exc) from exc


def handed_over(connection: aiosqlite.Connection, function: Callable[[sqlite3.Connection], T]) -> asyncio.Future[T]:
    """What becomes of a function on the connection's thread; it fails as SQLite fails. Raises StoreUnavailable."""
    outcome: asyncio.Future[T] = asyncio.get_running_loop().create_future()
    connection._tx.put_nowait((outcome, partial(function, _database(connection))))  # noqa: SLF001
    return outcome


def hand_over(
    connection: aiosqlite.Connection, function: Callable[[sqlite3.Connection], T], then: Callable[[T], object]
) -> None:
    """Run a function that raises nothing on the connection's thread, then another on the loop with what came of it.

    Raises StoreUnavailable.
    """
    loop, db = asyncio.get_running_loop(), _database(connection)
    connection._tx.put_nowait((None, lambda: loop.call_soon_threadsafe(then, function(db))))  # noqa: SLF001


def _database(connection: aiosqlite.Connection) -> sqlite3.Connection:
    """Raises StoreUnavailable."""
    try:
        return connection._conn  # noqa: SLF001
    except ValueError as exc:
        raise StoreUnavailable("The store is closed.") from exc


class Reader:
    """Runs questions, each on one snapshot of the database."""

    def __init__(self, connection: aiosqlite.Connection) -> None:
        self._connection = connection

    @property
    def waiting(self) -> int:
        """Questions that were handed over and are not begun."""
        return self._connection._tx.qsize()  # noqa: SLF001

    async def run(self, function: Callable[[sqlite3.Connection], T]) -> T:
        return await whole(self._connection, partial(on_one_snapshot, function=function))


def on_one_snapshot(db: sqlite3.Connection, function: Callable[[sqlite3.Connection], T]) -> T:
    """Run questions that see the same commit."""
    db.execute("BEGIN")
    try:
        return function(db)
    finally:
        if db.in_transaction:
            db.execute(
                "ROLLBACK"
            )  # nothing was written; a commit would look at the file once more, and it may be damaged


def prepare(file: str) -> None:
    """Make the folder, and the file for nobody else to read: it holds conversations and the secrets behind their hashes.

    A file that is there is left alone: closing any handle on it would drop the locks of this process's other connections, and
    another process could then take the write-ahead log from under them (SQLite, how to corrupt a database file, 2.2).

    Raises ConfigError.
    """
    if file == MEMORY:
        return
    if Path(file).is_file():
        if not os.access(Path(file).resolve().parent, os.W_OK):
            raise ConfigError(
                f"storage.url: the folder of {file!r} is read-only, and the database keeps its log there."
            )
        return
    try:
        Path(file).parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(file, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        if not Path(file).is_file():
            raise ConfigError(f"storage.url: {file!r} is no file.") from None
        # Otherwise another process made it meanwhile.
    except OSError as exc:
        raise ConfigError(f"storage.url: the file {file!r} cannot be opened for writing: {exc.strerror}.") from exc


def configure(db: sqlite3.Connection, *, synchronous: str, read_only: bool, cipher: Cipher | None = None) -> None:
    """What every connection is set to."""
    sqlite3.register_adapter(type(None), _as_it_is)
    if cipher is not None:
        assert isinstance(db, Connection)
        db.cipher = cipher
    db.execute(f"PRAGMA busy_timeout = {_BUSY_MS}")
    db.execute("PRAGMA journal_mode = WAL")
    db.execute(f"PRAGMA synchronous = {synchronous}")
    db.execute("PRAGMA foreign_keys = ON")
    db.execute("PRAGMA temp_store = MEMORY")
    db.execute(f"PRAGMA cache_size = -{CACHE_KB}")
    db.execute(f"PRAGMA wal_autocheckpoint = {_LOG_PAGES}")
    db.execute("PRAGMA secure_delete = FAST")  # What is deleted is overwritten where that costs no extra write.
    if read_only:
        db.execute("PRAGMA query_only = ON")


def _as_it_is(nothing: None) -> None:
    """How `None` is bound. Without an adapter, sqlite3 asks each `None` and its own protocol for one, in vain, before it binds NULL."""
    return nothing
