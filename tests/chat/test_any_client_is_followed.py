"""Random trees, random clients: wherever turns were placed, each client is found where it is, and heard.

A user has several chats open at once, whose turns the router puts anywhere in the tree. Each request says more, edits a turn or asks
for another reply, and its client has done to the history what clients do. What nothing can tell apart is named where it is allowed
for: a first turn comes without history, so it is no client's to be found.

More examples: `uv run pytest --hypothesis-profile=long tests/chat/test_any_client_is_followed.py`.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from proxy.domain.placement import Policy
from proxy.domain.tree import NodeId, UserId
from proxy.store import SqliteStore
from tests.chat import mangling
from tests.chat.listening import POLICIES, Listening
from tests.chat.mangling import Habit
from tests.chat.road import LONG, Json, Road, Told, assistant, user

ANN = UserId("ann")
SHAPES: list[Habit] = [
    mangling.as_it_was,
    mangling.adds_rules,
    mangling.puts_examples_in_front,
    mangling.puts_changing_files_in_front,
    mangling.cuts_the_oldest,
    mangling.summarises,
]
SPELLINGS: list[Habit] = [mangling.as_it_was, mangling.trims_replies, mangling.recomposes_letters]
FORMS: list[Habit] = [mangling.as_it_was, mangling.sends_parts, mangling.adds_instructions]
ENOUGH = settings(
    max_examples=max(25, settings.default.max_examples // 4) if settings.default else 25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@dataclass
class Chat:
    """One linear chat, as its client shows it."""

    number: int
    history: list[Json] = field(default_factory=list)
    parents: list[str | None] = field(default_factory=list)
    """Where each turn hangs."""
    replies: list[str] = field(default_factory=list)
    """The node of each reply shown."""

    @property
    def turns(self) -> int:
        return len(self.replies)


class Play:
    """A user's chats, played step by step; what is stored is counted along."""

    def __init__(self, road: Road, policy: Policy, data: st.DataObject) -> None:
        self.road = road
        self.policy = policy
        self.data = data
        self.listening = Listening(road, policy)
        self.chats = [Chat(number) for number in range(data.draw(st.integers(1, 3)))]
        self.replies: list[str] = []
        """All that were ever given."""
        self.stored = 0

    async def step(self, number: int) -> None:
        chat = self.data.draw(st.sampled_from(self.chats))
        if not chat.turns:
            await self.begin(chat, number)
            return
        what = self.data.draw(st.sampled_from([self.say, self.say, self.say, self.edit, self.again]))
        await what(chat, number)

    async def begin(self, chat: Chat, number: int) -> None:
        """A chat without history: the router alone decides."""
        place = self.somewhere()
        told = await self.ask(chat, [], user(f"{number}: chat {chat.number} begins"), place)
        assert told.parent == (place if self.policy == "auto" else None)

    async def say(self, chat: Chat, number: int) -> None:
        place = self.somewhere()
        asked = len(self.road.router.questions)
        told = await self.ask(chat, self.mangled(chat.history), user(f"{number}: {self.words()}"), place)
        if self.policy == "auto":
            assert [one.cursor for one in self.road.router.questions[asked:]] == [chat.replies[-2]]
            assert told.parent == place
        else:
            assert told.parent == chat.replies[-2]

    async def edit(self, chat: Chat, number: int) -> None:
        """Another turn in place of an earlier one; that of a first turn comes without history."""
        turn = self.data.draw(st.integers(1, chat.turns)) if chat.turns > 1 else chat.turns
        if turn == chat.turns:
            await self.say(chat, number)
            return
        there = chat.parents[turn]
        self.cut(chat, turn)
        self.road.router.to = []
        told = await self.ask(chat, list(chat.history), user(f"{number}: {self.words()}"), None)
        assert told.parent == there

    async def again(self, chat: Chat, number: int) -> None:
        """Another reply to the last turn."""
        if chat.turns < 2:
            return
        there = chat.parents[-1]
        turn = chat.history[-2]
        self.cut(chat, chat.turns - 1)
        told = await self.ask(chat, list(chat.history), turn, None, new=1)
        assert told.parent == there

    async def ask(self, chat: Chat, sent: list[Json], turn: Json, place: str | None, *, new: int = 2) -> Told:
        """A request; what was known of the history is not stored again."""
        self.road.router.to = [place]
        given = len(self.replies)
        self.road.upstream.answers = [assistant(f"<think>Hm {given}.</think>\n Reply é {given}:  {LONG}\n")]
        told = await self.listening.ask(*sent, turn)
        self.stored += new
        assert len(await self.road.nodes()) == self.stored, sent
        self.replies.append(told.node)
        chat.replies.append(told.node)
        chat.parents.append(told.parent)
        chat.history += [turn, told.message]
        return told

    def somewhere(self) -> str | None:
        """Where the router sends the next turn."""
        return self.data.draw(st.sampled_from([None, *self.replies]))

    def words(self) -> str:
        return self.data.draw(mangling.WORDS)

    def mangled(self, history: list[Json]) -> list[Json]:
        sent = list(history)
        for habits in (SHAPES, SPELLINGS, FORMS):
            sent = self.data.draw(st.sampled_from(habits))(sent, self.data)
        return sent

    def cut(self, chat: Chat, turns: int) -> None:
        """Forget what the client shows behind so many turns."""
        del chat.history[2 * turns :], chat.parents[turns:], chat.replies[turns:]


def played(policy: Policy, steps: int, data: st.DataObject) -> None:
    async def run() -> None:
        async with SqliteStore("sqlite://:memory:") as store:
            road = Road(store)
            play = Play(road, policy, data)
            for number in range(steps):
                await play.step(number)
            await road.settle()
            assert await store.verify() == []
            for chat in play.chats:
                if policy == "follow" and chat.turns:
                    path = await store.path(ANN, NodeId(chat.replies[-1]))
                    assert len(path) == len(chat.history)

    asyncio.run(run())


@ENOUGH
@given(st.sampled_from(POLICIES), st.integers(2, 10), st.data())
def test_any_client_is_found_and_heard_in_any_tree(policy: Policy, steps: int, data: st.DataObject) -> None:
    played(policy, steps, data)
