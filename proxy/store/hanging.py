"""What holds for zones, personalities and images; `store.verify` looks whether it does."""

from __future__ import annotations

import sqlite3
from typing import Final

from proxy.domain.message import Message
from proxy.domain.picture import pictures_in
from proxy.errors import StoreError
from proxy.store.records import Violation
from proxy.store.rows import from_json
from proxy.store.sealing.values import opened

RULES: Final[tuple[tuple[str, str, str], ...]] = (
    (
        "zones",
        "belongs to a tree of its user",
        """
        SELECT z.name FROM zones z LEFT JOIN trees t ON t.id = z.tree_id
        WHERE z.tree_id <> '' AND t.user_id IS NOT z.user_id
        """,
    ),
    (
        "zones",
        "hangs on a node of its tree, or on none",
        """
        SELECT z.node_id FROM zones z LEFT JOIN nodes n ON n.id = z.node_id
        WHERE z.node_id <> '' AND (n.tree_id IS NOT z.tree_id OR n.user_id IS NOT z.user_id)
        """,
    ),
    (
        "zones",
        "has a name that fits where it hangs",
        """
        SELECT name FROM zones WHERE (node_id <> '') <> (name = 'node')
            OR (node_id = '' AND tree_id = '' AND name NOT IN ('user', 'memory'))
            OR (node_id = '' AND tree_id <> '' AND name NOT IN ('personality', 'discussion', 'memory'))
        """,
    ),
    (
        "trees",
        "has a personality of its user, or none",
        """
        SELECT t.id FROM trees t LEFT JOIN personalities p ON p.user_id = t.user_id AND p.name = t.personality
        WHERE t.personality IS NOT NULL AND p.name IS NULL
        """,
    ),
    (
        "images",
        "hangs in a tree of its user that is there, on a node of it or on none",
        """
        SELECT i.id FROM images i LEFT JOIN trees t ON t.id = i.tree_id AND t.deleted_at IS NULL
        LEFT JOIN nodes n ON n.id = i.node_id
        WHERE t.user_id IS NOT i.user_id OR (i.node_id <> '' AND (n.tree_id IS NOT i.tree_id OR n.user_id IS NOT i.user_id))
        """,
    ),
    (
        "images",
        "has bytes of its user and its kind, or is elsewhere",
        """
        SELECT i.id FROM images i LEFT JOIN blobs b ON b.user_id = i.user_id AND b.hash = i.hash
        WHERE (i.hash IS NULL) = (i.url IS NULL) OR (i.hash IS NOT NULL AND b.media_type IS NOT i.media_type)
        """,
    ),
    (
        "images_off",
        "names an image in a message of its tree",
        """
        SELECT o.node_id FROM images_off o LEFT JOIN nodes n ON n.id = o.node_id
        WHERE n.tree_id IS NOT o.tree_id OR n.user_id IS NOT o.user_id
        """,
    ),
)
"""Table, what holds for each of its rows, and the rows for which it does not."""

OFF: Final = "SELECT o.node_id, o.number, n.content FROM images_off o JOIN nodes n ON n.id = o.node_id"


def broken_images_off(db: sqlite3.Connection, after: int) -> tuple[list[Violation], int | None]:  # noqa: ARG001 - one page
    """Images that are switched off in messages which have no such image."""
    found = []
    for node_id, number, content in db.execute(OFF):
        try:
            message = Message(from_json(opened(db, "nodes.content", content, node_id)))
        except (StoreError, ValueError):
            continue  # other checks name it
        if number >= len(list(pictures_in(message))):
            found.append(Violation("images_off", node_id, "names an image in a message of its tree"))
    return found, None
