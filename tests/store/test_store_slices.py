"""How a reader follows a tree: by mark, parents first, anew after a move or a deletion."""

import random

import pytest

from proxy.domain.message import said
from proxy.domain.placement import Mark, TreeSlice
from proxy.domain.tree import NodeId
from proxy.store import SqliteStore
from tests.store.client import Client

pytestmark = pytest.mark.anyio


async def test_a_first_slice_is_the_whole_tree(client: Client):
    await client.say("Boats", "<think>easy</think>Float.", system="You are a sailor.")
    news = await client.store.slice(client.user.id, client.tree.id, None)
    assert news.reset
    assert [(n.id, n.parent_id, n.role, n.text, n.system) for n in news.nodes] == [
        (client.nodes[0], None, "user", "Boats", "You are a sailor."),
        (client.nodes[1], client.nodes[0], "assistant", "Float.", None),
    ]


async def test_later_slices_hold_only_what_is_new(client: Client):
    await client.say("Boats", "Float.")
    first = await client.store.slice(client.user.id, client.tree.id, None)
    nothing = await client.store.slice(client.user.id, client.tree.id, first.mark)
    assert (nothing.nodes, nothing.reset, nothing.mark) == ([], False, first.mark)
    await client.say("Bread", "Rises.")
    news = await client.store.slice(client.user.id, client.tree.id, first.mark)
    assert [node.id for node in news.nodes] == client.nodes[2:]
    assert not news.reset


async def test_an_unanswered_turn_appears_with_its_answer(client: Client):
    call, turn = await client.ask("Boats?")
    before = await client.store.slice(client.user.id, client.tree.id, None)
    assert before.nodes == []
    await (await client.another("chat two")).say("Bread", under=None)
    between = await client.store.slice(client.user.id, client.tree.id, before.mark)
    [reply] = await client.answered(call, turn, "Float.")
    news = await client.store.slice(client.user.id, client.tree.id, between.mark)
    assert [node.id for node in news.nodes] == [turn, reply]


async def test_an_answered_turn_is_not_shown_twice(client: Client):
    turn, _ = await client.say("Boats", "Float.")
    mark = (await client.store.slice(client.user.id, client.tree.id, None)).mark
    [second] = await client.answered(await client.again(turn), turn, "Sink.")
    news = await client.store.slice(client.user.id, client.tree.id, mark)
    assert [node.id for node in news.nodes] == [second]


async def test_a_move_starts_every_reader_anew_with_parents_first(client: Client):
    first, _ = await client.say("Boats", "Float.")
    late, tip = await client.say("Bread", "Rises.", under=None)
    mark = (await client.store.slice(client.user.id, client.tree.id, None)).mark
    await client.store.move(client.user.id, first, tip, "below")
    news = await client.store.slice(client.user.id, client.tree.id, mark)
    assert news.reset
    assert [node.id for node in news.nodes] == [late, tip, *client.nodes[:2]]
    assert news.mark.epoch == mark.epoch + 1


async def test_a_deletion_starts_every_reader_anew(client: Client):
    await client.say("Boats", "Float.")
    gone, _ = await client.say("Bread", "Rises.")
    mark = (await client.store.slice(client.user.id, client.tree.id, None)).mark
    await client.store.delete(client.user.id, gone)
    await client.say("Oars", "Row.", under=client.nodes[1])
    news = await client.store.slice(client.user.id, client.tree.id, mark)
    assert news.reset
    assert [node.text for node in news.nodes] == ["Boats", "Float.", "Oars", "Row."]


async def test_trees_have_marks_of_their_own(client: Client):
    other = await Client.of(client.store, "ada", tree="other")
    await client.say("Boats")
    await other.say("Bread")
    await client.store.delete(client.user.id, client.nodes[0])
    assert (await client.store.slice(client.user.id, other.tree.id, None)).mark == Mark(0, 2)


async def test_a_large_tree_comes_in_pages_that_are_the_whole(client: Client, monkeypatch: pytest.MonkeyPatch):
    for i in range(7):
        await client.say(f"turn {i}")
    whole = await client.store.slice(client.user.id, client.tree.id, None)
    monkeypatch.setattr("proxy.store.reading.slice_page.__defaults__", (3,))
    monkeypatch.setattr("proxy.store.reading.SHORT", 2)
    pages = [await client.store.slice(client.user.id, client.tree.id, None)]
    while pages[-1].more:
        pages.append(await client.store.slice(client.user.id, client.tree.id, pages[-1].mark))
    assert len(pages) > 3
    assert [node for page in pages for node in page.nodes] == whole.nodes
    assert [page.reset for page in pages] == [True, *[False] * (len(pages) - 1)]
    assert pages[-1].mark == whole.mark


async def test_a_change_between_two_pages_begins_the_tree_anew(client: Client, monkeypatch: pytest.MonkeyPatch):
    for i in range(4):
        await client.say(f"turn {i}")
    monkeypatch.setattr("proxy.store.reading.slice_page.__defaults__", (4,))
    first = await client.store.slice(client.user.id, client.tree.id, None)
    await client.store.delete(client.user.id, client.nodes[4])
    news = await client.store.slice(client.user.id, client.tree.id, first.mark)
    assert news.reset
    assert [node.id for node in news.nodes] == client.nodes[:4]


async def step(client: Client, chance: random.Random, waiting: list, name: str) -> None:
    """One thing that may happen to a tree."""
    store, user = client.store, client.user.id
    nodes = [node.id for node in (await store.slice(user, client.tree.id, None)).nodes]
    under = chance.choice([None, *nodes])
    match chance.randrange(6):
        case 0 | 1:
            await client.say(f"turn {name}", under=under)
        case 2:
            waiting.append(await client.ask(f"late {name}", under=under))
        case 3 if waiting:
            call, turn = waiting.pop(chance.randrange(len(waiting)))
            await client.answered(call, turn, f"late answer {name}")
        case 4 if nodes:
            moved = chance.choice(nodes)
            if moved not in {node.id for node in await store.path(user, under)}:
                await store.move(user, moved, under, "chance")
        case 5 if nodes and chance.random() < 0.3:
            await store.delete(user, chance.choice(nodes))
        case _:
            await client.adopt(said("user", f"old {name}"), said("assistant", "answer"), under=under)


class Follower:
    """A reader that takes in slices by mark, as the router does."""

    def __init__(self) -> None:
        self.mark: Mark | None = None
        self.nodes: dict[NodeId, tuple[NodeId | None, str]] = {}

    def take(self, news: TreeSlice) -> None:
        if news.reset:
            self.nodes.clear()
        for node in news.nodes:
            assert node.parent_id is None or node.parent_id in self.nodes
            self.nodes[node.id] = (node.parent_id, node.text)
        self.mark = news.mark


@pytest.mark.parametrize("seed", range(6))
async def test_a_follower_knows_what_a_newcomer_reads(seed: int):
    chance = random.Random(seed)
    async with await SqliteStore.open("sqlite://:memory:") as store:
        client = await Client.of(store, "ada")
        follower, waiting = Follower(), []
        for number in range(60):
            await step(client, chance, waiting, str(number))
            if chance.random() < 0.5:
                follower.take(await store.slice(client.user.id, client.tree.id, follower.mark))
                newcomer = Follower()
                newcomer.take(await store.slice(client.user.id, client.tree.id, None))
                assert newcomer.nodes == follower.nodes
        assert await store.verify() == []
