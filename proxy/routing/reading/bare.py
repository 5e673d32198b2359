"""A turn that names no subject of its own: `In German, please.`, `Summarise our chat`, `k thx`, `option 2`, `Write it as a poem`.

Such a turn is told by a closed list of words: each of its words must be one of a kind's, and one of them must tell the kind. The words
of all languages stand together (`bare_words.py`), since the turn may be in another language than the chat, and so short that its own
is hardly told.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from proxy.routing.reading import text
from proxy.routing.reading.bare_words import KINDS, Kind
from proxy.routing.reading.cues import ASKS
from proxy.routing.reading.tongues import HAN, tongue_of

LONGEST = 100
"""Characters of the longest turn that is read."""

_WORD = re.compile(r"[^\W_]+")
_NUMBER = re.compile(r"\d{1,2}")
_COMBINING_DOT = "\u0307"
"""What is left over of a Turkish capital in lower case."""


def names_no_subject(turn: str) -> bool:
    """Whether a turn asks for the answer in another language or form, speaks of the chat, or is a bare word to go on by."""
    said = turn.strip()
    if not said or len(said) > LONGEST or "\n" in said:
        return False
    said = said.lower().replace(_COMBINING_DOT, "")
    words = _WORD.findall(said)
    if len(words) == 1 and _NUMBER.fullmatch(words[0]):
        return True
    if HAN.search(said) is not None:
        return any(_is_of_in_han(kind, said, words) for kind in KINDS)
    return any(_is_of(kind, words) for kind in KINDS)


def _is_of(kind: Kind, words: Sequence[str]) -> bool:
    if kind.tells.isdisjoint(words) or (kind.points and kind.points.isdisjoint(words)):
        return False
    return all(map(kind.holds, words))


def _is_of_in_han(kind: Kind, said: str, words: Sequence[str]) -> bool:
    tells = not kind.tells.isdisjoint(words) or kind.told_in_han.search(said) is not None
    points = not kind.points or not kind.points.isdisjoint(words) or kind.pointed_in_han.search(said) is not None
    return tells and points and all(map(kind.holds, _WORD.findall(kind.in_han.sub(" ", said))))


_OBJECTS: Mapping[str | None, str] = {
    None: r"\b(?:do|does|did|can|could|should|would|must|will|to) (?:(?:i|we|you|one|they) )?(?!cost)[a-z]{2,12} (?:it|them)\b",
    "de": r"\b(?:ich|man|wir) (?:ihn|sie|es)\b",
    "nl": r"\b(?:ik|we|je|men) (?:het|hem|ze)\b",
    "fr": r"(?:-(?:je|on|nous|il)|\b(?:je|on|nous)) (?:l['’]|l[ae]s?\b)|\b(?:doit|faut|peut) l(?:es|e|a)\b",
    "es": r"[aei]r(?:l[oa]s?)\b",
    "it": r"[aei]r(?:l[oaie])\b",
    "pt": r"[áêíaei]r?-l[oa]s?\b",
    "ru": r"\b(?:его|её|ее|их)\b",
    "tr": r"\b(?:onu|onları)\b",
    "zh": "它",
}
"""By language, what says that a question is about a thing that a pronoun stands for: the pronoun is an object, never an article."""

_ASKED = {tongue: re.compile(pattern, re.IGNORECASE) for tongue, pattern in _OBJECTS.items()}
_LONGEST_QUESTION = 60

_TOPICAL, _PAIRS_OF_HAN = 2, 6
"""Words of a question that may be left over: what is done to the thing, and how often or how."""


def asks_about_it(turn: str) -> bool:
    """Whether a turn is a short question about `it` that names nothing but what is done to it: `How often do I feed it?`."""
    said = turn.strip()
    if len(said) > _LONGEST_QUESTION or not said.endswith(ASKS):
        return False
    tongue = tongue_of(said)
    if _ASKED[tongue].search(said) is None:
        return False
    read = text.read(said)
    return not read.names and len(read.words) <= (_PAIRS_OF_HAN if tongue == "zh" else _TOPICAL)
