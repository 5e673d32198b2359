"""How one value is sealed: AES-256-GCM, bound to the place where it stands, so that no row passes for another.

A sealed value is the name of its key (6 bytes), a random nonce (12), the ciphertext and its tag (16); in a text column it is `~` and
the base64 of that. A *mark* is a text that must be found again, such as a tree's name: AES-SIV (RFC 5297) gives the same mark for
the same text of the same user, so equal ones are seen to be equal, and nothing else is.

What is empty (`''`, `{}`, `[]`) is left as it is: it holds nothing, and statements ask for it.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

import msgspec
from cryptography.exceptions import InvalidTag

from proxy.errors import StoreError, StoreUnavailable
from proxy.store.sealing.keys import NAME_BYTES, StorageKey
from proxy.store.sealing.terms import PLAIN, Row

SIGN: Final = "~"
EMPTY: Final = frozenset(("", "{}", "[]"))
NONCE_BYTES: Final = 12
LETTERS: Final = NAME_BYTES * 4 // 3
"""Of a key's name in base64."""
KEPT_MARKS: Final = 4_096

_letters = msgspec.json.Encoder().encode
"""Bytes as base64 in quotes: the fastest way there is here."""
_bytes = msgspec.json.Decoder(bytes).decode


class Sealed(StoreError):
    """A value that cannot be opened: changed, moved from another row, or written by other means."""


class Cipher:
    """Seals with its first key and opens what any of its keys sealed; `None` among them stands for values as they are."""

    def __init__(self, keys: Sequence[StorageKey | None]) -> None:
        self._first = keys[0]
        self._keys = {key.name: key for key in keys if key is not None}
        self._by_letters = {_text_of(name)[1:]: key for name, key in self._keys.items()}
        self._by_id = {key.id: key for key in keys if key is not None}
        self._takes_plain = None in keys
        self._mark = lru_cache(KEPT_MARKS)(self._new_mark)

    @property
    def writes(self) -> str:
        """The id of the key that new values are sealed with; `plain` for none."""
        return self._first.id if self._first else PLAIN

    @property
    def is_sealing(self) -> bool:
        return self._first is not None

    @property
    def opens(self) -> frozenset[str]:
        """The ids of all keys; `plain` among them where values may stand as they are."""
        return frozenset(self._by_id) | ({PLAIN} if self._takes_plain else frozenset())

    def seal(self, place: str, text: str, row: Row) -> str:
        """Seal a text for a column (`table.column`) of a row."""
        if self._first is None or text in EMPTY:
            return text
        return _text_of(_sealed(self._first, place, text.encode(), row))

    def open(self, place: str, text: str, row: Row) -> str:
        """Raises Sealed."""
        if text in EMPTY:
            return text
        key = self._key_of(text)
        if key is None:
            self._demand_plain(place, row)
            return text
        return _opened(key, place, _bytes_of(text, place, row), row).decode()

    def seal_bytes(self, place: str, data: bytes, row: Row) -> bytes:
        return data if self._first is None or not data else _sealed(self._first, place, data, row)

    def open_bytes(self, place: str, data: bytes, row: Row) -> bytes:
        """Raises Sealed."""
        if not data:
            return data
        key = self._keys.get(data[:NAME_BYTES])
        if key is None:
            self._demand_plain(place, row)
            return data
        return _opened(key, place, data, row)

    def mark(self, kind: str, text: str, user_id: str, key_id: str) -> str:
        """The mark of a user's text, made with a certain key. Raises Sealed where that is not at hand."""
        if key_id == PLAIN or text in EMPTY:
            return text
        return self._mark(kind, text, user_id, key_id)

    def unmark(self, kind: str, text: str, user_id: str) -> str:
        """The text of a mark. Raises Sealed."""
        if text in EMPTY:
            return text
        key = self._key_of(text)
        if key is None:
            self._demand_plain(kind, user_id)
            return text
        try:
            return key.mark.decrypt(
                _bytes_of(text, kind, user_id)[NAME_BYTES:], [kind.encode(), user_id.encode()]
            ).decode()
        except (InvalidTag, ValueError) as exc:
            raise _broken(kind, user_id) from exc

    def sealer(self, value: str | bytes) -> str:
        """The id of the key that a value was sealed with; `plain` for a value as it is."""
        key = self._keys.get(value[:NAME_BYTES]) if isinstance(value, bytes) else self._key_of(value)
        return PLAIN if key is None else key.id

    def head(self, *, of_bytes: bool) -> str | bytes:
        """What all values begin with that the first key sealed; `is_sealing`."""
        assert self._first is not None
        return self._first.name if of_bytes else _text_of(self._first.name)

    def _new_mark(self, kind: str, text: str, user_id: str, key_id: str) -> str:
        key = self._by_id.get(key_id)
        if key is None:
            raise StoreUnavailable(_lacking(key_id))
        return _text_of(key.name + key.mark.encrypt(text.encode(), [kind.encode(), user_id.encode()]))

    def _key_of(self, text: str) -> StorageKey | None:
        return self._by_letters.get(text[1 : 1 + LETTERS]) if text[:1] == SIGN else None

    def _demand_plain(self, place: str, row: Row) -> None:
        if not self._takes_plain:
            raise _broken(place, row)


def _lacking(key_id: str) -> str:
    return f"Rows are sealed with the key {key_id}, which storage.encryption does not name."


def _sealed(key: StorageKey, place: str, data: bytes, row: Row) -> bytes:
    nonce = os.urandom(NONCE_BYTES)
    return key.name + nonce + key.seal.encrypt(nonce, data, _bound(place, row))


def _opened(key: StorageKey, place: str, data: bytes, row: Row) -> bytes:
    start = NAME_BYTES + NONCE_BYTES
    try:
        return key.seal.decrypt(data[NAME_BYTES:start], data[start:], _bound(place, row))
    except (InvalidTag, ValueError) as exc:
        raise _broken(place, row) from exc


def _bound(place: str, row: Row) -> bytes:
    return f"{place}\x1f{row if isinstance(row, str) else chr(0x1F).join(row)}".encode()


def _text_of(data: bytes) -> str:
    return SIGN + _letters(data)[1:-1].decode()


def _bytes_of(text: str, place: str, row: Row) -> bytes:
    try:
        return _bytes(f'"{text[1:]}"')
    except msgspec.DecodeError as exc:
        raise _broken(place, row) from exc


def _broken(place: str, row: Row) -> Sealed:
    told = row if isinstance(row, str) else "/".join(row)
    return Sealed(f"The value {place} of {told!r} cannot be opened: it was changed, or sealed elsewhere.")
