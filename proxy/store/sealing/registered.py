"""Which keys the values of a database are sealed with, kept in a table of its own, each with a proof that it is the one.

`plain` among them says that values may stand as they are. A store is opened only with all of these keys, so nothing is ever read
half; and before a value is sealed with a new key, that is written down here, while no server runs that does not know it.
"""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Final

from proxy.errors import ConfigError, StoreError
from proxy.store.sealing.terms import PLAIN

if TYPE_CHECKING:
    from proxy.store.sealing.cipher import Cipher

PLACE: Final = "storage_keys.proof"
PROOF: Final = "This opens with the right key."
UNKNOWN_TO_SERVER: Final = (
    "A server uses the database and does not know the storage key that would seal from now on. "
    "Stop it, or start it anew with the same storage.encryption."
)


def ids(db: sqlite3.Connection) -> dict[str, bool]:
    """The keys of a database, and whether new values may get them."""
    return {id_: not retired for id_, retired in db.execute("SELECT id, retired FROM storage_keys")}


def check(db: sqlite3.Connection, cipher: Cipher | None) -> bool:
    """Whether the key that would seal is new to the database. Raises ConfigError where the keys at hand are not its own."""
    there = ids(db)
    opens, writes = (cipher.opens, cipher.writes) if cipher is not None else (frozenset({PLAIN}), PLAIN)
    if lacking := sorted(set(there) - opens - {PLAIN}):
        raise ConfigError(
            f"The database is encrypted with the storage key {lacking[0]}, "
            + ("and storage.encryption names another." if cipher else "and storage.encryption names none.")
            + " Name that key there; its id is what `graft keys storage-key --show` prints of a key."
        )
    if PLAIN not in opens and PLAIN in there and not _is_new(db):
        raise ConfigError(
            "The database is not encrypted, or not all of it, and storage.encryption names a key. Write `plain: true` as the "
            "last of storage.encryption and run `graft keys rotate-storage`, or take storage.encryption out."
        )
    if cipher is not None:
        _prove(db, cipher)
    return not there.get(writes, False)


def take_in(db: sqlite3.Connection, cipher: Cipher | None) -> None:
    """Write down the key that seals from now on; in a database without a user it is the only one. Raises StoreError."""
    db.execute("BEGIN IMMEDIATE")
    try:
        if _is_new(db):
            db.execute("DELETE FROM storage_keys")
        _add(db, cipher)
        db.execute("COMMIT")
    except BaseException:
        db.execute("ROLLBACK")
        raise


def retire_others(db: sqlite3.Connection, cipher: Cipher) -> None:
    """From now on no value gets another key."""
    db.execute("UPDATE storage_keys SET retired = id <> ?", (cipher.writes,))


def keep_only(db: sqlite3.Connection, cipher: Cipher) -> None:
    """No value is sealed with another key any more."""
    db.execute("DELETE FROM storage_keys WHERE id <> ?", (cipher.writes,))


def _add(db: sqlite3.Connection, cipher: Cipher | None) -> None:
    id_ = cipher.writes if cipher is not None else PLAIN
    proof = cipher.seal(PLACE, PROOF, id_) if cipher is not None else PROOF
    db.execute("INSERT INTO storage_keys (id, proof) VALUES (?, ?) ON CONFLICT DO UPDATE SET retired = 0", (id_, proof))


def _prove(db: sqlite3.Connection, cipher: Cipher) -> None:
    """Raises ConfigError."""
    for id_, proof in db.execute("SELECT id, proof FROM storage_keys WHERE id <> ?", (PLAIN,)):
        try:
            cipher.open(PLACE, proof, id_)
        except StoreError as exc:
            raise ConfigError(f"The storage key {id_} does not open what the database says it opens.") from exc


def _is_new(db: sqlite3.Connection) -> bool:
    return db.execute("SELECT 1 FROM users LIMIT 1").fetchone() is None
