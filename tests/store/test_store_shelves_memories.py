"""Memories in the store: what they say, what they came from, where they are loaded, and what goes with what."""

import pytest

from proxy.domain.memory import Memory, Origin, Told
from proxy.domain.tree import UserId
from proxy.errors import NotFound
from tests.store.client import Client

pytestmark = pytest.mark.anyio

LOCK = Told("The lock", "When does it open?", "At noon.", ("It is 5 m deep.",))


async def add(client: Client, told: Told = LOCK, **origin) -> Memory:
    return await client.store.add_memory(client.user.id, told, Origin(**origin))


async def sources(client: Client, *path) -> list[tuple[str, str | None]]:
    standing = await client.store.standing(client.user.id, client.tree.id, path, None)
    return [(piece.source.partition(":")[2], piece.node_id) for piece in standing.pieces if piece.source != "zone"]


async def test_a_memory_is_kept_with_what_it_came_from(client: Client):
    turn, reply = await client.say("When?", "At noon.")
    kept = await client.store.add_memory(
        client.user.id, LOCK, Origin(client.tree.id, "bosun", [turn, reply], "model", "gpt"), redacted=2
    )
    again = await client.store.memory(client.user.id, kept.id)
    assert again == kept
    assert (again.told, again.redacted) == (Told("The lock", "When does it open?", "At noon.", ["It is 5 m deep."]), 2)
    assert again.origin == Origin(client.tree.id, "bosun", [turn, reply], "model", "gpt")
    assert again.told.text == "# The lock\nProblem: When does it open?\nSolution: At noon.\n- It is 5 m deep."


async def test_memories_are_listed_as_they_came(client: Client):
    store, user = client.store, client.user.id
    ids = [(await add(client, Told(f"No. {i}"), tree_id=client.tree.id if i % 2 else None)).id for i in range(5)]
    page = await store.memory_page(user, None, 3)
    assert ([one.id for one in page.items], page.has_more) == (ids[:3], True)
    page = await store.memory_page(user, ids[2], 3)
    assert ([one.id for one in page.items], page.has_more) == (ids[3:], False)
    assert [one.id for one in (await store.memory_page(user, None, 9, client.tree.id)).items] == ids[1::2]
    assert [one.id for one in await store.all_memories(user)] == ids


async def test_every_change_of_a_memory_counts_the_users_mark_up(client: Client):
    store, user = client.store, client.user.id
    marks = [await store.memories_mark(user)]
    kept = await add(client)
    marks.append(await store.memories_mark(user))
    edited = await store.edit_memory(user, kept.id, Told("The weir"), client.tree.id, 1)
    assert (edited.told.title, edited.origin.tree_id, edited.redacted) == ("The weir", client.tree.id, 1)
    marks.append(await store.memories_mark(user))
    await store.delete_memory(user, kept.id)
    marks.append(await store.memories_mark(user))
    assert len(set(marks)) == 4
    assert await store.memories_mark(UserId("nobody")) == 0


async def test_a_memory_is_loaded_for_everything_for_a_tree_or_for_a_subtree(client: Client):
    store, user, tree = client.store, client.user.id, client.tree.id
    elsewhere = await Client.of(store, "ada", "two", "other")
    turn, reply = await client.say("When?", "At noon.")
    wide, treed, noded = [(await add(client, Told(name))).id for name in ("wide", "tree", "node")]
    await store.load_memory(user, noded, tree, turn)
    await store.load_memory(user, treed, tree, None)
    await store.load_memory(user, wide, None, None)
    assert await sources(client, turn, reply) == [(wide, None), (treed, None), (noded, turn)]
    assert await sources(client) == [(wide, None), (treed, None)]
    assert await sources(elsewhere) == [(wide, None)]
    for places in ((None, None), (tree, None), (tree, turn)):
        with pytest.raises(NotFound, match="not loaded there"):
            await store.unload_memory(user, (await add(client)).id, *places)
    await store.unload_memory(user, wide, None, None)
    await store.unload_memory(user, noded, None, turn)
    assert await sources(client, turn, reply) == [(treed, None)]
    assert await store.verify() == []


async def test_a_deleted_turn_is_no_longer_named_and_its_loads_go(client: Client):
    store, user = client.store, client.user.id
    turn, reply = await client.say("When?", "At noon.")
    kept = await add(client, tree_id=client.tree.id, nodes=[turn, reply])
    await store.load_memory(user, kept.id, client.tree.id, turn)
    await store.delete(user, reply)
    assert (await store.memory(user, kept.id)).origin.nodes == [turn]
    await store.delete(user, turn)
    again = await store.memory(user, kept.id)
    assert (again.origin.nodes, again.loads) == ([], [])
    assert await store.verify() == []


async def test_a_deleted_tree_takes_its_memories_and_leaves_those_of_all_trees(client: Client):
    store, user = client.store, client.user.id
    turn, _ = await client.say("When?", "At noon.")
    gone = await add(client, tree_id=client.tree.id, nodes=[turn])
    stays = await add(client, nodes=[turn])
    await store.load_memory(user, stays.id, client.tree.id, None)
    mark = await store.memories_mark(user)
    await store.delete_tree(user, client.tree.id)
    assert [(one.id, one.origin.nodes, one.loads) for one in await store.all_memories(user)] == [(stays.id, [], [])]
    assert await store.memories_mark(user) > mark
    with pytest.raises(NotFound):
        await store.memory(user, gone.id)
    assert await store.verify() == []


async def test_nobody_elses_memory_can_be_seen_or_changed(client: Client):
    store, bob = client.store, UserId("bob")
    await store.user(bob)
    turn, _ = await client.say("When?", "At noon.")
    kept = (await add(client)).id
    for work in (
        store.memory(bob, kept),
        store.edit_memory(bob, kept, LOCK, None),
        store.delete_memory(bob, kept),
        store.load_memory(bob, kept, None, None),
        store.unload_memory(bob, kept, None, None),
        store.memory_page(bob, kept, 9),
        store.add_memory(bob, LOCK, Origin(client.tree.id)),
        store.add_memory(bob, LOCK, Origin(nodes=[turn])),
    ):
        with pytest.raises(NotFound):
            await work
    assert await store.all_memories(bob) == []
    assert (await store.memory(client.user.id, kept)).told.title == "The lock"
