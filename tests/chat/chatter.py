"""A client with one linear chat and one habit, and habits that many clients have."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from proxy.domain.placement import Policy
from tests.chat.listening import POLICIES, Listening
from tests.chat.road import Json, Road, Told, user

both = pytest.mark.parametrize("policy", POLICIES)


class Chatter:
    """A client with one linear chat and one habit."""

    def __init__(
        self, road: Road, policy: Policy, habit: Callable[[list[Json]], list[Json]] = list, **turn: Any
    ) -> None:
        self.listening = Listening(road, policy, **turn)
        self.habit = habit
        self.history: list[Json] = []
        self.told: list[Told] = []

    async def say(self, text: object, **turn: Any) -> Told:
        self.history.append(user(text))
        return await self.ask(**turn)

    async def ask(self, **turn: Any) -> Told:
        told = await self.listening.ask(*self.habit(self.history), **turn)
        self.history.append(told.message)
        self.told.append(told)
        return told

    async def goes_on_from_reply_to_reply(self, turns: int = 5) -> None:
        """Every turn lands under the reply before it."""
        last = self.told[-1].node if self.told else None
        for number in range(turns):
            told = await self.say(f"Question {len(self.told)} of {number}?")
            assert told.parent == last
            last = told.node


def but_last(change: Callable[[Json], Json]) -> Callable[[list[Json]], list[Json]]:
    """A habit that concerns everything but the newest message."""
    return lambda history: [*(change(one) for one in history[:-1]), history[-1]]


def trimmed(one: Json) -> Json:
    return {**one, "content": one["content"].strip()} if one["role"] == "assistant" else one


def in_parts(one: Json) -> Json:
    return {**one, "content": [{"type": "text", "text": one["content"]}]}


def without_reasoning(one: Json) -> Json:
    return {name: value for name, value in one.items() if name not in ("reasoning_content", "reasoning", "refusal")}
