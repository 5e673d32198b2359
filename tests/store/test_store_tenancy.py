"""Several servers on one database: only one that is alone ends what killed ones left open."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from proxy.errors import ConfigError
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


async def test_what_a_killed_server_left_is_ended_by_the_next_that_is_alone(url: str):
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
                assert await status(second, call) == "open"
                process.send_signal(signal.SIGKILL)
                process.wait()
                async with await SqliteStore.open(url) as third:  # the second lives: nobody can tell whose the call is
                    assert await status(third, call) == "open"
        finally:
            process.kill()
    async with await SqliteStore.open(url, recover=False) as beside:
        assert await status(beside, call) == "open"
        async with await SqliteStore.open(url) as alone:  # a command beside it is no server
            assert await status(alone, call) == "failed"
            assert await alone.verify() == []


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
