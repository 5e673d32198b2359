"""Answers as OpenAI's API lists them: calls that are done, by the id that the client was told, in order of arrival.

A provider may use an id twice, and equal contexts give the offline model's answers equal ids: the newest call of an id stands for it.
Deleting a completion takes it off the list at once; its words go as soon as nothing in the tree goes on from them, so whoever
deletes one answer of a conversation keeps the others, and whoever deletes all of them keeps nothing.

Source: OpenAI API reference, chat completions: list, get, update, delete.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from typing import Final, Literal

from proxy.domain.tree import NodeId, UserId
from proxy.errors import NotFound
from proxy.store.browse.pages import Page
from proxy.store.browse.reshaping import delete
from proxy.store.reading import path
from proxy.store.records import Stored
from proxy.store.rows import CALL, NODE, NODE_FROM, Row, from_json, to_call, to_json, to_node
from proxy.store.sealing.values import cipher_of, opened, sealed

Order = Literal["asc", "desc"]

_STORED: Final = f"completion_id, metadata, {CALL}"

LISTED: Final = """
    SELECT {stored} FROM calls c
    WHERE status = 'done' AND user_id = :user AND completion_id IS NOT NULL
        AND (:after IS NULL OR c.rowid {beyond} :after)
        AND (:model IS NULL OR model = :model OR json_extract(envelope, '$.model') = :model)
        AND NOT EXISTS (
            SELECT 1 FROM json_each(:metadata) wanted
            WHERE NOT EXISTS (SELECT 1 FROM json_each(c.metadata) has WHERE has.key = wanted.key AND has.value = wanted.value)
        )
        AND NOT EXISTS (
            SELECT 1 FROM calls newer
            WHERE newer.user_id = :user AND newer.completion_id = c.completion_id AND newer.rowid > c.rowid
        )
    ORDER BY c.rowid {order} LIMIT :limit
"""

REPLIES: Final = f"SELECT {NODE} FROM {NODE_FROM} WHERE e.parent_id = ? AND n.call_id = ? ORDER BY n.seq"


def page(
    db: sqlite3.Connection,
    user_id: UserId,
    after: str | None,
    limit: int,
    order: Order,
    model: str | None,
    metadata: Mapping[str, str],
) -> Page[Stored]:
    """The user's completions, after one of them. Raises NotFound for an unknown `after`."""
    values = {
        "user": user_id,
        "after": None if after is None else _row_number(db, user_id, after),
        "model": model,
        "metadata": to_json(metadata),
        "limit": limit + 1,
    }
    sql = LISTED.format(stored=_STORED, beyond=">" if order == "asc" else "<", order=order)
    if cipher_of(db) is not None and (model is not None or metadata):
        return _chosen(
            db, db.execute(sql, {**values, "model": None, "metadata": "{}", "limit": -1}), limit, model, metadata
        )
    rows = db.execute(sql, values).fetchall()
    return Page([_stored(db, row) for row in rows[:limit]], len(rows) > limit)


def _chosen(
    db: sqlite3.Connection, rows: Iterable[Row], limit: int, model: str | None, metadata: Mapping[str, str]
) -> Page[Stored]:
    """The first of a list that fit, where what decides is sealed: each is opened until there are enough."""
    found: list[Stored] = []
    for row in rows:
        told = from_json(opened(db, "calls.metadata", row[1], row[2]))
        call = to_call(db, tuple(row[2:]))
        fits = model in (None, call.model, call.envelope.get("model"))
        if fits and all(told.get(name) == value for name, value in metadata.items()):
            found.append(_stored(db, row))
            if len(found) > limit:
                break
    return Page(found[:limit], len(found) > limit)


def one(db: sqlite3.Connection, user_id: UserId, completion_id: str) -> Stored:
    """Raises NotFound."""
    sql = f"SELECT {_STORED} FROM calls WHERE rowid = ?"
    return _stored(db, db.execute(sql, (_row_number(db, user_id, completion_id),)).fetchone())


def annotate(db: sqlite3.Connection, user_id: UserId, completion_id: str, metadata: Mapping[str, str]) -> Stored:
    """Replace what is noted about a completion. Raises NotFound."""
    number = _row_number(db, user_id, completion_id)
    (call_id,) = db.execute("SELECT id FROM calls WHERE rowid = ?", (number,)).fetchone()
    told = sealed(db, "calls.metadata", to_json(metadata), call_id)
    db.execute("UPDATE calls SET metadata = ? WHERE rowid = ?", (told, number))
    return one(db, user_id, completion_id)


def forget(db: sqlite3.Connection, user_id: UserId, completion_id: str) -> int:
    """Take a completion off the list, and what nothing goes on from out of the tree; returns how many nodes went. Raises NotFound."""
    _row_number(db, user_id, completion_id)
    own = "user_id = ? AND completion_id = ?"
    found = db.execute(f"SELECT {_STORED} FROM calls WHERE {own}", (user_id, completion_id)).fetchall()
    every = [_stored(db, row) for row in found]
    db.execute(f"UPDATE calls SET completion_id = NULL, metadata = '{{}}' WHERE {own}", (user_id, completion_id))
    gone = 0
    for stored in every:
        for reply in stored.replies:
            if not _has_children(db, reply.id):
                gone += delete(db, user_id, reply.id)
        gone += _clear_up(db, user_id, stored.call.turn_id)
    return gone


def _clear_up(db: sqlite3.Connection, user_id: UserId, node_id: NodeId) -> int:
    """Delete upwards as long as nothing goes on from what is there: turns without an answer, and answers already off the list."""
    gone = 0
    if not _exists(db, node_id):
        return gone
    for node in reversed(path(db, user_id, node_id)):
        kept = _has_children(db, node.id) or (node.message.role == "assistant" and not _is_forgotten(db, node.call_id))
        if kept:
            break
        gone += delete(db, user_id, node.id)
    return gone


def _is_forgotten(db: sqlite3.Connection, call_id: str | None) -> bool:
    sql = "SELECT completion_id IS NULL AND status = 'done' FROM calls WHERE id = ?"
    row = db.execute(sql, (call_id,)).fetchone()
    return row is not None and bool(row[0])


def _exists(db: sqlite3.Connection, node_id: NodeId) -> bool:
    return db.execute("SELECT 1 FROM edges WHERE node_id = ?", (node_id,)).fetchone() is not None


def _has_children(db: sqlite3.Connection, node_id: NodeId) -> bool:
    return db.execute("SELECT 1 FROM edges WHERE parent_id = ? LIMIT 1", (node_id,)).fetchone() is not None


def _row_number(db: sqlite3.Connection, user_id: UserId, completion_id: str) -> int:
    sql = "SELECT max(rowid) FROM calls WHERE user_id = ? AND completion_id = ?"
    (number,) = db.execute(sql, (user_id, completion_id)).fetchone()
    if number is None:
        raise NotFound(f"The chat completion {completion_id!r} does not exist here.")
    return int(number)


def _stored(db: sqlite3.Connection, row: Row) -> Stored:
    completion_id, metadata, *rest = row
    call = to_call(db, tuple(rest))
    replies = [to_node(db, found) for found in db.execute(REPLIES, (call.turn_id, call.id))]
    return Stored(completion_id, call, replies, from_json(opened(db, "calls.metadata", metadata, call.id)))
