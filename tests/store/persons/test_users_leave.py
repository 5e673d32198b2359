"""A user who leaves takes everything: no row, no hash, no key; others keep all they have."""

import sqlite3
from collections.abc import Iterator
from functools import partial

import pytest

from proxy.domain.message import said
from proxy.domain.tree import UserId
from proxy.errors import NotFound, StoreUnavailable
from proxy.store import SqliteStore
from proxy.store.persons import leaving
from proxy.store.persons.belongings import BELONGINGS, NOBODYS
from tests.store.client import Client
from tests.store.furnished import furnish

pytestmark = pytest.mark.anyio
ADA, BOB = UserId("ada"), UserId("bob")


ADAS = {"Oars?", "Oars.", "Noon.", "tutor", "Plan", "Row.", "Sail.", "Waiting"}
"""Words that nobody else says."""


def tables(db: sqlite3.Connection) -> list[str]:
    sql = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%' ORDER BY name"
    return [name for (name,) in db.execute(sql)]


def dump(db: sqlite3.Connection) -> Iterator[tuple[str, tuple[object, ...]]]:
    for table in tables(db):
        for row in db.execute(f"SELECT * FROM {table}"):
            yield table, row


def mentions(db: sqlite3.Connection, user: str) -> list[tuple[str, tuple[object, ...]]]:
    """Every row with the user's id in it, as a value of its own."""
    return [(table, row) for table, row in dump(db) if user in row]


async def leave(store: SqliteStore, user: UserId) -> list[UserId]:
    return await store.delete_user(user, forgotten_within_s=0)


async def test_every_table_is_told_of() -> None:
    async with await SqliteStore.open("sqlite://:memory:") as store:
        found = await store._read(tables)
    assert sorted([*(one.table for one in BELONGINGS), *NOBODYS]) == found
    assert all(len(why.split()) > 2 for why in NOBODYS.values())


async def test_nothing_of_a_user_is_left_in_any_table(client: Client) -> None:
    store = (await furnish(client)).store
    before = [row for row in await store._read(lambda db: list(dump(db))) if "bob" in row[1]]
    assert await leave(store, ADA) == [ADA]
    rows = await store._read(lambda db: list(dump(db)))
    assert [row for row in rows if "ada" in row[1]] == []
    assert [row for row in rows if "bob" in row[1]] == before
    assert [row for row in rows if ADAS & set(" ".join(map(str, row[1])).split())] == []
    assert {table for table, _ in rows} <= {
        *("users", "trees", "nodes", "edges", "transcripts", "calls", "decisions", "systems", "active", "guarded"),
        *("sent", "spending", "storage_keys"),  # bob's, what was used without a key, and the operator's
        *("search_config", "search_data", "search_content", "search_docsize", "search_idx", "departures"),
    }
    assert await store.verify() == []


async def test_whoever_comes_under_that_name_later_is_somebody_new(client: Client) -> None:
    store = client.store
    await client.say("My pin is 4711.", "Noted.")
    gone, _ = await client.say("Delete me", "Gone.")
    await store.delete(ADA, gone)
    before = client.user
    await leave(store, ADA)
    with pytest.raises(NotFound):
        await store.account(ADA)
    store.forget_users({ADA})
    after = await Client.of(store, "ada")
    assert after.user.secret != before.secret
    assert (await store.account(ADA)).nodes == 0
    history = [said("user", "Delete me"), said("assistant", "Gone.")]
    assert not (await after.recognise(*history)).lineage
    assert await store.tombstones(ADA, after.exacts([after.node(history[0], None, "whole")])) == set()


async def test_an_app_leaves_with_all_its_people_and_with_nobody_else(store: SqliteStore) -> None:
    for name in ("app", "app/ann", "app/bob", "app/bob/x", "app2", "app2/ann", "ap", "app0"):
        await (await Client.of(store, name)).say("Hello", "Hi!")
    assert await leave(store, UserId("app/bob")) == ["app/bob"]
    assert await leave(store, UserId("app")) == ["app", "app/ann", "app/bob/x"]
    assert [one.id for one in await store.accounts()] == ["ap", "app0", "app2", "app2/ann"]
    assert await store.verify() == []


async def test_a_server_whose_last_key_went_with_its_user_does_not_fall_open(store: SqliteStore) -> None:
    assert not await store.has_keys()
    await store.add_key(ADA, "person", "digest", "gk_1")
    await leave(store, ADA)
    assert await store.keys() == []
    assert await store.has_keys()


async def test_while_a_user_is_being_deleted_nothing_is_begun_for_them(client: Client) -> None:
    store = client.store
    await store.add_key(ADA, "person", "digest", "gk_1")
    await client.say("Hello", "Hi!")
    assert await store.begin_leaving(ADA) == [ADA]
    store.forget_users({ADA})
    with pytest.raises(StoreUnavailable, match="being deleted") as refused:
        await store.user(ADA)
    assert refused.value.retry_after_s > 0
    assert await store.key_by_digest("digest") is None
    assert (await store.departed(0)).users == {"ada"}


async def test_a_deletion_that_was_stopped_is_sound_at_every_step_and_finished_later(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leaving, "AT_ONCE", 3)
    store = (await furnish(client)).store
    [ada] = await store.begin_leaving(ADA)
    steps = 0
    for tree_id in await store._read(partial(leaving.trees_of, user_id=ada)):
        while await store._write(partial(leaving.take_nodes, user_id=ada, tree_id=tree_id)):
            steps += 1
            assert await store.verify() == []
    assert steps > 3
    assert await store.left_behind() == [ADA]
    await store.take_leave(await store.left_behind())
    assert await store.left_behind() == []
    assert await store._read(partial(mentions, user="ada")) == []


async def test_what_comes_too_late_brings_nobody_back(client: Client) -> None:
    """A reply, a count, a bill, an aside of a request that was under way."""
    store = client.store
    call, turn = await client.ask("Hello")
    await store.add_key(ADA, "person", "digest", "gk_1")
    [key] = await store.keys()
    await leave(store, ADA)
    with pytest.raises(NotFound):
        await client.answered(call, turn, "Hi!")
    await store.aside(ADA, [], "title")
    assert await store.spend("2026-11-22", {key.id: 12, "local": 3}) == {"local": 3}
    await store.count_tokens({turn: 3})
    await store.checkpoint(call, [client.node(said("assistant", "H"), turn, "interrupted", call_id=call)])
    assert await store._read(partial(mentions, user="ada")) == []
    assert await store.verify() == []


async def test_nobody_is_deleted_who_is_not_there(store: SqliteStore) -> None:
    with pytest.raises(NotFound, match="no user"):
        await leave(store, ADA)


async def test_other_processes_are_told_what_was_deleted(client: Client) -> None:
    store = client.store
    seen = await store.newest_departure()
    turn, _ = await client.say("Hello", "Hi!")
    await store.delete(ADA, turn)
    news = await store.departed(seen)
    assert (news.users, news.trees, news.is_whole) == (frozenset(), {client.tree.id}, True)
    assert (await store.departed(news.newest)) == type(news)(news.newest, frozenset(), frozenset())
    await leave(store, ADA)
    missed = await store.departed(news.newest)
    assert not missed.is_whole


@pytest.mark.parametrize("one", BELONGINGS, ids=lambda one: one.table)
async def test_no_other_users_rows_are_looked_at(store: SqliteStore, one: object) -> None:
    """Every condition finds its rows by an index."""
    sql = f"EXPLAIN QUERY PLAN SELECT 1 FROM {one.table} WHERE {one.whose}"  # type: ignore[attr-defined]
    plan = await store._read(lambda db: [row[3] for row in db.execute(sql, {"user": "ada"})])
    small = {"departures", "spending", "keys", "searched", "systems"}
    assert one.table in small or not [step for step in plan if step.startswith("SCAN") and "VIRTUAL" not in step], plan  # type: ignore[attr-defined]
