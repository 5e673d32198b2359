"""Copies of a database that is in use, and copies put back."""

import asyncio
import resource
import sqlite3
import stat
from pathlib import Path

import pytest

from proxy.errors import ConfigError, StoreError
from proxy.store import SqliteStore
from proxy.store.backup import Unsound, back_up, looked_at, restore
from proxy.store.migrations import MIGRATIONS
from proxy.store.tenancy import Tenancy
from tests.store.client import Client, texts

pytestmark = pytest.mark.anyio
OLD = Path(__file__).with_name("databases") / "version_1.sql"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "graft.db"


def names(folder: Path, begin: str) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name.startswith(begin))


def overwrite(file: Path) -> None:
    file.write_bytes(b"torn" * 5_000)


async def filled(file: Path, *asked: str) -> None:
    async with await SqliteStore.open(f"sqlite:///{file}") as store:
        client = await Client.of(store, "ada")
        for text in asked:
            await client.say(text)


async def said_in(file: Path) -> list[str]:
    async with await SqliteStore.open(f"sqlite:///{file}", recover=False) as store:
        assert await store.verify() == []
        client = await Client.of(store, "ada")
        return texts([node async for node in store.nodes("ada", client.tree.id)])[::2]


async def test_a_copy_taken_while_turns_are_written_is_one_moment(file: Path, tmp_path: Path):
    """Every turn and its answer name their number, so that a torn copy would show; steps of one page give it the chance."""
    async with await SqliteStore.open(f"sqlite:///{file}") as store:
        talkers = [await Client.of(store, f"user{number}") for number in range(4)]
        for talker in talkers:
            await talker.say("Begin", "x" * 20_000)
        written = 0

        async def talk(talker: Client) -> None:
            nonlocal written
            while not copied.done():
                await talker.say(f"Turn {len(talker.said)}", "y" * 2_000)
                written += 1

        steps: list[int] = []
        loop = asyncio.get_running_loop()
        copying = loop.run_in_executor(
            None, back_up, str(file), tmp_path / "copy.db", lambda done, _: steps.append(done)
        )
        copied = asyncio.ensure_future(copying)
        await asyncio.gather(*map(talk, talkers), copied)
        assert written
        assert steps
    await asyncio.to_thread(restore, tmp_path / "copy.db", str(tmp_path / "restored.db"))
    async with await SqliteStore.open(f"sqlite:///{tmp_path}/restored.db") as copy:
        assert await copy.verify() == []
        for talker in talkers:
            kept = [node async for node in copy.nodes(talker.user.id, talker.tree.id)]
            assert [node.message.text for node in kept] == [one.text for one in talker.said[: len(kept)]]


async def test_a_copy_stands_for_itself_and_is_for_its_owner_only(file: Path, tmp_path: Path):
    await filled(file, "How long does bread bake?")
    back_up(str(file), tmp_path / "copy.db")
    assert stat.S_IMODE((tmp_path / "copy.db").stat().st_mode) == 0o600
    assert names(tmp_path, "copy") == ["copy.db"]
    db = sqlite3.connect(f"file:{tmp_path}/copy.db?immutable=1", uri=True)
    assert db.execute("SELECT count(*) FROM nodes").fetchone() == (2,)
    db.close()


async def test_what_was_copied_comes_back(file: Path, tmp_path: Path):
    await filled(file, "One")
    back_up(str(file), tmp_path / "copy.db")
    await filled(file, "Two")
    with pytest.raises(ConfigError, match="--force"):
        await asyncio.to_thread(restore, tmp_path / "copy.db", str(file))
    assert len(await said_in(file)) == 2
    await asyncio.to_thread(lambda: restore(tmp_path / "copy.db", str(file), replaces=True))
    assert await said_in(file) == ["One"]
    assert names(tmp_path, ".graft") == []


async def test_a_file_that_is_there_is_not_written_over_unasked(file: Path, tmp_path: Path):
    await filled(file, "One")
    (tmp_path / "copy.db").write_text("precious")
    with pytest.raises(ConfigError, match="--force"):
        back_up(str(file), tmp_path / "copy.db")
    assert (tmp_path / "copy.db").read_text() == "precious"
    back_up(str(file), tmp_path / "copy.db", replaces=True)
    assert looked_at(str(tmp_path / "copy.db")) == (len(MIGRATIONS), 0)


@pytest.mark.parametrize(
    "name", ["graft.db", "graft.db-wal", "graft.db-shm", "graft.db.lock", "graft.db.lock.1", "link.db"]
)
async def test_a_copy_never_takes_the_place_of_its_own_database(file: Path, tmp_path: Path, name: str):
    await filled(file, "Stay")
    (tmp_path / "link.db").symlink_to(file)
    for database in (str(file), str(tmp_path / "link.db")):
        with pytest.raises(ConfigError, match="belongs to the database"):
            back_up(database, tmp_path / name, replaces=True)
    assert await said_in(file) == ["Stay"]


async def test_without_room_for_a_copy_its_file_is_named_and_not_the_database(file: Path, tmp_path: Path):
    """The disk is full for this process: no file may grow any more."""
    await filled(file, "Stay")
    back_up(str(file), tmp_path / "copy.db")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
        with pytest.raises(StoreError, match=r"next\.db' cannot be written: .* Make room"):
            back_up(str(file), tmp_path / "next.db")
        with pytest.raises(StoreError, match=r"new\.db' cannot be written: .* Make room"):
            restore(tmp_path / "copy.db", str(tmp_path / "new.db"))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert names(tmp_path, "ne") == ["new.db.lock"]


async def test_an_empty_file_is_no_copy_of_a_database(file: Path, tmp_path: Path):
    await filled(file, "Stay")
    empty = tmp_path / "empty.db"
    empty.touch()
    with pytest.raises(ConfigError, match="is empty"):
        restore(empty, str(file), replaces=True)
    with pytest.raises(ConfigError, match="is empty"):
        back_up(str(empty), tmp_path / "copy.db")
    assert await said_in(file) == ["Stay"]
    assert names(tmp_path, "copy.db") == []


async def test_a_database_in_use_is_not_replaced(file: Path, tmp_path: Path):
    await filled(file, "One")
    back_up(str(file), tmp_path / "copy.db")
    async with await SqliteStore.open(f"sqlite:///{file}"):
        with pytest.raises(ConfigError, match="A server uses"):
            await asyncio.to_thread(lambda: restore(tmp_path / "copy.db", str(file), replaces=True))
    async with await SqliteStore.open(f"sqlite:///{file}", recover=False) as command:
        with pytest.raises(ConfigError, match="Somebody uses"):
            await asyncio.to_thread(lambda: restore(tmp_path / "copy.db", str(file), replaces=True))
        await command.ping()
    assert await said_in(file) == ["One"]


async def test_an_unsound_copy_is_refused_and_the_database_stays(file: Path, tmp_path: Path):
    await filled(file, "One")
    back_up(str(file), tmp_path / "copy.db")
    with sqlite3.connect(tmp_path / "copy.db") as db:
        db.execute("""UPDATE nodes SET content = '{"role":"user","content":"Something else"}' WHERE role = 'user'""")
    db.close()
    with pytest.raises(Unsound, match="nothing was restored"):
        await asyncio.to_thread(lambda: restore(tmp_path / "copy.db", str(file), replaces=True))
    (tmp_path / "notes.db").write_text("These are no tables. " * 300)
    with pytest.raises(StoreError, match="not a database"):
        await asyncio.to_thread(lambda: restore(tmp_path / "notes.db", str(file), replaces=True))
    assert await said_in(file) == ["One"]


async def test_a_damaged_database_is_replaced_by_a_sound_copy(file: Path, tmp_path: Path):
    await filled(file, "One")
    back_up(str(file), tmp_path / "copy.db")
    overwrite(file)
    await asyncio.to_thread(lambda: restore(tmp_path / "copy.db", str(file), replaces=True))
    assert await said_in(file) == ["One"]


async def test_a_copy_of_an_old_database_is_brought_up_to_date_when_it_is_restored(file: Path, tmp_path: Path):
    old = sqlite3.connect(tmp_path / "old.db")
    old.executescript(OLD.read_text())
    old.close()
    await asyncio.to_thread(restore, tmp_path / "old.db", str(file))
    assert looked_at(str(file)) == (len(MIGRATIONS), 0)
    assert looked_at(str(tmp_path / "old.db")) == (1, len(MIGRATIONS) - 1)


async def test_a_server_waits_while_a_copy_is_put_in_place(file: Path):
    await filled(file, "One")
    alone = Tenancy.claim(str(file))
    starting = asyncio.ensure_future(SqliteStore.open(f"sqlite:///{file}"))
    await asyncio.wait((starting,), timeout=0.2)
    assert not starting.done()
    alone.leave()
    await (await starting).close()
