"""Who deletes to make room finds little of it: the steps are made as small as the disk needs them."""

from __future__ import annotations

from pathlib import Path

import pytest

from proxy.domain.tree import UserId
from proxy.store import SqliteStore
from tests.doubles.disks import fill, free_bytes, small_disk
from tests.store.client import Client

pytestmark = pytest.mark.anyio
ADA = UserId("ada")
LEFT = 250_000
TURNS = 60


async def filled(folder: Path) -> None:
    """A database of two users, its log carried over, on a disk that is nearly full."""
    url = f"sqlite:///{folder}/graft.db"
    for user in ("ada", "bob"):
        async with SqliteStore(url) as store:
            client = await Client.of(store, user)
            for number in range(TURNS):
                await client.say(f"Question {number} " + f"word{number} " * 200, "Answer " + f"other{number} " * 900)
    fill(folder, but=LEFT)


async def test_a_user_is_deleted_where_one_step_would_not_find_room(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 24) as folder:
        await filled(folder)
        async with SqliteStore(f"sqlite:///{folder}/graft.db") as store:
            log = folder / "graft.db-wal"
            assert free_bytes(folder) <= LEFT
            await store.delete_user(ADA, forgotten_within_s=0)
            assert [one.id for one in await store.accounts()] == ["bob"]
            assert log.stat().st_size <= LEFT
            assert await store.verify() == []
