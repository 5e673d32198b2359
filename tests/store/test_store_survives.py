"""Crashes: a killed process, a reply cut in the middle, a recovery."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from proxy.domain.message import said
from proxy.errors import StoreError
from proxy.store import SqliteStore
from tests.store.client import Client, texts

pytestmark = pytest.mark.anyio

WRITER = """
import asyncio, sys
from proxy.store import SqliteStore
from tests.store.client import Client

async def talk(store, number):
    client = await Client.of(store, "ada", f"chat {number}")
    for turn in range(10_000):
        call, asked = await client.ask(f"chat {number} turn {turn}")
        [reply] = await client.answered(call, asked, f"answer {turn}")
        print(reply, flush=True)

async def main():
    store = await SqliteStore.open(sys.argv[1])
    await asyncio.gather(*(talk(store, number) for number in range(4)))

asyncio.run(main())
"""


async def test_what_was_acknowledged_survives_a_kill(tmp_path: Path):
    url = f"sqlite:///{tmp_path}/graft.db"
    root = Path(__file__).parents[2]
    with subprocess.Popen(  # noqa: ASYNC220 - nothing else runs here
        [sys.executable, "-c", WRITER, url],
        stdout=subprocess.PIPE,
        text=True,
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root)},
    ) as process:
        assert process.stdout is not None
        acknowledged = [process.stdout.readline().strip() for _ in range(60)]
        process.send_signal(signal.SIGKILL)
        acknowledged += process.stdout.read().split("\n")[:-1]
    async with await SqliteStore.open(url) as store:
        client = await Client.of(store, "ada")
        for reply in filter(None, acknowledged):
            path = await store.path(client.user.id, reply)
            assert path[-1].state == "whole"
            assert len(path) % 2 == 0
        assert await store.verify() == []
        assert "open" not in {
            status for (status,) in await store._read(lambda db: db.execute("SELECT status FROM calls").fetchall())
        }


@pytest.fixture
def file_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/graft.db"


async def test_a_reply_cut_by_a_crash_is_kept_up_to_its_last_checkpoint(file_url: str):
    async with await SqliteStore.open(file_url) as store:
        client = await Client.of(store, "ada")
        call, turn = await client.ask("Tell me all")
        first = client.node(said("assistant", "Once"), turn, "interrupted", call_id=call)
        await store.checkpoint(call, [first])
        second = client.node(said("assistant", "Once upon a time"), turn, "interrupted", call_id=call)
        other = client.node(said("assistant", "There was"), turn, "interrupted", call_id=call)
        await store.checkpoint(call, [second, other])
    async with await SqliteStore.open(file_url) as store:
        path = await store.path(client.user.id, second.id)
        assert texts(path) == ["Tell me all", "Once upon a time"]
        assert [node.state for node in path] == ["whole", "interrupted"]
        assert (path[-1].call_id, path[-1].conversation, path[-1].created_at) == (call, "chat", second.created_at)
        stored = await store.call(client.user.id, call)
        assert (stored.status, stored.reply_id, stored.finish_reason) == ("interrupted", second.id, None)
        assert [node.id for node in await store.children(client.user.id, client.tree.id, turn)] == [second.id, other.id]
        assert [node.id for node in (await store.slice(client.user.id, client.tree.id, None)).nodes] == [
            turn,
            second.id,
            other.id,
        ]
        assert await store.verify() == []
        assert await store.recover() == 0


async def test_a_call_cut_before_its_first_word_has_failed(file_url: str):
    async with await SqliteStore.open(file_url) as store:
        client = await Client.of(store, "ada")
        call, turn = await client.ask("Hello?")
    async with await SqliteStore.open(file_url) as store:
        assert (await store.call(client.user.id, call)).status == "failed"
        assert (await store.node(client.user.id, turn)).state == "unanswered"
        assert await store.verify() == []


async def test_a_command_beside_the_server_leaves_its_calls_open(file_url: str):
    async with await SqliteStore.open(file_url) as server:
        client = await Client.of(server, "ada")
        call, turn = await client.ask("Hello?")
        async with await SqliteStore.open(file_url, recover=False) as beside:
            await beside.add_key(client.user.id, "person", "digest", "gk_1")
        [reply] = await client.answered(call, turn, "Yes.")
        assert (await server.node(client.user.id, reply)).state == "whole"


async def test_a_checkpoint_after_the_end_is_forgotten(client: Client):
    call, turn = await client.ask("Hello")
    await client.answered(call, turn, "Hi.")
    await client.store.checkpoint(call, [client.node(said("assistant", "H"), turn, "interrupted", call_id=call)])
    assert len(await client.store.structure(client.user.id, client.tree.id)) == 2
    assert await client.store.verify() == []


async def test_a_call_ends_once(client: Client):
    call, turn = await client.ask("Hello")
    await client.answered(call, turn, "Hi.")
    with pytest.raises(StoreError, match="closed before"):
        await client.answered(call, turn, "Hi again.")


async def test_a_failed_transaction_leaves_nothing_behind(client: Client):
    turn = client.turn("Hello", None)
    await client.store.open_turn(turn)
    twice = client.turn("Another", None)
    with pytest.raises(StoreError):
        await client.store.open_turn(
            type(twice)(**{f: getattr(twice, f) for f in twice.__slots__} | {"call_id": turn.call_id})
        )
    assert [o.id for o in await client.store.structure(client.user.id, client.tree.id)] == [turn.turn_id]
