"""API keys: who may speak as whom. Only a key's digest is kept, so a stolen database opens no door."""

from __future__ import annotations

import sqlite3
import time

from proxy.domain.placement import Policy
from proxy.domain.tree import UserId, new_id
from proxy.domain.turn import KeyKind, Limits
from proxy.errors import NotFound
from proxy.store.records import Key
from proxy.store.rows import KEY, plain, to_key
from proxy.store.sealing.values import sealed
from proxy.store.trees import make_user


def add_key(
    db: sqlite3.Connection,
    user_id: UserId,
    kind: KeyKind,
    digest: str,
    prefix: str,
    label: str | None,
    policy: Policy | None,
    honours_store: bool = False,
    limits: Limits | None = None,
) -> Key:
    """Keep a new key of a user, who is created where missing."""
    make_user(db, user_id)
    key_id = new_id("k")
    told = sealed(db, "keys.label", plain(label), key_id)
    db.execute(
        "INSERT INTO keys (id, user_id, kind, digest, prefix, label, policy, honours_store, created_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (key_id, user_id, kind, digest, prefix, told, policy, int(honours_store), time.time()),
    )
    limit_key(db, key_id, limits or Limits())
    key = key_by_digest(db, digest)
    assert key is not None
    return key


def limit_key(db: sqlite3.Connection, name: str, limits: Limits) -> Key:
    """Give a key in use, by its id or shown prefix, these limits in place of those it had. Raises NotFound."""
    key_id = _in_use(db, name)
    sql = "UPDATE keys SET requests_per_minute = ?, tokens_per_day = ?, at_once = ? WHERE id = ?"
    db.execute(sql, (limits.requests_per_minute, limits.tokens_per_day, limits.at_once, key_id))
    return to_key(db, db.execute(f"SELECT {KEY} FROM keys WHERE id = ?", (key_id,)).fetchone())


def key_by_digest(db: sqlite3.Connection, digest: str) -> Key | None:
    """The key with that digest unless it was revoked."""
    row = db.execute(f"SELECT {KEY} FROM keys WHERE digest = ? AND revoked_at IS NULL", (digest,)).fetchone()
    return to_key(db, row) if row else None


def keys(db: sqlite3.Connection) -> list[Key]:
    """All keys, revoked ones too, oldest first."""
    return [to_key(db, row) for row in db.execute(f"SELECT {KEY} FROM keys ORDER BY created_at, id")]


def revoke_key(db: sqlite3.Connection, name: str) -> Key:
    """Revoke a key by its id or by its shown prefix; returns it as it is now.

    Raises NotFound, also when a prefix is shared by several keys in use.
    """
    key_id = _in_use(db, name)
    db.execute("UPDATE keys SET revoked_at = ? WHERE id = ?", (time.time(), key_id))
    return to_key(db, db.execute(f"SELECT {KEY} FROM keys WHERE id = ?", (key_id,)).fetchone())


def has_keys(db: sqlite3.Connection) -> bool:
    """Whether any key was ever given out: a server whose last key was revoked must not fall open."""
    return db.execute("SELECT 1 FROM keys UNION ALL SELECT 1 FROM guarded LIMIT 1").fetchone() is not None


def touch_key(db: sqlite3.Connection, key_id: str, at: float) -> None:
    """Remember when a key was used last."""
    db.execute("UPDATE keys SET last_used_at = ? WHERE id = ?", (at, key_id))


def _in_use(db: sqlite3.Connection, name: str) -> str:
    """The id of the key in use with this id or shown prefix. Raises NotFound, also where several share the prefix."""
    found = db.execute(
        "SELECT id FROM keys WHERE (id = ? OR prefix = ?) AND revoked_at IS NULL", (name, name)
    ).fetchall()
    if len(found) != 1:
        what = "No key in use" if not found else "More than one key"
        raise NotFound(f"{what} has the id or prefix {name!r}. `graft keys list` shows them.")
    return str(found[0][0])
