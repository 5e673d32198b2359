"""Users, their trees and their zones: the rows that hold no conversation."""

from __future__ import annotations

import secrets
import sqlite3
import time

from proxy.domain.ports import User
from proxy.domain.tree import Tree, TreeId, UserId, new_id
from proxy.domain.zone import DataZone, ZoneName
from proxy.errors import NotFound
from proxy.store.rows import TREE, plain, to_json, to_tree

ANY_TREE = ""
"""Stands in `zones.tree_id` for zones that hold for all trees."""


def find_user(db: sqlite3.Connection, user_id: UserId) -> User | None:
    row = db.execute("SELECT id, secret FROM users WHERE id = ?", (user_id,)).fetchone()
    return User(*row) if row else None


def make_user(db: sqlite3.Connection, user_id: UserId) -> User:
    """The user, created where missing."""
    db.execute(
        "INSERT INTO users (id, secret, created_at) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
        (user_id, secrets.token_bytes(32), time.time()),
    )
    user = find_user(db, user_id)
    assert user is not None
    return user


def secret_of(db: sqlite3.Connection, user_id: UserId) -> bytes:
    """What keys the hashes of the user's text. Raises NotFound."""
    user = find_user(db, user_id)
    if user is None:
        raise NotFound(f"The user {user_id!r} does not exist.")
    return user.secret


def find_tree(db: sqlite3.Connection, user_id: UserId, name: str) -> Tree | None:
    sql = f"SELECT {TREE} FROM trees WHERE user_id = ? AND name = ? AND deleted_at IS NULL"
    row = db.execute(sql, (user_id, name)).fetchone()
    return to_tree(row) if row else None


def make_tree(db: sqlite3.Connection, user_id: UserId, name: str) -> Tree:
    """The user's tree of that name, created where missing."""
    now = time.time()
    make_user(db, user_id)
    db.execute(
        "INSERT INTO trees (id, user_id, name, created_at, updated_at) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        (new_id("t"), user_id, name, now, now),
    )
    tree = find_tree(db, user_id, name)
    assert tree is not None
    return tree


def tree_of(db: sqlite3.Connection, user_id: UserId, tree_id: TreeId) -> Tree:
    sql = f"SELECT {TREE} FROM trees WHERE user_id = ? AND id = ? AND deleted_at IS NULL"
    row = db.execute(sql, (user_id, tree_id)).fetchone()
    if row is None:
        raise no_tree(tree_id)
    return to_tree(row)


def trees(db: sqlite3.Connection, user_id: UserId) -> list[Tree]:
    """The user's trees, the one used last first."""
    sql = f"SELECT {TREE} FROM trees WHERE user_id = ? AND deleted_at IS NULL ORDER BY updated_at DESC, id"
    return [to_tree(row) for row in db.execute(sql, (user_id,))]


def rename(db: sqlite3.Connection, user_id: UserId, tree_id: TreeId, title: str | None) -> None:
    """Give a tree a title; its name, which clients use, stays."""
    _update(db, "title", plain(title), user_id, tree_id)


def set_system_prompt(db: sqlite3.Connection, user_id: UserId, tree_id: TreeId, text: str | None) -> None:
    _update(db, "system_prompt", plain(text), user_id, tree_id)


def set_max_context_tokens(db: sqlite3.Connection, user_id: UserId, tree_id: TreeId, tokens: int | None) -> None:
    _update(db, "max_context_tokens", tokens, user_id, tree_id)


def set_metadata_item(db: sqlite3.Connection, user_id: UserId, tree_id: TreeId, name: str, value: object) -> None:
    """Keep a JSON value under a name of the caller's; `None` takes it away."""
    metadata = dict(tree_of(db, user_id, tree_id).metadata)
    metadata[name] = value
    if value is None:
        del metadata[name]
    _update(db, "metadata", to_json(metadata), user_id, tree_id)


def zones(db: sqlite3.Connection, user_id: UserId, tree_id: TreeId) -> list[DataZone]:
    """The user's zones, then the tree's; empty ones left out."""
    sql = """
        SELECT name, tree_id, text, updated_at FROM zones
        WHERE user_id = ? AND tree_id IN (?, ?) AND text <> ''
        ORDER BY tree_id, name
    """
    return [
        DataZone(name, user_id, of or None, text, updated_at)
        for name, of, text, updated_at in db.execute(sql, (user_id, ANY_TREE, tree_id))
    ]


def put_zone(db: sqlite3.Connection, user_id: UserId, tree_id: TreeId | None, name: ZoneName, text: str) -> None:
    """Replace a zone's text; `tree_id` is `None` for zones that hold for all trees. Raises NotFound."""
    make_user(db, user_id)
    if tree_id is not None:
        tree_of(db, user_id, tree_id)
    db.execute(
        "INSERT INTO zones (user_id, tree_id, name, text, updated_at) VALUES (?, ?, ?, ?, ?)"
        " ON CONFLICT DO UPDATE SET text = excluded.text, updated_at = excluded.updated_at",
        (user_id, tree_id or ANY_TREE, name, plain(text), time.time()),
    )


def _update(db: sqlite3.Connection, column: str, value: object, user_id: UserId, tree_id: TreeId) -> None:
    changed = db.execute(
        f"UPDATE trees SET {column} = ?, updated_at = ? WHERE user_id = ? AND id = ? AND deleted_at IS NULL",
        (value, time.time(), user_id, tree_id),
    )
    if not changed.rowcount:
        raise no_tree(tree_id)


def no_tree(tree_id: TreeId) -> NotFound:
    return NotFound(f"The tree {tree_id!r} does not exist here.")
