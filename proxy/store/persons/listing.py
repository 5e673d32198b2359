"""Who is there, and how much is stored of them."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Final

from proxy.domain.ports import User
from proxy.domain.tree import UserId
from proxy.errors import NotFound
from proxy.store.records import Account
from proxy.store.trees import find_user

_ACCOUNTS: Final = """
    SELECT u.id, u.created_at, u.leaving_at IS NOT NULL,
           (SELECT count(*) FROM trees t WHERE t.user_id = u.id AND t.deleted_at IS NULL),
           (SELECT count(*) FROM trees t JOIN nodes n ON n.tree_id = t.id WHERE t.user_id = u.id),
           coalesce(k.held, 0),
           (SELECT max(updated_at) FROM trees t WHERE t.user_id = u.id AND t.deleted_at IS NULL)
    FROM users u
    LEFT JOIN (SELECT user_id, count(*) AS held FROM keys WHERE revoked_at IS NULL GROUP BY user_id) k ON k.user_id = u.id
"""
"""Keys are counted once for all: they are looked up by what is shown of them, not by whose they are."""


def accounts(db: sqlite3.Connection) -> list[Account]:
    """All users, by id."""
    return [_account(row) for row in db.execute(f"{_ACCOUNTS} ORDER BY u.id")]


def account(db: sqlite3.Connection, user_id: UserId) -> Account:
    """Raises NotFound."""
    row = db.execute(f"{_ACCOUNTS} WHERE u.id = ?", (user_id,)).fetchone()
    if row is None:
        raise NotFound(f"There is no user {user_id!r}.")
    return _account(row)


def absent(db: sqlite3.Connection, users: Sequence[User]) -> list[UserId]:
    """Who of these users was deleted, or is being deleted."""
    leaving = {id_ for (id_,) in db.execute("SELECT id FROM users WHERE leaving_at IS NOT NULL")}
    return [user.id for user in users if user.id in leaving or find_user(db, user.id) != user]


def _account(row: tuple[UserId, float, int, int, int, int, float | None]) -> Account:
    id_, created_at, is_leaving, trees, nodes, keys, used_at = row
    return Account(id_, created_at, trees, nodes, keys, used_at, bool(is_leaving))
