"""The threads of the database: one that writes and one that reads.

A transaction is a plain function of a `sqlite3.Connection`. It runs whole on the connection's thread, one hop for all of its
statements. Writes that wait together share a commit, and one's error is none of the others'. Readers see the last commit and
never wait for the writer (SQLite's write-ahead log). A database in memory has one connection for both.

Nothing above this module sees a `sqlite3` error.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

import aiosqlite

from proxy.errors import ConfigError, StoreError, StoreUnavailable
from proxy.operations.figures import Figures
from proxy.store.sealing.values import Connection, cipher_of

if TYPE_CHECKING:
    from proxy.store.sealing.cipher import Cipher

T = TypeVar("T")

MEMORY: Final = ":memory:"
SHARED: Final = 128
"""Most writes that share one commit; more would make the first wait for the last."""

_SIZES: Final = ((1, "1"), (4, "2-4"), (16, "5-16"), (SHARED, f"17-{SHARED}"))
"""How commits are told apart by the writes that share them."""
CACHED_STATEMENTS: Final = 256
_LOG_PAGES: Final = 4_000
"""Pages of the write-ahead log before they are carried into the file (16 MB): a page that changes often is carried once."""
CACHE_KB: Final = 16_000

_BUSY_MS: Final = 15_000
"""How long to wait for another process, such as the `graft` command beside a server: a large import is copied in seconds."""
SYNCHRONOUS: Final = {"process": "NORMAL", "power": "FULL"}
_PASSING: Final = frozenset(
    (
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_PROTOCOL,
    )
)
"""Result codes that say "not now" and leave the database sound."""
_DAMAGED: Final = frozenset((sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB))
REPAIRED_S: Final = 60.0
"""When to ask again what a damaged page kept from being answered; what stands on other pages is answered meanwhile."""


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
    try:
        db = connection._conn  # noqa: SLF001
    except ValueError as exc:
        raise StoreUnavailable("The store is closed.") from exc
    outcome: asyncio.Future[T] = asyncio.get_running_loop().create_future()
    connection._tx.put_nowait((outcome, partial(function, db)))  # noqa: SLF001
    return outcome


def translated(exc: sqlite3.Error, file: str | None = None) -> StoreError:
    """The error that callers see in place of SQLite's."""
    where = f" {file!r}" if file else ""
    if is_passing(exc):
        return StoreUnavailable(f"The database{where} cannot be used for the moment: {exc}.")
    if _code(exc) in _DAMAGED:
        return StoreUnavailable(
            f"The database{where} is damaged: {exc}. `graft verify` says where, `graft restore` puts a backup in its place.",
            retry_after_s=REPAIRED_S,
        )
    return StoreError(f"The database{where} refused: {exc}.")


def is_passing(exc: Exception) -> bool:
    """Whether an error says "not now"."""
    return _code(exc) in _PASSING


def _code(exc: Exception) -> int | None:
    """SQLite's primary result code."""
    code = getattr(exc, "sqlite_errorcode", None)
    return None if code is None else code & 0xFF


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


@dataclass(frozen=True, slots=True)
class _Waiting(Generic[T]):
    function: Callable[[sqlite3.Connection], T]
    outcome: asyncio.Future[T]


class Writer:
    """Runs transactions in the order in which they came; those that wait together share a commit."""

    def __init__(self, connection: aiosqlite.Connection, figures: Figures | None = None) -> None:
        self._connection = connection
        self._figures = figures or Figures()
        self._waiting: list[_Waiting[Any]] = []
        self._busy = False
        self._idle: asyncio.Future[None] | None = None

    async def run(self, function: Callable[[sqlite3.Connection], T]) -> T:
        """Run a transaction; returns when it is committed. A caller that is cancelled may find it done all the same."""
        waiting: _Waiting[T] = _Waiting(function, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        if not self._busy:
            self._busy = True
            asyncio.get_running_loop().call_soon(self._commit)  # so that others of this round of the loop share it
        return await waiting.outcome

    @property
    def waiting(self) -> int:
        """Writes that share the next commits."""
        return len(self._waiting)

    async def close(self) -> None:
        """Wait for what was asked so far."""
        while self._busy:
            self._idle = self._idle or asyncio.get_running_loop().create_future()
            await self._idle

    def _commit(self) -> None:
        """Hand over what waits; what comes meanwhile waits for the next commit."""
        if not self._waiting:
            self._busy = False
            if self._idle is not None:
                self._idle.set_result(None)
                self._idle = None
            return
        batch, self._waiting = self._waiting[:SHARED], self._waiting[SHARED:]
        functions = [waiting.function for waiting in batch]
        try:
            running = handed_over(self._connection, partial(_in_one_commit, functions=functions))
        except StoreUnavailable as exc:
            _settle(batch, [_Failed(exc)] * len(batch))
            self._commit()
        else:
            running.add_done_callback(partial(self._committed, batch, time.perf_counter()))

    def _committed(self, batch: list[_Waiting[Any]], began: float, running: asyncio.Future[list[Any]]) -> None:
        self._commit()
        self._count(len(batch), time.perf_counter() - began)
        if running.cancelled():
            outcomes: list[Any] = [_Failed(StoreUnavailable("The store is closed."))] * len(batch)
        elif (error := running.exception()) is not None:
            outcomes = [_Failed(_in_our_words(error))] * len(batch)
        else:
            outcomes = running.result()
        _settle(batch, outcomes)

    def _count(self, writes: int, seconds: float) -> None:
        figures = self._figures
        figures.count("graft_store_commits_total", next(told for most, told in _SIZES if writes <= most))
        figures.count("graft_store_writes_total", by=writes)
        figures.observe("graft_store_commit_seconds", seconds)


@dataclass(frozen=True, slots=True)
class _Failed:
    error: BaseException


def _settle(batch: list[_Waiting[Any]], outcomes: list[Any]) -> None:
    """Tell those that wait, unless they have left."""
    for waiting, outcome in zip(batch, outcomes, strict=True):
        if waiting.outcome.done():
            continue
        if isinstance(outcome, _Failed):
            waiting.outcome.set_exception(outcome.error)
        else:
            waiting.outcome.set_result(outcome)


def _in_one_commit(db: sqlite3.Connection, functions: list[Callable[[sqlite3.Connection], Any]]) -> list[Any]:
    """Run functions in one transaction; a function's own error undoes that function alone.

    Savepoints make SQLite copy every page that is touched, so they are set only when something has failed without them. A
    function may therefore run twice; nothing of its first run is left.
    """
    try:
        return _committed(db, functions)
    except Exception as exc:
        if len(functions) == 1 or is_passing(exc):
            raise
    return _committed(db, [partial(_apart, function=function) for function in functions])


def _committed(db: sqlite3.Connection, functions: list[Callable[[sqlite3.Connection], Any]]) -> list[Any]:
    db.execute("BEGIN IMMEDIATE")
    try:
        if (cipher := cipher_of(db)) is not None:
            demand_known(db, cipher.writes)
        outcomes = [function(db) for function in functions]
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise
    return outcomes


def demand_known(db: sqlite3.Connection, key_id: str) -> None:
    """Raises StoreUnavailable where rows are no longer sealed with a key: others changed it meanwhile."""
    if db.execute("SELECT 1 FROM storage_keys WHERE id = ? AND retired = 0", (key_id,)).fetchone() is None:
        raise StoreUnavailable(
            f"The database no longer uses the storage key {key_id}, with which this process would write. "
            "Name its present key first under storage.encryption, and start anew."
        )


def _apart(db: sqlite3.Connection, function: Callable[[sqlite3.Connection], Any]) -> Any:
    db.execute("SAVEPOINT apart")
    try:
        outcome = function(db)
    except Exception as exc:
        if not db.in_transaction:
            raise  # A full disk and its like end the whole transaction, and the others with it.
        db.execute("ROLLBACK TO apart")
        outcome = _Failed(_in_our_words(exc))
    db.execute("RELEASE apart")
    return outcome


def _in_our_words(exc: BaseException) -> BaseException:
    if not isinstance(exc, sqlite3.Error):
        return exc
    error = translated(exc)
    error.__cause__ = exc
    return error


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
