"""What a user changes in a tree: where a turn hangs, and what is gone.

Moving changes an edge and keeps the old one in a log. Deleting takes the words and leaves keyed hashes, so that a re-sent
history never brings them back. Both begin a new epoch of the tree: whoever follows it by mark reads it anew.
"""

from __future__ import annotations

import sqlite3

from proxy.domain.ports import Active
from proxy.domain.tree import NodeId, TreeId, UserId, new_id
from proxy.errors import InvalidRequest
from proxy.store import images
from proxy.store.browse.burying import bury, new_epoch
from proxy.store.clock import now
from proxy.store.pruning import BELOW, forget_below
from proxy.store.reading import active, decision, no_node, node
from proxy.store.rows import plain
from proxy.store.sealing.values import marked
from proxy.store.shelf import forgetting
from proxy.store.trees import tree_of
from proxy.store.turns.planting import last_visible
from proxy.store.turns.writing import point


def move(
    db: sqlite3.Connection, user_id: UserId, node_id: NodeId, new_parent: NodeId | None, why: str, who: str
) -> None:
    """Hang a node, with all its descendants, under another node of its tree, or under the root (`None`).

    Raises:
        NotFound: Either node is unknown, another user's, or of another tree.
        InvalidRequest: The new parent is the node itself, below it, or a message that has no answer yet.
    """
    moved = node(db, user_id, node_id)
    if new_parent is not None:
        _check_parent(db, user_id, node_id, moved.tree_id, new_parent)
    if new_parent == moved.parent_id:
        return
    at = now()
    decided = decision(db, user_id, node_id)
    db.execute("UPDATE edges SET parent_id = ?, created_at = ? WHERE node_id = ?", (new_parent, at, node_id))
    db.execute(
        "INSERT INTO edge_log (node_id, from_parent, to_parent, at, why, who) VALUES (?, ?, ?, ?, ?, ?)",
        (node_id, moved.parent_id, new_parent, at, plain(why), who),
    )
    if decided is not None:
        _correct(db, user_id, moved.tree_id, node_id, decided.id, moved.parent_id, new_parent, why)
    _renumber(db, moved.tree_id, node_id)
    forget_below(db, node_id)
    new_epoch(db, moved.tree_id)


def correct(db: sqlite3.Connection, user_id: UserId, node_id: NodeId, to_parent: NodeId | None, source: str) -> None:
    """Keep a user's word on where a turn belongs, without moving it: the answer to a question is a label too.

    Raises NotFound.
    """
    turn = node(db, user_id, node_id)
    if to_parent is not None and node(db, user_id, to_parent).tree_id != turn.tree_id:
        raise no_node(to_parent)
    decided = decision(db, user_id, node_id)
    _correct(db, user_id, turn.tree_id, node_id, decided.id if decided else None, turn.parent_id, to_parent, source)


def delete(db: sqlite3.Connection, user_id: UserId, node_id: NodeId) -> int:
    """Delete a node with all its descendants; returns how many nodes are gone. Raises NotFound."""
    top = node(db, user_id, node_id)
    ids = [id_ for (id_,) in db.execute(f"{BELOW} SELECT id FROM below", (node_id,))]
    bury(db, user_id, top.tree_id, ids, above=top.parent_id)
    new_epoch(db, top.tree_id)
    return len(ids)


def delete_tree(db: sqlite3.Connection, user_id: UserId, tree_id: TreeId) -> int:
    """Delete a tree with all that is in it; returns how many nodes are gone. Its name is free again. Raises NotFound."""
    tree_of(db, user_id, tree_id)
    ids = [id_ for (id_,) in db.execute("SELECT id FROM nodes WHERE tree_id = ?", (tree_id,))]
    bury(db, user_id, tree_id, ids, above=None)
    forgetting.tree(db, user_id, tree_id)
    images.forget_tree(db, user_id, tree_id)
    for table in ("zones", "active", "waypoints"):
        db.execute(f"DELETE FROM {table} WHERE user_id = ? AND tree_id = ?", (user_id, tree_id))
    db.execute("DELETE FROM searched WHERE tree_id = ?", (tree_id,))
    # Deleted in this tree, and not to come back in the next one of that name.
    db.execute("UPDATE transcripts SET tree_id = NULL WHERE user_id = ? AND tree_id = ?", (user_id, tree_id))
    db.execute(
        "UPDATE trees SET name = ?, title = NULL, system_prompt = NULL, metadata = '{}', max_context_tokens = NULL,"
        " personality = NULL, participants = '{}', scratchpad = NULL, deleted_at = ? WHERE id = ?",
        (marked(db, "tree", new_id("gone"), user_id), now(), tree_id),
    )
    new_epoch(db, tree_id)
    return len(ids)


def point_at(db: sqlite3.Connection, user_id: UserId, key_id: str, hint: str | None, node_id: NodeId) -> Active:
    """Make a node the user's active one. Raises NotFound, and InvalidRequest for a message that has no answer yet."""
    there = node(db, user_id, node_id)
    if there.state == "unanswered":
        raise InvalidRequest(f"The node {node_id!r} has no answer yet; no turn can go on from it.", param="node_id")
    point(db, user_id, there.tree_id, key_id, hint, node_id)
    found = active(db, user_id, there.tree_id, key_id, hint)
    assert found is not None
    return found


def _check_parent(
    db: sqlite3.Connection, user_id: UserId, node_id: NodeId, tree_id: TreeId, new_parent: NodeId
) -> None:
    parent = node(db, user_id, new_parent)
    if parent.tree_id != tree_id:
        raise no_node(new_parent)
    if parent.state == "unanswered":
        raise InvalidRequest(
            f"The node {new_parent!r} has no answer yet; nothing can be moved under it.", param="parent_id"
        )
    above = """
        WITH RECURSIVE up (id) AS (
            SELECT ? UNION ALL SELECT e.parent_id FROM up JOIN edges e ON e.node_id = up.id WHERE e.parent_id IS NOT NULL
        )
        SELECT 1 FROM up WHERE id = ?
    """
    if db.execute(above, (new_parent, node_id)).fetchone():
        raise InvalidRequest(f"The node {new_parent!r} is below {node_id!r}, or the same.", param="parent_id")


def _correct(
    db: sqlite3.Connection,
    user_id: UserId,
    tree_id: TreeId,
    node_id: NodeId,
    decision_id: int | None,
    from_parent: NodeId | None,
    to_parent: NodeId | None,
    source: str,
) -> None:
    db.execute(
        "INSERT INTO corrections (user_id, tree_id, node_id, decision_id, from_parent, to_parent, at, source)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (user_id, tree_id, node_id, decision_id, from_parent, to_parent, now(), plain(source)),
    )


def _renumber(db: sqlite3.Connection, tree_id: TreeId, node_id: NodeId) -> None:
    """Number a moved branch after everything else, so that parents still come before children."""
    below = (
        f"{BELOW} SELECT n.id FROM below JOIN nodes n ON n.id = below.id WHERE n.visible IS NOT NULL ORDER BY n.visible"
    )
    first = last_visible(db, tree_id) + 1
    ids = [id_ for (id_,) in db.execute(below, (node_id,))]
    db.executemany("UPDATE nodes SET visible = ? WHERE id = ?", [(first + i, id_) for i, id_ in enumerate(ids)])
