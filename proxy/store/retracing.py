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
from proxy.domain.transcript import Seen, Sighting
from proxy.domain.tree import TreeId, UserId
from proxy.store.rows import SEEN, Row, plain, to_json, to_seen

LONGEST: Final = 400
"""Messages of a history that is retraced; a longer one is worth a search on a thread of its own."""

_COLUMNS: Final = ", ".join(f"t.{name.strip()}" for name in SEEN.split(","))


def _next(chain: str, number: int) -> str:
    """What a client said behind a chain last time, as the row of that number."""
    return f"""
    SELECT * FROM (
        SELECT {_COLUMNS}, t.at, t.id, {number} FROM transcripts t
        WHERE t.user_id = :user AND t.prev = {chain} AND t.role = 'user' AND t.meaning = 'node'
          AND (:conversation IS NULL OR t.conversation = :conversation) AND (:tree IS NULL OR t.tree_id = :tree)
        ORDER BY t.conversation IS :conversation DESC, t.at DESC, t.id DESC LIMIT 1
    )"""


ROWS: Final = f"""
    SELECT {_COLUMNS}, t.at, t.id, NULL
    FROM json_each(:chains) AS asked CROSS JOIN transcripts t ON t.user_id = :user AND t.chain = asked.value
    UNION ALL {_next(":last", 0)}
    UNION ALL {_next(":before", 1)}
"""
"""All rows of some chains, and what was said next behind the last two of them."""
PARENT: Final = "SELECT parent_id FROM edges WHERE node_id = ?"

_CHAIN, _PREV, _MEANING, _NODE, _TREE, _CONVERSATION, _AT, _ID, _AFTER = 0, 1, 5, 6, 7, 8, 9, 10, 11
_WIDTH: Final = 9


def retrace(
    db: sqlite3.Connection, user_id: UserId, links: Sequence[Link], tree_id: TreeId | None, conversation: str | None
) -> Sighting | None:
    """What is known of a history; `None` where that takes a search."""
    last = len(links) - 1
    if last > LONGEST or links[last].assistants is not None:
        return None
    named = plain(conversation)
    chains = [link.chain for link in links]
    asked = {
        "user": user_id,
        "chains": to_json(chains),
        "last": chains[last],
        "before": chains[last - 1] if last else None,
        "conversation": named,
        "tree": tree_id,
    }
    rows: defaultdict[str, list[Row]] = defaultdict(list)
    after: dict[int, Seen] = {}
    for row in db.execute(ROWS, asked):
        if row[_AFTER] is None:
            rows[row[_CHAIN]].append(row)
        else:
            after[row[_AFTER]] = to_seen(row[:_WIDTH])
    back = 0
    row = _best(rows.get(chains[last], ()), tree_id, named)
    if row is None and last > 0:
        back, row = 1, _best(rows.get(chains[last - 1], ()), tree_id, named)
    if row is None:
        return Sighting(-1, "none") if last == 0 else None
    lineage = _back(db, rows, row)
    if lineage is None:
        return None
    return Sighting(last - back, "chain", tuple(to_seen(one[:_WIDTH]) for one in lineage), after.get(back))


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
