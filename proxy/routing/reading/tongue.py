"""What is known of one language: its commonest words, and the phrases by which a turn follows on or leaves.

The names of cues are those of `cues.py`; what a language leaves out is never found in it.
"""

from __future__ import annotations

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
