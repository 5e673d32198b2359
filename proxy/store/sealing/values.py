"""What the store's statements call at the rim of rows: values on their way in and out.

Without encryption each of these gives back what it got. This module loads no cryptography.
"""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Final, TypeVar, overload

from proxy.store.sealing.terms import Row

if TYPE_CHECKING:
    from proxy.store.sealing.cipher import Cipher

Text = TypeVar("Text", str, str | None)

MARKED_WITH: Final = "SELECT marked_with FROM users WHERE id = ?"


class Connection(sqlite3.Connection):
    """A connection that knows how values are sealed on it."""

    cipher: Cipher | None = None


def cipher_of(db: sqlite3.Connection) -> Cipher | None:
    """How values are sealed on a connection; `None` where they are not."""
    return getattr(db, "cipher", None)


@overload
def sealed(db: sqlite3.Connection, place: str, text: str, row: Row) -> str: ...
@overload
def sealed(db: sqlite3.Connection, place: str, text: None, row: Row) -> None: ...
@overload
def sealed(db: sqlite3.Connection, place: str, text: str | None, row: Row) -> str | None: ...
def sealed(db: sqlite3.Connection, place: str, text: str | None, row: Row) -> str | None:
    """A text as it is stored in a column (`table.column`) of a row."""
    cipher: Cipher | None = getattr(db, "cipher", None)  # as `cipher_of`, without its call
    return text if cipher is None or text is None else cipher.seal(place, text, row)


@overload
def opened(db: sqlite3.Connection, place: str, text: str, row: Row) -> str: ...
@overload
def opened(db: sqlite3.Connection, place: str, text: None, row: Row) -> None: ...
@overload
def opened(db: sqlite3.Connection, place: str, text: str | None, row: Row) -> str | None: ...
def opened(db: sqlite3.Connection, place: str, text: str | None, row: Row) -> str | None:
    """The reverse of `sealed`. Raises StoreError where the value is not what was stored there."""
    cipher: Cipher | None = getattr(db, "cipher", None)  # as `cipher_of`, without its call
    return text if cipher is None or text is None else cipher.open(place, text, row)


def sealed_bytes(db: sqlite3.Connection, place: str, data: bytes, row: Row) -> bytes:
    cipher: Cipher | None = getattr(db, "cipher", None)  # as `cipher_of`, without its call
    return data if cipher is None else cipher.seal_bytes(place, data, row)


def opened_bytes(db: sqlite3.Connection, place: str, data: bytes, row: Row) -> bytes:
    """Raises StoreError where the value is not what was stored there."""
    cipher: Cipher | None = getattr(db, "cipher", None)  # as `cipher_of`, without its call
    return data if cipher is None else cipher.open_bytes(place, data, row)


def marked(db: sqlite3.Connection, kind: str, text: Text, user_id: str) -> Text:
    """A user's text as it is stored where it is looked for: the same one each time."""
    cipher: Cipher | None = getattr(db, "cipher", None)  # as `cipher_of`, without its call
    if cipher is None or not text:
        return text
    row = db.execute(MARKED_WITH, (user_id,)).fetchone()
    return cipher.mark(kind, text, user_id, row[0] if row else cipher.writes)


def unmarked(db: sqlite3.Connection, kind: str, text: Text, user_id: str) -> Text:
    """The reverse of `marked`. Raises StoreError."""
    cipher: Cipher | None = getattr(db, "cipher", None)  # as `cipher_of`, without its call
    return text if cipher is None or not text else cipher.unmark(kind, text, user_id)
