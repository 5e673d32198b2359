"""A tree's twin without its nodes: the same title, instructions, participants, notes, zones, images and
artefacts, and the same loaded, under a name of its own.
"""

from __future__ import annotations

import sqlite3
from dataclasses import replace

from proxy.domain.tree import Tree, TreeId, UserId
from proxy.store import images, trees, zones
from proxy.store.shelf import copying as shelving


def clone(db: sqlite3.Connection, user_id: UserId, tree_id: TreeId, name: str | None) -> Tree:
    """Raises NotFound, and InvalidRequest when the name is taken."""
    one = trees.tree_of(db, user_id, tree_id)
    told = (one.title, one.system_prompt, one.metadata, one.max_context_tokens, one.participants)
    twin = trees.create_tree(db, user_id, name, *told)
    trees.set_scratchpad(db, user_id, twin.id, trees.scratchpad(db, user_id, tree_id))
    trees.update_tree(db, user_id, twin.id, {"personality": one.personality})
    for zone in zones.of_tree(db, user_id, tree_id):
        zones.keep(db, replace(zone, tree_id=twin.id))
    images.copy(db, user_id, tree_id, twin.id)
    shelving.copy(db, user_id, tree_id, twin.id)
    return trees.tree_of(db, user_id, twin.id)
