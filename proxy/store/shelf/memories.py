"""Memories of one user, with the nodes that they came from.

Every change counts the user's mark up, so whoever has looked at all of them learns with one row whether anything is new.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Sequence
from typing import Final

from proxy.domain.memory import Memory, Origin, Told
from proxy.domain.tree import NodeId, TreeId, UserId, new_id
from proxy.errors import NotFound
from proxy.store.browse.pages import Page
from proxy.store.reading import node
from proxy.store.rows import Row, plain, to_json
from proxy.store.sealing.values import marked, unmarked
from proxy.store.shelf import forgetting, loads
from proxy.store.shelf.telling import MEMORY, from_told, to_told
from proxy.store.trees import make_user, tree_of

COLUMNS: Final = f"{MEMORY}, m.tree_id, m.personality, m.method, m.model, m.redacted, m.created_at, m.updated_at"
PAGE: Final = f"""
    SELECT {COLUMNS} FROM memories m WHERE m.user_id = :user AND m.seq > :after AND (:tree IS NULL OR m.tree_id = :tree)
    ORDER BY m.seq LIMIT :limit
"""
ALL: Final = -1


def add(db: sqlite3.Connection, user_id: UserId, told: Told, origin: Origin, redacted: int) -> Memory:
    """Keep a memory. Raises NotFound for a tree or a node that is not the user's."""
    make_user(db, user_id)
    if origin.tree_id is not None:
        tree_of(db, user_id, origin.tree_id)
    for node_id in origin.nodes:
        node(db, user_id, node_id)
    now, id_ = time.time(), new_id("m")
    (last,) = db.execute("SELECT coalesce(max(seq), 0) FROM memories WHERE user_id = ?", (user_id,)).fetchone()
    db.execute(
        "INSERT INTO memories (id, user_id, seq, title, problem, solution, facts, content, tree_id, personality, method, model,"
        " redacted, created_at, updated_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (id_, user_id, last + 1, *from_told(db, id_, told), origin.tree_id,
         marked(db, "personality", plain(origin.personality), user_id), origin.method,
         origin.model, redacted, now, now),
    )  # fmt: skip
    db.executemany(
        "INSERT INTO memory_nodes (memory_id, position, node_id) VALUES (?, ?, ?)",
        [(id_, position, node_id) for position, node_id in enumerate(origin.nodes)],
    )
    forgetting.count_up(db, user_id)
    return memory(db, user_id, id_)


def memory(db: sqlite3.Connection, user_id: UserId, id_: str) -> Memory:
    """Raises NotFound."""
    row = db.execute(f"SELECT {COLUMNS} FROM memories m WHERE m.user_id = ? AND m.id = ?", (user_id, id_)).fetchone()
    if row is None:
        raise no_memory(id_)
    return _memories(db, user_id, [row])[0]


def page(
    db: sqlite3.Connection, user_id: UserId, after: str | None, limit: int, tree_id: TreeId | None = None
) -> Page[Memory]:
    """The user's memories as they came, or those of one tree. Raises NotFound."""
    if tree_id is not None:
        tree_of(db, user_id, tree_id)
    begin = 0
    if after is not None:
        memory(db, user_id, after)
        (begin,) = db.execute("SELECT seq FROM memories WHERE id = ?", (after,)).fetchone()
    values = {"user": user_id, "after": begin, "tree": tree_id, "limit": limit + 1}
    rows = db.execute(PAGE, values).fetchall()
    return Page(_memories(db, user_id, rows[:limit]), len(rows) > limit)


def every(db: sqlite3.Connection, user_id: UserId) -> list[Memory]:
    """All of them, as they came."""
    return _memories(
        db, user_id, db.execute(PAGE, {"user": user_id, "after": 0, "tree": None, "limit": ALL}).fetchall()
    )


def mark(db: sqlite3.Connection, user_id: UserId) -> int:
    row = db.execute("SELECT memories_mark FROM users WHERE id = ?", (user_id,)).fetchone()
    return int(row[0]) if row else 0


def edit(
    db: sqlite3.Connection, user_id: UserId, id_: str, told: Told, tree_id: TreeId | None, redacted: int
) -> Memory:
    """Say it in other words, or make it belong elsewhere; what was taken out is added to what was before. Raises NotFound."""
    memory(db, user_id, id_)
    if tree_id is not None:
        tree_of(db, user_id, tree_id)
    db.execute(
        "UPDATE memories SET title = ?, problem = ?, solution = ?, facts = ?, content = ?, tree_id = ?,"
        " redacted = redacted + ?, updated_at = ? WHERE user_id = ? AND id = ?",
        (*from_told(db, id_, told), tree_id, redacted, time.time(), user_id, id_),
    )
    forgetting.count_up(db, user_id)
    return memory(db, user_id, id_)


def delete(db: sqlite3.Connection, user_id: UserId, id_: str) -> None:
    """Take a memory away with its loads. Raises NotFound."""
    memory(db, user_id, id_)
    forgetting.memories(db, user_id, [id_])


def load(db: sqlite3.Connection, user_id: UserId, id_: str, tree_id: TreeId | None, node_id: NodeId | None) -> Memory:
    """Send a memory with every turn: of all trees, of one, or of a node's subtree. Raises NotFound."""
    memory(db, user_id, id_)
    loads.load(db, user_id, "memory", id_, tree_id, node_id)
    return memory(db, user_id, id_)


def unload(db: sqlite3.Connection, user_id: UserId, id_: str, tree_id: TreeId | None, node_id: NodeId | None) -> Memory:
    """Raises NotFound, also where it is not loaded there."""
    memory(db, user_id, id_)
    loads.unload(db, user_id, "memory", id_, tree_id, node_id)
    return memory(db, user_id, id_)


def _memories(db: sqlite3.Connection, user_id: UserId, rows: Sequence[Row]) -> list[Memory]:
    ids = [row[0] for row in rows]
    placed, nodes = loads.loads_of(db, ids), _nodes(db, ids)
    made: list[Memory] = []
    for id_, *rest in rows:
        told, (tree_id, personality, method, model, redacted, created_at, updated_at) = rest[:5], rest[5:]
        named = unmarked(db, "personality", personality, user_id)
        origin = Origin(tree_id, named, nodes[id_], method, model)
        made.append(Memory(id_, to_told(db, id_, tuple(told)), origin, redacted, created_at, updated_at, placed[id_]))
    return made


def _nodes(db: sqlite3.Connection, ids: Sequence[str]) -> dict[str, list[NodeId]]:
    sql = """
        SELECT memory_id, node_id FROM memory_nodes
        WHERE memory_id IN (SELECT value FROM json_each(?)) ORDER BY memory_id, position
    """
    found: dict[str, list[NodeId]] = {id_: [] for id_ in ids}
    for memory_id, node_id in db.execute(sql, (to_json(ids),)):
        found[memory_id].append(node_id)
    return found


def no_memory(id_: str) -> NotFound:
    return NotFound(f"The memory {id_!r} does not exist here.")
