"""What was answered and not remembered is counted; what clients call their messages is known, in their own chats only."""

from __future__ import annotations

import pytest

from proxy.domain.tree import NodeId, UserId
from proxy.store.turns import asides
from tests.store.client import Client

pytestmark = pytest.mark.anyio


async def test_asides_are_counted_by_name_and_user(client: Client):
    for name in ("title", "tags", "title"):
        await client.store.aside(client.user.id, [], name)
    await client.store.user(UserId("bob"))
    await client.store.aside(UserId("bob"), [], "title")
    assert [(one.name, one.count) for one in await client.store.asides(client.user.id)] == [("title", 2), ("tags", 1)]


async def test_a_client_that_calls_every_task_anew_fills_no_table(client: Client, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(asides, "NAMES", 3)
    for name in ("a", "b", "c", "d", "e", "a"):
        await client.store.aside(client.user.id, [], name)
    counted = {one.name: one.count for one in await client.store.asides(client.user.id)}
    assert counted == {"a": 2, "b": 1, "c": 1, asides.OTHERS: 2}


async def test_a_name_holds_for_one_user_and_one_chat(client: Client):
    await client.say("Boats?", "Float.")
    await client.store.user(UserId("bob"))
    await client.store.name_messages(client.user.id, "chat", {"m1": client.nodes[0]})
    assert await client.store.named_message(client.user.id, "chat", "m1") == client.nodes[0]
    assert await client.store.named_message(client.user.id, "other chat", "m1") is None
    assert await client.store.named_message(UserId("bob"), "chat", "m1") is None


async def test_a_name_that_comes_again_moves_to_the_newer_message(client: Client):
    await client.say("Boats?", "Float.")
    for node in client.nodes:
        await client.store.name_messages(client.user.id, "chat", {"m1": node})
    assert await client.store.named_message(client.user.id, "chat", "m1") == client.nodes[1]


async def test_a_name_for_what_never_came_or_is_gone_says_nothing(client: Client):
    await client.say("Boats?", "Float.")
    names = {"m1": client.nodes[0], "m2": client.nodes[1], "m3": NodeId("n_never")}
    await client.store.name_messages(client.user.id, "chat", names)
    await client.store.delete(client.user.id, client.nodes[0])
    for name in names:
        assert await client.store.named_message(client.user.id, "chat", name) is None
    assert await client.store.verify() == []


async def test_a_chat_is_read_back_from_a_message_and_told_what_it_said_next(client: Client):
    await client.say("Boats?", "Float.")
    await client.say("Sails?", "Flap.")
    rows, after = await client.store.lineage(client.user.id, client.conversation, client.nodes[1])
    assert [row.node_id for row in rows] == client.nodes[:2]
    assert after is not None
    assert after.node_id == client.nodes[2]
    whole, nothing = await client.store.lineage(client.user.id, client.conversation, client.nodes[3])
    assert ([row.node_id for row in whole], nothing) == (client.nodes, None)
    assert await client.store.lineage(client.user.id, client.conversation, NodeId("n_unknown")) == ([], None)
