"""Nodes taken out of every table that tells of them: their words go, keyed hashes stay."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Final

from proxy.domain.tree import NodeId, TreeId, UserId
from proxy.store import images
from proxy.store.clock import now
from proxy.store.persons import departures
from proxy.store.rows import to_json

_DOOMED: Final = "(SELECT value FROM json_each(:ids))"
_REMEMBERED: Final = f"""
    INSERT INTO tombstones (user_id, tree_id, exact, folded, deleted_at)
    SELECT user_id, tree_id, exact, folded, :now FROM nodes WHERE id IN {_DOOMED}
"""


def bury(
    db: sqlite3.Connection,
    user_id: UserId,
    tree_id: TreeId,
    ids: Sequence[NodeId],
    *,
    above: NodeId | None,
    remembered: bool = True,
) -> None:
    """Take whole branches, or what hangs lowest, out of every table.

    Args:
        above: What they hung from.
        remembered: Whether keyed hashes are to stay, by which the words are known when a client sends them again.
    """
    images.forget_nodes(db, user_id, tree_id, ids)
    if remembered:
        departures.note(db, "tree", tree_id)
    doomed = _DOOMED
    pointing = f"user_id = :user AND tree_id = :tree AND node_id IN {doomed}"
    values = {"ids": to_json(ids), "now": now(), "above": above, "user": user_id, "tree": tree_id}
    sql = f"SELECT json_group_array(DISTINCT system_id) FROM nodes WHERE id IN {doomed} AND system_id IS NOT NULL"
    (systems,) = db.execute(sql, values).fetchone()
    for statement in (
        *([_REMEMBERED] if remembered else []),
        # Chats that began alike leave one deleted row between them.
        f"UPDATE OR REPLACE transcripts SET meaning = 'deleted', node_id = NULL WHERE node_id IN {doomed}",
        f"UPDATE active SET node_id = :above WHERE :above IS NOT NULL AND {pointing}",
        f"DELETE FROM active WHERE {pointing}",
        f"DELETE FROM corrections WHERE node_id IN {doomed}",
        f"""
        DELETE FROM corrections WHERE decision_id IN (SELECT id FROM decisions WHERE node_id IN {doomed})
        """,
        f"DELETE FROM decisions WHERE node_id IN {doomed}",
        f"DELETE FROM edge_log WHERE node_id IN {doomed}",
        f"DELETE FROM client_messages WHERE node_id IN {doomed}",
        f"DELETE FROM waypoints WHERE node_id IN {doomed}",
        f"DELETE FROM zones WHERE {pointing}",
        f"DELETE FROM loads WHERE {pointing}",
        f"DELETE FROM memory_nodes WHERE node_id IN {doomed}",
        f"DELETE FROM turn_pieces WHERE node_id IN {doomed}",
        f"DELETE FROM summaries WHERE node_id IN {doomed}",
        f"DELETE FROM cuts WHERE node_id IN {doomed}",
        f"DELETE FROM vectors WHERE node_id IN {doomed}",
        f"DELETE FROM sent WHERE call_id IN (SELECT id FROM calls WHERE turn_id IN {doomed})",
        # The bill stays; the words that were sent and received go.
        f"""
        UPDATE calls SET reply_id = NULL, envelope = '{{}}', metadata = '{{}}', completion_id = NULL
        WHERE id IN (SELECT call_id FROM nodes WHERE id IN {doomed})
        """,
        f"""
        UPDATE calls SET turn_id = NULL, reply_id = NULL, kept = '[]', partial = NULL, envelope = '{{}}', receipt = '{{}}',
               error = NULL, compacted_from = NULL, idempotency_key = NULL, request_hash = '', metadata = '{{}}', completion_id = NULL
        WHERE turn_id IN {doomed}
        """,
        f"DELETE FROM search WHERE rowid IN (SELECT seq FROM nodes WHERE id IN {doomed})",
        f"DELETE FROM edges WHERE node_id IN {doomed}",
        f"DELETE FROM nodes WHERE id IN {doomed}",
    ):
        db.execute(statement, values)
    db.execute(
        "DELETE FROM systems WHERE id IN (SELECT value FROM json_each(?))"
        " AND NOT EXISTS (SELECT 1 FROM nodes n WHERE n.system_id = systems.id)",
        (systems,),
    )


def new_epoch(db: sqlite3.Connection, tree_id: TreeId, *, used: bool = True) -> None:
    """Whoever follows the tree by mark reads it anew. `used` says that somebody has done something in it just now."""
    db.execute(
        "UPDATE trees SET epoch = epoch + 1, updated_at = iif(?, ?, updated_at) WHERE id = ?", (used, now(), tree_id)
    )
