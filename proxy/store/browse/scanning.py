"""Words looked for in one user's trees where the database is encrypted: texts are opened one by one, in memory alone.

Nothing readable is kept for it, so a search costs what the user has said: it goes backwards from the newest node, some nodes a
question, and ends with the page that was asked for. Words are told apart as the index tells them apart (FTS5, `unicode61` without
diacritics): runs of letters and digits, whatever their case and accents, each found where a word begins with it.
"""

from __future__ import annotations

import re
import sqlite3
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from proxy.domain.tree import NodeId, TreeId, UserId
from proxy.store.browse.search import Hit
from proxy.store.reading import node
from proxy.store.trees import tree_of, trees
from proxy.store.turns.sent import numbered

BATCH: Final = 500
"""Nodes that one question opens; others get their turn between two."""
AROUND: Final = 24
"""Words of a snippet."""

WORD: Final = re.compile(r"[^\W_]+")
NEWEST: Final = "SELECT seq FROM nodes WHERE tree_id = ? AND seq < ? ORDER BY seq DESC LIMIT ?"


@dataclass(frozen=True, slots=True)
class Scan:
    """What is looked for, and where."""

    user_id: UserId
    phrases: Sequence[Sequence[str]]
    """Words that follow each other, the last one of each perhaps only begun."""
    trees: Sequence[TreeId]


def begin(
    db: sqlite3.Connection, user_id: UserId, words: str, tree_id: TreeId | None, after: NodeId | None
) -> tuple[Scan, int]:
    """A scan, and the number before which it begins. Raises NotFound."""
    if tree_id is not None:
        tree_of(db, user_id, tree_id)
    before = node(db, user_id, after).seq if after is not None else 1 << 62
    phrases = [told for word in words.split() if (told := [folded(part) for part in WORD.findall(word)])]
    wanted = [tree_id] if tree_id is not None else [tree.id for tree in trees(db, user_id)]
    return Scan(user_id, phrases, wanted if phrases else ()), before


def some(db: sqlite3.Connection, scan: Scan, before: int) -> tuple[list[Hit], int]:
    """Hits among the next nodes, the newest first, and the number before which the next question begins; 0 for the end."""
    there = [seq for tree_id in scan.trees for (seq,) in db.execute(NEWEST, (tree_id, before, BATCH))]
    there = sorted(there, reverse=True)[:BATCH]
    hits = []
    for found in sorted(numbered(db, scan.user_id, there), key=lambda one: -one.seq):
        said = found.message.spoken
        if (place := where(scan.phrases, said)) is not None:
            hits.append(Hit(found, around(said, place)))
    return hits, there[-1] if len(there) == BATCH else 0


def where(phrases: Sequence[Sequence[str]], text: str) -> int | None:
    """The number of the word at which the first phrase stands, if all of them stand somewhere."""
    said = [folded(word) for word in WORD.findall(text)]
    places = [_first(phrase, said) for phrase in phrases]
    return None if None in places else places[0]


def _first(phrase: Sequence[str], said: Sequence[str]) -> int | None:
    *whole, begun = phrase
    for at in range(len(said) - len(whole)):
        if said[at + len(whole)].startswith(begun) and said[at : at + len(whole)] == whole:
            return at
    return None


def around(text: str, place: int) -> str:
    """The text around a word."""
    words = list(WORD.finditer(text))
    first = max(0, min(place - AROUND // 4, len(words) - AROUND))
    last = min(first + AROUND, len(words)) - 1
    start = 0 if first == 0 else words[first].start()
    end = len(text) if last == len(words) - 1 else words[last].end()
    return ("… " if start else "") + text[start:end] + (" …" if end < len(text) else "")


def folded(word: str) -> str:
    """A word without case and accents."""
    apart = unicodedata.normalize("NFD", word.casefold())
    return "".join(c for c in apart if not unicodedata.combining(c))
