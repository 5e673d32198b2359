"""The store under test: fixture `store`, once in a file and once in memory."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from proxy.store import SqliteStore
from proxy.store.sealing.cipher import Cipher
from proxy.store.sealing.keys import StorageKey
from tests.store.client import Client


@pytest.fixture(params=["file", "memory", "encrypted"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def url(kind: str, tmp_path: Path) -> str:
    return "sqlite://:memory:" if kind == "memory" else f"sqlite:///{tmp_path}/graft.db"


@pytest.fixture
async def store(url: str, kind: str) -> AsyncIterator[SqliteStore]:
    cipher = Cipher([StorageKey.of(b"k" * 32)]) if kind == "encrypted" else None
    async with await SqliteStore.open(url, cipher=cipher) as opened:
        yield opened


@pytest.fixture
async def client(store: SqliteStore) -> Client:
    return await Client.of(store, "ada")
