"""A disk that is full, a file that cannot be written, a page that is torn, a clock that goes back; and what `power` waits for."""

import asyncio
import os
import re
import resource
import shutil
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from proxy.errors import StoreUnavailable
from proxy.store import SqliteStore, clock, room
from proxy.store.connection import whole
from tests.store.client import LONG, Client, texts

pytestmark = pytest.mark.anyio
ROOT = Path(__file__).parents[2]


def size_of(file: Path) -> int:
    return file.stat().st_size if file.exists() else 0


async def say_until_refused(client: Client, kept: list[str]) -> None:
    for number in range(100):
        await client.say(f"Turn {number}", LONG * 20)
        kept.append(f"Turn {number}")


async def test_a_full_disk_refuses_what_it_cannot_keep_and_keeps_what_it_has(tmp_path: Path):
    """The disk is full for this process: no file may grow any more."""
    file = tmp_path / "graft.db"
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    async with await SqliteStore.open(f"sqlite:///{file}") as store:
        client = await Client.of(store, "ada")
        await client.say("Before")
        full = max(size_of(tmp_path / "graft.db-wal"), size_of(file))
        try:
            resource.setrlimit(resource.RLIMIT_FSIZE, (full, before[1]))
            kept = ["Before"]
            with pytest.raises(StoreUnavailable) as refused:
                await say_until_refused(client, kept)
            assert refused.value.retry_after_s > 0
            assert texts(await store.path("ada", client.nodes[2 * len(kept) - 1]))[::2] == kept
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
        another = await client.another("later")
        await another.say("After")
        assert await store.verify() == []


async def test_a_file_that_cannot_be_written_for_a_while_can_be_read(tmp_path: Path):
    async with await SqliteStore.open(f"sqlite:///{tmp_path}/graft.db") as store:
        client = await Client.of(store, "ada")
        _, reply = await client.say("Before")
        await whole(store._connections[0], lambda db: db.execute("PRAGMA query_only = ON"))
        with pytest.raises(StoreUnavailable, match="readonly"):
            await client.ask("Meanwhile")
        assert texts(await store.path("ada", reply)) == ["Before", "Very well."]
        found = await store.search("ada", "before", None, None, 9)
        assert texts([hit.node for hit in found.items]) == ["Before"]
        with pytest.raises(StoreUnavailable, match="readonly"):
            await store.ping()
        await whole(store._connections[0], lambda db: db.execute("PRAGMA query_only = OFF"))
        await store.ping()
        await client.say("After")
        assert await store.verify() == []


async def test_a_disk_without_room_for_a_turn_is_told_before_one_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    async with await SqliteStore.open(f"sqlite:///{tmp_path}/graft.db") as store:
        log = tmp_path / "graft.db-wal"
        before = size_of(log)
        await store.ping()
        assert size_of(log) > before, "nothing was written to find out"
        monkeypatch.setattr(room, "free_bytes", lambda folder: room.LEAST - 1 if folder == tmp_path else room.LEAST)
        with pytest.raises(StoreUnavailable, match="is full: 999999 bytes are free"):
            await store.ping()


def tear(file: Path, table: str) -> None:
    """Overwrite the first page of a table, as a failing disk does."""
    with sqlite3.connect(file) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        (page,) = db.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", (table,)).fetchone()
        (size,) = db.execute("PRAGMA page_size").fetchone()
    db.close()
    with file.open("r+b") as torn:
        torn.seek((page - 1) * size)
        torn.write(b"\xff" * size)


async def test_a_torn_page_is_told_and_what_stands_elsewhere_is_answered(tmp_path: Path):
    async with await SqliteStore.open(f"sqlite:///{tmp_path}/graft.db") as store:
        client = await Client.of(store, "ada")
        _, reply = await client.say("Before")
    tear(tmp_path / "graft.db", "decisions_node")
    tear(tmp_path / "graft.db", "calls")
    async with await SqliteStore.open(f"sqlite:///{tmp_path}/graft.db", recover=False) as store:
        assert texts(await store.path("ada", reply)) == ["Before", "Very well."]
        with pytest.raises(StoreUnavailable, match="graft restore") as refused:
            await client_in(store, client).ask("After")
        assert refused.value.retry_after_s > 10
        assert {violation.table for violation in await store.verify()} >= {"database"}


@pytest.mark.parametrize(("back_s", "goes_on"), [(86_400.0, True), (400 * 86_400.0, False)])
async def test_a_clock_that_goes_back_across_a_restart_makes_nothing_look_old(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, back_s: float, goes_on: bool
):
    url, real = f"sqlite:///{tmp_path}/graft.db", time.time
    async with await SqliteStore.open(url) as store:
        before = await Client.of(store, "ada", tree="canals")
        await before.say("Canals?", "The first answer.")
    monkeypatch.setattr(clock, "_given", [0.0])  # another process
    monkeypatch.setattr(time, "time", lambda: real() - back_s)
    async with await SqliteStore.open(url) as store:
        await client_in(store, before).say("Weirs?", "The second answer.")
        times = await store._read(lambda db: [at for (at,) in db.execute("SELECT at FROM transcripts ORDER BY id")])
        assert (times == sorted(times)) == goes_on
        assert "Is this machine's clock right?" in caplog.text
        assert await store.verify() == []


def client_in(store: SqliteStore, client: Client) -> Client:
    return Client(store, client.user, client.tree, client.conversation)


async def test_a_clock_that_goes_back_makes_nothing_look_old(client: Client, monkeypatch: pytest.MonkeyPatch):
    real = time.time
    await client.say("Canals?", "The first answer.")
    call = await client.again(client.nodes[0])
    await client.answered(call, client.nodes[0], "The second answer.")
    monkeypatch.setattr(time, "time", lambda: real() - 86_400)
    late, turn = await client.ask("Weirs?", idempotency_key="weirs")
    await client.answered(late, turn, "The old answer.")
    again = await client.again(turn)
    same = "UPDATE calls SET idempotency_key = (SELECT idempotency_key FROM calls WHERE id = ?) WHERE id = ?"
    await client.store._write(lambda db: db.execute(same, (late, again)))
    await client.store._write(
        lambda db: db.execute("UPDATE calls SET request_hash = (SELECT request_hash FROM calls WHERE id = ?)", (late,))
    )
    [newest] = await client.answered(again, turn, "The new answer.")
    hashed = await client.store._read(
        lambda db: db.execute("SELECT request_hash FROM calls WHERE id = ?", (late,)).fetchone()[0]
    )
    found = await client.store.earlier("ada", request_hash=hashed, idempotency_key="weirs")
    assert found is not None
    assert [node.id for node in found[1]] == [newest]
    stored = await client.store._read(lambda db: db.execute("SELECT at FROM transcripts ORDER BY id").fetchall())
    assert stored == sorted(stored)
    assert await client.store.verify() == []


WRITER = """
import asyncio, os, sys
from proxy.store import SqliteStore, clock, room
from proxy.store.connection import whole
from tests.store.client import Client

async def main():
    store = await SqliteStore.open(sys.argv[1], durability=sys.argv[2])
    client = await Client.of(store, "ada")
    for turn in range(5):
        await client.say(f"Turn {turn}")
        os.write(1, b"acknowledged\\n")
    os._exit(0)

asyncio.run(main())
"""


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
@pytest.mark.parametrize(("durability", "syncs"), [("power", True), ("process", False)])
async def test_power_waits_for_the_disk_before_anything_is_acknowledged(tmp_path: Path, durability: str, syncs: bool):
    """Read from the system calls: between two acknowledgements the log is synced, once for each commit, or not at all."""
    traced = tmp_path / "calls.txt"
    command = ["strace", "-f", "-y", "-e", "trace=fsync,fdatasync,write", "-o", str(traced)]
    command += [sys.executable, "-c", WRITER, f"sqlite:///{tmp_path}/graft.db", durability]
    await asyncio.to_thread(
        subprocess.run, command, cwd=ROOT, check=True, capture_output=True, env={**os.environ, "PYTHONPATH": str(ROOT)}
    )
    turns = traced.read_text().split('"acknowledged')[:-1]
    assert len(turns) == 5
    synced = [len(re.findall(r"(?:fsync|fdatasync)\(\d+<[^>]*graft\.db-wal>\) += 0", turn)) for turn in turns[1:]]
    assert all(count == 2 for count in synced) if syncs else synced == [0, 0, 0, 0]
