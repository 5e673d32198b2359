"""What is known of one language: its commonest words, and the phrases by which a turn follows on or leaves.

The names of cues are those of `cues.py`; what a language leaves out is never found in it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Tongue:
    """One language."""

    stop: frozenset[str]
    """Words that are in every conversation; a text is in the language that has most of its words."""
    stem: int
    """Letters of a word that tell it from others: endings and compounds lie behind them."""
    opens: Mapping[str, str]
    """Alternatives of a regular expression at the head of a turn, by cue."""
    holds: Mapping[str, str]
    """The same anywhere in it."""
    spaced: bool = True
    """Words have spaces between them."""


def said(words: str) -> frozenset[str]:
    """A set of words, written as a text."""
    return frozenset(words.split())


def alone(kept: str) -> dict[int, str]:
    """For `str.translate`: all of ASCII but some characters becomes a space, so that words fall apart."""
    return {at: " " for at in range(128) if chr(at) not in kept}


class Runs:
    """Reads a text in ASCII as runs of some characters, with an apostrophe and one or two small letters that end one: `can't`, `it's`.

    Without a regular expression over the whole text, which would take five times as long.
    """

    def __init__(self, kept: str) -> None:
        """`kept` are letters and digits."""
        self._spaced = bytes(at if chr(at) in f"{kept}'" else 32 for at in range(256))
        self._within = re.compile(rf"'(?:(?<![{kept}]')|(?![a-z]{{1,2}}\b))")
        """An apostrophe that belongs to no run."""

    def of(self, text: str) -> list[str]:
        if "'" in text:
            text = self._within.sub(" ", text)
        return text.encode("ascii").translate(self._spaced).decode("ascii").split()
