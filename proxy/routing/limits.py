"""The bounds of one decision, as plain values."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Literal

Mode = Literal["tournament", "listwise"]
MODES: tuple[Mode, ...] = ("tournament", "listwise")

_ROUNDS = 2
"""Rounds of a tournament; the exploration is the third, and the last, of a decision."""


@dataclass(frozen=True, slots=True)
class RoutingLimits:
    """How much a decision may look at, ask and spend, and how much evidence an answer needs."""

    mode: Mode = "listwise"
    """Windows meet in groups, or all conversations of the shortlist are ranked in one call."""
    window: int = 4
    """Messages in a window."""
    group: int = 4
    """Windows that a scorer compares in one call."""
    shortlist: int = 16
    """Windows of each pool that enter the tournament."""
    points: int = 12
    """Attachment points that are shown when two paths are explored; the root comes on top."""
    message_tokens: int = 120
    """Cap of one shown message, in rough tokens."""
    max_calls: int = 12
    """Scorer calls for one turn, whatever the size of the tree; 0 never asks an LLM."""
    deadline_s: float = 4.0
    """Seconds for a decision; what cannot be read, computed or asked by then is done without."""
    gate: float = 0.89
    """Confidence from which the embedded answer stands without an LLM; 1 asks about every turn."""
    relevance_floor: float = 0.35
    """Below it nothing fits, and the turn opens a new topic."""
    sure: float = 0.55
    """Evidence that it takes to leave the cursor; between the floor and this the turn stays, marked unsure."""
    strong: float = 0.8
    """Evidence that it takes to join at all where a fresh request asks for strong evidence."""
    margin: float = 0.2
    """By how much more an earlier point must fit than the tip of the same path, before a fork is looked for."""

    @property
    def pool(self) -> int:
        """Windows of each pool, so that a decision stays within `max_calls` and three rounds, one of them for the exploration."""
        if self.mode == "listwise":
            return self.shortlist
        sizes = range(1, min(self.shortlist, self.group**_ROUNDS) + 1)
        return max(size for size in sizes if size == 1 or 2 * calls_of(size, self.group) + 1 <= self.max_calls)


class OutOfTime(Exception):
    """A computation went on for longer than its decision may take; the decision does without it."""


def check_time(until: float) -> None:
    """Ask between the stages of a computation on a thread, which nobody can break off.

    Raises OutOfTime once `time.monotonic()` is past `until`.
    """
    if time.monotonic() > until:
        raise OutOfTime


def calls_of(windows: int, group: int) -> int:
    """Scorer calls of one tournament."""
    calls = 0
    while windows > 1:
        full, rest = divmod(windows, group)
        calls += full + (rest > 1)
        windows = full + (rest > 0)
    return calls
