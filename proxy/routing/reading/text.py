"""What a text is made of: its words, and the names and numbers in it."""

from __future__ import annotations

import re
import string
from collections.abc import Mapping, Sequence
from functools import lru_cache

from proxy.domain.values import value
from proxy.routing.reading.tongue import alone
from proxy.routing.reading.tongues import HAN, STOP, TONGUES, tongue_of

READ = 4000
"""Characters of a text whose words are read."""

MOST_STEMS = 40

_WORD = re.compile(r"[^\W_]+(?:['\u2019][a-z]{1,2}\b)?", re.UNICODE)
_PLAIN_WORD = re.compile(r"[A-Za-z0-9]+(?:'[a-z]{1,2}\b)?")
"""The same in ASCII, in less time."""
_LETTERS_AND_DIGITS = alone(string.ascii_letters + string.digits)
"""And where there is no apostrophe, in a fraction of it."""
_NAME = re.compile(
    r"[A-Z\u00c0-\u00d6\u00d8-\u00de\u0130\u015e\u0410-\u042f\d](?<!\w.)"
    r"(?:(?<=\d)[\d.,:/-]*\b|(?<!\d)(?<!^.)(?<![.!?:\n] .)[\w-]+)",
    re.MULTILINE,
)
"""A capitalised word that opens neither a line nor a sentence, or a number. What it begins with stands first, so that a search for it is quick;
what must not stand before is asked behind that."""
_RUN = re.compile(rf"{HAN.pattern}+")


@value(frozen=True, slots=True)
class Reading:
    """What a text is made of."""

    words: Sequence[str]
    """See `words`."""
    stems: Sequence[str]
    """The first different ones of its words, in order."""
    spelt: Mapping[str, str]
    """Each of its words as it was written first, for reasons shown to people."""
    names: frozenset[str]
    """See `names`."""


def read(text: str) -> Reading:
    """A text as it is read; several readers of the same text, one soon after another, share what was found."""
    return _read(text if len(text) <= READ else text[:READ])


@lru_cache(maxsize=32)
def _read(text: str) -> Reading:
    stems, written = _told(text)
    spelt = dict(zip(reversed(stems), reversed(written), strict=True))
    return Reading(stems, tuple(dict.fromkeys(stems))[:MOST_STEMS], spelt, names(text))


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


def words(text: str) -> list[str]:
    """The words of a text in order, lower case, the commonest of its language left out, stemmed."""
    return _told(text)[0]


def _told(text: str) -> tuple[list[str], list[str]]:
    """The words of a text as `words` gives them, and as they are written."""
    tongue = TONGUES.get(tongue_of(text) or "")
    if text.isascii():
        found = _PLAIN_WORD.findall(text) if "'" in text else text.translate(_LETTERS_AND_DIGITS).split()
        lower = [said.lower() for said in found]
    else:
        found = _WORD.findall(spread(text))
        lower = [said.lower().replace("\u2019", "'") for said in found]
    if tongue is None:
        kept = [at for at, word in enumerate(lower) if word not in STOP and (len(word) > 1 or not word.isascii())]
        return [stem(lower[at]) for at in kept], [found[at] for at in kept]
    stop, least = tongue.stop, 2 if tongue.spaced else 1
    kept = [at for at, word in enumerate(lower) if word not in stop and len(word) >= least]
    return [lower[at][: tongue.stem] for at in kept], [found[at] for at in kept]


def spread(text: str) -> str:
    """A text in which what has no spaces between its words falls into pairs of characters, each a word."""
    return _RUN.sub(_pairs, text) if not text.isascii() and HAN.search(text) else text


def _pairs(run: re.Match[str]) -> str:
    said = run[0]
    return f" {' '.join(said[at : at + 2] for at in range(max(1, len(said) - 1)))} "


def names(text: str) -> frozenset[str]:
    """Capitalised words within sentences, and numbers: what a conversation rarely shares by chance."""
    return frozenset(said.lower().rstrip(".,:") for said in _NAME.findall(text) if said not in ("I", "I'm"))


def forget() -> None:
    """Hold no words that were read lately."""
    for kept in (stem, _read, tongue_of):
        kept.cache_clear()
