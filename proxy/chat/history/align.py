"""Lays a re-sent history beside the chat that it is: which message is which.

Both lists end at the same message, the anchor. Before it a client may have changed its user's words, put example turns or files
in front, cut the oldest messages away, or put a summary in their place. Equal messages are found from both ends inwards and then
in the longest runs; what lies between two finds is either the same message in new words, or nothing that is known.
"""

from __future__ import annotations

from collections.abc import Sequence
from difflib import SequenceMatcher

from proxy.domain.fingerprint import Hash, Link
from proxy.domain.message import Message
from proxy.domain.transcript import Seen, Sighting
from proxy.domain.values import value


@value(frozen=True, slots=True)
class Aligned:
    """What the client's messages are, up to the anchor."""

    rows: dict[int, Seen]
    """Which row of the chat a message is; messages without one are not known."""
    rewritten: frozenset[int]
    """Those that are known by their place alone."""
    compacted: bool
    """A new head stands in place of older rows: the client's own summary."""


def align(said: Sequence[Message], links: Sequence[Link], sighting: Sighting) -> Aligned:
    """Say what each message up to the anchor is."""
    rows = sighting.lineage
    marks = [link.folded for link in links[: sighting.anchor + 1]]
    known = [row.folded for row in rows]
    if marks == known:
        return Aligned(dict(enumerate(rows)), frozenset(), compacted=False)
    found: dict[int, Seen] = {sighting.anchor: rows[-1]}
    rewritten: set[int] = set()
    for i, i_end, j, j_end, equal in _blocks(marks[:-1], known[:-1]):
        if equal:
            found.update(zip(range(i, i_end), rows[j:j_end], strict=True))
            continue
        for index, row in _reworded(
            said[i:i_end], rows[j:j_end], head=j == 0, answered=rows[j_end].role == "assistant"
        ):
            found[i + index] = row
            rewritten.add(i + index)
    first = min(found)
    return Aligned(found, frozenset(rewritten), compacted=first > 0 and found[first] is not rows[0])


def _blocks(marks: Sequence[Hash], known: Sequence[Hash]) -> list[tuple[int, int, int, int, bool]]:
    """Runs of both lists in order, as `(i, i_end, j, j_end, equal)`."""
    head = _common(marks, known)
    if head == len(marks) == len(known):
        return [(0, head, 0, head, True)]
    tail = _common(marks[head:][::-1], known[head:][::-1])
    i_end, j_end = len(marks) - tail, len(known) - tail
    # Backwards, so that of two runs of the same length the later one is taken.
    matcher = SequenceMatcher(None, marks[head:i_end][::-1], known[head:j_end][::-1], autojunk=False)
    middle = [
        (i_end - end, i_end - begin, j_end - known_end, j_end - known_begin, what == "equal")
        for what, begin, end, known_begin, known_end in reversed(matcher.get_opcodes())
    ]
    return [(0, head, 0, head, True), *middle, (i_end, len(marks), j_end, len(known), True)]


def _common(a: Sequence[Hash], b: Sequence[Hash]) -> int:
    """How many messages two lists have in common at their start."""
    return next((n for n, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))


def _reworded(said: Sequence[Message], rows: Sequence[Seen], *, head: bool, answered: bool) -> list[tuple[int, Seen]]:
    """Messages that stand where others stood: as many, in the same roles. Only stored ones; a deleted one never had these words.

    Clients change their user's words; an assistant's words are ours. So where a head with replies in it is new, that is no
    rewording but the client's summary. Example turns may have come to stand before a reworded first message, and changing files
    before any: what stands right before a known reply is the turn that it answered.

    Args:
        head: Whether the rows are the first of the chat.
        answered: Whether what comes next is a reply that is known.
    """
    begins = head and len(rows) == 1
    if len(said) == len(rows) or (begins and len(said) > 1):
        pairs = list(enumerate(rows, start=len(said) - len(rows)))
        if all(said[n].role == row.role and row.meaning == "node" for n, row in pairs):
            return [] if head and any(row.role == "assistant" for row in rows) else pairs
    if head or not answered or not said or not rows:
        return []
    question = rows[-1]
    return (
        [(len(said) - 1, question)] if said[-1].role == question.role == "user" and question.meaning == "node" else []
    )
