"""A tree's twin without its nodes: the same title, instructions, participants, notes, zones, images and
artefacts, and the same loaded, under a name of its own.
"""

from __future__ import annotations

import sqlite3
from typing import Final

from proxy.domain.tree import Tree, TreeId, UserId
from proxy.store import images, trees
from proxy.store.shelf import copying as shelving

_BESIDE: Final = {"zones": "name, text, updated_at"}
"""What stands beside a tree and on none of its nodes: the columns that its twin shares."""


def clone(db: sqlite3.Connection, user_id: UserId, tree_id: TreeId, name: str | None) -> Tree:
    """Raises NotFound, and InvalidRequest when the name is taken."""
    one = trees.tree_of(db, user_id, tree_id)
    told = (one.title, one.system_prompt, one.metadata, one.max_context_tokens, one.participants)
    twin = trees.create_tree(db, user_id, name, *told)
    trees.set_scratchpad(db, user_id, twin.id, trees.scratchpad(db, user_id, tree_id))
    trees.update_tree(db, user_id, twin.id, {"personality": one.personality})
    for table, columns in _BESIDE.items():
        db.execute(
            f"INSERT INTO {table} (user_id, tree_id, node_id, {columns})"
            f" SELECT user_id, ?, node_id, {columns} FROM {table} WHERE user_id = ? AND tree_id = ? AND node_id = ''",
            (twin.id, user_id, tree_id),
        )
    images.copy(db, user_id, tree_id, twin.id)
    shelving.copy(db, user_id, tree_id, twin.id)
    return trees.tree_of(db, user_id, twin.id)
