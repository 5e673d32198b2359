"""What the embedded scorer weighed in one decision: the columns of its evidence that moved it most, and each of them in words.

Half of the decision is a regression, whose parts add up; the other half are trees, which do not. So what a column weighed is what it
added in the regression to the log odds of the place that was chosen.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from proxy.domain.placement import Feature
from proxy.routing.evidence import COLUMNS
from proxy.routing.features import Row

TOLD = 6
"""Features that are kept with a decision."""

_WHERE: Mapping[str, str] = {
    "active": "the last exchange",
    "other": "the likeliest other conversation",
    "active above other": "the last exchange, above the likeliest other conversation",
    "earlier": "the likeliest earlier point",
    "active above earlier": "the last exchange, above the likeliest earlier point",
}

_WHAT: Mapping[str, str] = {
    "cos asked": "likeness in meaning to the user's message",
    "cos both": "likeness in meaning to message and answer",
    "cos tail": "likeness in meaning to the end of the answer",
    "path max": "best likeness in meaning on the way there",
    "path max asked": "best likeness in meaning to a user's message on the way there",
    "path mean": "mean likeness in meaning on the way there",
    "faded max": "best likeness in meaning on the way there, late exchanges first",
    "first": "likeness in meaning to how the conversation began",
    "previous": "likeness in meaning to the exchange before it",
    "above average": "likeness in meaning above the tree's average",
    "covered by pair": "share of the turn's words that the exchange holds",
    "covered by asked": "share of the turn's words that the user's message holds",
    "covered by path": "share of the turn's words that were said on the way there",
    "covered by conversation": "share of the turn's words that the conversation holds",
    "rare in pair": "rare words that the exchange shares",
    "rare on path": "rare words shared on the way there",
    "names in pair": "names and numbers that the exchange shares",
    "names on path": "names and numbers shared on the way there",
    "open question": "the answer ends in a question",
    "answer length": "length of the answer",
    "depth": "exchanges before it",
    "recency": "exchanges of the tree since then",
    "branches here": "ways on from there",
    "common": "likeness to what the whole tree has in common",
    "open question met": "the turn answers the question just asked",
    "score": "how well it fits among its like",
    "lead": "its lead over the next best",
    "share": "its share among its like",
    "same conversation": "it belongs to the conversation in use",
    "how many": "how many there are",
    "turns back": "how many turns back it lies",
    "one turn back": "it lies one turn back",
    "first of all": "it is the first of its conversation",
    "cos tail above the active node's": "likeness to the end of its answer, above that to the end of the last one",
}

_OVERALL: Mapping[str, str] = {
    "tree: best cos": "best likeness in meaning anywhere in the tree",
    "tree: mean cos": "mean likeness in meaning to the tree",
    "tree: spread": "how far likeness differs in the tree",
    "tree: words known": "share of the turn's words said before anywhere",
    "tree: mass known": "weight of the turn's words said before anywhere",
    "tree: pairs": "exchanges in the tree",
    "tree: conversations": "conversations in the tree",
    "tree: other tips": "other conversations to go back to",
    "turn: opens": "how much the turn reads like the first of a conversation",
    "llm: relevance": "what the LLM scorer made of the place",
}

_NEXT = (" of what came next", " above what came next")


def heard(row: Row, parts: Row) -> tuple[Feature, ...]:
    """The columns that added most to the evidence for a class, or took most from it, the heaviest first.

    Args:
        parts: What each column of the row added.
    """
    heaviest = np.abs(parts).argpartition(-TOLD)[-TOLD:]
    told = sorted(
        zip(parts[heaviest].tolist(), row[heaviest].tolist(), heaviest.tolist(), strict=True),
        key=lambda one: (-abs(one[0]), one[2]),
    )
    return tuple(
        [Feature(COLUMNS[at], round(value * 1000) / 1000, round(part * 100) / 100) for part, value, at in told]
    )


def in_words(name: str) -> str:
    """What a feature is, for a person; one that this version does not know is called by its name."""
    if name in _OVERALL:
        return _OVERALL[name]
    where, _, what = name.partition(": ")
    if where == "cue":
        return f"the turn's wording: {what}"
    for next_ in _NEXT:
        if what.endswith(next_):
            return f"{in_words(f'{where}: {what.removesuffix(next_)}')},{next_.replace(' of', ' for')}"
    return f"{_WHAT[what]}: {_WHERE[where]}" if what in _WHAT and where in _WHERE else name
