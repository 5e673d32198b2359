"""Writes, in the order in which they came: those that wait together share a commit, and one's error is none of the others'."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, TypeVar

import aiosqlite

from proxy.errors import StoreUnavailable
from proxy.operations.figures import Figures
from proxy.store.connection import hand_over
from proxy.store.sealing.values import cipher_of
from proxy.store.troubles import found_no_room, in_our_words, is_passing

T = TypeVar("T")

SHARED: Final = 128
"""Most writes that share one commit; more would make the first wait for the last."""
_SIZES: Final = ((1, "1"), (4, "2-4"), (16, "5-16"), (SHARED, f"17-{SHARED}"))
"""How commits are told apart by the writes that share them."""

Transaction = Callable[[sqlite3.Connection], Any]


class Writer:
    """Runs transactions in the order in which they came; those that wait together share a commit."""

    def __init__(self, connection: aiosqlite.Connection, figures: Figures | None = None) -> None:
        self._connection = connection
        self._figures = figures or Figures()
        self._waiting: list[tuple[Transaction, asyncio.Future[Any]]] = []
        self._busy = False
        self._idle: asyncio.Future[None] | None = None

    def run(self, function: Callable[[sqlite3.Connection], T]) -> asyncio.Future[T]:
        """Run a transaction; done when it is committed. A caller that is cancelled may find it done all the same."""
        loop = asyncio.get_running_loop()
        outcome: asyncio.Future[T] = loop.create_future()
        self._waiting.append((function, outcome))
        if not self._busy:
            self._busy = True
            loop.call_soon(self._commit)  # so that others of this round of the loop share it
        return outcome

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
        functions, waiting = zip(*batch, strict=True)
        try:
            hand_over(
                self._connection,
                partial(_outcomes, functions=functions),
                partial(self._committed, waiting, time.perf_counter()),
            )
        except StoreUnavailable as exc:
            _settle(waiting, [_Failed(exc)] * len(batch))
            self._commit()

    def _committed(self, waiting: Sequence[asyncio.Future[Any]], began: float, outcomes: Sequence[Any]) -> None:
        self._commit()
        self._count(len(waiting), time.perf_counter() - began)
        _settle(waiting, outcomes)

    def _count(self, writes: int, seconds: float) -> None:
        figures = self._figures
        figures.count("graft_store_commits_total", next(told for most, told in _SIZES if writes <= most))
        figures.count("graft_store_writes_total", by=writes)
        figures.observe("graft_store_commit_seconds", seconds)


@dataclass(frozen=True, slots=True)
class _Failed:
    error: BaseException


def _settle(waiting: Sequence[asyncio.Future[Any]], outcomes: Sequence[Any]) -> None:
    """Tell those that wait, unless they have left."""
    for one, outcome in zip(waiting, outcomes, strict=True):
        if one.done():
            continue
        if isinstance(outcome, _Failed):
            one.set_exception(outcome.error)
        else:
            one.set_result(outcome)


def _outcomes(db: sqlite3.Connection, functions: Sequence[Transaction]) -> list[Any]:
    """What becomes of each function; all of them have failed where their commit has."""
    try:
        return _in_one_commit(db, functions)
    except BaseException as exc:  # noqa: BLE001 - those that wait are told
        return [_Failed(in_our_words(exc))] * len(functions)


def _in_one_commit(db: sqlite3.Connection, functions: Sequence[Transaction]) -> list[Any]:
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


def _with_room(db: sqlite3.Connection, functions: Sequence[Transaction]) -> list[Any]:
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


def _committed(db: sqlite3.Connection, functions: Sequence[Transaction]) -> list[Any]:
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


def _apart(db: sqlite3.Connection, function: Transaction) -> Any:
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
