"""Several servers on one database: what a killed one left open is ended, what living ones answer is left alone."""

import asyncio
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from proxy.errors import ConfigError, Overtaken
from proxy.store import SqliteStore
from proxy.store.tenancy import Tenancy, lock_of
from tests.store.client import Client

pytestmark = pytest.mark.anyio
ROOT = Path(__file__).parents[2]

SERVER = """
import asyncio, sys
from proxy.store import SqliteStore
from tests.store.client import Client

async def main():
    store = await SqliteStore.open(sys.argv[1])
    call, _ = await (await Client.of(store, "ada")).ask("Are you there?")
    print(call, flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/graft.db"


async def status(store: SqliteStore, call: str) -> str:
    return (await store.call("ada", call)).status


async def test_a_second_server_leaves_the_calls_of_the_first_alone(url: str):
    async with await SqliteStore.open(url) as first:
        ada = await Client.of(first, "ada")
        call, turn = await ada.ask("Are you there?")
        async with await SqliteStore.open(url) as second:
            assert await status(second, call) == "open"
        async with await SqliteStore.open(url, recover=False) as beside:
            assert await status(beside, call) == "open"
        await ada.answered(call, turn, "I am.")
        assert await status(first, call) == "done"


async def test_what_a_killed_server_left_is_ended_by_the_next_that_comes(url: str):
    with subprocess.Popen(  # noqa: ASYNC220 - nothing else runs here
        [sys.executable, "-c", SERVER, url],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    ) as process:
        assert process.stdout is not None
        try:
            call = process.stdout.readline().strip()
            async with await SqliteStore.open(url) as second:
                own, turn = await (ben := await Client.of(second, "ben")).ask("And you?")
                assert await status(second, call) == "open"
                process.send_signal(signal.SIGKILL)
                process.wait()
                async with await SqliteStore.open(url, recover=False) as command:  # a command is no server
                    assert await status(command, call) == "open"
                async with await SqliteStore.open(url) as third:
                    assert await status(third, call) == "failed"
                    assert (await third.call("ben", own)).status == "open"
                await ben.answered(own, turn, "I live.")
                assert await second.verify() == []
        finally:
            process.kill()


async def test_what_a_dead_server_left_is_ended_when_somebody_asks_for_it(url: str):
    async with await SqliteStore.open(url) as living:
        dead = await SqliteStore.open(url)
        client = await Client.of(dead, "ada")
        call, _ = await client.ask("Are you there?", idempotency_key="one")
        assert (await living.asked_before("ada", request_hash="", idempotency_key="one")).is_elsewhere
        assert not (await dead.asked_before("ada", request_hash="", idempotency_key="one")).is_elsewhere
        await dead.close()  # as a kill does, it drops the locks and leaves the call open
        assert await status(living, call) == "open"
        assert not (await living.asked_before("ada", request_hash="", idempotency_key="one")).is_elsewhere
        assert await status(living, call) == "failed"


async def test_a_place_that_was_left_is_taken_again(url: str):
    first = await SqliteStore.open(url)
    second = await SqliteStore.open(url)
    assert (first.place, second.place) == (1, 2)
    await first.close()
    async with await SqliteStore.open(url) as third:
        assert third.place == 1
    await second.close()


async def test_a_call_that_nobody_owns_is_ended_by_a_server_that_is_alone(url: str):
    async with await SqliteStore.open(url, recover=False) as earlier:
        call, _ = await (await Client.of(earlier, "ada")).ask("Are you there?")
    async with await SqliteStore.open(url) as alone:
        assert await status(alone, call) == "failed"


async def test_a_request_that_was_begun_elsewhere_meanwhile_stores_nothing(url: str):
    async with await SqliteStore.open(url) as one, await SqliteStore.open(url) as two:
        first, second = await Client.of(one, "ada"), await Client.of(two, "ada")
        turn = first.turn("Hello", None)
        found = await two.asked_before("ada", request_hash=turn.request_hash, idempotency_key=None)
        assert (found.number, found.is_elsewhere) == (0, False)
        await one.open_turn(turn)
        with pytest.raises(Overtaken):
            await two.open_turn(replace(second.turn("Hello", None), after=found.number))
        found = await two.asked_before("ada", request_hash=turn.request_hash, idempotency_key=None)
        assert found.is_elsewhere
        await two.open_turn(replace(second.turn("Hello", None), after=found.number))  # asked for once more on purpose
        assert len(await two.structure("ada", first.tree.id)) == 1


async def test_servers_that_start_together_all_come_up(url: str):
    await (await SqliteStore.open(url)).close()
    stores = await asyncio.gather(*(SqliteStore.open(url) for _ in range(6)))
    for store in stores:
        await store.ping()
        await store.close()


async def test_the_lock_goes_with_a_server_that_cannot_open_its_database(tmp_path: Path):
    other = tmp_path / "other.db"
    other.write_bytes(b"This is no database." * 100)
    with pytest.raises(Exception, match="not a database"):
        await SqliteStore.open(f"sqlite:///{other}")
    lock = Tenancy.claim(str(other))
    assert lock.is_first
    lock.leave()
    lock.leave()


def test_a_database_has_one_lock_whatever_it_is_called_by(tmp_path: Path):
    (tmp_path / "data").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "data")
    assert lock_of(f"{tmp_path}/link/graft.db") == lock_of(f"{tmp_path}/data/../data/graft.db")


def test_a_lock_that_cannot_be_made_is_told(tmp_path: Path):
    (tmp_path / "graft.db.lock").mkdir()
    with pytest.raises(ConfigError, match="cannot be made"):
        Tenancy.claim(f"{tmp_path}/graft.db")


async def test_a_database_in_memory_has_no_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    async with await SqliteStore.open("sqlite://:memory:"):
        assert os.listdir(tmp_path) == []  # noqa: PTH208 - nothing else runs here
