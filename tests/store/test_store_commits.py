"""Writes share commits, and one's error is no other's."""

import asyncio

import pytest

from proxy.domain.tree import UserId
from proxy.errors import NotFound, StoreError, StoreUnavailable
from proxy.store import SqliteStore, connection
from tests.store.client import Client

pytestmark = pytest.mark.anyio


async def commits(store: SqliteStore, work: list) -> tuple[int, list]:
    """How often the writer commits while `work` is done, and the outcomes."""
    said: list[str] = []
    writing = store._connections[0]
    await connection.whole(writing, lambda db: db.set_trace_callback(said.append))
    outcomes = await asyncio.gather(*work, return_exceptions=True)
    await connection.whole(writing, lambda db: db.set_trace_callback(None))
    return said.count("COMMIT"), outcomes


async def test_fifty_turns_at_once_share_commits_and_are_all_there(client: Client):
    _, top = await client.say("Start", "Yes.")
    turns = [client.turn(f"turn {i}", top) for i in range(50)]
    count, outcomes = await commits(client.store, [client.store.open_turn(turn) for turn in turns])
    assert count <= 3
    assert [opened.turn_id for opened in outcomes] == [turn.turn_id for turn in turns]
    children = await client.store.children(client.user.id, client.tree.id, top)
    assert [node.id for node in children] == [turn.turn_id for turn in turns]
    assert await client.store.verify() == []


async def test_two_requests_at_once_with_the_same_turn_are_one_node(client: Client):
    turns = [client.turn("Hello", None) for _ in range(8)]
    opened = await asyncio.gather(*(client.store.open_turn(turn) for turn in turns))
    assert len({one.turn_id for one in opened}) == 1
    assert len(await client.store.structure(client.user.id, client.tree.id)) == 1


async def test_many_requests_create_one_user_and_one_tree(store: SqliteStore):
    trees = await asyncio.gather(*(store.tree(UserId("ada"), "main") for _ in range(20)))
    users = await asyncio.gather(*(store.user(UserId("ada")) for _ in range(20)))
    assert len({tree.id for tree in trees}) == 1
    assert len({user.secret for user in users}) == 1


async def test_an_error_in_one_write_does_not_touch_the_others(client: Client):
    good = [client.turn(f"turn {i}", None) for i in range(10)]
    bad = client.turn("lost", "nowhere")

    def half_done(db):
        db.execute("UPDATE trees SET title = 'half'")
        raise KeyError("half way")

    work = [client.store.open_turn(turn) for turn in (*good[:5], bad, *good[5:])]
    count, outcomes = await commits(client.store, [*work, client.store._write(half_done)])
    assert count <= 3
    assert isinstance(outcomes[5], NotFound)
    assert isinstance(outcomes[-1], KeyError)
    assert [o.turn_id for i, o in enumerate(outcomes[:-1]) if i != 5] == [turn.turn_id for turn in good]
    assert len(await client.store.structure(client.user.id, client.tree.id)) == 10
    assert (await client.store.tree(client.user.id, "main")).title is None


async def test_a_statement_that_fails_is_a_store_error_for_its_own_caller(client: Client):
    turn = client.turn("Hello", None)
    _, outcomes = await commits(client.store, [client.store.open_turn(turn), client.store.open_turn(turn)])
    assert outcomes[0].turn_id == turn.turn_id
    assert isinstance(outcomes[1], StoreError)
    assert "UNIQUE" in str(outcomes[1])


async def test_an_error_that_ends_the_transaction_reaches_everyone_and_the_next_write_works(client: Client):
    def ended(db):
        db.execute("ROLLBACK")
        raise KeyError("gone")

    async def end():
        await client.store._write(ended)

    turn = client.turn("Hello", None)
    outcomes = await asyncio.gather(client.store.open_turn(turn), end(), client.store.ping(), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [KeyError] * 3
    assert await client.store.structure(client.user.id, client.tree.id) == []
    assert (await client.store.open_turn(turn)).turn_id == turn.turn_id


async def test_a_full_database_fails_everyone_who_shares_the_commit(client: Client):
    await client.store._write(lambda db: db.execute("PRAGMA max_page_count = 1"))
    turns = [client.turn("x" * 1_000_000, None) for _ in range(2)]
    outcomes = await asyncio.gather(*(client.store.open_turn(turn) for turn in turns), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [StoreUnavailable] * 2
    await client.store._write(lambda db: db.execute("PRAGMA max_page_count = 1000000"))
    assert (await client.store.open_turn(turns[0])).turn_id == turns[0].turn_id


async def test_a_caller_that_leaves_does_not_stop_the_writer(client: Client):
    turns = [client.turn(f"turn {i}", None) for i in range(5)]
    tasks = [asyncio.create_task(client.store.open_turn(turn)) for turn in turns]
    await asyncio.sleep(0)
    tasks[0].cancel()
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    assert isinstance(outcomes[0], asyncio.CancelledError)
    assert [o.turn_id for o in outcomes[1:]] == [turn.turn_id for turn in turns[1:]]


async def test_closing_waits_for_the_writes_that_were_asked(url: str):
    store = await SqliteStore.open(url)
    client = await Client.of(store, "ada")
    writes = [asyncio.create_task(store.open_turn(client.turn(f"turn {i}", None))) for i in range(200)]
    await asyncio.sleep(0)
    await store.close()
    assert len({opened.turn_id for opened in await asyncio.gather(*writes)}) == 200


async def test_what_was_committed_is_read_at_once(client: Client):
    for i in range(20):
        turn, reply = await client.say(f"turn {i}")
        assert [node.id for node in await client.store.path(client.user.id, reply)][-2:] == [turn, reply]
