"""Writes, in the order in which they came: those that wait together share a commit, and one's error is none of the others'."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Generic, TypeVar

import aiosqlite

from proxy.domain.values import value
from proxy.errors import StoreUnavailable
from proxy.operations.figures import Figures
from proxy.store.connection import handed_over
from proxy.store.sealing.values import cipher_of
from proxy.store.troubles import found_no_room, in_our_words, is_passing

T = TypeVar("T")

SHARED: Final = 128
"""Most writes that share one commit; more would make the first wait for the last."""
_SIZES: Final = ((1, "1"), (4, "2-4"), (16, "5-16"), (SHARED, f"17-{SHARED}"))
"""How commits are told apart by the writes that share them."""


@value(frozen=True, slots=True)
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
            outcomes = [_Failed(in_our_words(error))] * len(batch)
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
        return _with_room(db, functions)
    except Exception as exc:
        if len(functions) == 1 or is_passing(exc):
            raise
    return _committed(db, [partial(_apart, function=function) for function in functions])


def _with_room(db: sqlite3.Connection, functions: list[Callable[[sqlite3.Connection], Any]]) -> list[Any]:
    """The same as `_committed`; on a full disk once more after the log was cut, which may be what fills it."""
    try:
        return _committed(db, functions)
    except sqlite3.Error as exc:
        if not found_no_room(exc) or not _cut_log(db):
            raise
    return _committed(db, functions)


def _cut_log(db: sqlite3.Connection) -> bool:
    """Carry the log into the file and cut it to nothing; false where that cannot be done at once."""
    (patience_ms,) = db.execute("PRAGMA busy_timeout").fetchone()
    db.execute("PRAGMA busy_timeout = 0")
    try:
        busy, *_ = db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    except sqlite3.Error:  # the file itself would have to grow
        return False
    finally:
        db.execute(f"PRAGMA busy_timeout = {patience_ms}")
    return not busy


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
        outcome = _Failed(in_our_words(exc))
    db.execute("RELEASE apart")
    return outcome
