"""Which chat a re-sent history is: one statement, whose cost depends on the history and not on the trees.

Four kinds of evidence, the deepest message that any of them reaches is the anchor:

1. *chain*: the longest prefix of the history that some client saw before.
2. *assistants*: beyond that, the same assistant messages in the same order from the start; users' text may have been rewritten.
   Two of them, or a single one when it is long and was said only once: every second chat begins with "Hello! How can I help?".
3. *tail*: beyond that, two messages that stand in a row in some chat. Where part of the history is known, that chat must be the
   same one; where nothing is, the two must be long together, or have been said at one place only, or the chat's own id agrees.
4. *tail*, last resort: beyond all that, one long text that was said only once, and is not the message just sent. Where part of
   the history is known, it must have been said in the same chat.

Among rows that say the same, the named conversation wins, then what is still stored, then the newest.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from itertools import pairwise
from operator import itemgetter
from typing import Final

import msgspec

from proxy.domain.fingerprint import Link
from proxy.domain.transcript import Sighting
from proxy.domain.tree import TreeId, UserId
from proxy.store.rows import plain, to_seen
from proxy.store.sealing.values import marked
from proxy.store.turns.retracing import retrace

LONG: Final = 64
"""Letters from which a text is evidence by itself."""
LINEAGE: Final = 2_000
"""Most rows of a chat that are read back from the anchor, beyond as many as the history has messages."""

_IN_TREE: Final = "(:tree IS NULL OR t.tree_id IS NULL OR t.tree_id = :tree)"
_BEST: Final = "ORDER BY t.conversation IS :conversation DESC, t.meaning = 'node' DESC, t.at DESC, t.id DESC LIMIT 1"


def _row_where(condition: str) -> str:
    """The best row for which a condition holds."""
    return f"(SELECT t.id FROM transcripts t WHERE t.user_id = :user AND {condition} AND {_IN_TREE} {_BEST})"


def _places(condition: str) -> str:
    """How many places a condition fits; counts to two."""
    return f"""(SELECT count(*) FROM (
        SELECT DISTINCT coalesce(t.node_id, t.chain) FROM transcripts t WHERE t.user_id = :user AND {condition} LIMIT 2))"""


def _at(array: str, index: str) -> str:
    return f"json_extract(:{array}, '$[' || ({index}) || ']')"


def _deepest(name: str, above: str, condition: Callable[[str], str]) -> str:
    """Two tables: a walk from the end of the history towards `above`, message by message, and the row where it stopped."""
    return f"""
    {name}_walk (i, row) AS (
        SELECT :last, {_row_where(condition(":last"))} WHERE :last > {above}
        UNION ALL
        SELECT i - 1, {_row_where(condition("i - 1"))} FROM {name}_walk WHERE row IS NULL AND i - 1 > {above}
    ),
    {name} (i, row) AS MATERIALIZED (SELECT i, row FROM {name}_walk WHERE row IS NOT NULL)"""


def _chain(i: str) -> str:
    return f"t.chain = {_at('chains', i)}"


def _assistants(i: str) -> str:
    said_once = _places(f"t.folded = {_at('folded', ':single')}")
    return f"t.assistants = {_at('assistants', i)} AND ({i} <> :single OR {said_once} = 1)"


def _pair(i: str) -> str:
    pair = f"t.folded = {_at('folded', i)} AND t.before = {_at('folded', f'{i} - 1')}"
    long = _at("heavy", i)
    return f"""{pair} AND CASE WHEN {_KNOWN} < 0
        THEN {long} OR t.conversation IS :conversation OR {_places(pair)} = 1
        ELSE {long} AND {_said_in("(SELECT row FROM known)")}
    END"""


def _one(i: str) -> str:
    said = f"t.folded = {_at('long', i)}"
    reached = "(SELECT coalesce((SELECT row FROM by_pair), (SELECT row FROM known)))"
    return f"{said} AND {_places(said)} = 1 AND ({reached} IS NULL OR {_said_in(reached)})"


def _said_in(row: str) -> str:
    return f"t.conversation = (SELECT conversation FROM transcripts WHERE id = {row})"


_KNOWN: Final = "(SELECT i FROM known)"

RECOGNISE: Final = f"""
WITH RECURSIVE
{_deepest("by_chain", "-1", _chain)},
{_deepest("by_assistants", "coalesce((SELECT i FROM by_chain), -1)", _assistants)},
known (i, row) AS MATERIALIZED (
    SELECT coalesce((SELECT i FROM by_assistants), (SELECT i FROM by_chain), -1),
           coalesce((SELECT row FROM by_assistants), (SELECT row FROM by_chain))
),
{_deepest("by_pair", f"{_KNOWN} + 1", _pair)},
{_deepest("by_one", f"coalesce((SELECT i FROM by_pair), {_KNOWN})", _one)},
anchor (i, found_by, row) AS MATERIALIZED (
    SELECT i, 'chain', row FROM by_chain
    UNION ALL SELECT i, 'assistants', row FROM by_assistants
    UNION ALL SELECT i, 'tail', row FROM by_pair
    UNION ALL SELECT i, 'tail', row FROM by_one
    ORDER BY i DESC LIMIT 1
),
back (row, conversation, tree, depth) AS (  -- the client's chat, from the anchor back, in one tree where it can be
    SELECT t.id, t.conversation, coalesce(:tree, t.tree_id), 0 FROM anchor JOIN transcripts t ON t.id = anchor.row
    UNION ALL
    SELECT (
        SELECT id FROM (
            SELECT p.id, p.meaning, p.at, p.conversation = back.conversation AS of_this_chat,
                   coalesce(p.tree_id = coalesce(back.tree, t.tree_id), 1) AS of_this_tree,
                   p.node_id IS (SELECT e.parent_id FROM edges e WHERE e.node_id = t.node_id) AS answered
            FROM transcripts p WHERE p.user_id = :user AND p.chain = t.prev
        ) AS before
        ORDER BY of_this_tree DESC, of_this_chat DESC, answered DESC, meaning = 'node' DESC, at DESC, id DESC LIMIT 1
    ), back.conversation, coalesce(back.tree, t.tree_id), back.depth + 1
    FROM back JOIN transcripts t ON t.id = back.row
    WHERE t.prev <> '' AND back.depth < :lineage
),
continued (row, depth) AS (
    SELECT {
    _row_where(
        "t.prev = a.chain AND t.role = 'user' AND t.meaning = 'node' "
        "AND (:conversation IS NULL OR t.conversation = :conversation)",
    )
}, -1
    FROM anchor JOIN transcripts a ON a.id = anchor.row
)
SELECT found.depth, anchor.i, anchor.found_by,
       t.chain, t.prev, t.folded, t.assistants, t.role, t.meaning, t.node_id, t.tree_id, t.conversation
FROM (SELECT row, depth FROM back UNION ALL SELECT row, depth FROM continued WHERE row IS NOT NULL) found
JOIN transcripts t ON t.id = found.row CROSS JOIN anchor
"""


def recognise(
    db: sqlite3.Connection, user_id: UserId, links: Sequence[Link], tree_id: TreeId | None, conversation: str | None
) -> Sighting:
    """What is known of a history. See `ports.TreeStore.recognise`."""
    while links:
        found = retrace(db, user_id, links, tree_id, conversation) or search(db, user_id, links, tree_id, conversation)
        foreign = _foreign(found, tree_id)
        if not foreign:
            return found
        links = links[: max(0, found.anchor + 1 - foreign)]
    return Sighting(-1, "none")


def _foreign(found: Sighting, tree_id: TreeId | None) -> int:
    """Messages at the end of a chat that no tree holds, commands say, where what they follow was said in another tree."""
    if tree_id is None:
        return 0
    for behind, row in enumerate(reversed(found.lineage)):
        if row.tree_id is not None:
            return 0 if row.tree_id == tree_id else behind
    return 0


def search(
    db: sqlite3.Connection, user_id: UserId, links: Sequence[Link], tree_id: TreeId | None, conversation: str | None
) -> Sighting:
    """The same, by the whole statement; `links` is not empty."""
    chat = marked(db, "chat", plain(conversation), user_id)
    rows = db.execute(RECOGNISE, _asked(user_id, links, tree_id, chat)).fetchall()
    if not rows:
        return Sighting(-1, "none")
    rows.sort(key=itemgetter(0), reverse=True)
    _, anchor, found_by, *_ = rows[0]
    continued = to_seen(db, rows.pop()[3:], user_id) if rows[-1][0] < 0 else None
    return Sighting(anchor, found_by, tuple(to_seen(db, row[3:], user_id) for row in rows), continued)


def _array(values: Sequence[str | int | None]) -> str:
    return msgspec.json.encode(values).decode()


def _asked(
    user_id: UserId, links: Sequence[Link], tree_id: TreeId | None, conversation: str | None
) -> dict[str, object]:
    last = len(links) - 1
    speaking = [i for i, link in enumerate(links) if link.assistants is not None]
    assistants = [link.assistants for link in links]
    if speaking and links[speaking[0]].weight < LONG:
        assistants[speaking[0]] = None
    pair_weights = [0, *(a.weight + b.weight for a, b in pairwise(links))]
    return {
        "user": user_id,
        "tree": tree_id,
        "conversation": conversation,
        "last": last,
        "chains": _array([link.chain for link in links]),
        "assistants": _array(assistants),
        "single": speaking[0] if speaking else -1,
        "folded": _array([link.folded for link in links]),
        "heavy": _array([int(weight >= LONG) for weight in pair_weights]),
        "long": _array([link.folded if link.weight >= LONG else None for link in links[:-1]]),
        "lineage": LINEAGE + len(links),
    }
