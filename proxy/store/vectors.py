"""The part of `SqliteStore` that keeps the vectors of what was said, so that the next process need not compute them again.

One row stands for an exchange, under its last node. What is in it is the router's own affair; here it is bytes, and all reading and
writing of them is in this file. They are derived from the texts and go with them.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Final, Protocol

from proxy.domain.tree import NodeId, UserId
from proxy.store.rows import to_json
from proxy.store.sealing.values import opened_bytes, sealed_bytes
from proxy.store.threads import Threads

TABLE: Final = """
    CREATE TABLE vectors (
        node_id TEXT PRIMARY KEY REFERENCES nodes (id),
        user_id TEXT NOT NULL REFERENCES users (id),
        embedder TEXT NOT NULL,           -- of whose making they are; another one's are of no use
        body BLOB NOT NULL
    ) STRICT
"""

FIND: Final = """
    SELECT v.node_id, v.body FROM json_each(:nodes) AS asked CROSS JOIN vectors v ON v.node_id = asked.value
    WHERE v.user_id = :user AND v.embedder = :embedder
"""

RULES: Final[tuple[tuple[str, str, str], ...]] = (
    (
        "vectors",
        "belongs to a visible node of its user",
        """
        SELECT v.node_id FROM vectors v LEFT JOIN nodes n ON n.id = v.node_id AND n.user_id = v.user_id
        WHERE n.visible IS NULL
        """,
    ),
    ("vectors", "holds something", "SELECT node_id FROM vectors WHERE length(body) = 0"),
)
"""Table, what holds for each of its rows, and the rows for which it does not."""

FEW: Final = 16
"""Most that are read on the event loop."""


class KeepsVectors(Threads, Protocol):
    """Every look-up is by user; a foreign node is one without vectors."""

    async def vectors(self, user_id: UserId, embedder: str, nodes: Sequence[NodeId]) -> Mapping[NodeId, bytes]:
        """What is stored for these nodes by an embedder."""
        ask = self._glance if len(nodes) <= FEW else self._read
        return await ask(partial(find, user_id=user_id, embedder=embedder, nodes=nodes))

    async def keep_vectors(
        self, user_id: UserId, embedder: str, bodies: Mapping[NodeId, bytes], outdated: Sequence[NodeId]
    ) -> None:
        """Store vectors by node, in place of older ones, and forget outdated ones."""
        await self._write(lambda db: keep(db, user_id, embedder, bodies, outdated))


def find(db: sqlite3.Connection, user_id: UserId, embedder: str, nodes: Sequence[NodeId]) -> dict[NodeId, bytes]:
    """What is stored for these nodes of a user by an embedder; one look-up a node."""
    rows = db.execute(FIND, {"nodes": to_json(nodes), "user": user_id, "embedder": embedder})
    return {node_id: opened_bytes(db, "vectors.body", body, node_id) for node_id, body in rows}


def keep(
    db: sqlite3.Connection, user_id: UserId, embedder: str, bodies: Mapping[NodeId, bytes], outdated: Sequence[NodeId]
) -> None:
    """Store vectors by node, in place of older ones, and forget outdated ones; nodes that have gone meanwhile are left out."""
    db.executemany(
        """
        INSERT INTO vectors (node_id, user_id, embedder, body)
        SELECT id, user_id, ?, ? FROM nodes WHERE id = ? AND user_id = ? AND visible IS NOT NULL
        ON CONFLICT (node_id) DO UPDATE SET embedder = excluded.embedder, body = excluded.body
        """,
        [
            (embedder, sealed_bytes(db, "vectors.body", body, node_id), node_id, user_id)
            for node_id, body in bodies.items()
        ],
    )
    db.executemany(
        "DELETE FROM vectors WHERE node_id = ? AND user_id = ?",
        [(node_id, user_id) for node_id in outdated if node_id not in bodies],
    )
