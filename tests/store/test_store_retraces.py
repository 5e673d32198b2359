"""Retracing a chat finds what the search finds, or leaves it to the search."""

import random

import pytest

from proxy.domain.message import Message, said
from proxy.store.sqlite import SqliteStore
from proxy.store.turns import recognising, retracing
from tests.store.client import LONG, Client

pytestmark = pytest.mark.anyio

WORDS = ("Ok.", "Go on.", "What of boats?", f"Tell me more. {LONG}")


async def both(client: Client, messages: list[Message], conversation: str | None):
    asked = (client.user.id, client.links(messages), client.tree.id, conversation)
    retraced = await client.store._read(lambda db: retracing.retrace(db, *asked))
    return retraced, await client.store._read(lambda db: recognising.search(db, *asked))


@pytest.mark.parametrize("seed", range(6))
async def test_retracing_agrees_with_the_search_in_tangled_chats(store: SqliteStore, seed: int) -> None:
    chance = random.Random(seed)
    clients = [await Client.of(store, "ada", f"chat {n}") for n in range(3)]
    for step in range(24):
        client = chance.choice(clients)
        kept = chance.choice((len(client.said), len(client.said), chance.randrange(len(client.said) + 1) // 2 * 2))
        client.said, client.nodes = client.said[:kept], client.nodes[:kept]
        there = {node.id async for node in store.nodes(client.user.id, client.tree.id)}
        under = client.at if client.at in there and chance.random() < 0.8 else None
        await client.say(chance.choice(WORDS), chance.choice((f"Very well, {step}.", "Very well.")), under=under)
        if step == 12:
            await store.delete(client.user.id, client.nodes[-1])
    retraced = 0
    for client in clients:
        for length in range(len(client.said) + 1):
            for said_last in ([said("user", "And now?")], [said("user", WORDS[0])], []):
                history = [*client.said[:length], *said_last]
                if history:
                    quick, searched = await both(client, history, chance.choice((None, client.conversation)))
                    assert quick in (None, searched)
                    retraced += quick is not None and quick.found_by == "chain"
    assert retraced > 10


async def test_an_unknown_first_message_needs_no_search(client: Client) -> None:
    quick, searched = await both(client, [said("user", "Hello")], None)
    assert quick == searched
    assert quick is not None
    assert quick.found_by == "none"


async def test_a_history_that_was_cut_is_left_to_the_search(client: Client) -> None:
    await client.say("What of boats?", LONG)
    await client.say("Go on.", f"Well. {LONG}")
    quick, searched = await both(client, [*client.said[1:], said("user", "And now?")], None)
    assert quick is None
    assert searched.found_by != "none"


async def test_retracing_asks_by_index_only(client: Client) -> None:
    await client.say("What of boats?", LONG)
    for sql, given in (
        (retracing.ROWS, ("ada", '["c"]')),
        (retracing.ANY_NEXT, ("ada", "c")),
        (retracing.NEXT, ("ada", "c", None, None)),
        (retracing.PARENT, ("n",)),
    ):
        steps = await client.store._read(
            lambda db, sql=sql, given=given: [detail for *_, detail in db.execute(f"EXPLAIN QUERY PLAN {sql}", given)]
        )
        assert not [step for step in steps if step.startswith("SCAN") and not step.startswith("SCAN asked")], steps
        assert any("SEARCH" in step for step in steps)
