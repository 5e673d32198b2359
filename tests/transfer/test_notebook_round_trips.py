"""The notebook's file: branches, attachment points, ids of any kind."""

import asyncio
import json
from typing import Any

import pytest
from hypothesis import given, settings

from proxy.domain.tree import UserId
from proxy.store import SqliteStore
from tests.transfer.growing import Copy, Grown, brought, exported, notebooks, trees, written

pytestmark = pytest.mark.anyio


def paths(document: dict[str, Any]) -> list[str]:
    """Every message of a notebook's file with all that was said above it, as the notebook would read it."""
    by_id = {json.dumps(branch["id"]): branch for branch in document["branches"]}

    def above(branch: dict[str, Any], count: int) -> list[Any]:
        own = branch["messages"][:count]
        if branch["parent_id"] is None:
            return own
        return above(by_id[json.dumps(branch["parent_id"])], branch["attachment_point"] + 1) + own

    return sorted(
        json.dumps(above(branch, index + 1), sort_keys=True)
        for branch in document["branches"]
        for index in range(len(branch["messages"]))
    )


@settings(max_examples=80, deadline=None)
@given(notebooks())
def test_any_file_comes_back_with_the_same_paths(document: dict[str, Any]):
    async def there_and_back() -> None:
        async with await SqliteStore.open("sqlite://:memory:") as store:
            imported = await brought(store, json.dumps(document))
            assert await store.verify() == []
            first = await exported(store, imported, "notebook")
            assert paths(json.loads(first)) == paths(document)
            again = await brought(store, json.dumps(document))
            assert (again.added, again.known) == (0, imported.added)
        async with await SqliteStore.open("sqlite://:memory:") as other:
            assert await exported(other, await brought(other, first), "notebook") == first

    asyncio.run(there_and_back())


@settings(max_examples=40, deadline=None)
@given(trees())
def test_any_tree_survives_as_messages(grown: Grown):
    async def there_and_back() -> None:
        first = await written(Copy(grown.nodes, grown.tree), "notebook")
        async with await SqliteStore.open("sqlite://:memory:") as store:
            imported = await brought(store, first)
            assert imported.added == len(grown.nodes)
            assert await store.verify() == []

    asyncio.run(there_and_back())


async def told(store: SqliteStore, imported: Any) -> list[tuple[str | None, str]]:
    """Each text with the one that it answers."""
    nodes = [one async for one in store.nodes(UserId("ada"), imported.tree.id)]
    texts = {one.id: one.message.text for one in nodes}
    return [(texts.get(one.parent_id), texts[one.id]) for one in nodes]


def user(text: str) -> dict[str, str]:
    return {"role": "user", "content": text}


async def test_branches_hang_where_they_say_also_at_index_0_and_below_the_first_level():
    document = {
        "tree_id": {"any": ["id"]},
        "branches": [
            {"id": [3], "parent_id": 2, "attachment_point": 0, "messages": [user("deep")]},
            {"id": 2, "parent_id": "one", "attachment_point": 0, "messages": [user("side"), user("side 2")]},
            {"id": "one", "parent_id": None, "attachment_point": None, "messages": [user("top"), user("top 2")]},
        ],
    }
    async with await SqliteStore.open("sqlite://:memory:") as store:
        imported = await brought(store, json.dumps(document))
        assert await told(store, imported) == [
            (None, "top"), ("top", "top 2"), ("top", "side"), ("side", "side 2"), ("side", "deep")
        ]  # fmt: skip
        assert imported.tree.name == '{"any":["id"]}'


async def test_an_empty_tree_a_lone_system_message_and_an_empty_branch_come_in():
    tutor = {"role": "system", "content": "You are a physics tutor."}
    branches = [{"id": 1, "messages": [tutor]}, {"id": 2, "parent_id": None, "messages": []}]
    async with await SqliteStore.open("sqlite://:memory:") as store:
        assert (await brought(store, '{"tree_id": "none", "branches": []}')).added == 0
        imported = await brought(store, json.dumps({"tree_id": "tutor", "branches": branches}))
        assert await told(store, imported) == [(None, "You are a physics tutor.")]
        assert json.loads(await exported(store, imported, "notebook"))["branches"][0]["messages"] == [tutor]


async def test_other_fields_are_kept_beside_the_message_and_not_in_it():
    branch = {"id": 1, "topic": "water", "messages": [{"role": "user", "content": "a", "timestamp": 5}, user("b")]}
    async with await SqliteStore.open("sqlite://:memory:") as store:
        imported = await brought(store, json.dumps({"tree_id": 1, "version": 2, "branches": [branch]}))
        nodes = [one async for one in store.nodes(UserId("ada"), imported.tree.id)]
        assert dict(nodes[0].message.wire) == user("a")
        assert nodes[0].metadata == {"imported": {"message": {"timestamp": 5}, "branch": {"topic": "water"}}}
        assert nodes[1].metadata == {}
        assert imported.tree.metadata == {"imported": {"version": 2}}
