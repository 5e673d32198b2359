"""The road under test: fixture `road`."""

from collections.abc import AsyncIterator

import pytest

from proxy.store import SqliteStore
from tests.chat.road import Road, Talker


@pytest.fixture
async def road() -> AsyncIterator[Road]:
    """Whatever a test did, what is stored must keep its promises."""
    async with SqliteStore("sqlite://:memory:") as store:
        road = Road(store)
        yield road
        await road.settle()
        assert await store.verify() == []


@pytest.fixture
async def talker(road: Road) -> Talker:
    return Talker(road)
