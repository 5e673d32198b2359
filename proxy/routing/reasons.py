"""Why a turn would go somewhere, in a few words for a person."""

from __future__ import annotations

from collections.abc import Sequence

from proxy.routing.features import Look
from proxy.routing.pairs import OPEN, PairIndex
from proxy.routing.reading import text
from proxy.routing.reading.cues import refers_back
from proxy.routing.shared import HERE, PATH

TITLE = 40
"""Characters of a conversation's first words that name it."""

ASKING = frozenset(
    map(
        text.stem,
        ("show", "tell", "give", "make", "need", "want", "help", "please", "explain", "write", "find", "know"),
    )
)
"""Words, as stems, that a turn asks with: that another turn holds them too convinces nobody."""


Words = Sequence[tuple[int, str]]
"""Words of a turn that convince: the number of each among its stems, and how it is written."""


def convincing(look: Look) -> Words:
    """A turn's words that may stand in a reason, the rarest in the tree first."""
    told = [
        (held, at, word)
        for at, (word, held) in enumerate(zip(look.said.stems, look.shared.frequency, strict=True))
        if held and word not in ASKING
    ]
    return [(at, look.said.spelt[word]) for _, at, word in sorted(told)]


def goes_on(look: Look, pair: int, words: Words) -> str:
    """Why a turn follows on from a pair."""
    if cue := refers_back(look.turn):
        return f"follows on: {_quoted(cue)} refers to the last answer"
    if look.index.traits[OPEN, pair] == 1 and not look.turn.rstrip().endswith("?"):
        return "follows on: answers the question just asked"
    shared = _shared(look, pair, HERE, words)
    return f"follows on: shares {shared}" if shared else "follows on from the last answer"


def returns(look: Look, pair: int, words: Words) -> str:
    return f"returns to {title(look.index, pair)}{_because(look, pair, PATH, words)}"


def forks(look: Look, pair: int, words: Words) -> str:
    said = _clipped(next(filter(None, look.index.texts(pair)), ""))
    return f"goes back to an earlier point, {_quoted(said)}{_because(look, pair, HERE, words)}"


def opens(look: Look) -> str:
    """Why a turn opens a topic of its own."""
    stems = zip(look.said.stems, look.shared.frequency, strict=True)
    strange = [look.said.spelt[word] for word, held in stems if not held and word not in ASKING]
    return f"opens a new topic: nothing so far is about {', '.join(strange[:3])}" if strange else "opens a new topic"


def apart(reason: str) -> str:
    """Why a new chat starts at the root, where it might have joined an earlier one for some reason."""
    return f"a new chat starts at the root: not sure enough that it {reason}"


def title(index: PairIndex, pair: int) -> str:
    """A conversation by its first words; the index keeps what was made of them once."""
    first = int(index.root[pair])
    known = index.titles.get(first)
    if known is None:
        known = index.titles[first] = _quoted(_clipped(next(filter(None, index.texts(first)), "")))
    return known


def _because(look: Look, pair: int, where: int, words: Words) -> str:
    shared = _shared(look, pair, where, words)
    return f": shares {shared}" if shared else ": the closest in meaning"


def _shared(look: Look, pair: int, where: int, words: Words) -> str:
    """Up to three of the turn's words that stand in a pair or on its path, the rarest in the tree first."""
    flags = look.shared.flags[where, look.part.place(pair)].tolist()
    return ", ".join([word for at, word in words if flags[at]][:3])


def _clipped(said: str) -> str:
    said = " ".join(said[: 8 * TITLE].split())
    return said if len(said) <= TITLE else said[: TITLE - 1].rsplit(" ", 1)[0].rstrip(",.;:") + "…"


def _quoted(said: str) -> str:
    return f"'{said}'"
