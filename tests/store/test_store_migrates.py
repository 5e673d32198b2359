"""A database of the first version becomes one of today: nothing of it is lost, and everything new works on it.

`databases/version_1.sql` is such a database, kept as it was then. It is never made anew.
"""

import asyncio
import sqlite3
from pathlib import Path

import pytest

from proxy.domain.message import said
from proxy.domain.tree import UserId
from proxy.errors import ConfigError
from proxy.store import SqliteStore
from proxy.store.migrating import migrate, pending
from proxy.store.migrations import MIGRATIONS
from proxy.store.tenancy import Tenancy
from tests.store.client import Client, texts

pytestmark = pytest.mark.anyio
ADA = UserId("ada")
OLD = Path(__file__).with_name("databases") / "version_1.sql"
PATH = ["How long does bread bake?", "Forty minutes.", "And at noon?", "Six."]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "graft.db"
    db = sqlite3.connect(file)
    db.executescript(OLD.read_text())
    db.close()
    return file


def rows(db: sqlite3.Connection) -> dict[str, list[dict[str, object]]]:
    """Every row of every table of the first version, by column."""
    db.row_factory = sqlite3.Row
    tables = [name for (name,) in sqlite3.connect(":memory:").executescript(OLD.read_text()).execute(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'"
    )]  # fmt: skip
    return {table: [dict(row) for row in db.execute(f"SELECT * FROM {table}")] for table in tables}


def test_every_row_of_the_first_version_is_kept(file: Path):
    db = sqlite3.connect(file, isolation_level=None)
    before = rows(db)
    assert sum(map(len, before.values())) > 30
    assert migrate(db) == len(MIGRATIONS) > 1
    after = rows(db)
    for table, kept in before.items():
        assert [{name: row[name] for name in was} for was, row in zip(kept, after[table], strict=True)] == kept, table
    assert db.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
    assert db.execute("PRAGMA foreign_key_check").fetchall() == []
    db.close()


def test_an_old_database_ends_up_with_the_schema_of_a_new_one(file: Path):
    old, new = sqlite3.connect(file, isolation_level=None), sqlite3.connect(":memory:", isolation_level=None)
    sql = "SELECT name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite%' ORDER BY name"
    migrate(old)
    migrate(new)
    squeezed = [[(name, " ".join((text or "").split())) for name, text in db.execute(sql)] for db in (old, new)]
    assert squeezed[0] == squeezed[1]
    old.close()


async def test_what_is_new_works_on_an_old_database(file: Path):
    async with await SqliteStore.open(f"sqlite:///{file}") as store:
        assert await store.verify() == []
        [tree] = await store.trees(ADA)
        nodes = [node async for node in store.nodes(ADA, tree.id)]
        noon = next(node for node in nodes if node.message.text == "Six.")
        assert texts(await store.path(ADA, noon.id)) == PATH
        assert nodes[0].system == "You know canals."
        assert nodes[-1].state == "unanswered"
        client = await Client.of(store, "ada")
        told = [said("user", "How deep is the lock?"), said("assistant", "Five metres.")]
        assert (await client.recognise(*told, said("user", "New"))).found_by == "chain"
        deleted = [said("user", "Delete me"), said("assistant", "Gone.")]
        found = await client.recognise(*deleted, said("user", "New"))
        assert {row.meaning for row in found.lineage} == {"deleted"}
        hits = await store.search(ADA, "bread", None, None, 10)
        assert [hit.node.message.text for hit in hits.items] == ["How long does bread bake?"]
        assert await store.delete_tree(ADA, tree.id) == len(nodes)
        assert await store.trees(ADA) == []
        assert await store.verify() == []


async def test_a_server_of_an_earlier_graft_is_not_left_with_tables_that_it_does_not_know(file: Path):
    url = f"sqlite:///{file}"
    earlier = Tenancy.claim(str(file))
    earlier.share()
    for recover in (True, False):
        with pytest.raises(ConfigError, match="Stop that one first"):
            await SqliteStore.open(url, recover=recover)
    with sqlite3.connect(file) as db:
        assert db.execute("PRAGMA user_version").fetchone() == (1,)
    db.close()
    earlier.leave()
    async with await SqliteStore.open(url, recover=False) as store:
        assert await store.verify() == []


async def test_servers_that_start_together_bring_an_old_database_up_to_date_once(file: Path):
    stores = await asyncio.gather(*(SqliteStore.open(f"sqlite:///{file}") for _ in range(4)))
    assert sorted(store.place for store in stores) == [1, 2, 3, 4]
    assert await stores[0].verify() == []
    for store in stores:
        await store.close()


def test_a_step_that_another_process_makes_meanwhile_is_not_made_twice(file: Path):
    one, two = (sqlite3.connect(file, isolation_level=None) for _ in range(2))
    assert pending(one) == pending(two) == len(MIGRATIONS) - 1
    migrate(one)
    assert migrate(two) == len(MIGRATIONS)
    one.close()
    two.close()


def test_no_row_is_written_by_way_of_a_table_for_a_list_of_values():
    """SQLite makes one for each `IN` list in a constraint of the row's table, every time."""
    db = sqlite3.connect(":memory:", isolation_level=None)
    migrate(db)
    checked = {"nodes": "state", "transcripts": "meaning", "calls": "status"}
    for table, column in checked.items():
        names = [row[1] for row in db.execute(f"PRAGMA table_info({table})")]
        told = f"INSERT INTO {table} ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})"
        steps = [row[1] for row in db.execute(f"EXPLAIN {told}", [None] * len(names))]
        assert "OpenEphemeral" not in steps
        with pytest.raises(sqlite3.IntegrityError, match=f"CHECK constraint failed: {column} ="):
            db.execute(
                f"INSERT INTO {table} ({', '.join(names)}) SELECT {', '.join(_any(row, column) for row in db.execute(f'PRAGMA table_info({table})'))}"
            )
    db.close()


def _any(info: tuple, wrong: str) -> str:
    """A value for a column, and one that its constraint refuses for another."""
    _, name, kind, *_ = info
    return "'nonsense'" if name == wrong else "'x'" if kind == "TEXT" else "NULL" if name in ("seq", "visible") else "1"
