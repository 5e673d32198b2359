"""Memories placed at the head of a turn: looked for once, the same in its tool loop and when it is asked again, gone with the next."""

from collections.abc import AsyncIterator, Sequence

import pytest

from proxy.chat.reanswer import AskAgain, turn_around
from proxy.chat.recalling import Recalling
from proxy.chat.terms import Rules
from proxy.domain.memory import Origin, Recalled, Told
from proxy.domain.tree import NodeId, TreeId, UserId
from proxy.domain.zone import Piece
from proxy.store import SqliteStore
from tests.chat.road import ANN, Road, calling, tool, user

pytestmark = pytest.mark.anyio


class Memories:
    """Finds what it was told to find, in the order of asking; keeps what it was asked."""

    def __init__(self, *found: Sequence[str]) -> None:
        self.found = list(found)
        self.asked: list[tuple[str, int, str | None]] = []

    async def search(self, user_id: UserId, text: str, most: int, tree_id: TreeId | None = None) -> Sequence[Recalled]:
        raise AssertionError("the road does not search")

    async def relevant(
        self, user_id: UserId, tree_id: TreeId, text: str, *, most: int, personality: str | None = None
    ) -> Sequence[Piece]:
        self.asked.append((text, most, personality))
        return [Piece("memory", f"memory:{text}", text) for text in self.found.pop(0)]


@pytest.fixture
async def store() -> AsyncIterator[SqliteStore]:
    async with SqliteStore("sqlite://:memory:") as opened:
        yield opened
        assert await opened.verify() == []


def road_with(store: SqliteStore, memories: Memories, tokens: int = 1_000) -> Road:
    return Road(store, Rules(recalling=Recalling(memories, 3, tokens)))


async def test_what_a_turn_is_about_stands_at_its_head_and_the_next_turn_has_its_own(store: SqliteStore):
    memories = Memories(["pale", "oven"], [])
    road = road_with(store, memories)
    first = await road.ask(user("Why so pale?"))
    placed = road.upstream.sent[0]["content"]
    assert placed.endswith("Why so pale?")
    assert placed.index("pale\n</graft>") < placed.index("oven\n</graft>") < placed.index("Why so pale?")
    assert memories.asked == [("Why so pale?", 3, None)]
    await road.ask(user("Why so pale?"), first.message, user("And now?"))
    assert [one["content"] for one in road.upstream.sent] == ["Why so pale?", first.text, "And now?"]
    assert await road.said() == ["Why so pale?", first.text, "And now?", (await road.nodes())[-1].message.text]


async def test_a_tool_loop_sends_the_same_again(store: SqliteStore):
    memories = Memories(["oven"])
    road = road_with(store, memories)
    road.upstream.answers = [calling("c1")]
    await road.ask(user("Look it up."), stream=False)
    head = road.upstream.sent[0]
    await road.ask(user("Look it up."), calling("c1"), tool("c1"))
    assert road.upstream.sent[0] == head
    assert "oven" in head["content"]
    assert [one["role"] for one in road.upstream.sent] == ["user", "assistant", "tool"]
    assert len(memories.asked) == 1


async def test_a_turn_that_is_asked_again_gets_what_it_got_also_when_that_was_nothing(store: SqliteStore):
    for found in (["oven"], []):
        memories = Memories([], found, ["something new"])
        road = road_with(store, memories)
        history = [user(f"Hello {len(found)}")]
        history += [(await road.ask(*history)).message, user("Why so pale?")]
        first = await road.ask(*history)
        sent = road.upstream.sent
        assert ("oven" in sent[-1]["content"]) == bool(found)
        again = await road.ask(*history)
        assert road.upstream.sent == sent
        assert again.parent == first.parent
        assert len(memories.asked) == 2


async def test_what_does_not_fit_makes_room_for_the_next(store: SqliteStore):
    long = "long " * 300
    memories = Memories([long, "oven", "pale"])
    road = road_with(store, memories, tokens=50)
    await road.ask(user("Why?"))
    [sent] = road.upstream.sent
    assert "long" not in sent["content"]
    assert "oven" in sent["content"]


async def test_parts_of_a_message_stay_as_they_are(store: SqliteStore):
    road = road_with(store, Memories(["oven"]))
    parts = [
        {"type": "text", "text": "What is this?"},
        {"type": "image_url", "image_url": {"url": "https://x.example/a.png"}},
    ]
    await road.ask(user(parts))
    content = road.upstream.sent[0]["content"]
    assert "oven" in content[0]["text"]
    assert content[1:] == parts


async def test_a_client_that_is_followed_gets_none(store: SqliteStore):
    memories = Memories()
    road = road_with(store, memories)
    await road.ask(user("Why?"), policy="follow")
    assert road.upstream.sent == [user("Why?")]
    assert memories.asked == []


async def test_what_is_loaded_anyway_is_not_sent_twice(store: SqliteStore):
    kept = await store.add_memory(UserId("ann"), Told("Loaded"), Origin())
    await store.load_memory(UserId("ann"), kept.id, None, None)
    memories = Memories([kept.id.removeprefix("memory:"), "oven"])
    road = road_with(store, memories)
    await road.ask(user("Why?"))
    assert kept.id in road.upstream.sent[0]["content"]
    assert kept.id not in road.upstream.sent[-1]["content"]
    assert "oven" in road.upstream.sent[-1]["content"]


async def test_a_reply_made_anew_by_the_tree_gets_what_its_turn_got(store: SqliteStore):
    memories = Memories(["oven"], ["something new"])
    road = road_with(store, memories)
    first = await road.ask(user("Why?"))
    sent = road.upstream.sent
    turn = await turn_around(store, UserId("ann"), NodeId(first.node))
    answer = await road.chat.answer_again(AskAgain(turn, model="m"), ANN)
    assert [chunk async for chunk in answer.chunks]
    assert road.upstream.sent == sent
    assert len(memories.asked) == 1
