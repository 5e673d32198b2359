"""What was deleted is gone from the disk: before a deletion every planted text is in the bytes of the files, after vacuuming none is."""

import resource
import sqlite3
from pathlib import Path

import pytest

from proxy.domain.tree import UserId
from proxy.errors import ConfigError, StoreUnavailable
from proxy.store import SqliteStore
from proxy.store.persons.belongings import BELONGINGS
from proxy.store.sealing.places import TABLES, Table
from proxy.store.vacuuming import TRIES, vacuum
from tests.store.client import Client
from tests.store.furnished import furnish

pytestmark = pytest.mark.anyio
ADA = UserId("ada")
UNPLANTED = {
    *(
        "id",
        "user_id",
        "tree_id",
        "node_id",
        "parent_id",
        "turn_id",
        "reply_id",
        "call_id",
        "memory_id",
        "artefact_id",
        "what",
    ),
    *(
        "hash",
        "key_id",
        "ref",
        "exact",
        "folded",
        "from_parent",
        "to_parent",
        "previous_id",
        "start_id",
        "name",
        "kind",
        "digest",
    ),
    *("state", "status", "role", "meaning", "method", "policy", "day", "title"),
}
"""Keys, references, and columns of few values: no place for a text, or one that must stay unique."""
OF_TREES = (
    "nodes",
    "calls",
    "search",
    "sent",
    "decisions",
    "summaries",
    "turn_pieces",
    "blobs",
    "vectors",
    "waypoints",
)
NONE = Table((), ())
BILL = {"calls.model", "calls.usage", "calls.finish_reason"}
"""What stays of a deleted turn."""


def mark(table: str, column: str) -> str:
    return f"planted{table}{column}end".replace("_", "")


def plant(db: sqlite3.Connection) -> dict[str, bytes]:
    """Put a text of its own into every column of every table in which one can stand, in ada's rows."""
    db.execute("PRAGMA foreign_keys = OFF")
    planted = {}
    for one in BELONGINGS:
        for _, name, kind, *_ in db.execute(f"PRAGMA table_info({one.table})").fetchall():
            if name in UNPLANTED or (kind not in ("TEXT", "BLOB") and one.table != "search"):
                continue
            value = f"coalesce({name}, '') || ' {mark(one.table, name)}'"
            value = (
                f"""'{{"{mark(one.table, name)}": 1}}'"""
                if TABLES.get(one.table, NONE).sealed.get(name) == "json"
                else value
            )
            value = f"CAST({value} AS BLOB)" if kind == "BLOB" else value
            where = (
                f"({one.whose}) AND ({name} IS NOT NULL OR '{one.table}' <> 'images')"  # an image has bytes or a URL
            )
            where += " AND turn_id IS NOT NULL" * (one.table == "calls")  # what is kept of calls without one is a bill
            changed = db.execute(f"UPDATE {one.table} SET {name} = {value} WHERE {where}", {"user": ADA})
            if changed.rowcount > 0:
                planted[f"{one.table}.{name}"] = mark(one.table, name).encode()
    db.execute("PRAGMA foreign_keys = ON")
    return planted


def found(folder: Path, planted: dict[str, bytes]) -> set[str]:
    """Which texts stand in any file."""
    whole = b"".join(file.read_bytes() for file in folder.iterdir() if file.is_file())
    return {place for place, text in planted.items() if text in whole}


async def planted_in(folder: Path) -> dict[str, bytes]:
    async with await SqliteStore.open(f"sqlite:///{folder}/graft.db") as store:
        client = await furnish(await Client.of(store, "ada"))
        await client.say("Something long. " * 3_000, "Something else. " * 3_000)
    await (await SqliteStore.open(f"sqlite:///{folder}/graft.db")).close()  # ends what was left open
    db = sqlite3.connect(folder / "graft.db", isolation_level=None)
    planted = plant(db)
    db.close()
    return planted


async def test_nothing_of_a_deleted_user_is_left_in_any_byte_while_a_server_has_the_database_open(
    tmp_path: Path,
) -> None:
    planted = await planted_in(tmp_path)
    assert len(planted) > 60
    assert {"nodes.content", "zones.text", "sent.body", "blobs.bytes", "search.words", "users.secret"} <= set(planted)
    async with await SqliteStore.open(f"sqlite:///{tmp_path}/graft.db") as store:
        assert found(tmp_path, planted) == set(planted)
        await store.delete_user(ADA, forgotten_within_s=0)
        assert found(tmp_path, planted), "the log still has it, so the look is sharp"
        told: list[str] = []
        done = vacuum(f"{tmp_path}/graft.db", lambda stage, _: told.append(stage))
        assert found(tmp_path, planted) == set()
        assert (tmp_path / "graft.db-wal").stat().st_size == 0
        assert done.after < done.before
        assert await store.verify() == []
        bob = await Client.of(store, "bob", "chat three")
        assert [node.message.text async for node in store.nodes(bob.user.id, bob.tree.id)][:2] == ["Boats?", "Float."]
        assert len((await store.search(bob.user.id, "boats", None, None, 9)).items) == 1
        await bob.say("Still here?", "Yes.", under=None)


async def test_nothing_of_deleted_trees_is_left_but_the_bill(tmp_path: Path) -> None:
    planted = {at: text for at, text in (await planted_in(tmp_path)).items() if at.split(".")[0] in OF_TREES}
    async with await SqliteStore.open(f"sqlite:///{tmp_path}/graft.db") as store:
        await store._write(
            lambda db: db.execute("UPDATE trees SET metadata = '{}', participants = '{}' WHERE user_id = 'ada'")
        )
        for tree in await store.trees(ADA):
            await store.delete_tree(ADA, tree.id)
        vacuum(f"{tmp_path}/graft.db")
        assert found(tmp_path, planted) == BILL & set(planted)


async def test_calls_stand_in_the_order_in_which_they_came(tmp_path: Path) -> None:
    """Nothing but their hidden row numbers tells it."""
    await planted_in(tmp_path)
    async with await SqliteStore.open(f"sqlite:///{tmp_path}/graft.db") as store:
        await store.delete_user(UserId("bob"), forgotten_within_s=0)
        sql = "SELECT rowid, id FROM calls ORDER BY rowid"
        before = await store._read(lambda db: db.execute(sql).fetchall())
        vacuum(f"{tmp_path}/graft.db")
        assert await store._read(lambda db: db.execute(sql).fetchall()) == before


async def test_a_reader_of_an_old_state_is_waited_for_and_then_told_of(tmp_path: Path) -> None:
    await planted_in(tmp_path)
    reader = sqlite3.connect(tmp_path / "graft.db", isolation_level=None)
    pauses = 0

    def pause(_: float) -> None:
        nonlocal pauses
        pauses += 1

    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM nodes").fetchone()
    with pytest.raises(StoreUnavailable, match="reads an old state"):
        vacuum(f"{tmp_path}/graft.db", pause=pause)
    assert pauses == TRIES
    reader.execute("ROLLBACK")
    vacuum(f"{tmp_path}/graft.db", pause=pause)
    assert pauses == TRIES
    reader.close()


async def test_without_room_for_a_new_file_it_says_how_much_is_needed(tmp_path: Path) -> None:
    await planted_in(tmp_path)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
        with pytest.raises(StoreUnavailable, match=r"takes [\d,]+ bytes twice.*make room"):
            vacuum(str(tmp_path / "graft.db"))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_there_must_be_a_database(tmp_path: Path) -> None:
    for file in (f"{tmp_path}/none.db", ":memory:"):
        with pytest.raises(ConfigError, match="no database"):
            vacuum(file)
