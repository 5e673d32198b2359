"""Why a turn would go somewhere, in a few words for a person."""

from __future__ import annotations

from proxy.routing.features import Look
from proxy.routing.pairs import READ
from proxy.routing.reading import text
from proxy.routing.reading.cues import refers_back

TITLE = 40
"""Characters of a conversation's first words that name it."""


LOOKED_UP = 100
"""Pairs of a path whose words are looked at."""


ASKING = frozenset(
    map(
        text.stem,
        ("show", "tell", "give", "make", "need", "want", "help", "please", "explain", "write", "find", "know"),
    )
)
"""Words, as stems, that a turn asks with: that another turn holds them too convinces nobody."""


def goes_on(look: Look, pair: int) -> str:
    """Why a turn follows on from a pair."""
    cue = refers_back(look.turn)
    if cue:
        return f"follows on: {_quoted(cue)} refers to the last answer"
    if look.index.open[pair] == 1 and not look.turn.rstrip().endswith("?"):
        return "follows on: answers the question just asked"
    shared = _shared(look, [pair])
    return f"follows on: shares {shared}" if shared else "follows on from the last answer"


def returns(look: Look, pair: int) -> str:
    return f"returns to {title(look, pair)}" + _because(look, look.index.path(pair, LOOKED_UP))


def forks(look: Look, pair: int) -> str:
    said = _clipped(next(filter(None, look.index.texts(pair)), ""))
    return f"goes back to an earlier point, {_quoted(said)}" + _because(look, [pair])


def opens(look: Look) -> str:
    """Why a turn opens a topic of its own."""
    spelt = text.spelling(look.turn[:READ])
    strange = [
        spelt[word] for word in look.words if word in spelt and word not in look.index.postings and word not in ASKING
    ]
    return f"opens a new topic: nothing so far is about {', '.join(strange[:3])}" if strange else "opens a new topic"


def title(look: Look, pair: int) -> str:
    """A conversation by its first words."""
    first = int(look.index.root[pair])
    return _quoted(_clipped(next(filter(None, look.index.texts(first)), "")))


def _because(look: Look, pairs: list[int]) -> str:
    shared = _shared(look, pairs)
    return f": shares {shared}" if shared else ": the closest in meaning"


def _shared(look: Look, pairs: list[int]) -> str:
    """Up to three of the turn's words that the pairs hold, the rarest in the tree first."""
    spelt, here = text.spelling(look.turn[:READ]), set(pairs)
    held = [
        word for word in look.words if word in spelt and word not in ASKING and look.index.postings.in_any(word, here)
    ]
    held.sort(key=look.index.postings.count)
    return ", ".join(spelt[word] for word in held[:3])


def _clipped(said: str) -> str:
    said = " ".join(said.split())
    return said if len(said) <= TITLE else said[: TITLE - 1].rsplit(" ", 1)[0].rstrip(",.;:") + "…"


def _quoted(said: str) -> str:
    return f"'{said}'"
