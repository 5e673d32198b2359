"""Users and their trees: the rows that hold no conversation."""

from __future__ import annotations

import secrets
import sqlite3
import time
from collections.abc import Mapping
from typing import Final

from proxy.domain.ports import User
from proxy.domain.tree import Tree, TreeId, UserId, new_id
from proxy.errors import InvalidRequest, NotFound, StoreUnavailable
from proxy.store.rows import TREE, plain, to_json, to_tree
from proxy.store.sealing.terms import PLAIN
from proxy.store.sealing.values import MARKED_WITH, cipher_of, marked, opened, opened_bytes, sealed, sealed_bytes

BACK_AFTER_S: Final = 5.0
"""When somebody who is still being deleted may come back."""


def find_user(db: sqlite3.Connection, user_id: UserId) -> User | None:
    row = db.execute("SELECT id, secret FROM users WHERE id = ?", (user_id,)).fetchone()
    return User(row[0], opened_bytes(db, "users.secret", row[1], row[0])) if row else None


def staying_user(db: sqlite3.Connection, user_id: UserId) -> User | None:
    """The same for requests. Raises StoreUnavailable for a user who is being deleted."""
    if db.execute("SELECT 1 FROM users WHERE id = ? AND leaving_at IS NOT NULL", (user_id,)).fetchone():
        raise StoreUnavailable(f"The user {user_id!r} is being deleted.", retry_after_s=BACK_AFTER_S)
    return find_user(db, user_id)


def make_user(db: sqlite3.Connection, user_id: UserId) -> User:
    """The user, created where missing."""
    if (user := find_user(db, user_id)) is not None:
        return user
    add_user(db, User(user_id, secrets.token_bytes(32)), time.time())
    user = find_user(db, user_id)
    assert user is not None
    return user


def add_user(db: sqlite3.Connection, user: User, at: float, marked_with: str | None = None) -> None:
    """Keep a new user, whose marks are made with the key that seals now, or with that one."""
    cipher = cipher_of(db)
    with_key = marked_with or (cipher.writes if cipher else PLAIN)
    db.execute(
        "INSERT INTO users (id, secret, created_at, marked_with) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
        (user.id, sealed_bytes(db, "users.secret", user.secret, user.id), at, with_key),
    )


def marked_with(db: sqlite3.Connection, user_id: UserId) -> str:
    """The key with which a known user's marks are made."""
    (key_id,) = db.execute(MARKED_WITH, (user_id,)).fetchone()
    return str(key_id)


def secret_of(db: sqlite3.Connection, user_id: UserId) -> bytes:
    """What keys the hashes of the user's text. Raises NotFound."""
    user = find_user(db, user_id)
    if user is None:
        raise NotFound(f"The user {user_id!r} does not exist.")
    return user.secret


def find_tree(db: sqlite3.Connection, user_id: UserId, name: str) -> Tree | None:
    sql = f"SELECT {TREE} FROM trees WHERE user_id = ? AND name = ? AND deleted_at IS NULL"
    row = db.execute(sql, (user_id, marked(db, "tree", name, user_id))).fetchone()
    return to_tree(db, row) if row else None


def make_tree(db: sqlite3.Connection, user_id: UserId, name: str, tree_id: TreeId | None = None) -> Tree:
    """The user's tree of that name, created where missing; under a free id, if one is given."""
    now = time.time()
    make_user(db, user_id)
    db.execute(
        "INSERT INTO trees (id, user_id, name, created_at, updated_at) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        (tree_id or new_id("t"), user_id, marked(db, "tree", name, user_id), now, now),
    )
    tree = find_tree(db, user_id, name)
    assert tree is not None
    return tree


def tree_of(db: sqlite3.Connection, user_id: UserId, tree_id: TreeId) -> Tree:
    sql = f"SELECT {TREE} FROM trees WHERE user_id = ? AND id = ? AND deleted_at IS NULL"
    row = db.execute(sql, (user_id, tree_id)).fetchone()
    if row is None:
        raise no_tree(tree_id)
    return to_tree(db, row)


def trees(db: sqlite3.Connection, user_id: UserId) -> list[Tree]:
    """The user's trees, the one used last first."""
    sql = f"SELECT {TREE} FROM trees WHERE user_id = ? AND deleted_at IS NULL ORDER BY updated_at DESC, id"
    return [to_tree(db, row) for row in db.execute(sql, (user_id,))]


def create_tree(
    db: sqlite3.Connection,
    user_id: UserId,
    name: str | None,
    title: str | None,
    system_prompt: str | None,
    metadata: Mapping[str, object],
    max_context_tokens: int | None,
    participants: Mapping[str, str],
    personality: str | None = None,
) -> Tree:
    """A new tree; without a name it is called by its id.

    Raises InvalidRequest when the name is taken, NotFound for an unknown personality.
    """
    make_user(db, user_id)
    tree_id = TreeId(new_id("t"))
    name = plain(name) or tree_id
    if find_tree(db, user_id, name) is not None:
        raise InvalidRequest(f"There is a tree {name!r} already; names are unique.", param="name", code="name_taken")
    _check_personality(db, user_id, personality)
    now = time.time()
    db.execute(
        "INSERT INTO trees (id, user_id, name, title, system_prompt, metadata, max_context_tokens, participants,"
        " personality, created_at, updated_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            tree_id,
            user_id,
            marked(db, "tree", name, user_id),
            sealed(db, "trees.title", plain(title), tree_id),
            sealed(db, "trees.system_prompt", plain(system_prompt), tree_id),
            sealed(db, "trees.metadata", to_json(metadata), tree_id),
            max_context_tokens,
            sealed(db, "trees.participants", to_json(participants), tree_id),
            marked(db, "personality", plain(personality), user_id),
            now,
            now,
        ),
    )
    return tree_of(db, user_id, tree_id)


def update_tree(db: sqlite3.Connection, user_id: UserId, tree_id: TreeId, changes: Mapping[str, object]) -> Tree:
    """Change a tree: metadata and participants item by item, its other fields as they are named. Raises NotFound."""
    tree = tree_of(db, user_id, tree_id)
    if isinstance(named := changes.get("personality"), str):
        _check_personality(db, user_id, named)
    for column in ("title", "system_prompt", "max_context_tokens", "personality"):
        if column in changes:
            value = changes[column]
            _update(db, column, plain(value) if isinstance(value, str) else value, user_id, tree_id)
    for column, before in (("metadata", tree.metadata), ("participants", tree.participants)):
        if isinstance(items := changes.get(column), Mapping):
            kept = {key: value for key, value in {**before, **items}.items() if value is not None}
            _update(db, column, to_json(kept), user_id, tree_id)
    return tree_of(db, user_id, tree_id)


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


def set_title(db: sqlite3.Connection, user_id: UserId, tree_id: TreeId, title: str, *, only_first: bool) -> bool:
    """Title a tree; with `only_first` one that has no title yet. Whether it was done. Raises NotFound."""
    if only_first and tree_of(db, user_id, tree_id).title is not None:
        return False
    _update(db, "title", plain(title), user_id, tree_id)
    return True


def scratchpad(db: sqlite3.Connection, user_id: UserId, tree_id: TreeId) -> str:
    """A program's notes beside a tree; empty for none. Raises NotFound."""
    sql = "SELECT coalesce(scratchpad, '') FROM trees WHERE user_id = ? AND id = ? AND deleted_at IS NULL"
    row = db.execute(sql, (user_id, tree_id)).fetchone()
    if row is None:
        raise no_tree(tree_id)
    return opened(db, "trees.scratchpad", str(row[0]), tree_id)


def set_scratchpad(db: sqlite3.Connection, user_id: UserId, tree_id: TreeId, text: str) -> None:
    """Replace the notes; empty text is none. Raises NotFound."""
    _update(db, "scratchpad", plain(text) or None, user_id, tree_id)


def append_scratchpad(db: sqlite3.Connection, user_id: UserId, tree_id: TreeId, text: str, most: int) -> str:
    """Add to the notes on a line of their own; returns the whole. Raises as `zones.append`."""
    whole = appended(scratchpad(db, user_id, tree_id), text, most)
    set_scratchpad(db, user_id, tree_id, whole)
    return whole


def append_system_prompt(db: sqlite3.Connection, user_id: UserId, tree_id: TreeId, text: str, most: int) -> str:
    """Add to a tree's system prompt on a line of its own; returns the whole. Raises as `zones.append`."""
    whole = appended(tree_of(db, user_id, tree_id).system_prompt, text, most)
    _update(db, "system_prompt", plain(whole), user_id, tree_id)
    return whole


def appended(before: str | None, text: str, most: int) -> str:
    """Text with more of it on a line of its own. Raises InvalidRequest when it would have more than `most` characters."""
    whole = f"{before}\n{text}" if before else text
    if len(whole) > most:
        raise InvalidRequest(f"The whole would have {len(whole)} characters; {most} are allowed.", param="text")
    return whole


def no_personality(name: str) -> NotFound:
    return NotFound(
        f"The personality {name!r} does not exist here. GET /api/personalities lists those that do.",
        param="personality",
        code="personality_not_found",
    )


def _check_personality(db: sqlite3.Connection, user_id: UserId, name: str | None) -> None:
    sql = "SELECT 1 FROM personalities WHERE user_id = ? AND name = ?"
    if (
        name is not None
        and db.execute(sql, (user_id, marked(db, "personality", plain(name), user_id))).fetchone() is None
    ):
        raise no_personality(name)


def _update(db: sqlite3.Connection, column: str, value: object, user_id: UserId, tree_id: TreeId) -> None:
    if isinstance(value, str):
        is_mark = column == "personality"
        value = marked(db, column, value, user_id) if is_mark else sealed(db, f"trees.{column}", value, tree_id)
    changed = db.execute(
        f"UPDATE trees SET {column} = ?, updated_at = ? WHERE user_id = ? AND id = ? AND deleted_at IS NULL",
        (value, time.time(), user_id, tree_id),
    )
    if not changed.rowcount:
        raise no_tree(tree_id)


def no_tree(tree_id: TreeId) -> NotFound:
    return NotFound(f"The tree {tree_id!r} does not exist here.")
