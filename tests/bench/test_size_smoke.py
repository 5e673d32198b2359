"""The benchmark of size runs, on small databases; and however many others there are, a user's questions take no more steps."""

from __future__ import annotations

import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from proxy.store import SqliteStore
from tests.bench import size
from tests.bench.sized import deeds, user_with

pytestmark = pytest.mark.anyio


@pytest.mark.skipif(sys.platform != "linux", reason="reads the memory of a process as Linux tells it")
def test_small_databases_are_measured_in_every_figure(tmp_path: Path) -> None:
    told = tmp_path / "told.json"
    size.main(["--nodes", "600", "--users", "4", "--largest", "200", "--no-server", "--json", str(told)])
    small, large = json.loads(told.read_text())
    assert (small["users"], large["users"]) == (2, 4)
    for one in (small, large):
        assert all(one["micros"].values())
        assert all(one["steps"].values())
        assert {"average: path of 10", "largest: search a rare word"} <= set(one["micros"])
        assert set(one["turn_micros"]) == {"1", "16"}
        assert one["mib"] > 0


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    async with await SqliteStore.open(f"sqlite:///{tmp_path}/graft.db") as opened:
        yield opened


async def test_what_a_user_asks_takes_no_more_steps_beside_many_others(store: SqliteStore) -> None:
    person = await user_with(store, "ada", 200, 100)
    steps = size.Steps(store)
    alone = {what: await steps.of(deed) for what, deed in deeds(person).items()}
    for number in range(30):
        other = await user_with(store, f"other-{number}", 60)
        await store.search(other.user.id, "how", None, None, 1)
    beside = {what: await steps.of(deed) for what, deed in deeds(person).items()}
    for what, taken in alone.items():
        parts = (
            3 if what.startswith("search") else 1.1
        )  # the index of words is in more parts: a few, however large it is
        assert beside[what] <= parts * taken + 2 * size.EVERY, what


async def test_lists_and_pages_of_a_large_tree_take_about_as_many_steps_as_of_a_small_one(store: SqliteStore) -> None:
    steps = size.Steps(store)
    small, large = [await user_with(store, name, nodes, 100) for name, nodes in (("ada", 400), ("bob", 4_000))]
    asked = ("find a user's tree", "recognise a history", "path of 100", "list of trees", "page of a tree")
    for what in (*asked, "what stands beside a path", "search a common word"):
        few, many = [await steps.of(deeds(person)[what]) for person in (small, large)]
        assert many <= 1.3 * few + 2 * size.EVERY, what
