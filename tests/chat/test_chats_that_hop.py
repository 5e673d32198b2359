"""Turns that were placed elsewhere than the client's linear chat says: the cursor follows what the client saw."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from proxy.domain.tree import NodeId
from tests.chat.chatter import Chatter, but_last, trimmed
from tests.chat.road import LONG, Json, Road, Told, assistant, texts, user

pytestmark = pytest.mark.anyio


async def test_the_cursor_follows_what_the_client_saw(road: Road) -> None:
    """Bread, boats, back to bread, and then on: each turn of a linear chat that hops."""
    chat = Chatter(road, "auto")
    bread = await chat.say("Bread?")
    road.router.to = [None]
    boats = await chat.say("Boats?")
    road.router.to = [NodeId(bread.node)]
    again = await chat.say("Bread again?")
    assert (boats.parent, again.parent) == (None, bread.node)
    onward = await chat.say("And how long?")
    assert onward.parent == again.node
    assert road.upstream.texts == [*texts(chat.history[:2]), *texts(chat.history[4:-1])]
    cut = await road.ask(*chat.history[5:], user("And how hot?"))
    assert cut.parent == onward.node
    assert len(await road.nodes()) == 10


async def test_an_edit_of_a_turn_that_was_placed_elsewhere_stands_where_that_one_stands(road: Road) -> None:
    chat = Chatter(road, "auto")
    bread = await chat.say("Bread?")
    road.router.to = [None]
    await chat.say("Boats?")
    road.router.to = [NodeId(bread.node)]
    await chat.say("Bread again?")
    del chat.history[-2:]
    edited = await chat.say("Bread again, with rye?")
    assert edited.parent == bread.node
    del chat.history[-2:]
    chat.history.append(user("Bread again?"))
    regenerated = await chat.ask()
    assert regenerated.parent == bread.node
    del chat.history[2:]
    boats = await chat.say("Boats, but red ones?")
    assert boats.parent is None


@pytest.mark.parametrize("habit", ["trims", "cuts", "reword", "examples"])
async def test_a_hopping_chat_with_a_habit_is_followed(road: Road, habit: str) -> None:
    habits: dict[str, Callable[[list[Json]], list[Json]]] = {
        "trims": but_last(trimmed),
        "cuts": lambda history: history[-4:],
        "reword": lambda history: [user(f"{history[0]['content']} (edited)"), *history[1:]] if history[1:] else history,
        "examples": lambda history: [user("Example"), assistant("Ok."), *history] if history[1:] else history,
    }
    road.upstream.answers = [f"Reply {i}. {LONG}\n" for i in range(12)]
    chat = Chatter(road, "auto", habits[habit])
    tips: list[Told] = []
    for topic in range(3):
        road.router.to = [None]
        told = await chat.say(f"Topic {topic}?")
        assert told.parent is None
        tips.append(told)
    for topic in (0, 2, 1):
        road.router.to = [NodeId(tips[topic].node)]
        told = await chat.say(f"Back to topic {topic}")
        assert told.parent == tips[topic].node
        onward = await chat.say(f"On with topic {topic}")
        assert onward.parent == told.node
        tips[topic] = onward
    assert len(await road.nodes()) == 18
