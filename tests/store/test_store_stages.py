"""Large imports, made ready beside the database: the same comes of them as of small ones, at once or not at all."""

import asyncio
import tempfile
from pathlib import Path

import pytest

from proxy.domain.tree import UserId
from proxy.errors import InvalidRequest, StoreError
from proxy.store import SqliteStore
from proxy.store.files import staging
from tests.store.client import Client
from tests.transfer.growing import Copy, brought, everything, exported, node, written

pytestmark = pytest.mark.anyio
ADA = UserId("ada")


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Two items are many; returns how often a stage was filled."""
    filled: list[int] = []
    fill = staging.Stage.fill

    def counted(*args):
        filled.append(1)
        return fill(*args)

    monkeypatch.setattr(staging, "LARGE", 2)
    monkeypatch.setattr(staging.Stage, "fill", counted)
    return filled


@pytest.fixture
def url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "waiting").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", f"{tmp_path}/waiting")
    return f"sqlite:///{tmp_path}/graft.db"


async def talked(store: SqliteStore) -> Client:
    """A tree with two topics, a move, system texts, a zone and an open turn."""
    client = await Client.of(store, "ada")
    first = await client.say("How do locks work?", system="You know canals.")
    second = await client.say("And weirs?", system="You know canals.")
    other = await client.say("What is a roux?", under=None, system="You cook.")
    await store.move(ADA, first[0], other[1], "move")
    await store.annotate(ADA, other[0], {"labels": ["good"]}, {"stars": 5})
    await store.put_zone(ADA, client.tree.id, "discussion", "We travel by boat.")
    await client.ask("Are you there?", under=second[1])
    return client


async def test_a_large_tree_comes_back_byte_for_byte(url: str, tmp_path: Path, few: list[int]):
    async with await SqliteStore.open("sqlite://:memory:") as store:
        kept = await exported(store, (await talked(store)).tree)
    async with await SqliteStore.open(url) as store:
        bob = await Client.of(store, "bob")
        await bob.say("Something else", system="You cook.")
        imported = await brought(store, kept, "ada")
        assert few == [1]
        assert await exported(store, imported) == kept
        again = await brought(store, kept, "ada")
        assert (again.added, again.known, few) == (0, 7, [1])
        assert [hit.node.message.text for hit in (await store.search(ADA, "roux", None, None, 5)).items] == [
            "What is a roux?"
        ]
        await (await Client.of(store, "ada")).say("And on it goes")
        assert await store.verify() == []
        copied = await brought(store, kept, "bob", "theirs", keeps_ids=False)
        assert (copied.added, copied.renamed) == (7, 7)
        assert await store.verify() == []
    assert list((tmp_path / "waiting").iterdir()) == []


async def test_a_client_of_a_large_import_is_recognised(url: str, few: list[int]):
    async with await SqliteStore.open("sqlite://:memory:") as store:
        client = await Client.of(store, "ada")
        await client.say("How do locks work?")
        await client.say("And weirs?")
        kept = await exported(store, client.tree)
    async with await SqliteStore.open(url) as store:
        await brought(store, kept, "ada")
        found = await (await Client.of(store, "ada")).recognise(*client.said)
        assert (found.found_by, few) == ("chain", [1])


async def test_ids_that_are_taken_lead_to_the_plain_way(url: str, few: list[int]):
    async with await SqliteStore.open(url) as store:
        client = await talked(store)
        kept = await exported(store, client.tree)
        copied = await brought(store, kept, "bob")
        assert (copied.added, copied.renamed, few) == (7, 7, [1])
        assert await exported(store, client.tree) == kept
        assert await store.verify() == []


async def test_what_was_deleted_comes_back_by_a_large_import_too(url: str, few: list[int]):
    async with await SqliteStore.open(url) as store:
        client = await Client.of(store, "ada")
        await client.say("How do locks work?")
        await client.say("And weirs?")
        kept = await exported(store, client.tree)
        exacts = [row[0] for row in await store._read(lambda db: db.execute("SELECT exact FROM nodes").fetchall())]
        await store.delete_tree(ADA, client.tree.id)
        assert len(await store.tombstones(ADA, exacts)) == len(set(exacts))
        assert (await brought(store, kept, keeps_ids=False)).added == 4
        assert await store.tombstones(ADA, exacts) == set()
        [(left,)] = await store._read(
            lambda db: db.execute("SELECT count(*) FROM transcripts WHERE meaning = 'deleted'").fetchall()
        )
        assert left == 0
        assert few == [1]
        assert await store.verify() == []


@pytest.mark.parametrize("fails", ["fill", "copy"])
async def test_a_large_import_that_fails_changes_nothing(
    url: str, tmp_path: Path, few: list[int], monkeypatch: pytest.MonkeyPatch, fails: str
):
    kept = await written(Copy([node("n_1", None, "a"), node("n_2", "n_1", "b"), node("n_3", "n_2", "c")]))
    async with await SqliteStore.open(url) as store:
        await (await Client.of(store, "ada")).say("Hello", under=None)
        before = await everything(store)
        with pytest.raises(InvalidRequest):
            await brought(store, kept, tree="x" * 201)
        if fails == "copy":
            monkeypatch.setitem(staging._COPIED, "transcripts", "ORDER BY n.nothing")
        else:
            monkeypatch.setattr(staging.importing, "bring_in", lambda *_: 1 / 0)
        with pytest.raises((StoreError, ZeroDivisionError)):
            await brought(store, kept, tree="new")
        assert await everything(store) == before
        monkeypatch.undo()
        assert (await brought(store, kept, tree="new")).added == 3
    assert list((tmp_path / "waiting").iterdir()) == []


async def test_large_imports_and_turns_at_once_all_arrive(url: str, few: list[int]):
    kept = await written(Copy([node(f"n_{i}", f"n_{i - 1}" if i else None, f"word {i}") for i in range(50)]))
    async with await SqliteStore.open(url) as store:
        client = await Client.of(store, "ada")
        chats = [await client.another(f"chat {i}") for i in range(20)]
        imports = [brought(store, kept, "ada", f"tree {i}", keeps_ids=False) for i in range(4)]
        told = await asyncio.gather(*imports, *(chat.say("Hello?") for chat in chats))
        assert [one.added for one in told[:4]] == [50] * 4
        assert len(few) == 4
        assert await store.verify() == []


async def test_an_import_that_shares_a_commit_with_a_failure_is_whole(url: str):
    """A function of the writer may run twice; the file is then read again from its beginning."""
    kept = await written(Copy([node("n_1", None, "a"), node("n_2", "n_1", "b")]))
    async with await SqliteStore.open(url) as store:
        client = await Client.of(store, "ada")

        async def fails() -> None:
            with pytest.raises(InvalidRequest):
                await store.create_tree(ADA, client.tree.name)

        for tree in ("one", "two", "three"):
            imported, *_ = await asyncio.gather(
                brought(store, kept, "ada", tree, keeps_ids=False), *(fails() for _ in range(3))
            )
            assert imported.added == 2
