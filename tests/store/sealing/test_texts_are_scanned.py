"""A search without an index finds what the index finds."""

import pytest

from proxy.store import SqliteStore
from proxy.store.browse import scanning
from tests.store.client import Client

pytestmark = pytest.mark.anyio

SAID = (
    "Crème brûlée at NOON",
    "noontide",
    "a boat-house by the weir",
    "the house of boats",
    "snake_case words",
    "中文 字",
)


@pytest.mark.parametrize(
    "words",
    [
        "creme",
        "noon",
        "NOON brul",
        "boat-house",
        "house boat",
        "weir?",
        "snake case",
        "case_",
        "nothing",
        "?!",
        "中",
        "oon",
    ],
)
async def test_both_ways_find_the_same(store: SqliteStore, words: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(scanning, "BATCH", 3)
    client = await Client.of(store, "ada")
    for text in SAID:
        await client.say(text, "So be it.")
    scanned = await store._scan("ada", words, None, None, 20)
    found = await store.search("ada", words, None, None, 20)
    assert [hit.node.id for hit in scanned.items] == [hit.node.id for hit in found.items]


async def test_a_scan_goes_on_where_a_page_ended(store: SqliteStore, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(scanning, "BATCH", 3)
    client = await Client.of(store, "ada")
    for number in range(5):
        await client.say(f"Boat {number}", "Float.")
    first = await store._scan("ada", "boat", None, None, 2)
    rest = await store._scan("ada", "boat", client.tree.id, first.items[-1].node.id, 5)
    told = [hit.snippet for hit in (*first.items, *rest.items)]
    assert told == [f"Boat {number}" for number in (4, 3, 2, 1, 0)]
    assert (first.has_more, rest.has_more) == (True, False)
    assert (await store._scan("bob", "boat", None, None, 5)).items == []
