"""The store under test: fixture `store`, once in a file and once in memory."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from proxy.store import SqliteStore
from tests.store.client import Client


@pytest.fixture(params=["file", "memory"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/graft.db" if request.param == "file" else "sqlite://:memory:"


@pytest.fixture
async def store(url: str) -> AsyncIterator[SqliteStore]:
    async with await SqliteStore.open(url) as opened:
        yield opened


@pytest.fixture
async def client(store: SqliteStore) -> Client:
    return await Client.of(store, "ada")
