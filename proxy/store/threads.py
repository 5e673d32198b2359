"""Where a store's statements run: what the parts of `SqliteStore` ask of it."""

from __future__ import annotations

import sqlite3
from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

T = TypeVar("T")


class Threads(Protocol):
    """Runs functions of a connection."""

    @property
    def is_encrypted(self) -> bool:
        """Whether what is stored from now on is sealed."""
        ...

    def _read(self, function: Callable[[sqlite3.Connection], T]) -> Awaitable[T]:
        """On the reader's thread."""
        ...

    async def _glance(self, function: Callable[[sqlite3.Connection], T]) -> T:
        """A short question, at once where possible."""
        ...

    def _write(self, function: Callable[[sqlite3.Connection], T]) -> Awaitable[T]:
        """As one transaction; returns when it is committed."""
        ...
