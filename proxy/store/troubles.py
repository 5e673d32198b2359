"""SQLite's errors in our words: what passes by itself, what is damaged, and what was wrong. Nothing above the store sees others."""

from __future__ import annotations

import sqlite3
from typing import Final

from proxy.errors import StoreError, StoreUnavailable

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
_ADVICE: Final[dict[int | None, str]] = {
    sqlite3.SQLITE_FULL: " Make room on its disk.",
    sqlite3.SQLITE_BUSY: " Another program holds it.",
    sqlite3.SQLITE_IOERR: " Its disk may be full, or failing.",
    sqlite3.SQLITE_READONLY: " Its file, its folder or its disk is read-only.",
}
REPAIRED_S: Final = 60.0
"""When to ask again what a damaged page kept from being answered; what stands on other pages is answered meanwhile."""


def translated(exc: sqlite3.Error, file: str | None = None) -> StoreError:
    """The error that callers see in place of SQLite's."""
    where = f" {file!r}" if file else ""
    if is_passing(exc):
        advice = _ADVICE.get(_code(exc), "")
        return StoreUnavailable(f"The database{where} cannot be used for the moment: {exc}.{advice}")
    if _code(exc) in _DAMAGED:
        return StoreUnavailable(
            f"The database{where} is damaged: {exc}. `graft verify` says where, `graft restore` puts a backup in its place.",
            retry_after_s=REPAIRED_S,
        )
    return StoreError(f"The database{where} refused: {exc}.")


def found_no_room(exc: sqlite3.Error) -> bool:
    """Whether something could not be written: the disk is full, or a quota is used up."""
    code = getattr(exc, "sqlite_errorcode", None)
    return code in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_WRITE)


def is_for_room(exc: StoreUnavailable) -> bool:
    """Whether the database cannot be used since it finds no room."""
    return isinstance(exc.__cause__, sqlite3.Error) and found_no_room(exc.__cause__)


def is_passing(exc: Exception) -> bool:
    """Whether an error says "not now"."""
    return _code(exc) in _PASSING


def _code(exc: Exception) -> int | None:
    """SQLite's primary result code."""
    code = getattr(exc, "sqlite_errorcode", None)
    return None if code is None else code & 0xFF


def in_our_words(exc: BaseException) -> BaseException:
    """An error of SQLite translated; any other as it is."""
    if not isinstance(exc, sqlite3.Error):
        return exc
    error = translated(exc)
    error.__cause__ = exc
    return error
