"""A database is encrypted, gets another key and is decrypted again, while it is used, and nothing of before is left in its files."""

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from proxy.domain.tree import UserId
from proxy.errors import ConfigError, StoreError
from proxy.store import SqliteStore
from proxy.store.sealing import rotating
from proxy.store.sealing.checking import row_of
from proxy.store.sealing.cipher import Cipher
from proxy.store.sealing.keys import StorageKey
from proxy.store.sealing.places import TABLES
from proxy.store.sealing.rotating import rotate_file
from tests.store.client import Client
from tests.store.furnished import furnish

pytestmark = pytest.mark.anyio

OLD, NEW = StorageKey.of(b"o" * 32), StorageKey.of(b"n" * 32)
WORDS = ("Boats", "Float", "Oars", "Open at noon", "tutor", "pictures.example", "chat two", "boats")
"""What the full store holds: in messages, zones, memories, names, addresses, hints and tags."""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "graft.db"


def cipher(keys: Sequence[StorageKey | None]) -> Cipher | None:
    return Cipher(keys) if any(keys) else None


def opening(file: Path, *keys: StorageKey | None, recover: bool = True) -> SqliteStore:
    return SqliteStore(f"sqlite:///{file}", recover=recover, cipher=cipher(keys))


async def rotated(file: Path, *keys: StorageKey | None) -> int:
    async with opening(file, *keys, recover=False):
        pass
    changed, is_wiped = await asyncio.to_thread(rotate_file, str(file), Cipher(keys), lambda _, __: None)
    assert is_wiped
    return changed


def all_rows(db: sqlite3.Connection) -> dict[str, list[tuple[Any, ...]]]:
    """Every table as it reads, whatever it is sealed with."""
    read = db.cipher  # type: ignore[attr-defined]
    found = {}
    for name, table in TABLES.items():
        if name in ("storage_keys", "searched"):
            continue
        there = db.execute(f"SELECT * FROM {name}")
        columns = [column for column, *_ in there.description]
        found[name] = []
        for row in there.fetchall():
            values = dict(zip(columns, row, strict=True))
            if read is not None:
                at = row_of(db, name, values) if table.sealed else ""
                for column, form in table.sealed.items():
                    if values[column] is not None:
                        opened = read.open_bytes if form == "bytes" else read.open
                        values[column] = opened(f"{name}.{column}", values[column], at)
                for column, kind in table.marks.items():
                    if values[column] is not None:
                        values[column] = read.unmark(kind, values[column], values["user_id"])
            values.pop("marked_with", None)
            found[name].append(tuple(values.values()))
        found[name].sort(key=repr)
    return found


async def read(file: Path, *keys: StorageKey | None) -> dict[str, list[tuple[Any, ...]]]:
    async with opening(file, *keys) as store:
        assert await store.verify() == []
        return await store._read(all_rows)


def bytes_of(file: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(file.parent.iterdir()) if path.is_file())


async def fill(file: Path, *keys: StorageKey | None) -> None:
    async with opening(file, *keys) as store:
        await furnish(await Client.of(store, "ada"))
        await store.aside(UserId("ada"), [], "~ looks sealed")
        await store.update_tree(
            UserId("ada"), (await store.tree("ada", "main")).id, {"title": "~AAAAAAAA looks sealed"}
        )


async def test_a_database_is_encrypted_gets_another_key_and_is_decrypted(file: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(rotating, "BATCH", 2)
    await fill(file)
    before = await read(file)
    for word in WORDS:
        assert word.encode() in bytes_of(file)
    for keys in ([OLD, None], [NEW, OLD]):
        assert await rotated(file, *keys) > 0
        assert await rotated(file, *keys) == 0
        assert await read(file, keys[0]) == before
        for word in WORDS:
            assert word.encode() not in bytes_of(file), word
    assert OLD.name not in bytes_of(file)
    assert await rotated(file, None, NEW) > 0
    assert await read(file) == before
    for word in WORDS:
        assert word.encode() in bytes_of(file)
    assert NEW.name not in bytes_of(file)


async def test_a_server_goes_on_while_its_database_is_rotated(file: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(rotating, "BATCH", 1)
    await fill(file)
    async with opening(file, NEW, None) as server:
        chats = [await Client.of(server, name, f"chat of {name}", "busy") for name in ("ada", "bob", "eve")]
        for chat in chats:
            await chat.say("First?", "First.")
        rotation = asyncio.create_task(rotated(file, NEW, None))
        turns = 0
        while not rotation.done() or turns < 3:
            for chat in chats:
                await chat.say(f"Turn {turns} of {chat.user.id}?", f"Answer {turns}.")
                assert (await chat.recognise(conversation=chat.conversation)).anchor == len(chat.said) - 1
                assert await server.tree(chat.user.id, "busy") == await server.tree_of(chat.user.id, chat.tree.id)
            turns += 1
        assert await rotation > 0
    async with opening(file, NEW) as store:
        assert await store.verify() == []
        for chat in chats:
            assert len(await store.path(chat.user.id, chat.nodes[-1])) == 2 * (turns + 1)
            assert [tree.name for tree in await store.trees(chat.user.id)].count("busy") == 1
            assert (await store.search(chat.user.id, f"turn {turns - 1}", None, None, 9)).items


KILLED = """
import os, signal, sys
from proxy.store.sealing import rotating
from proxy.store.sealing.cipher import Cipher
from proxy.store.sealing.keys import StorageKey

rotating.BATCH = 1
file, after = sys.argv[1], int(sys.argv[2])
steps = iter(range(10_000))

def tell(done, total):
    if next(steps) == after:
        os.kill(os.getpid(), signal.SIGKILL)

rotating.rotate_file(file, Cipher([StorageKey.of(b"n" * 32), StorageKey.of(b"o" * 32)]), tell)
"""


@pytest.mark.parametrize("after", [0, 3, 20, 35])
async def test_a_rotation_that_was_killed_is_begun_again(file: Path, after: int):
    await fill(file, OLD)
    before = await read(file, OLD)
    async with opening(file, NEW, OLD, recover=False):
        pass
    command = partial(subprocess.run, [sys.executable, "-c", KILLED, str(file), str(after)], check=False)
    ran = await asyncio.to_thread(command, env=os.environ)
    assert ran.returncode == -signal.SIGKILL
    assert await read(file, NEW, OLD) == before
    for alone in (NEW, OLD):
        with pytest.raises(ConfigError, match="names another"):
            await read(file, alone)
    assert await rotated(file, NEW, OLD) > 0
    assert await read(file, NEW) == before


async def test_what_does_not_open_stops_a_rotation(file: Path):
    await fill(file, OLD)
    with sqlite3.connect(file) as db:
        db.execute("UPDATE zones SET text = (SELECT content FROM nodes LIMIT 1) WHERE name = 'user'")
    db.close()
    with pytest.raises(StoreError, match=r"zones\.text"):
        await rotated(file, NEW, OLD)
    async with opening(file, NEW, OLD) as store:
        assert ("zones", "opens where it stands") in {(one.table, one.rule) for one in await store.verify()}
