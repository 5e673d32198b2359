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
from proxy.store.trees import make_user, no_personality

_COLUMNS: Final = "user_id, name, system_prompt, zone, metadata, created_at, updated_at"


def find(db: sqlite3.Connection, user_id: UserId, name: str) -> Personality | None:
    """The user's personality of that name."""
    row = db.execute(
        f"SELECT {_COLUMNS} FROM personalities WHERE user_id = ? AND name = ?", (user_id, plain(name))
    ).fetchone()
    return _personality(row) if row else None


def get(db: sqlite3.Connection, user_id: UserId, name: str) -> Personality:
    """Raises NotFound."""
    found = find(db, user_id, name)
    if found is None:
        raise no_personality(name)
    return found


def personalities(db: sqlite3.Connection, user_id: UserId) -> list[Personality]:
    """The user's, by name."""
    sql = f"SELECT {_COLUMNS} FROM personalities WHERE user_id = ? ORDER BY name"
    return [_personality(row) for row in db.execute(sql, (user_id,))]


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
    db.execute(
        f"INSERT INTO personalities ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)",
        (user_id, name, plain(system_prompt), plain(zone), to_json(metadata), now, now),
    )
    return get(db, user_id, name)


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
    for column, value in {**values, "updated_at": time.time()}.items():
        sql = f"UPDATE personalities SET {column} = ? WHERE user_id = ? AND name = ?"
        db.execute(sql, (value, user_id, name))
    return get(db, user_id, name)


def delete(db: sqlite3.Connection, user_id: UserId, name: str) -> None:
    """Trees that had it have none; what was said under it stays behind its wall. Raises NotFound."""
    get(db, user_id, name)
    db.execute("DELETE FROM personalities WHERE user_id = ? AND name = ?", (user_id, name))
    db.execute("UPDATE trees SET personality = NULL WHERE user_id = ? AND personality = ?", (user_id, name))


def _personality(row: tuple[Any, ...]) -> Personality:
    user_id, name, system_prompt, zone, metadata, created_at, updated_at = row
    return Personality(user_id, name, system_prompt, zone, from_json(metadata), created_at, updated_at)
