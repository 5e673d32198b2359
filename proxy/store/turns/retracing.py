"""The common case of `recognising`, without its search: a client that sends a stored chat as it was, and one message more.

Where all of a history but its last message is the prefix of a chat that was seen before, no other kind of evidence can reach deeper:
what is left to find are the rows of that chat. They are read in one go by their chain hashes, and told apart as the search
would tell them apart.
"""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Sequence
from typing import Final, NamedTuple

import msgspec

from proxy.domain.fingerprint import Hash, Link
from proxy.domain.transcript import Seen, Sighting
from proxy.domain.tree import TreeId, UserId
from proxy.store.rows import SEEN, plain, seen_again, to_json, to_seen
from proxy.store.sealing.values import cipher_of, marked

LONGEST: Final = 400
"""Messages of a history that is retraced; a longer one is worth a search on a thread of its own."""

ROWS: Final = f"""
    SELECT json_group_array(json_array(json_array({", ".join(f"t.{name.strip()}" for name in SEEN.split(","))}), t.at, t.id))
    FROM json_each(?2) AS asked CROSS JOIN transcripts t ON t.user_id = ?1 AND t.chain = asked.value
"""
"""All rows of some chains as one text, which costs less than many rows of many columns."""
_BEHIND: Final = "transcripts WHERE user_id = ?1 AND prev = ?2 AND role = 'user' AND meaning = 'node'"
ANY_NEXT: Final = f"SELECT 1 FROM {_BEHIND} LIMIT 1"
"""Whether a client said something behind a chain. Mostly none did, and to find that out takes no sorting."""
NEXT: Final = f"""
    SELECT {SEEN} FROM {_BEHIND} AND (?3 IS NULL OR conversation = ?3) AND (?4 IS NULL OR tree_id = ?4)
    ORDER BY conversation IS ?3 DESC, at DESC, id DESC LIMIT 1
"""
"""What a client said behind a chain last time."""
PARENT: Final = "SELECT parent_id FROM edges WHERE node_id = ?"


class Row(NamedTuple):
    """A row, and how new it is."""

    seen: Seen
    at: float
    id: int


_rows: Final = msgspec.json.Decoder(list[Row]).decode


def retrace(
    db: sqlite3.Connection, user_id: UserId, links: Sequence[Link], tree_id: TreeId | None, conversation: str | None
) -> Sighting | None:
    """What is known of a history; `None` where that takes a search."""
    last = len(links) - 1
    if last > LONGEST or links[last].assistants is not None:
        return None
    named = marked(db, "chat", plain(conversation), user_id)
    chains = [link.chain for link in links]
    (known,) = db.execute(ROWS, (user_id, to_json(chains))).fetchone()
    rows: defaultdict[str, list[Row]] = defaultdict(list)
    for row in _rows(known):
        rows[row.seen.chain].append(row)
    anchor, found = last, _best(rows.get(chains[last], ()), tree_id, named)
    if found is None and last > 0:
        anchor, found = last - 1, _best(rows.get(chains[last - 1], ()), tree_id, named)
    if found is None:
        return Sighting(-1, "none") if last == 0 else None
    lineage = _back(db, rows, found, tree_id)
    if lineage is None:
        return None
    if cipher_of(db) is not None:
        lineage = [seen_again(db, seen, user_id) for seen in lineage]
    return Sighting(anchor, "chain", tuple(lineage), _next(db, user_id, chains[anchor], named, tree_id))


def _next(
    db: sqlite3.Connection, user_id: UserId, chain: Hash, conversation: str | None, tree_id: TreeId | None
) -> Seen | None:
    """What the client said behind a chain last time."""
    if db.execute(ANY_NEXT, (user_id, chain)).fetchone() is None:
        return None
    row = db.execute(NEXT, (user_id, chain, conversation, tree_id)).fetchone()
    return None if row is None else to_seen(db, row, user_id)


def _best(rows: Sequence[Row], tree_id: TreeId | None, conversation: str | None) -> Row | None:
    """Of rows that say the same: the named conversation wins, then what is still stored, then the newest."""
    fitting = [row for row in rows if tree_id is None or row.seen.tree_id is None or row.seen.tree_id == tree_id]
    if len(fitting) < 2:
        return fitting[0] if fitting else None
    return max(fitting, key=lambda row: (row.seen.conversation == conversation, *_newest(row)))


def _back(db: sqlite3.Connection, rows: dict[str, list[Row]], row: Row, tree_id: TreeId | None) -> list[Seen] | None:
    """The chat up to a row, oldest first; `None` when it does not keep to the chains that were asked for."""
    chat = row.seen.conversation
    lineage = [row.seen]
    while row.seen.prev:
        tree_id = tree_id or row.seen.tree_id
        before = rows.get(row.seen.prev)
        if not before:
            return None
        row = before[0] if len(before) == 1 else _before(db, before, row.seen, chat, tree_id)
        lineage.append(row.seen)
    lineage.reverse()
    return lineage


def _before(db: sqlite3.Connection, rows: Sequence[Row], seen: Seen, chat: str, tree_id: TreeId | None) -> Row:
    """Of the rows that a row may follow: one of the same tree, then of the same chat, then the one that its node hangs from."""
    found = db.execute(PARENT, (seen.node_id,)).fetchone()
    parent_id = found[0] if found else None

    def likeness(one: Row) -> tuple[bool | float, ...]:
        of_this_tree = tree_id is None or one.seen.tree_id in (None, tree_id)
        return of_this_tree, one.seen.conversation == chat, one.seen.node_id == parent_id, *_newest(one)

    return max(rows, key=likeness)


def _newest(row: Row) -> tuple[bool, float, int]:
    return row.seen.meaning == "node", row.at, row.id
