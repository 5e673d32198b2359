"""The first promise, for random chats with random habits: the client is found, and nothing that it said is withheld."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from proxy.domain.fingerprint import fold_text
from proxy.domain.message import Message
from proxy.domain.tree import NodeId, UserId
from proxy.store import SqliteStore
from tests.chat import mangling
from tests.chat.mangling import HABITS, Habit
from tests.chat.road import LONG, Json, Road, Talker, assistant, user

QUESTIONS = st.lists(st.text("abcdé fghi?", min_size=1).filter(str.strip), min_size=2, max_size=6)
FEW = settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def on_a_road(test: Callable[[Road], Awaitable[None]]) -> None:
    async def run() -> None:
        async with SqliteStore("sqlite://:memory:") as store:
            road = Road(store)
            await test(road)
            await road.settle()
            assert await store.verify() == []

    asyncio.run(run())


def folded(messages: Iterable[Json]) -> list[str]:
    return [fold_text(Message(one).spoken) for one in messages]


def in_order(wanted: Iterable[str], among: Iterator[str]) -> bool:
    """Whether all that is wanted stands there, one after the other."""
    return all(any(one == other for other in among) for one in wanted)


def reply(number: int) -> Json:
    """Trimmed, recomposed and full of thoughts on its way back."""
    return assistant(f"<think>Hm {number}.</think>\n Reply é {number}:  {LONG}\n")


@FEW
@given(QUESTIONS, st.data())
def test_a_client_with_any_habits_is_found_and_heard(questions: list[str], data: st.DataObject) -> None:
    async def chat(road: Road) -> None:
        history: list[Json] = []
        last: str | None = None
        for number, text in enumerate(questions):
            habits: list[Habit] = data.draw(st.lists(st.sampled_from(HABITS), max_size=1 if number else 0))
            sent = list(history)
            for habit in habits:
                sent = habit(sent, data)
            rules = data.draw(st.sampled_from(["", " <rules>Be kind.</rules>"]))
            road.upstream.answers = [reply(number)]
            told = await road.ask(*sent, user(f"{number} {text}{rules}"), stream=data.draw(st.booleans()))
            assert told.parent == last, (habits, sent)
            assert in_order(folded([*sent, user(f"{number} {text}{rules}")]), iter(folded(road.upstream.sent)))
            if mangling.cuts_the_oldest not in habits:
                assert len(road.upstream.sent) == len(sent) + 1
            assert len(await road.nodes()) == 2 * (number + 1)
            last = told.node
            history += [user(f"{number} {text}"), told.message]

    on_a_road(chat)


@FEW
@given(QUESTIONS, st.data())
def test_what_stays_aside_is_forwarded_and_never_stored(questions: list[str], data: st.DataObject) -> None:
    async def chat(road: Road) -> None:
        talker = Talker(road)
        stored: list[str] = []
        for number, text in enumerate(questions):
            policy = data.draw(st.sampled_from(["auto", "off"]))
            told = await talker.say(f"{number} {text}", policy=policy)
            stored += [f"{number} {text}", told.text] if policy == "auto" else []
            assert folded(road.upstream.sent) == folded(talker.history[:-1])
            assert await road.said() == stored

    on_a_road(chat)


@FEW
@given(QUESTIONS, st.data())
def test_what_was_deleted_never_comes_back(questions: list[str], data: st.DataObject) -> None:
    async def chat(road: Road) -> None:
        talker = Talker(road)
        for number, text in enumerate(questions):
            await talker.say(f"{number} {text}")
        nodes = await road.nodes()
        gone = data.draw(st.integers(0, len(nodes) - 1))
        await road.store.delete(UserId("ann"), NodeId(nodes[gone].id))
        told = await talker.say("And now?")
        assert folded(road.upstream.sent) == folded([*talker.history[:gone], user("And now?")])
        assert told.parent == (nodes[gone - 1].id if gone else None)
        assert await road.said() == [*(node.message.text for node in nodes[:gone]), "And now?", told.text]

    on_a_road(chat)
