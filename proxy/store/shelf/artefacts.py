"""Artefacts of one user: titled texts in versions that are added and removed, never changed."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

from proxy.domain.artefact import BODY_MAX, Artefact, Brought, Version
from proxy.domain.fingerprint import Hash
from proxy.domain.tree import NodeId, TreeId, UserId, new_id
from proxy.errors import InvalidRequest, NotFound
from proxy.store.browse.pages import Page
from proxy.store.rows import Row, from_json, plain, to_json
from proxy.store.sealing.values import cipher_of, marked, opened, sealed, unmarked
from proxy.store.shelf import blobs, forgetting, loads
from proxy.store.trees import tree_of

MEDIA_TYPE: Final = "text/plain"

VERSION: Final = "v.version, b.size, v.note, v.reverts_to, v.at"
VERSION_FROM: Final = "artefact_versions v JOIN blobs b ON b.user_id = v.user_id AND b.hash = v.hash"
ARTEFACT: Final = f"""
    SELECT a.id, a.tree_id, a.title, a.type, a.tags,
        (SELECT count(*) FROM artefact_versions c WHERE c.artefact_id = a.id), a.created_at, a.updated_at, {VERSION}
    FROM artefacts a JOIN {VERSION_FROM}
    AND v.artefact_id = a.id AND v.version = (SELECT max(version) FROM artefact_versions m WHERE m.artefact_id = a.id)
"""
PAGE: Final = f"""
    {ARTEFACT} WHERE a.user_id = :user AND a.tree_id = :tree AND a.title > :after
        AND (:type IS NULL OR a.type = :type)
        AND (:tag IS NULL OR EXISTS (SELECT 1 FROM json_each(a.tags) WHERE value = :tag))
    ORDER BY a.title LIMIT :limit
"""
HISTORY: Final = (
    f"SELECT {VERSION} FROM {VERSION_FROM} WHERE v.artefact_id = ? AND v.version > ? ORDER BY v.version LIMIT ?"
)


def add(
    db: sqlite3.Connection,
    user_id: UserId,
    tree_id: TreeId,
    title: str,
    type: str,
    tags: Sequence[str],
    brought: Sequence[Brought],
) -> Artefact:
    """Keep a new artefact with its versions, oldest first and at least one.

    Raises NotFound, and InvalidRequest for a title that is taken or a text that is too long.
    """
    tree_of(db, user_id, tree_id)
    _demand_free(db, user_id, tree_id, title)
    now, id_ = time.time(), new_id("a")
    db.execute(
        "INSERT INTO artefacts (id, user_id, tree_id, title, type, tags, last, created_at, updated_at)"
        " VALUES (?, ?, ?, ?, ?, ?, 0, ?, ?)",
        (id_, user_id, tree_id, _title(db, user_id, title), *_told(db, id_, type, tags), now, now),
    )
    for one in brought:
        _add_version(db, user_id, id_, one.text, one.note, one.at)
    return artefact(db, user_id, id_)


def artefact(db: sqlite3.Connection, user_id: UserId, id_: str) -> Artefact:
    """Raises NotFound."""
    row = db.execute(f"{ARTEFACT} WHERE a.user_id = ? AND a.id = ?", (user_id, id_)).fetchone()
    if row is None:
        raise no_artefact(id_)
    return _artefacts(db, user_id, [row])[0]


def page(
    db: sqlite3.Connection,
    user_id: UserId,
    tree_id: TreeId,
    after: str | None,
    limit: int,
    type: str | None = None,
    tag: str | None = None,
) -> Page[Artefact]:
    """A tree's artefacts by title, after one of them. Raises NotFound."""
    tree_of(db, user_id, tree_id)
    last = ""
    if after is not None:
        begin = artefact(db, user_id, after)
        if begin.tree_id != tree_id:
            raise no_artefact(after)
        last = begin.title
    values = {
        "user": user_id,
        "tree": tree_id,
        "after": last,
        "type": plain(type),
        "tag": plain(tag),
        "limit": limit + 1,
    }
    if cipher_of(db) is not None:
        return _opened_page(db, user_id, tree_id, values)
    rows = db.execute(PAGE, values).fetchall()
    return Page(_artefacts(db, user_id, rows[:limit]), len(rows) > limit)


def _opened_page(db: sqlite3.Connection, user_id: UserId, tree_id: TreeId, asked: Mapping[str, Any]) -> Page[Artefact]:
    """The same where titles, types and tags are sealed: all of the tree are opened, put in order and chosen from."""
    rows = db.execute(f"{ARTEFACT} WHERE a.user_id = ? AND a.tree_id = ?", (user_id, tree_id)).fetchall()
    found = [
        one
        for one in _artefacts(db, user_id, rows)
        if one.title > asked["after"] and asked["type"] in (None, one.type) and asked["tag"] in (None, *one.tags)
    ]
    found.sort(key=lambda one: one.title)
    return Page(found[: asked["limit"] - 1], len(found) >= asked["limit"])


def update(db: sqlite3.Connection, user_id: UserId, id_: str, text: str, note: str | None) -> Artefact:
    """Add a version. Raises NotFound, and InvalidRequest for a text that is too long."""
    artefact(db, user_id, id_)
    _add_version(db, user_id, id_, text, note, None)
    return artefact(db, user_id, id_)


def revert(db: sqlite3.Connection, user_id: UserId, id_: str, number: int, note: str | None) -> Artefact:
    """Bring an earlier version's text back as a new version. Raises NotFound."""
    mark, _ = _version(db, user_id, id_, number)
    _count_up(db, user_id, id_, mark, note, reverts_to=number, at=None)
    return artefact(db, user_id, id_)


def change(db: sqlite3.Connection, user_id: UserId, id_: str, changes: Mapping[str, object]) -> Artefact:
    """Change `title`, `type` or `tags`. Raises NotFound, and InvalidRequest for a title that is taken."""
    before = artefact(db, user_id, id_)
    title = str(changes.get("title", before.title))
    if title != before.title:
        _demand_free(db, user_id, before.tree_id, title)
    tags = changes.get("tags", before.tags)
    assert isinstance(tags, Sequence)
    db.execute(
        "UPDATE artefacts SET title = ?, type = ?, tags = ?, updated_at = ? WHERE user_id = ? AND id = ?",
        (
            _title(db, user_id, title),
            *_told(db, id_, str(changes.get("type", before.type)), tags),
            time.time(),
            user_id,
            id_,
        ),
    )
    return artefact(db, user_id, id_)


def text(db: sqlite3.Connection, user_id: UserId, id_: str, number: int | None) -> tuple[Version, str]:
    """A version with its text; `None` for the newest. Raises NotFound."""
    mark, version = _version(db, user_id, id_, number)
    return version, blobs.read(db, user_id, mark).decode()


def history(db: sqlite3.Connection, user_id: UserId, id_: str, newer_than: int, limit: int) -> Page[Version]:
    """The versions, oldest first, after a number. Raises NotFound."""
    artefact(db, user_id, id_)
    rows = db.execute(HISTORY, (id_, newer_than, limit + 1)).fetchall()
    return Page([_to_version(db, id_, row) for row in rows[:limit]], len(rows) > limit)


def remove_version(db: sqlite3.Connection, user_id: UserId, id_: str, number: int) -> bool:
    """Take a version away, and the loads that it was pinned for; whether the artefact went with its last one. Raises NotFound."""
    _version(db, user_id, id_, number)
    if artefact(db, user_id, id_).count == 1:
        forgetting.artefacts(db, user_id, [id_])
        return True
    forgetting.versions(db, user_id, id_, [number])
    db.execute("UPDATE artefacts SET updated_at = ? WHERE id = ?", (time.time(), id_))
    return False


def remove(db: sqlite3.Connection, user_id: UserId, id_: str) -> None:
    """Take an artefact away with all its versions and loads. Raises NotFound."""
    artefact(db, user_id, id_)
    forgetting.artefacts(db, user_id, [id_])


def load(db: sqlite3.Connection, user_id: UserId, id_: str, node_id: NodeId | None, number: int | None) -> Artefact:
    """Send an artefact with every turn of its tree, or of a node's subtree; pinned to a version, or the newest. Raises NotFound."""
    found = artefact(db, user_id, id_)
    if number is not None:
        _version(db, user_id, id_, number)
    loads.load(db, user_id, "artefact", id_, found.tree_id, node_id, number)
    return artefact(db, user_id, id_)


def unload(db: sqlite3.Connection, user_id: UserId, id_: str, node_id: NodeId | None) -> Artefact:
    """Raises NotFound, also where it is not loaded there."""
    loads.unload(db, user_id, "artefact", id_, artefact(db, user_id, id_).tree_id, node_id)
    return artefact(db, user_id, id_)


def _artefacts(db: sqlite3.Connection, user_id: UserId, rows: Sequence[Row]) -> list[Artefact]:
    placed = loads.loads_of(db, [row[0] for row in rows])
    return [
        Artefact(
            id_,
            tree_id,
            unmarked(db, "artefact", title, user_id),
            opened(db, "artefacts.type", type_, id_),
            from_json(opened(db, "artefacts.tags", tags, id_)),
            _to_version(db, id_, version),
            count,
            made,
            changed,
            placed[id_],
        )
        for id_, tree_id, title, type_, tags, count, made, changed, *version in rows
    ]


def _to_version(db: sqlite3.Connection, id_: str, row: Sequence[Any]) -> Version:
    number, size, note, reverts_to, at = row
    return Version(number, size, opened(db, "artefact_versions.note", note, (id_, str(number))), reverts_to, at)


def _version(db: sqlite3.Connection, user_id: UserId, id_: str, number: int | None) -> tuple[Hash, Version]:
    artefact(db, user_id, id_)
    sql = f"SELECT v.hash, {VERSION} FROM {VERSION_FROM} WHERE v.artefact_id = :id AND v.version = "
    sql += ":number" if number is not None else "(SELECT max(version) FROM artefact_versions WHERE artefact_id = :id)"
    row = db.execute(sql, {"id": id_, "number": number}).fetchone()
    if row is None:
        raise NotFound(f"The artefact {id_!r} has no version {number}.", param="version")
    return row[0], _to_version(db, id_, row[1:])


def _add_version(
    db: sqlite3.Connection, user_id: UserId, id_: str, text_: str, note: str | None, at: float | None
) -> None:
    body = (plain(text_) or "").encode()
    if len(body) > BODY_MAX:
        raise InvalidRequest(f"The text has {len(body)} bytes; an artefact holds {BODY_MAX}.", param="text")
    _count_up(db, user_id, id_, blobs.keep(db, user_id, MEDIA_TYPE, body), note, reverts_to=None, at=at)


def _count_up(
    db: sqlite3.Connection,
    user_id: UserId,
    id_: str,
    mark: Hash,
    note: str | None,
    *,
    reverts_to: int | None,
    at: float | None,
) -> None:
    now = time.time()
    sql = "UPDATE artefacts SET last = last + 1, updated_at = ? WHERE id = ? RETURNING last"
    ((number,),) = db.execute(sql, (now, id_)).fetchall()
    told = sealed(db, "artefact_versions.note", plain(note), (id_, str(number)))
    db.execute(
        "INSERT INTO artefact_versions (artefact_id, version, user_id, hash, note, reverts_to, at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        (id_, number, user_id, mark, told, reverts_to, now if at is None else at),
    )


def _demand_free(db: sqlite3.Connection, user_id: UserId, tree_id: TreeId, title: str) -> None:
    sql = "SELECT 1 FROM artefacts WHERE user_id = ? AND tree_id = ? AND title = ?"
    if db.execute(sql, (user_id, tree_id, _title(db, user_id, title))).fetchone():
        raise InvalidRequest(
            f"The tree has an artefact {title!r} already: add a version to it, or choose another title.",
            param="title",
            code="title_taken",
        )


def _title(db: sqlite3.Connection, user_id: UserId, title: str) -> str:
    return marked(db, "artefact", plain(title) or "", user_id)


def _told(db: sqlite3.Connection, id_: str, type: str, tags: Sequence[str]) -> tuple[str | None, str]:
    """An artefact's type and tags as they are stored."""
    told = to_json([plain(tag) for tag in dict.fromkeys(tags)])
    return sealed(db, "artefacts.type", plain(type), id_), sealed(db, "artefacts.tags", told, id_)


def no_artefact(id_: str) -> NotFound:
    return NotFound(f"The artefact {id_!r} does not exist here.")
