"""What a text is made of: its words, and the names and numbers in it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from types import MappingProxyType

from proxy.routing.reading.tongues import HAN, STOP, TONGUES, tongue_of

_WORD = re.compile(r"[^\W_]+(?:['\u2019][a-z]{1,2}\b)?", re.UNICODE)
_PLAIN_WORD = re.compile(r"[A-Za-z0-9]+(?:'[a-z]{1,2}\b)?")
"""The same in ASCII, in less time."""
_NAME = re.compile(
    r"(?<![.!?:\n] )(?<!^)\b[A-Z\u00c0-\u00d6\u00d8-\u00de\u0130\u015e\u0410-\u042f][\w-]+|\b\d[\d.,:/-]*\b",
    re.MULTILINE,
)
_RUN = re.compile(rf"{HAN.pattern}+")


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
    for said in (_PLAIN_WORD if text.isascii() else _WORD).findall(spread(text)):
        word = said.lower().replace("\u2019", "'")
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


def forget() -> None:
    """Hold no words that were read lately."""
    for kept in (stem, spelling, tongue_of):
        kept.cache_clear()


@lru_cache(maxsize=16)
def spelling(text: str) -> Mapping[str, str]:
    """Each stem with the word as it was written, for reasons shown to people: several a turn."""
    spelt: dict[str, str] = {}
    tongue = TONGUES.get(tongue_of(text) or "")
    for match in _WORD.finditer(spread(text)):
        word = match[0].lower().replace("\u2019", "'")
        spelt.setdefault(stem(word) if tongue is None else word[: tongue.stem], match[0])
    return MappingProxyType(spelt)
