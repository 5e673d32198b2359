"""Reading a scorer's answer: small numbers back to windows and points, and nothing taken on trust.

An answer that is empty, half, doubled, out of range or not a number is a failed call, never a guess.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

from proxy.errors import ScorerFailed
from proxy.routing.prompt import ROOT_NUMBER
from proxy.routing.scene import Point
from proxy.routing.tournament import Verdict
from proxy.routing.windows import Window, clip

REASON_TOKENS = 40
"""Cap of a scorer's reason: it is shown to people."""
REASON_WORDS = 12
"""What it is asked for, and cut at."""


class Placing(Protocol):
    """A scorer's word on one point."""

    id: int
    reasoning: str
    relevance: float


class Scoring(Placing, Protocol):
    """A scorer's word on one window."""

    rank: int


@dataclass(frozen=True, slots=True)
class Choice:
    """A place that the scorer would choose."""

    point: Point | None
    """`None` is the root."""
    relevance: float
    reason: str


@dataclass(frozen=True, slots=True)
class Ranked:
    """A conversation that the scorer would choose."""

    window: Window | None
    """`None` is the root."""
    relevance: float
    reason: str


def read_scores(windows: Sequence[Window], scores: Sequence[Scoring]) -> list[Verdict]:
    """One verdict a window, in the windows' order.

    Raises ScorerFailed unless every window was scored exactly once.
    """
    numbers = range(1, len(windows) + 1)
    _check(scores, numbers)
    by_number = {score.id: score for score in scores}
    if len(by_number) < len(windows):
        raise ScorerFailed(f"it scored {len(by_number)} of {len(windows)} windows")
    return [
        Verdict(window, by_number[number].relevance, by_number[number].rank, _reason(by_number[number]))
        for number, window in zip(numbers, windows, strict=True)
    ]


def read_places(points: Sequence[Point], places: Sequence[Placing]) -> list[Choice]:
    """The places that the scorer named, in its order.

    Raises ScorerFailed when there is none, or one that was not offered.
    """
    _check(places, range(ROOT_NUMBER, len(points) + 1))
    return [
        Choice(None if place.id == ROOT_NUMBER else points[place.id - 1], place.relevance, _reason(place))
        for place in places
    ]


def read_ranks(windows: Sequence[Window], places: Sequence[Placing]) -> list[Ranked]:
    """The conversations that the scorer named, in its order. Raises ScorerFailed as `read_places`."""
    _check(places, range(ROOT_NUMBER, len(windows) + 1))
    return [
        Ranked(None if place.id == ROOT_NUMBER else windows[place.id - 1], place.relevance, _reason(place))
        for place in places
    ]


def _check(answers: Sequence[Placing], numbers: Collection[int]) -> None:
    if not answers:
        raise ScorerFailed("it answered with an empty list")
    ids = [answer.id for answer in answers]
    if strange := [number for number in ids if number not in numbers]:
        raise ScorerFailed(f"it named {strange[0]}, which was not offered")
    if len(set(ids)) < len(ids):
        raise ScorerFailed("it named the same place twice")
    if wild := [answer.relevance for answer in answers if not 0 <= answer.relevance <= 1]:  # NaN is neither
        raise ScorerFailed(f"it gave a relevance of {wild[0]}")


def _reason(answer: Placing) -> str:
    words = answer.reasoning.split()
    short = " ".join(words[:REASON_WORDS]) + ("…" if len(words) > REASON_WORDS else "")
    return clip(short, REASON_TOKENS)
