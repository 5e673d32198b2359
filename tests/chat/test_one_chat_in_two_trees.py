"""The same chat in two trees of one user: commands and a yes act in the tree that the request names."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from proxy.chat.terms import Rules
from proxy.chat.typed.offer import Between
from proxy.domain.tree import NodeId, UserId
from proxy.store import SqliteStore
from tests.chat.road import LONG, Json, Road, Told, assistant, user
from tests.transfer.growing import brought, exported

pytestmark = pytest.mark.anyio

BREAD = [user("Bread?"), assistant(f"Knead it: {LONG}")]
SALT = [*BREAD, user("How much salt?"), assistant(f"Ten grams: {LONG}")]


@pytest.fixture
async def road() -> AsyncIterator[Road]:
    async with SqliteStore("sqlite://:memory:") as store:
        road = Road(store, Rules(commands="/graft", ask_between=Between(0.3, 0.9)))
        yield road
        await road.settle()
        assert await store.verify() == []


async def said_in(road: Road, tree: str, hint: str | None = None) -> None:
    """The chat, under the client's own order, its replies the same as in every other tree."""
    road.upstream.answers = [f"Knead it: {LONG}", f"Ten grams: {LONG}"]
    await road.ask(*SALT[:1], tree=tree, policy="follow", hint=hint)
    await road.ask(*SALT[:3], tree=tree, policy="follow", hint=hint)


async def command(road: Road, said: str, tree: str, history: list[Json] = SALT) -> Told:
    return await road.ask(*history, user(said), tree=tree)


async def above_salt(road: Road, tree: str) -> str | None:
    """What the turn about salt hangs from."""
    nodes = {node.id: node for node in await road.nodes(tree=tree)}
    (parent,) = {node.parent_id for node in nodes.values() if node.message.text == "How much salt?"}
    return nodes[parent].message.text if parent else None


@pytest.mark.parametrize("order", ["both were said before", "the second is said with the command"])
async def test_a_move_moves_the_turn_of_the_tree_that_is_named(road: Road, order: str) -> None:
    await said_in(road, "orig")
    if order == "both were said before":
        await said_in(road, "copy")
    await command(road, "/graft move root", "orig")
    told = await command(road, "/graft move root", "copy")
    assert told.text.startswith('"How much salt?" stands at the root')
    assert [await above_salt(road, tree) for tree in ("orig", "copy")] == [None, None]


async def test_a_tree_that_holds_the_beginning_of_the_chat_takes_in_the_rest(road: Road) -> None:
    await said_in(road, "orig")
    await command(road, "/graft move root", "orig")
    road.upstream.answers = [f"Knead it: {LONG}"]
    await road.ask(*SALT[:1], tree="copy", policy="follow")
    await command(road, "/graft move root", "copy")
    assert await road.said(tree="copy") == [f"{message['content']}" for message in SALT]
    assert await above_salt(road, "copy") is None


async def test_an_undo_answers_the_turn_of_the_tree_that_is_named(road: Road) -> None:
    await said_in(road, "orig")
    await said_in(road, "copy")
    for tree in ("orig", "copy"):
        await command(road, "/graft move root", tree)
    told = {tree: await command(road, "/graft undo", tree) for tree in ("orig", "copy")}
    for tree, answer in told.items():
        assert answer.node in {node.id for node in await road.nodes(tree=tree)}
        assert await above_salt(road, tree) == f"Knead it: {LONG}"


async def test_a_copy_that_was_imported_is_commanded_by_its_name(road: Road) -> None:
    await said_in(road, "orig")
    kept = await exported(road.store, await road.store.tree(UserId("ann"), "orig"))
    await brought(road.store, kept, "ann", "copy", keeps_ids=False)
    for tree in ("orig", "copy"):
        await command(road, "/graft move root", tree)
    assert [await above_salt(road, tree) for tree in ("orig", "copy")] == [None, None]
    undone = await command(road, "/graft undo", "copy")
    assert undone.node in {node.id for node in await road.nodes(tree="copy")}
    assert [await above_salt(road, tree) for tree in ("orig", "copy")] == [None, f"Knead it: {LONG}"]


async def test_an_older_part_of_the_chat_is_known_in_the_tree_of_its_end(road: Road) -> None:
    typed = [*SALT, user("/graft where")]
    for tree in ("orig", "copy"):
        await said_in(road, tree, hint="chat")
        told = await road.ask(*typed, tree=tree, hint="chat")
    history = [*typed, told.message, user("And flour?")]
    road.upstream.answers = ["Plenty."]
    await road.ask(*history, tree="orig", policy="follow", hint="chat")
    cursor = await road.cursor(*history, assistant("Plenty."), user("And water?"), hint="chat")
    assert set(cursor.nodes.values()) == {node.id for node in await road.nodes(tree="orig")}


async def test_a_yes_moves_the_turn_of_the_tree_that_is_named(road: Road) -> None:
    answers = {}
    for tree in ("orig", "copy"):
        road.upstream.answers = [f"Knead it: {LONG}", f"By night: {LONG}", f"Ten grams: {LONG}"]
        bread = await road.ask(user("Bread?"), tree=tree, parent="root")
        trains = await road.ask(user("Trains?"), tree=tree, parent="root")
        road.router.to = [NodeId(bread.node)]
        history = [user("Trains?"), trains.message, user("How much salt?")]
        offer = await road.ask(*history, tree=tree)
        assert "Answer yes" in offer.text
        answers[tree] = [*history, offer.message, user("yes")]
    for tree, messages in answers.items():
        yes = await road.ask(*messages, tree=tree)
        assert yes.node in {node.id for node in await road.nodes(tree=tree)}
        assert await above_salt(road, tree) == f"Knead it: {LONG}"
