"""A database opens with its own keys alone: a wrong, a missing and a superfluous one are refused at the start, in one line."""

import sqlite3
from pathlib import Path

import pytest

from proxy.errors import ConfigError, StoreError, StoreUnavailable
from proxy.store import SqliteStore
from proxy.store.sealing.cipher import Cipher
from proxy.store.sealing.keys import StorageKey
from proxy.store.sealing.places import TABLES
from proxy.store.sealing.rotating import rotate_file
from tests.store.client import Client

pytestmark = pytest.mark.anyio

OLD, NEW = StorageKey.of(b"o" * 32), StorageKey.of(b"n" * 32)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "graft.db"


def raw(file: Path) -> bytes:
    return file.read_bytes()


async def filled(file: Path, *keys: StorageKey | None) -> None:
    cipher = Cipher(keys) if keys else None
    async with await SqliteStore.open(f"sqlite:///{file}", cipher=cipher) as store:
        client = await Client.of(store, "ada")
        await client.say("Boats?", "Float.")


async def said(file: Path, *keys: StorageKey | None) -> list[str]:
    cipher = Cipher(keys) if keys else None
    async with await SqliteStore.open(f"sqlite:///{file}", cipher=cipher) as store:
        tree = await store.tree("ada", "main")
        return [node.message.spoken async for node in store.nodes("ada", tree.id)]


@pytest.mark.parametrize(
    ("had", "given", "told"),
    [
        ([NEW], [], f"encrypted with the storage key {NEW.id}, and storage.encryption names none"),
        ([NEW], [OLD], f"encrypted with the storage key {NEW.id}, and storage.encryption names another"),
        ([NEW], [OLD, None], f"encrypted with the storage key {NEW.id}"),
        ([], [NEW], "is not encrypted, or not all of it, and storage.encryption names a key"),
        ([NEW, None], [], "encrypted"),
    ],
)
async def test_keys_that_are_not_its_own_are_refused(file: Path, had: list, given: list, told: str):
    await filled(file, *had)
    before = raw(file)
    with pytest.raises(ConfigError, match=told) as refused:
        await said(file, *given)
    assert "\n" not in str(refused.value)
    assert raw(file) == before


@pytest.mark.parametrize(
    ("had", "given"), [([NEW], [NEW]), ([NEW], [NEW, OLD]), ([NEW], [OLD, NEW]), ([], [NEW, None]), ([], [None, NEW])]
)
async def test_its_own_keys_open_it_wherever_they_stand(file: Path, had: list, given: list):
    await filled(file, *had)
    assert await said(file, *given) == ["Boats?", "Float."]


async def test_a_new_database_is_encrypted_from_the_beginning(file: Path):
    await filled(file, NEW, None)
    assert await said(file, NEW) == ["Boats?", "Float."]
    assert b"Float" not in raw(file)


async def test_a_forged_proof_is_found(file: Path):
    await filled(file, NEW)
    with sqlite3.connect(file) as db:
        db.execute("UPDATE storage_keys SET proof = ?", (Cipher([OLD]).seal("storage_keys.proof", "x", NEW.id),))
    db.close()
    with pytest.raises(ConfigError, match="does not open"):
        await said(file, NEW)


async def test_a_new_key_is_not_taken_in_beside_a_server_that_does_not_know_it(file: Path):
    url = f"sqlite:///{file}"
    await filled(file, OLD)
    async with await SqliteStore.open(url, cipher=Cipher([OLD])):
        with pytest.raises(ConfigError, match="does not know the storage key"):
            await SqliteStore.open(url, recover=False, cipher=Cipher([NEW, OLD]))
        async with await SqliteStore.open(url, recover=False, cipher=Cipher([OLD])) as beside:
            assert await beside.verify() == []


async def test_who_would_write_with_a_key_that_was_rotated_away_is_refused(file: Path):
    url = f"sqlite:///{file}"
    await filled(file, NEW, OLD)
    await filled(file, OLD, NEW)
    async with await SqliteStore.open(url, cipher=Cipher([OLD, NEW])) as late:
        rotate_file(str(file), Cipher([NEW, OLD]), lambda _, __: None)
        tree = await late.tree("ada", "main")
        with pytest.raises(StoreUnavailable, match=f"no longer uses the storage key {OLD.id}"):
            await late.rename("ada", tree.id, "Boats")
    assert await said(file, NEW) == ["Boats?", "Float.", "Float."]


async def test_swapped_rows_are_refused(file: Path):
    await filled(file, NEW)
    with sqlite3.connect(file) as db:
        (one, two) = [content for (content,) in db.execute("SELECT content FROM nodes ORDER BY seq")]
        db.execute("UPDATE nodes SET content = CASE seq WHEN 1 THEN ? ELSE ? END", (two, one))
    db.close()
    with pytest.raises(StoreError, match=r"nodes\.content"):
        await said(file, NEW)


async def test_every_column_of_text_is_sealed_a_mark_or_readable(file: Path):
    await filled(file)
    with sqlite3.connect(file) as db:
        names = [
            name
            for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            if not name.startswith(("sqlite_", "search"))
        ] + ["searched"]
        for name in names:
            columns = {
                column
                for _, column, kind, *_ in db.execute(f"PRAGMA table_info({name})")
                if kind not in ("INTEGER", "REAL")
            }
            table = TABLES[name]
            told = [*table.sealed, *table.marks, *table.readable]
            assert len(told) == len(set(told)), name
            assert set(told) == columns, name
    db.close()
    assert set(names) == set(TABLES)
