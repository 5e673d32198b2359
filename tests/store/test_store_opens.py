"""Opening a database: addresses, versions, other people's files, durability."""

import sqlite3
import stat
import sys
from pathlib import Path

import anyio
import pytest

from proxy.domain.tree import UserId
from proxy.errors import ConfigError, StoreError, StoreUnavailable
from proxy.store import SqliteStore, connection
from proxy.store.migrations import MIGRATIONS

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("url", "file"),
    [
        ("sqlite:///graft.db", "graft.db"),
        ("sqlite:///data/graft.db", "data/graft.db"),
        ("sqlite:////var/lib/graft.db", "/var/lib/graft.db"),
        ("sqlite://:memory:", ":memory:"),
    ],
)
def test_an_address_names_a_file(url: str, file: str):
    assert connection.file_of(url) == file


@pytest.mark.parametrize("url", ["postgresql://host/graft", "graft.db", "sqlite://", "sqlite:///", "sqlite://graft.db"])
async def test_any_other_address_is_refused_by_name(url: str):
    with pytest.raises(ConfigError, match=r"storage\.url"):
        await SqliteStore.open(url)


async def test_an_unknown_durability_is_refused():
    with pytest.raises(ConfigError, match="durability"):
        await SqliteStore.open("sqlite://:memory:", durability="forever")


async def test_a_new_database_is_made_with_its_folder_and_for_its_owner_only(tmp_path: Path):
    file = tmp_path / "deep" / "graft.db"
    async with await SqliteStore.open(f"sqlite:///{file}") as store:
        await store.ping()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


async def test_a_folder_in_place_of_a_file_is_refused(tmp_path: Path):
    with pytest.raises(ConfigError, match="is no file"):
        await SqliteStore.open(f"sqlite:///{tmp_path}")


async def test_what_was_stored_is_there_after_a_restart(tmp_path: Path):
    url = f"sqlite:///{tmp_path}/graft.db"
    async with await SqliteStore.open(url) as store:
        user = await store.user(UserId("ada"))
        tree = await store.tree(user.id, "main")
    async with await SqliteStore.open(url) as store:
        assert await store.user(user.id) == user
        assert await store.tree(user.id, "main") == tree


async def test_a_newer_database_is_refused_and_left_alone(tmp_path: Path):
    url = f"sqlite:///{tmp_path}/graft.db"
    await (await SqliteStore.open(url)).close()
    with sqlite3.connect(tmp_path / "graft.db") as db:
        db.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    db.close()
    with pytest.raises(ConfigError, match="newer"):
        await SqliteStore.open(url)


async def test_another_programs_database_is_refused(tmp_path: Path):
    with sqlite3.connect(tmp_path / "recipes.db") as db:
        db.execute("CREATE TABLE recipes (id)")
    db.close()
    with pytest.raises(ConfigError, match="another program"):
        await SqliteStore.open(f"sqlite:///{tmp_path}/recipes.db")


async def test_a_file_that_is_no_database_is_a_store_error(tmp_path: Path):
    (tmp_path / "notes.txt").write_text("These are no tables. " * 200)
    with pytest.raises(StoreError, match="not a database"):
        await SqliteStore.open(f"sqlite:///{tmp_path}/notes.txt")


async def test_a_failed_step_leaves_the_version_before_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    url = f"sqlite:///{tmp_path}/graft.db"
    await (await SqliteStore.open(url)).close()

    def half_way(db: sqlite3.Connection) -> None:
        db.execute("CREATE TABLE extra (id)")
        db.execute("SELECT no_such_column")

    monkeypatch.setattr("proxy.store.migrating.MIGRATIONS", [*MIGRATIONS, half_way])
    with pytest.raises(StoreError):
        await SqliteStore.open(url)
    with sqlite3.connect(tmp_path / "graft.db") as db:
        assert db.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS),)
        assert db.execute("SELECT count(*) FROM sqlite_master WHERE name = 'extra'").fetchone() == (0,)
    db.close()


@pytest.mark.parametrize(("durability", "synchronous"), [("process", 1), ("power", 2)])
async def test_durability_says_what_a_commit_waits_for(tmp_path: Path, durability: str, synchronous: int):
    async with await SqliteStore.open(f"sqlite:///{tmp_path}/graft.db", durability=durability) as store:
        found = await store._write(lambda db: db.execute("PRAGMA synchronous").fetchone())
        mode = await store._write(lambda db: db.execute("PRAGMA journal_mode").fetchone())
    assert found == (synchronous,)
    assert mode == ("wal",)


async def test_a_locked_database_is_unavailable_and_says_when_to_come_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(connection, "_BUSY_MS", 1)
    async with await SqliteStore.open(f"sqlite:///{tmp_path}/graft.db") as store:
        other = sqlite3.connect(tmp_path / "graft.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreUnavailable) as refused:
            await store.user(UserId("ada"))
        assert refused.value.retry_after_s > 0
        other.execute("ROLLBACK")
        other.close()
        assert (await store.user(UserId("ada"))).id == "ada"


async def test_a_full_database_is_unavailable(store: SqliteStore):
    await store.user(UserId("ada"))
    await store._write(lambda db: db.execute("PRAGMA max_page_count = 1"))
    with pytest.raises(StoreUnavailable, match="full"):
        await store.put_zone(UserId("ada"), None, "user", "x" * 1_000_000)


async def test_a_closed_store_says_so(url: str):
    store = await SqliteStore.open(url)
    await store.close()
    with pytest.raises(StoreUnavailable, match="closed"):
        await store.trees(UserId("ada"))
    with pytest.raises(StoreUnavailable, match="closed"):
        await store.tree(UserId("ada"), "main")


async def test_readers_cannot_write_to_a_file(tmp_path: Path):
    async with await SqliteStore.open(f"sqlite:///{tmp_path}/graft.db") as store:
        with pytest.raises(StoreError, match="readonly"):
            await store._read(lambda db: db.execute("DELETE FROM users"))


async def test_a_second_opening_in_one_process_leaves_the_locks_of_the_first_alone(tmp_path: Path):
    """Closing any handle of one's own on a file drops all locks that the process holds on it."""
    url = f"sqlite:///{tmp_path}/graft.db"
    grab = "import sqlite3, sys; print(sqlite3.connect(sys.argv[1], timeout=0.1).execute('PRAGMA journal_mode = DELETE').fetchone())"
    async with await SqliteStore.open(url) as server:
        await server.user(UserId("ada"))
        await (await SqliteStore.open(url, recover=False)).close()
        other = await anyio.run_process([sys.executable, "-c", grab, str(tmp_path / "graft.db")], check=False)
        assert b"database is locked" in other.stderr, other.stdout
