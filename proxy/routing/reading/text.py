"""What a text is made of: its words, and the names and numbers in it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from types import MappingProxyType

from proxy.routing.reading.tongues import HAN, TONGUES, said, tongue_of

_WORD = re.compile(r"[^\W_]+(?:['\u2019][a-z]{1,2}\b)?", re.UNICODE)
_NAME = re.compile(
    r"(?<![.!?:\n] )(?<!^)\b[A-Z\u00c0-\u00d6\u00d8-\u00de\u0130\u015e\u0410-\u042f][\w-]+|\b\d[\d.,:/-]*\b",
    re.MULTILINE,
)
_RUN = re.compile(rf"{HAN.pattern}+")

STOP = said(
    """
    a able about above actually after again against ain all also am an and any anything are aren't around as at away
    back be because been before being below between bit both but by can can't come could could've couldn't did didn't do
    does doesn't doing don't down during each either else enough even ever every few find first for from further get
    gets getting give given go goes going gonna good got great had has hasn't have haven't having he hello help her here
    hers herself hey hi him himself his how however i i'd i'll i'm i've if in into is isn't it it's its itself just kind
    know let let's like likes long look looking lot lots made make makes making many may maybe me might mine more most
    much must my myself need needs new no nor not now number of off oh ok okay on once one ones only or other our ours
    ourselves out over own part people please put question quite rather really right same say see seem she should
    shouldn't since so some someone something sort start still stuff such sure take tell than thank thanks that that's
    the their theirs them themselves then there there's these they thing things think this those though through time to
    too try two under until up upon us use used using very want wants was wasn't way we well were weren't what what's
    when where which while who whom whose why will with without won't work would wouldn't yeah year years yes yet you
    you'd you'll you're you've your yours yourself
    """
)


@lru_cache(maxsize=65536)
def stem(word: str) -> str:
    """A word without its commonest endings: `trams` and `tram` are one word, `hiking` and `hike` too."""
    if not word.isascii() or len(word) < 4:
        return word
    for ending, least in (
        ("'s", 3),
        ("ies", 5),
        ("sses", 5),
        ("ing", 6),
        ("edly", 7),
        ("ed", 5),
        ("ly", 6),
        ("es", 5),
        ("s", 4),
    ):
        if word.endswith(ending) and len(word) >= least:
            if ending == "s" and word.endswith(("ss", "us", "is")):
                return word
            word = word[: -len(ending)] + ("y" if ending == "ies" else "ss" if ending == "sses" else "")
            break
    if len(word) > 4 and word[-1] == word[-2] and word[-1] not in "aeiouls":
        word = word[:-1]
    return word[:-1] if len(word) > 4 and word.endswith("e") else word


def words(text: str) -> Iterator[str]:
    """The words of a text in order, lower case, the commonest of its language left out, stemmed."""
    tongue = TONGUES.get(tongue_of(text) or "")
    for match in _WORD.finditer(spread(text)):
        word = match[0].lower().replace("\u2019", "'")
        if tongue is None:
            if word not in STOP and (len(word) > 1 or not word.isascii()):
                yield stem(word)
        elif word not in tongue.stop and (len(word) > 1 or not tongue.spaced):
            yield word[: tongue.stem]


def spread(text: str) -> str:
    """A text in which what has no spaces between its words falls into pairs of characters, each a word."""
    return _RUN.sub(_pairs, text) if HAN.search(text) else text


def _pairs(run: re.Match[str]) -> str:
    said = run[0]
    return f" {' '.join(said[at : at + 2] for at in range(max(1, len(said) - 1)))} "


def names(text: str) -> frozenset[str]:
    """Capitalised words within sentences, and numbers: what a conversation rarely shares by chance."""
    return frozenset(match[0].lower().rstrip(".,:") for match in _NAME.finditer(text) if match[0] not in ("I", "I'm"))


@lru_cache(maxsize=16)
def spelling(text: str) -> Mapping[str, str]:
    """Each stem with the word as it was written, for reasons shown to people: several a turn."""
    spelt: dict[str, str] = {}
    tongue = TONGUES.get(tongue_of(text) or "")
    for match in _WORD.finditer(spread(text)):
        word = match[0].lower().replace("\u2019", "'")
        spelt.setdefault(stem(word) if tongue is None else word[: tongue.stem], match[0])
    return MappingProxyType(spelt)
