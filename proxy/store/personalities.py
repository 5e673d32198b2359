"""Personalities: named by their user, attached to trees."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Mapping
from typing import Any, Final

from proxy.domain.tree import UserId
from proxy.domain.zone import Personality
from proxy.errors import InvalidRequest
from proxy.store.rows import from_json, plain, to_json
from proxy.store.sealing.values import cipher_of, marked, opened, sealed, unmarked
from proxy.store.trees import make_user, no_personality

_COLUMNS: Final = "user_id, name, system_prompt, zone, metadata, created_at, updated_at"


def find(db: sqlite3.Connection, user_id: UserId, name: str) -> Personality | None:
    """The user's personality of that name."""
    row = db.execute(
        f"SELECT {_COLUMNS} FROM personalities WHERE user_id = ? AND name = ?",
        (user_id, marked(db, "personality", plain(name), user_id)),
    ).fetchone()
    return _personality(db, row) if row else None


def get(db: sqlite3.Connection, user_id: UserId, name: str) -> Personality:
    """Raises NotFound."""
    found = find(db, user_id, name)
    if found is None:
        raise no_personality(name)
    return found


def personalities(db: sqlite3.Connection, user_id: UserId) -> list[Personality]:
    """The user's, by name."""
    rows = db.execute(f"SELECT {_COLUMNS} FROM personalities WHERE user_id = ?", (user_id,))
    return sorted((_personality(db, row) for row in rows), key=lambda one: one.name)


def create(
    db: sqlite3.Connection,
    user_id: UserId,
    name: str,
    system_prompt: str | None,
    zone: str,
    metadata: Mapping[str, object],
) -> Personality:
    """Raises InvalidRequest when the name is taken."""
    make_user(db, user_id)
    if find(db, user_id, name) is not None:
        raise InvalidRequest(
            f"There is a personality {name!r} already; names are unique.", param="name", code="name_taken"
        )
    now = time.time()
    keep(db, Personality(user_id, name, system_prompt, zone, metadata, now, now))
    return get(db, user_id, name)


def keep(db: sqlite3.Connection, one: Personality) -> None:
    """Store one whose name is free."""
    name = plain(one.name) or ""
    row = (one.user_id, name)
    db.execute(
        f"INSERT INTO personalities ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            one.user_id,
            marked(db, "personality", name, one.user_id),
            sealed(db, "personalities.system_prompt", plain(one.system_prompt), row),
            sealed(db, "personalities.zone", plain(one.zone), row),
            sealed(db, "personalities.metadata", to_json(one.metadata), row),
            one.created_at,
            one.updated_at,
        ),
    )


def update(db: sqlite3.Connection, user_id: UserId, name: str, changes: Mapping[str, object]) -> Personality:
    """Change its system prompt, zone or metadata; metadata item by item, `None` takes one away. Raises NotFound."""
    before = get(db, user_id, name)
    values: dict[str, Any] = {
        column: plain(text)
        for column in ("system_prompt", "zone")
        if column in changes and isinstance(text := changes[column], str | None)
    }
    if isinstance(items := changes.get("metadata"), Mapping):
        kept = {key: value for key, value in {**before.metadata, **items}.items() if value is not None}
        values["metadata"] = to_json(kept)
    values = {
        column: sealed(db, f"personalities.{column}", text, (user_id, before.name)) for column, text in values.items()
    }
    for column, value in {**values, "updated_at": time.time()}.items():
        sql = f"UPDATE personalities SET {column} = ? WHERE user_id = ? AND name = ?"
        db.execute(sql, (value, user_id, marked(db, "personality", before.name, user_id)))
    return get(db, user_id, name)


def delete(db: sqlite3.Connection, user_id: UserId, name: str) -> None:
    """Trees that had it have none; what was said under it stays behind its wall. Raises NotFound."""
    mark = marked(db, "personality", get(db, user_id, name).name, user_id)
    db.execute("DELETE FROM personalities WHERE user_id = ? AND name = ?", (user_id, mark))
    db.execute("UPDATE trees SET personality = NULL WHERE user_id = ? AND personality = ?", (user_id, mark))


def _personality(db: sqlite3.Connection, row: tuple[Any, ...]) -> Personality:
    user_id, mark, system_prompt, zone, metadata, created_at, updated_at = row
    name = unmarked(db, "personality", mark, user_id)
    if cipher_of(db) is not None:
        system_prompt = opened(db, "personalities.system_prompt", system_prompt, (user_id, name))
        zone = opened(db, "personalities.zone", zone, (user_id, name))
        metadata = opened(db, "personalities.metadata", metadata, (user_id, name))
    return Personality(user_id, name, system_prompt, zone, from_json(metadata), created_at, updated_at)
