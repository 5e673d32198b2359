"""Questions of a few rows, answered where they are asked: on the event loop, over a connection of its own.

A hop to a thread and back costs more CPU time than any look-up by index of rows that are in the page cache. Whatever may take
long (whole trees, long paths, searches) goes to the reader's thread, and so does a question that would have to wait: nothing
here ever waits for another process.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from proxy.store.connection import CACHED_STATEMENTS, configure, on_one_snapshot
from proxy.store.sealing.values import Connection
from proxy.store.troubles import is_passing

if TYPE_CHECKING:
    from proxy.store.sealing.cipher import Cipher

T = TypeVar("T")


class Busy(Exception):
    """Not now: ask on the reader's thread, which can wait."""


class Glances:
    """Looks into a database file; belongs to the thread that made it."""

    def __init__(self, file: str, synchronous: str, cipher: Cipher | None = None) -> None:
        self._db = sqlite3.connect(file, isolation_level=None, cached_statements=CACHED_STATEMENTS, factory=Connection)
        try:
            configure(self._db, synchronous=synchronous, read_only=True, cipher=cipher)
            self._db.execute("PRAGMA busy_timeout = 0")
        except BaseException:
            self._db.close()
            raise

    def run(self, function: Callable[[sqlite3.Connection], T]) -> T:
        """Run a question of one statement, or of several that need not see the same commit. Raises Busy."""
        try:
            if self._db.cipher is not None:  # what a name is stored as, and where it is, are two questions
                return on_one_snapshot(self._db, function)
            return function(self._db)
        except sqlite3.Error as exc:
            if is_passing(exc):
                raise Busy from exc
            raise

    def close(self) -> None:
        self._db.close()
