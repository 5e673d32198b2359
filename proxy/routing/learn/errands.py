"""Dialogues of errands, of our own making: bookings, searches and settings, which the openly licensed dialogues hardly hold.

People ask assistants for a table, a flight or the weather, and without such dialogues the opening of an errand reads like a follow-up to
whatever was said before. They are only learned from: no figure is taken on them.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence

from proxy.routing.learn.dialogues import Dialogue, named
from proxy.routing.learn.services import (
    AGREED,
    ALSO,
    ANOTHER,
    CHANGED,
    ELSE,
    ENDED,
    FAREWELLS,
    HELPED,
    SERVICES,
    SUMMED_UP,
    VALUES,
    Service,
)

COUNT = 240
"""Errands that are made."""

WANDERS = 0.08
"""Share of the errands that go on to another service in the same conversation."""


def errands(count: int = COUNT, seed: int = 0) -> dict[str, list[Dialogue]]:
    """So many dialogues by name, and the same ones every time."""
    rng = random.Random(f"{seed}-errands")  # noqa: S311 - a draw, no secret
    found: dict[str, list[Dialogue]] = {}
    kinds = sorted(SERVICES)
    while len(found) < count:
        dialogue = _Errand(rng).run(kinds[len(found) % len(kinds)])
        found.setdefault(named(dialogue[0]), [dialogue])
    return found


class _Errand:
    """One dialogue in the making; it keeps its values."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._values = {name: rng.choice(values) for name, values in VALUES.items()}
        self._said: list[str] = []

    def run(self, kind: str) -> Dialogue:
        self._serve(SERVICES[kind], self._one_of(SERVICES[kind].opened))
        if self._rng.random() < WANDERS:
            other = self._rng.choice([one for one in sorted(SERVICES) if one != kind])
            self._values |= {name: self._rng.choice(VALUES[name]) for name in ("name", "other", "sum", "hour")}
            opening = self._one_of(SERVICES[other].opened)
            also = self._rng.choice(ALSO)
            self._serve(SERVICES[other], also.format(next=opening))
        if self._rng.random() < 0.4:
            self._exchange(self._one_of(ENDED), self._one_of(FAREWELLS))
        return tuple(self._said)

    def _serve(self, service: Service, opening: str) -> None:
        """From the opening to what is settled; every turn of the user ends in an answer."""
        turn = opening
        asked = self._rng.sample(service.asked, self._rng.randint(0, len(service.asked)))
        for question, answers in asked:
            helped = self._rng.choice(HELPED) if turn is opening else "{ask}"
            self._exchange(turn, helped.format(ask=question))
            turn = self._one_of(answers)
        self._exchange(turn, self._one_of(service.offered))
        for wondered, answer in self._rng.sample(service.wondered, self._rng.randint(0, 2)):
            self._exchange(self._filled(wondered), self._filled(answer))
        if self._rng.random() < 0.4:
            self._exchange(self._one_of(ELSE), self._one_of(ANOTHER))
        if self._rng.random() < 0.5:
            self._exchange(self._one_of(AGREED), self._one_of(SUMMED_UP))
            if self._rng.random() < 0.3:
                self._exchange(self._one_of(CHANGED), self._one_of(SUMMED_UP))
        self._exchange(self._one_of(AGREED), self._one_of(service.settled))

    def _exchange(self, turn: str, answer: str) -> None:
        self._said += [turn, answer]

    def _one_of(self, texts: Sequence[str]) -> str:
        return self._filled(self._rng.choice(texts))

    def _filled(self, text: str) -> str:
        values: Mapping[str, str] = self._values
        filled = text.format(**values)
        return filled[:1].upper() + filled[1:]
