"""What was deleted, known again by its keyed hashes alone.

A history that a client brings anew may hold words that were deleted, without the beginning by which the chat would be recognised.
Two of them in a row, or a long one, are enough to know them; a lone "Ok." is not, since it was said in many chats. Words that still
stand somewhere were not deleted there: a client may go on saying them.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Final

from proxy.domain.fingerprint import Hash, Link
from proxy.domain.tree import UserId
from proxy.store.rows import to_json
from proxy.store.turns.recognising import LONG

_SAID: Final = "SELECT 1 FROM transcripts WHERE user_id = ? AND folded = ? AND meaning = ? LIMIT 1"
_FOLLOWED: Final = "SELECT 1 FROM transcripts WHERE user_id = ? AND folded = ? AND before = ? AND meaning = ? LIMIT 1"


def tombstones(db: sqlite3.Connection, user_id: UserId, exacts: Sequence[Hash]) -> set[Hash]:
    """Which of these exact hashes were deleted."""
    sql = "SELECT exact FROM tombstones WHERE user_id = ? AND exact IN (SELECT value FROM json_each(?))"
    return {exact for (exact,) in db.execute(sql, (user_id, to_json(list(exacts))))}


def any_of(db: sqlite3.Connection, user_id: UserId) -> bool:
    """Whether the user has deleted anything."""
    return db.execute("SELECT 1 FROM tombstones WHERE user_id = ? LIMIT 1", (user_id,)).fetchone() is not None


def lift(db: sqlite3.Connection, user_id: UserId, exact: Hash, chain: Hash) -> None:
    """Forget that a message was deleted, since its user has brought it back."""
    db.execute("DELETE FROM tombstones WHERE user_id = ? AND exact = ?", (user_id, exact))
    db.execute("DELETE FROM transcripts WHERE user_id = ? AND chain = ? AND meaning = 'deleted'", (user_id, chain))


def deleted(
    db: sqlite3.Connection,
    user_id: UserId,
    exacts: Sequence[Hash],
    links: Sequence[Link],
    before: Hash,
    *,
    within: bool,
) -> set[int]:
    """Which messages of a history that no node holds were deleted: they must not be stored anew.

    Args:
        exacts: One a message, as `links`.
        before: The folded hash of the message before the first; empty where there is none.
        within: Whether that one is known to be deleted.
    """
    buried = tombstones(db, user_id, exacts)
    if not buried:
        return set()
    befores = [before, *(link.folded for link in links)]
    gone = [
        exact in buried and not _is_said(db, user_id, link.folded) for exact, link in zip(exacts, links, strict=True)
    ]
    found: set[int] = {-1} if within else set()
    for i, link in enumerate(links):
        beside = gone[i] and ((i > 0 and gone[i - 1]) or (i + 1 < len(gone) and gone[i + 1]) or link.weight >= LONG)
        if beside or (exacts[i] in buried and _follows(db, user_id, link.folded, befores[i], within=i - 1 in found)):
            found.add(i)
    # The first of a deleted run is known by what follows it.
    return found - {-1} | {i for i in range(len(links) - 1) if gone[i] and i + 1 in found}


def _is_said(db: sqlite3.Connection, user_id: UserId, folded: Hash) -> bool:
    """Whether some chat holds these words."""
    return db.execute(_SAID, (user_id, folded, "node")).fetchone() is not None


def _follows(db: sqlite3.Connection, user_id: UserId, folded: Hash, before: Hash, *, within: bool) -> bool:
    """Whether these words were deleted behind those before them, and stand behind them nowhere else, or come in a deleted run."""
    if not before or db.execute(_FOLLOWED, (user_id, folded, before, "deleted")).fetchone() is None:
        return False
    return within or db.execute(_FOLLOWED, (user_id, folded, before, "node")).fetchone() is None
