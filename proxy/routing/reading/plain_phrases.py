"""The cues of English in lower-case ASCII, word by word: a small part of the time that a search for every phrase takes.

Cues that are single words are counted in one sum over the words of a text, each in sixteen bits of a number. Of a phrase one word is
looked for, its own if it has any; only where that stands in a text, the phrase may.
"""

from __future__ import annotations

import re
import string
from collections.abc import Iterator, Mapping
from itertools import product, repeat

from proxy.routing.reading.tongue import alone
from proxy.routing.reading.tongues import STOP

_BITS = 16
_MOST = (1 << _BITS) - 1
_SINGLE_WORDS = re.compile(r"[a-z|']+")
"""Alternatives that are single words. One with an apostrophe is found by its first letters, which stand among them too."""
_WORD_CHARACTERS = alone(f"{string.ascii_letters}{string.digits}_")
_FIRST_LETTERS = re.compile(r"\A\W*([a-z]+)")
_PARTS = re.compile(r"\(\?:|\[\w+\]|.")


class PlainPhrases:
    """Counts what `cues.Phrases` counts, of the same alternatives by name."""

    def __init__(self, opens: Mapping[str, str], holds: Mapping[str, str]) -> None:
        self._none = dict.fromkeys([*opens, *holds], 0)
        self._opens: dict[str, dict[str, re.Pattern[str]]] = {}
        """By the first letters of a text, the openings that it may have."""
        for name, said in opens.items():
            pattern = re.compile(rf"\W*(?:{said})\b")
            for phrase in spellings(said):
                self._opens.setdefault(_words(phrase)[0], {})[name] = pattern
        single = [name for name, said in holds.items() if _SINGLE_WORDS.fullmatch(said)]
        self._places = {name: _BITS * at for at, name in enumerate(single)}
        self._held_by: dict[str, int] = {}
        for name, place in self._places.items():
            for word in holds[name].split("|"):
                self._held_by[word] = self._held_by.get(word, 0) + (1 << place)
        self._phrases: dict[str, list[tuple[str, str]]] = {}
        """By one word of each, the phrases, each with its cue."""
        self._patterns = {name: re.compile(rf"\b(?:{holds[name]})\b") for name in holds if name not in self._places}
        for name in self._patterns:
            for phrase in spellings(holds[name]):
                self._phrases.setdefault(_own_word(phrase), []).append((phrase, name))

    def found(self, head: str) -> dict[str, int]:
        """Whether a text opens with each cue, and how often it holds each of the others."""
        counts, words = self._none.copy(), _words(head)
        first = _FIRST_LETTERS.match(head)
        if first is not None:
            for name, pattern in self._opens.get(first[1], {}).items():
                counts[name] = int(pattern.match(head) is not None)
        held = sum(map(self._held_by.get, words, repeat(0)))
        for name, place in self._places.items():
            counts[name] = held >> place & _MOST
        for word in self._phrases.keys() & words:
            for name in {name for phrase, name in self._phrases[word] if phrase in head}:
                counts[name] = len(self._patterns[name].findall(head))
        return counts


def spellings(pattern: str) -> list[str]:
    """All texts that a regular expression of alternatives, groups, choices of letters and `?` stands for."""
    return _spelt(iter(_PARTS.findall(pattern)))


def _spelt(parts: Iterator[str]) -> list[str]:
    found: list[str] = []
    ways: list[list[str]] = []
    """Of each part since the last `|`, how it may be spelt."""
    for part in parts:
        if part == ")":
            break
        if part == "|":
            found += map("".join, product(*ways))
            ways = []
        elif part == "?":
            ways[-1] = ["", *ways[-1]]
        elif part == "(?:":
            ways.append(_spelt(parts))
        else:
            ways.append([*part.strip("[]")])
    return [*found, *map("".join, product(*ways))]


def _words(text: str) -> list[str]:
    return text.translate(_WORD_CHARACTERS).split()


def _own_word(phrase: str) -> str:
    """The word of a phrase that stands least in texts without it: the longest that is not in every conversation."""
    return max(_words(phrase), key=lambda word: (word not in STOP, len(word)))
