"""Short questions are answered at once, and by the reader's thread where they would have to wait."""

import sqlite3
from pathlib import Path

import pytest

from proxy.domain.tree import UserId
from proxy.errors import StoreError
from proxy.store import reading
from proxy.store.glancing import Busy
from proxy.store.sqlite import SqliteStore
from tests.store.client import Client

pytestmark = pytest.mark.anyio

ADA = UserId("ada")


async def test_a_glance_sees_what_was_just_written(store: SqliteStore) -> None:
    tree = await store.tree(ADA, "main")
    await store.set_system_prompt(ADA, tree.id, "Be brief.")
    assert (await store.tree_of(ADA, tree.id)).system_prompt == "Be brief."


async def test_a_question_that_would_wait_goes_to_the_thread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with SqliteStore(f"sqlite:///{tmp_path}/graft.db") as store:
        tree = await store.tree(ADA, "main")
        asked = 0

        def busy(_: object) -> None:
            nonlocal asked
            asked += 1
            raise Busy

        monkeypatch.setattr(store._glances, "run", busy)
        assert (await store.tree_of(ADA, tree.id)).id == tree.id
        assert asked == 1


async def test_a_long_path_is_read_whole(client: Client) -> None:
    for i in range(reading.SHORT // 2 + 1):
        await client.say(f"Question {i}", f"Answer {i}")
    path = await client.store.path(client.user.id, client.at)
    assert [node.id for node in path] == client.nodes
    short = await client.store.path(client.user.id, client.nodes[reading.SHORT - 1])
    assert [node.id for node in short] == client.nodes[: reading.SHORT]


async def test_what_was_said_since_a_mark_comes_whole(client: Client) -> None:
    await client.say("Hello", "Hi!")
    mark = (await client.store.slice(client.user.id, client.tree.id, None)).mark
    for i in range(reading.SHORT):
        await client.say(f"Question {i}", f"Answer {i}")
    since = await client.store.slice(client.user.id, client.tree.id, mark)
    assert [node.id for node in since.nodes] == client.nodes[2:]


async def test_a_glance_cannot_write(tmp_path: Path) -> None:
    async with SqliteStore(f"sqlite:///{tmp_path}/graft.db") as store:
        with pytest.raises(StoreError):
            await store._glance(lambda db: db.execute("DELETE FROM users"))


async def test_a_locked_database_is_busy_and_a_broken_question_is_not(tmp_path: Path) -> None:
    async with SqliteStore(f"sqlite:///{tmp_path}/graft.db") as store:
        assert store._glances is not None

        def locked(_: sqlite3.Connection) -> None:
            error = sqlite3.OperationalError("database is locked")
            error.sqlite_errorcode = sqlite3.SQLITE_BUSY
            raise error

        with pytest.raises(Busy):
            store._glances.run(locked)
        with pytest.raises(sqlite3.Error):
            store._glances.run(lambda db: db.execute("SELECT nothing FROM nowhere"))
