"""How nodes get into a tree: identity, edges, system texts, and when the router may see them.

Two rules hold after every transaction. A node's `visible` number is greater than its parent's, so a reader that follows the
numbers meets parents first. And a node has a number exactly when it is not `unanswered`, so an answer to a message makes
everything above it visible too.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from proxy.domain import fingerprint
from proxy.domain.fingerprint import Hash
from proxy.domain.tree import Node, NodeId, TreeId, UserId
from proxy.store.reading import no_node
from proxy.store.rows import plain, to_json
from proxy.store.sealing.values import marked, opened_bytes, sealed
from proxy.store.trees import no_tree

BEGUN: Final = """
    SELECT u.secret, n.id FROM trees t JOIN users u ON u.id = t.user_id
    LEFT JOIN nodes n ON n.id = ? AND n.user_id = t.user_id AND n.tree_id = t.id
    WHERE t.id = ? AND t.user_id = ? AND t.deleted_at IS NULL
"""
"""What keys the hashes of a tree's user, and a node where it stands there."""
SHOWN: Final = """
    SELECT n.visible, e.parent_id, p.visible
    FROM nodes n JOIN edges e ON e.node_id = n.id LEFT JOIN nodes p ON p.id = e.parent_id WHERE n.id = ?
"""
"""Whether a node is visible, and the one that it hangs from."""
LAST: Final = "(SELECT max(visible) FROM nodes WHERE tree_id = {} AND visible IS NOT NULL)"
"""The last number of a tree."""
ANSWERED: Final = f"""
    SELECT c.status, c.turn_id, {LAST.format("c.tree_id")}, n.id, n.visible, e.parent_id, p.visible
    FROM calls c LEFT JOIN nodes n ON n.id = ? AND n.user_id = c.user_id AND n.tree_id = c.tree_id
    LEFT JOIN edges e ON e.node_id = n.id LEFT JOIN nodes p ON p.id = e.parent_id
    WHERE c.id = ? AND c.user_id = ? AND c.tree_id = ?
"""
"""How a call stands, and what is asked of the node that it answers, in one go."""
Shown = tuple[int | None, NodeId | None, int | None]


@dataclass(slots=True)
class Planting:
    """One transaction's additions to one tree."""

    db: sqlite3.Connection
    user_id: UserId
    tree_id: TreeId
    known: dict[NodeId, NodeId] = field(default_factory=dict)
    """Asked-for id to stored id, for messages that were stored before."""
    _shown: set[NodeId] = field(default_factory=set)
    """Nodes that are visible for certain."""
    _there: set[NodeId] = field(default_factory=set)
    """Nodes that stand in this tree for certain."""
    _looked_at: dict[NodeId, Shown] = field(default_factory=dict)
    """What was read of a node that nothing has been done to since."""
    _last_visible: int | None = None
    """Read when the first node gets a number."""
    _secret: bytes | None = None

    @classmethod
    def begin(cls, db: sqlite3.Connection, user_id: UserId, tree_id: TreeId, under: NodeId | None = None) -> Planting:
        """Begin where nodes will hang under one that may be there. Raises NotFound when the user or the tree is unknown."""
        row = db.execute(BEGUN, (under, tree_id, user_id)).fetchone()
        if row is None:
            raise no_tree(tree_id)
        secret, there = row
        planting = cls(db, user_id, tree_id, _secret=opened_bytes(db, "users.secret", secret, user_id))
        if there is not None:
            planting._there.add(there)
        return planting

    @classmethod
    def answering(
        cls, db: sqlite3.Connection, user_id: UserId, tree_id: TreeId, turn_id: NodeId, last: int | None, shown: Shown
    ) -> Planting:
        """Begin under a turn of which all was asked that matters: it stands there. See `ANSWERED`."""
        planting = cls(db, user_id, tree_id, _last_visible=last or 0)
        planting._there.add(turn_id)
        planting._looked_at[turn_id] = shown
        return planting

    @property
    def secret(self) -> bytes:
        """What keys the hashes of the user."""
        if self._secret is None:
            (secret,) = self.db.execute("SELECT secret FROM users WHERE id = ?", (self.user_id,)).fetchone()
            self._secret = opened_bytes(self.db, "users.secret", secret, self.user_id)
        return self._secret

    def recall_or_plant(
        self, nodes: Sequence[Node], exacts: Sequence[Hash], folds: Mapping[NodeId, Hash], *, whole: bool
    ) -> None:
        """Add messages that a client brought, parents first; those that are stored already are recalled instead.

        Args:
            folds: Folded hashes, as far as they are at hand.
            whole: History that was answered elsewhere, visible at once; otherwise a turn that waits for its answer.

        Raises NotFound when a parent is unknown.
        """
        for node, exact in zip(nodes, exacts, strict=True):
            parent_id = self.stored(node.parent_id)
            stored_id = self._recall(parent_id, exact, node.personality)
            if stored_id is None:
                self.plant(node, exact, parent_id, "whole" if whole else "unanswered", folds.get(node.id))
                continue
            self.known[node.id] = stored_id
            self._there.add(stored_id)
            if whole:
                self.show(stored_id)

    def plant(self, node: Node, exact: Hash, parent_id: NodeId | None, state: str, folded: Hash | None = None) -> None:
        """Add one node; its folded hash is made where it is not given. Raises NotFound when its parent is unknown."""
        if parent_id is not None and not self.has(parent_id):
            raise no_node(parent_id)
        visible = None
        if state != "unanswered":
            self.show(parent_id)
            visible = self._number()
            self._shown.add(node.id)
        message, db = node.message, self.db
        db.execute(
            "INSERT INTO nodes (id, user_id, tree_id, role, sender, content, exact, folded, state, conversation, system_id,"
            " call_id, tokens, visible, created_at, metadata, personality)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                node.id,
                self.user_id,
                self.tree_id,
                message.role,
                sealed(db, "nodes.sender", plain(node.sender), node.id),
                sealed(db, "nodes.content", to_json(message.wire), node.id),
                exact,
                folded or fingerprint.folded(message, self.secret),
                state,
                sealed(db, "nodes.conversation", plain(node.conversation), node.id),
                self._system(node.system),
                node.call_id,
                node.tokens,
                visible,
                node.created_at,
                sealed(db, "nodes.metadata", to_json(node.metadata), node.id) if node.metadata else "{}",
                marked(db, "personality", plain(node.personality), self.user_id),
            ),
        )
        self.db.execute(
            "INSERT INTO edges (node_id, tree_id, parent_id, exact, created_at) VALUES (?, ?, ?, ?, ?)",
            (node.id, self.tree_id, parent_id, exact, node.created_at),
        )
        self._there.add(node.id)

    def show(self, node_id: NodeId | None) -> None:
        """Make a node whole and visible, and with it every unanswered message right above it."""
        hidden: list[NodeId] = []
        while node_id is not None and node_id not in self._shown:
            shown: Shown | None = self._looked_at.pop(node_id, None)
            visible, parent_id, above = shown or self.db.execute(SHOWN, (node_id,)).fetchone()
            self._shown.add(node_id)
            if visible is not None:
                break
            hidden.append(node_id)
            if above is not None:
                break
            node_id = parent_id
        for hidden_id in reversed(hidden):
            self.db.execute("UPDATE nodes SET state = 'whole', visible = ? WHERE id = ?", (self._number(), hidden_id))

    def stored(self, node_id: NodeId | None) -> NodeId | None:
        """The id under which a node of this transaction is stored."""
        return None if node_id is None else self.known.get(node_id, node_id)

    def has(self, node_id: NodeId) -> bool:
        """Whether the node stands in this tree."""
        if node_id not in self._there:
            sql = "SELECT 1 FROM nodes WHERE id = ? AND user_id = ? AND tree_id = ?"
            if self.db.execute(sql, (node_id, self.user_id, self.tree_id)).fetchone() is None:
                return False
            self._there.add(node_id)
        return True

    def _recall(self, parent_id: NodeId | None, exact: Hash, personality: str | None) -> NodeId | None:
        """The stored node with the same parent and the same exact form, said under the same personality.

        The newest, should there be several replies alike.
        """
        sql = """
            SELECT n.id, max(n.seq) FROM edges e JOIN nodes n ON n.id = e.node_id
            WHERE e.parent_id IS ? AND e.tree_id = ? AND e.exact = ? AND n.user_id = ?
              AND n.personality IS ?
        """
        mark = marked(self.db, "personality", plain(personality), self.user_id)
        (found, _) = self.db.execute(sql, (parent_id, self.tree_id, exact, self.user_id, mark)).fetchone()
        return None if found is None else NodeId(found)

    def _system(self, text: str | None) -> int | None:
        """The row of a system text, which many nodes share."""
        if text is None:
            return None
        mark = system_hash(text, self.secret)
        row = self.db.execute("SELECT id FROM systems WHERE user_id = ? AND hash = ?", (self.user_id, mark)).fetchone()
        if row is None:
            sql = "INSERT INTO systems (user_id, hash, content) VALUES (?, ?, ?) RETURNING id"
            content = sealed(self.db, "systems.content", to_json(text), mark)
            row = self.db.execute(sql, (self.user_id, mark, content)).fetchone()
        return int(row[0])

    def _number(self) -> int:
        if self._last_visible is None:
            self._last_visible = last_visible(self.db, self.tree_id)
        self._last_visible += 1
        return self._last_visible


def last_visible(db: sqlite3.Connection, tree_id: TreeId) -> int:
    """The number of the node that became visible last in a tree; 0 where there is none."""
    (last,) = db.execute(f"SELECT {LAST.format('?')}", (tree_id,)).fetchone()
    return int(last or 0)


def system_hash(text: str, secret: bytes) -> Hash:
    """How a system text is found again."""
    return fingerprint.keyed(secret, "system", text)
