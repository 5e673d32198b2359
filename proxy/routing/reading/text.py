"""What a text is made of: its words, and the names and numbers in it."""

from __future__ import annotations

import re
import string
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache

from proxy.domain.values import value
from proxy.routing.reading.tongue import Runs, Tongue
from proxy.routing.reading.tongues import HAN, STOP, TONGUES, tongue_of

READ = 4000
"""Characters of a text whose words are read."""

MOST_STEMS = 40

KEPT_STEMS = 32_768
"""Words of one language whose stems are held; then all are let go, for the common ones come again soon."""

_WORD = re.compile(r"[^\W_]+(?:['\u2019][a-z]{1,2}\b)?", re.UNICODE)
_PLAIN_WORDS = Runs(string.ascii_letters + string.digits)
"""The same in ASCII."""
_CAPITALS = r"A-Z\u00c0-\u00d6\u00d8-\u00de\u0130\u015e\u0410-\u042f"
_AS_A_NAME = r"(?<!\w.)(?:(?<=\d)[\d.,:/-]*\b|(?<!\d)(?<!^.)(?<![.!?:\n] .)[\w-]+)"
_NAME = re.compile(rf"[{_CAPITALS}\d]{_AS_A_NAME}", re.MULTILINE)
"""A capitalised word that opens neither a line nor a sentence, or a number. What it begins with stands first, so that a search for it is quick;
what must not stand before is asked behind that."""
_PLAIN_NAME = re.compile(rf"[A-Z0-9]{_AS_A_NAME}", re.MULTILINE | re.ASCII)
"""The same in ASCII, in half the time."""
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
    written = _written(text)
    stems = list(map(_stems_of(text).__getitem__, _lower(written)))
    spelt = {stem: word for stem, word in zip(reversed(stems), reversed(written), strict=True) if stem}
    kept = [stem for stem in stems if stem]
    return Reading(kept, tuple(dict.fromkeys(kept))[:MOST_STEMS], spelt, names(text))


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


class _Stems(dict[str, str]):
    """Words of one language to their stems; nothing for the commonest, and for what is too short. Made as they are asked for."""

    def __init__(self, stop: frozenset[str], stemmed: Callable[[str], str]) -> None:
        super().__init__()
        self._stop = stop
        self._stemmed = stemmed

    def __missing__(self, word: str) -> str:
        if len(self) >= KEPT_STEMS:
            self.clear()
        self[word] = found = "" if word in self._stop else self._stemmed(word)
        return found


def _of_english(word: str) -> str:
    return "" if len(word) == 1 and word.isascii() else stem(word)


def _of(tongue: Tongue) -> _Stems:
    least, letters = 2 if tongue.spaced else 1, tongue.stem
    return _Stems(tongue.stop, lambda word: word[:letters] if len(word) >= least else "")


_STEMS: Mapping[str | None, _Stems] = {
    None: _Stems(STOP, _of_english),
    **{name: _of(tongue) for name, tongue in TONGUES.items()},
}


def words(text: str) -> list[str]:
    """The words of a text in order, lower case, the commonest of its language left out, stemmed."""
    lower = _PLAIN_WORDS.of(text.lower()) if text.isascii() and "'" not in text else _lower(_written(text))
    return list(filter(None, map(_stems_of(text).__getitem__, lower)))


def _stems_of(text: str) -> _Stems:
    return _STEMS[tongue_of(text)]


def _written(text: str) -> list[str]:
    """The words of a text as they are written."""
    return _PLAIN_WORDS.of(text) if text.isascii() else _WORD.findall(spread(text))


def _lower(written: Iterable[str]) -> list[str]:
    return [word.lower().replace("\u2019", "'") for word in written]


def spread(text: str) -> str:
    """A text in which what has no spaces between its words falls into pairs of characters, each a word."""
    return _RUN.sub(_pairs, text) if not text.isascii() and HAN.search(text) else text


def _pairs(run: re.Match[str]) -> str:
    said = run[0]
    return f" {' '.join(said[at : at + 2] for at in range(max(1, len(said) - 1)))} "


def names(text: str) -> frozenset[str]:
    """Capitalised words within sentences, and numbers: what a conversation rarely shares by chance."""
    found = (_PLAIN_NAME if text.isascii() else _NAME).findall(text)
    return frozenset([said.lower().rstrip(".,:") for said in found if said not in ("I", "I'm")])


def forget() -> None:
    """Hold no words that were read lately."""
    for kept in (_read, tongue_of):
        kept.cache_clear()
    for stems in _STEMS.values():
        stems.clear()
