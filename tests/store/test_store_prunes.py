"""Summaries and cuts hang on nodes: they are found along a path, and go with what they tell of."""

from __future__ import annotations

import pytest

from proxy.domain.summary import Cut, Shortened, Summary
from proxy.domain.tree import NodeId, UserId, new_id
from proxy.errors import NotFound
from tests.store.client import Client

pytestmark = pytest.mark.anyio


async def summarised(client: Client, node_id: NodeId, text: str, **more) -> Summary:
    """A summary of the path to a node, kept."""
    told = Summary(**{"id": new_id("s"), "tree_id": client.tree.id, "node_id": node_id, "previous_id": None, "kind": "auto", "text": text, "tokens": 3, "model": "m", "created_at": 1.0} | more)  # fmt: skip
    path = [node.id for node in await client.store.path(client.user.id, node_id)]
    assert await client.store.add_summary(client.user.id, told, path)
    return told


async def known(client: Client, node_id: NodeId, user_id: UserId | None = None) -> Shortened:
    path = [node.id for node in await client.store.path(client.user.id, node_id)]
    return await client.store.shortened(user_id or client.user.id, client.tree.id, path)


async def talk(client: Client) -> list[NodeId]:
    """Three turns on a path; the ids of its six messages."""
    for text in ("Boats?", "Sails?", "Oars?"):
        await client.say(text, f"{text} Yes.")
    return list(client.nodes)


async def test_summaries_are_found_along_a_path_the_newest_of_a_node_last(client: Client) -> None:
    nodes = await talk(client)
    assert await known(client, nodes[-1]) == Shortened()
    deep = await summarised(client, nodes[3], "deep")
    first = await summarised(client, nodes[1], "first")
    second = await summarised(client, nodes[1], "second", created_at=2.0, previous_id=first.id)
    assert list((await known(client, nodes[5])).summaries) == [first, second, deep]
    assert list((await known(client, nodes[2])).summaries) == [first, second]
    assert list((await known(client, nodes[0])).summaries) == []


async def test_no_other_branch_and_no_other_user_sees_them(client: Client) -> None:
    nodes = await talk(client)
    await summarised(client, nodes[3], "deep")
    await client.store.keep_cut(client.user.id, client.tree.id, Cut(nodes[3], nodes[2], 100))
    other, reply = await client.say("Something else", "Yes.", under=nodes[1])
    assert await known(client, reply) == Shortened()
    await client.store.user(UserId("bob"))
    assert await known(client, nodes[5], UserId("bob")) == Shortened()
    assert other != reply


async def test_a_summary_of_a_path_that_was_changed_meanwhile_is_not_kept(client: Client) -> None:
    nodes = await talk(client)
    told = Summary("s1", client.tree.id, nodes[3], None, "auto", "stale", 3, "m", 1.0)
    before = [node.id for node in await client.store.path(client.user.id, nodes[3])]
    await client.store.move(client.user.id, nodes[2], None, "elsewhere")
    assert not await client.store.add_summary(client.user.id, told, before)
    await client.store.delete(client.user.id, nodes[3])
    assert not await client.store.add_summary(client.user.id, told, before)
    assert not await client.store.add_summary(UserId("bob"), told, before)


async def test_whoever_moves_a_node_takes_the_summaries_below_it_away(client: Client) -> None:
    nodes = await talk(client)
    kept = await summarised(client, nodes[1], "kept")
    await summarised(client, nodes[5], "tells of what is no longer above it")
    await client.store.keep_cut(client.user.id, client.tree.id, Cut(nodes[5], nodes[2], 100))
    await client.store.move(client.user.id, nodes[2], None, "elsewhere")
    assert await known(client, nodes[5]) == Shortened()
    assert list((await known(client, nodes[1])).summaries) == [kept]


async def test_deleted_words_are_in_no_summary(client: Client) -> None:
    nodes = await talk(client)
    await summarised(client, nodes[5], "secret")
    await client.store.keep_cut(client.user.id, client.tree.id, Cut(nodes[5], nodes[2], 100))
    await client.store.delete(client.user.id, nodes[2])
    count = "SELECT (SELECT count(*) FROM summaries), (SELECT count(*) FROM cuts)"
    assert await client.store._read(lambda db: db.execute(count).fetchone()) == (0, 0)


async def test_a_removed_summary_is_not_used_and_can_be_restored(client: Client) -> None:
    nodes = await talk(client)
    old = await summarised(client, nodes[1], "old")
    new = await summarised(client, nodes[3], "new", previous_id=old.id)
    removed = await client.store.use_summary(client.user.id, new.id, used=False)
    assert removed.removed_at is not None
    assert list((await known(client, nodes[5])).summaries) == [old]
    assert [one.id for one in await client.store.summaries(client.user.id, nodes[5])] == [old.id, new.id]
    assert await client.store.use_summary(client.user.id, new.id, used=True) == new
    assert list((await known(client, nodes[5])).summaries) == [old, new]


async def test_a_foreign_summary_is_an_unknown_one(client: Client) -> None:
    nodes = await talk(client)
    told = await summarised(client, nodes[1], "secret")
    for ask in (client.store.summary, lambda *who: client.store.use_summary(*who, used=False)):
        with pytest.raises(NotFound):
            await ask(UserId("bob"), told.id)
    assert await client.store.summary(client.user.id, told.id) == told


async def test_of_two_cuts_with_one_budget_the_newer_stands(client: Client) -> None:
    nodes = await talk(client)
    for start in (nodes[2], nodes[4]):
        await client.store.keep_cut(client.user.id, client.tree.id, Cut(nodes[5], start, 100))
    await client.store.keep_cut(client.user.id, client.tree.id, Cut(nodes[3], nodes[2], 50))
    await client.store.keep_cut(client.user.id, client.tree.id, Cut(NodeId("n_gone"), nodes[2], 50))
    assert list((await known(client, nodes[5])).cuts) == [Cut(nodes[3], nodes[2], 50), Cut(nodes[5], nodes[4], 100)]
