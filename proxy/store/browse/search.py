"""Words looked for in one user's trees.

The index holds what was said without thinking blocks. It is brought up to date when somebody searches, a few hundred nodes a
transaction, so a turn pays nothing for it and a user who never searches has none. Beside the words of each node stands one
word for its owner: the index then walks that user's texts alone, however many others there are.

An encrypted database has no index, for its words would be readable: see `scanning`.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import Final

from proxy.domain import fingerprint
from proxy.domain.message import Message
from proxy.domain.tree import Node, NodeId, Tree, TreeId, UserId
from proxy.store.browse.pages import Page
from proxy.store.reading import node
from proxy.store.rows import NODE, NODE_FROM, from_json, plain, to_node
from proxy.store.sealing.values import opened
from proxy.store.trees import secret_of, tree_of, trees

BATCH: Final = 200
"""Nodes that one transaction takes into the index: other writes wait for no more than these."""

MATCH: Final = f"""
    SELECT {NODE}, snippet(search, 1, '', '', ' … ', 24)
    FROM search CROSS JOIN {NODE_FROM.replace("ON e.node_id = n.id", "ON e.node_id = n.id AND n.seq = search.rowid")}
    WHERE search MATCH ? AND search.rowid < ? AND n.user_id = ? AND (? IS NULL OR n.tree_id = ?)
    ORDER BY search.rowid DESC LIMIT ?
"""


@dataclass(frozen=True, slots=True)
class Hit:
    """A node in which all words were found."""

    node: Node
    snippet: str
    """The text around them."""


def index(db: sqlite3.Connection, user_id: UserId) -> bool:
    """Take the next nodes of the user's trees into the index; whether there may be more."""
    room = BATCH
    for tree in trees(db, user_id):
        room -= _index_tree(db, user_id, tree.id, room)
        if room <= 0:
            return True
    return False


def nodes(
    db: sqlite3.Connection, user_id: UserId, words: str, tree_id: TreeId | None, after: NodeId | None, limit: int
) -> Page[Hit]:
    """Nodes with all of these words, or words that begin with them, the newest first. Raises NotFound."""
    if tree_id is not None:
        tree_of(db, user_id, tree_id)
    before = node(db, user_id, after).seq if after is not None else 1 << 62
    asked = match_of(words)
    if asked is None or not trees(db, user_id):
        return Page([], has_more=False)
    match = f"owner : {owner(db, user_id)} AND words : ({asked})"
    rows = db.execute(MATCH, (match, before, user_id, tree_id, tree_id, limit + 1)).fetchall()
    return Page([Hit(to_node(db, row[:-1]), row[-1]) for row in rows[:limit]], len(rows) > limit)


def titles(db: sqlite3.Connection, user_id: UserId, words: str) -> list[Tree]:
    """The user's trees whose title or name has all of these words in it, the one used last first."""
    wanted = fingerprint.fold_text(words).casefold().split()
    return [
        tree
        for tree in trees(db, user_id)
        if wanted and all(word in f"{tree.title or ''} {tree.name}".casefold() for word in wanted)
    ]


def match_of(words: str) -> str | None:
    """Words as the index is asked for them: each quoted, so that nothing in them is an operator; `None` for no words at all."""
    found = ["".join(c if c.isalnum() else " " for c in word).split() for word in (plain(words) or "").split()]
    phrases = ['"' + " ".join(parts) + '" *' for parts in found if parts]
    return " AND ".join(phrases) or None


def owner(db: sqlite3.Connection, user_id: UserId) -> str:
    """The word that stands for a user in the index."""
    return fingerprint.keyed(secret_of(db, user_id), "owner")


def _index_tree(db: sqlite3.Connection, user_id: UserId, tree_id: TreeId, limit: int) -> int:
    """Take up to `limit` nodes of a tree into the index; returns how many."""
    row = db.execute("SELECT seq FROM searched WHERE tree_id = ?", (tree_id,)).fetchone()
    sql = "SELECT seq, id, content FROM nodes WHERE tree_id = ? AND seq > ? ORDER BY seq LIMIT ?"
    found = db.execute(sql, (tree_id, row[0] if row else 0, limit)).fetchall()
    if not found:
        return 0
    mark = owner(db, user_id)
    db.executemany(
        "INSERT INTO search (rowid, owner, words) VALUES (?, ?, ?)",
        [(seq, mark, plain(_spoken(db, id_, content))) for seq, id_, content in found],
    )
    db.execute(
        "INSERT INTO searched (tree_id, seq) VALUES (?, ?) ON CONFLICT DO UPDATE SET seq = excluded.seq",
        (tree_id, found[-1][0]),
    )
    return len(found)


def _spoken(db: sqlite3.Connection, id_: str, content: str) -> str:
    return Message(from_json(opened(db, "nodes.content", content, id_))).spoken
