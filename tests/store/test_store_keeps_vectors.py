"""Vectors are kept by node, for their user and their embedder alone, and go with their nodes."""

import pytest

from proxy.domain.tree import NodeId
from tests.store.client import Client

pytestmark = pytest.mark.anyio


async def stored(client: Client, *nodes: NodeId, embedder: str = "minilm-1") -> dict[NodeId, bytes]:
    return dict(await client.store.vectors(client.user.id, embedder, nodes))


async def test_what_was_kept_is_found_by_its_node(client: Client):
    _, one = await client.say("Boats?", "Float.")
    _, two = await client.say("Bread?", "Rises.")
    await client.store.keep_vectors(client.user.id, "minilm-1", {one: b"\x01", two: b"\x02"}, [])
    assert await stored(client, one, two, NodeId("n_unknown")) == {one: b"\x01", two: b"\x02"}
    await client.store.keep_vectors(client.user.id, "minilm-1", {two: b"\x03"}, [one])
    assert await stored(client, one, two) == {two: b"\x03"}


async def test_many_are_found_as_well_as_few(client: Client):
    for number in range(12):
        await client.say(f"Question {number}?", f"Answer {number}.")
    bodies = {node_id: node_id.encode() for node_id in client.nodes}
    await client.store.keep_vectors(client.user.id, "minilm-1", bodies, [])
    assert await stored(client, *client.nodes) == bodies


async def test_another_embedders_vectors_are_not_taken_and_are_replaced(client: Client):
    _, reply = await client.say("Boats?", "Float.")
    await client.store.keep_vectors(client.user.id, "minilm-1", {reply: b"\x01"}, [])
    assert await stored(client, reply, embedder="static-1") == {}
    await client.store.keep_vectors(client.user.id, "static-1", {reply: b"\x02"}, [])
    assert await stored(client, reply) == {}
    assert await stored(client, reply, embedder="static-1") == {reply: b"\x02"}


async def test_nobody_reads_writes_or_forgets_anothers(client: Client):
    other = await Client.of(client.store, "bob")
    _, reply = await client.say("Boats?", "Float.")
    await client.store.keep_vectors(client.user.id, "minilm-1", {reply: b"\x01"}, [])
    await client.store.keep_vectors(other.user.id, "minilm-1", {reply: b"\x09"}, [reply])
    await client.store.keep_vectors(other.user.id, "minilm-1", {}, [reply])
    assert await stored(other, reply) == {}
    assert await stored(client, reply) == {reply: b"\x01"}


async def test_a_node_that_is_gone_or_not_answered_keeps_none(client: Client):
    _, turn = await client.ask("Boats?")
    await client.store.keep_vectors(client.user.id, "minilm-1", {turn: b"\x01", NodeId("n_gone"): b"\x02"}, [])
    assert await stored(client, turn, NodeId("n_gone")) == {}
    assert await client.store.verify() == []


@pytest.mark.parametrize("what", ["node", "tree"])
async def test_vectors_go_with_their_nodes(client: Client, what: str):
    turn, reply = await client.say("Boats?", "Float.")
    await client.store.keep_vectors(client.user.id, "minilm-1", {reply: b"\x01"}, [])
    if what == "node":
        await client.store.delete(client.user.id, turn)
    else:
        await client.store.delete_tree(client.user.id, client.tree.id)
    (left,) = await client.store._read(lambda db: db.execute("SELECT count(*) FROM vectors").fetchone())
    assert left == 0
