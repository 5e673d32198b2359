"""The common case of `recognising`, without its search: a client that sends a stored chat as it was, and one message more.

Where all of a history but its last message is the prefix of a chat that was seen before, no other kind of evidence can reach deeper:
what is left to find are the rows of that chat. They are read in one go by their chain hashes, and told apart as the search
would tell them apart.
"""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Sequence
from typing import Final

from proxy.domain.fingerprint import Link
from proxy.domain.transcript import Sighting
from proxy.domain.tree import TreeId, UserId
from proxy.store.rows import SEEN, Row, plain, to_json, to_seen

LONGEST: Final = 400
"""Messages of a history that is retraced; a longer one is worth a search on a thread of its own."""

ROWS: Final = f"""
    SELECT {", ".join(f"t.{name.strip()}" for name in SEEN.split(","))}, t.at, t.id
    FROM json_each(?) AS asked CROSS JOIN transcripts t ON t.user_id = ? AND t.chain = asked.value
"""
"""All rows of some chains."""
NEXT: Final = f"""
    SELECT {SEEN} FROM transcripts
    WHERE user_id = :user AND prev = :chain AND role = 'user' AND meaning = 'node'
      AND (:conversation IS NULL OR conversation = :conversation) AND (:tree IS NULL OR tree_id = :tree)
    ORDER BY conversation IS :conversation DESC, at DESC, id DESC LIMIT 1
"""
PARENT: Final = "SELECT parent_id FROM edges WHERE node_id = ?"

_CHAIN, _PREV, _MEANING, _NODE, _TREE, _CONVERSATION, _AT, _ID = 0, 1, 5, 6, 7, 8, 9, 10
_WIDTH: Final = 9


def retrace(
    db: sqlite3.Connection, user_id: UserId, links: Sequence[Link], tree_id: TreeId | None, conversation: str | None
) -> Sighting | None:
    """What is known of a history; `None` where that takes a search."""
    last = len(links) - 1
    if last > LONGEST or links[last].assistants is not None:
        return None
    named = plain(conversation)
    rows: defaultdict[str, list[Row]] = defaultdict(list)
    for row in db.execute(ROWS, (to_json([link.chain for link in links]), user_id)):
        rows[row[_CHAIN]].append(row)
    anchor, row = last, _best(rows.get(links[last].chain, ()), tree_id, named)
    if row is None and last > 0:
        anchor, row = last - 1, _best(rows.get(links[last - 1].chain, ()), tree_id, named)
    if row is None:
        return Sighting(-1, "none") if last == 0 else None
    lineage = _back(db, rows, row)
    if lineage is None:
        return None
    asked = {"user": user_id, "chain": row[_CHAIN], "conversation": named, "tree": tree_id}
    found = db.execute(NEXT, asked).fetchone()
    return Sighting(anchor, "chain", tuple(to_seen(one[:_WIDTH]) for one in lineage), to_seen(found) if found else None)


def _best(rows: Sequence[Row], tree_id: TreeId | None, conversation: str | None) -> Row | None:
    """Of rows that say the same: the named conversation wins, then what is still stored, then the newest."""
    fitting = [row for row in rows if tree_id is None or row[_TREE] is None or row[_TREE] == tree_id]
    if len(fitting) < 2:
        return fitting[0] if fitting else None
    return max(fitting, key=lambda row: (row[_CONVERSATION] == conversation, *_newest(row)))


def _back(db: sqlite3.Connection, rows: dict[str, list[Row]], row: Row) -> list[Row] | None:
    """The chat up to a row, oldest first; `None` when it does not keep to the chains that were asked for."""
    chat = row[_CONVERSATION]
    lineage = [row]
    while row[_PREV]:
        before = rows.get(row[_PREV])
        if not before:
            return None
        row = before[0] if len(before) == 1 else _before(db, before, row, chat)
        lineage.append(row)
    lineage.reverse()
    return lineage


def _before(db: sqlite3.Connection, rows: Sequence[Row], row: Row, chat: str) -> Row:
    """Of the rows that a row may follow: one of the same chat, then the one that its node hangs from."""
    found = db.execute(PARENT, (row[_NODE],)).fetchone()
    parent_id = found[0] if found else None
    return max(rows, key=lambda one: (one[_CONVERSATION] == chat, one[_NODE] == parent_id, *_newest(one)))


def _newest(row: Row) -> tuple[bool, float, int]:
    return row[_MEANING] == "node", row[_AT], row[_ID]
