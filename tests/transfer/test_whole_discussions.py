"""The native format carries all that is kept beside messages, into other hands too, and adds only what is new."""

import base64
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from proxy.domain.artefact import Brought
from proxy.domain.memory import Origin, Told
from proxy.domain.message import Message
from proxy.domain.picture import Picture
from proxy.domain.summary import Summary
from proxy.domain.tree import NodeId, UserId, new_id
from proxy.errors import InvalidRequest
from proxy.store import SqliteStore
from proxy.store.files import staging
from tests.doubles.pictures import GIF, PNG, data_url
from tests.store.client import Client
from tests.transfer.growing import brought, everything, exported

pytestmark = pytest.mark.anyio
ADA, BOB = UserId("ada"), UserId("bob")
PLAN = "Lock one\nLock two\n"


@pytest.fixture
async def store(tmp_path: Path):
    async with await SqliteStore.open(f"sqlite:///{tmp_path}/graft.db") as opened:
        yield opened


@pytest.fixture
async def client(store: SqliteStore) -> Client:
    """A tree with one of everything, in two branches."""
    client = await Client.of(store, "ada")
    first = await client.say("How do locks work?")
    second = await client.say("And weirs?")
    other = await client.say("What is a roux?", under=None)
    seen = Message({"role": "user", "content": [{"type": "image_url", "image_url": {"url": data_url()}}]})
    node = client.node(seen, second[1], "whole")._replace(id=NodeId("n_seen"))
    await store.append(ADA, client.tree.id, [node])
    await store.switch_image(ADA, "n_seen.0", active=False)
    await store.create_personality(ADA, "tutor", system_prompt="You teach.", zone="Ask back.", metadata={"age": 7})
    await store.update_tree(ADA, client.tree.id, {"personality": "tutor"})
    await store.put_zone(ADA, client.tree.id, "node", "In French.", node_id=first[1])
    plan = await store.add_artefact(ADA, client.tree.id, "plan", "list", ["water"], [Brought(PLAN), Brought("")])
    await store.update_artefact(ADA, plan.id, "gone")
    await store.revert_artefact(ADA, plan.id, 1, "as before")
    await store.remove_artefact_version(ADA, plan.id, 3)
    await store.load_artefact(ADA, plan.id, None)
    await store.load_artefact(ADA, plan.id, first[0], 2)
    copied = await store.add_artefact(ADA, client.tree.id, "copy", "list", [], [Brought(PLAN)])
    assert copied.newest.number == 1
    made = Origin(client.tree.id, "tutor", [first[0], first[1]], "model", "m")
    one = await store.add_memory(ADA, Told("Locks", "Dry", "Rain", ["wet"], "free"), made, 2)
    await store.load_memory(ADA, one.id, client.tree.id, other[0])
    await store.add_memory(ADA, Told("Everywhere"), Origin(None, None, [other[0]], "extractive"))
    await store.add_memory(ADA, Told("Of no tree"), Origin())
    picture = Picture("image/png", base64.b64decode(PNG), None)
    await store.add_image(ADA, client.tree.id, picture)
    await store.add_node_image(ADA, first[1], replace(picture, active=False))
    await store.add_node_image(ADA, other[0], Picture("image/gif", base64.b64decode(GIF), None))
    await store.add_image(ADA, client.tree.id, Picture(None, None, "https://pictures.example/a.png"))
    await _summarised(client, first[1], "Of locks.", None)
    return client


async def _summarised(client: Client, node_id: NodeId, text: str, previous: str | None) -> Summary:
    path = [one.id for one in await client.store.path(ADA, node_id)]
    told = Summary(new_id("s"), client.tree.id, node_id, previous, "asked", text, 3, "m", 1000.0 + len(path))
    assert await client.store.add_summary(ADA, told, path)
    return told


def _told(document: bytes) -> Any:
    """What a file says, whatever its ids."""
    told = json.loads(document)
    text = document.decode()
    lists = ("nodes", "artefacts", "memories", "images", "summaries")
    for name in lists:
        for index, one in enumerate(told.get(name, [])):
            text = text.replace(json.dumps(one["id"]), f'"{name}-{index}"')
    return json.loads(text.replace(told["tree"]["id"], "t"))


async def test_everything_comes_back_byte_for_byte_elsewhere(store: SqliteStore, client: Client, tmp_path: Path):
    await _summarised(client, client.nodes[3], "Of weirs.", None)
    kept = await exported(store, client.tree)
    assert kept.count(base64.b64encode(base64.b64decode(PNG))) == 2  # in the message, and once for two images
    for url in (f"sqlite:///{tmp_path}/two.db", "sqlite://:memory:"):
        async with await SqliteStore.open(url) as other:
            imported = await brought(other, kept, "bob")
            assert await exported(other, imported) == kept
            assert await other.verify() == []
            assert imported.beside == {
                "personalities": 1, "artefacts": 2, "versions": 4, "memories": 2, "images": 4, "summaries": 2
            }  # fmt: skip
            plan, text = await other.artefact_text(BOB, json.loads(kept)["artefacts"][1]["id"], 4)
            assert (text, plan.reverts_to, plan.note) == (PLAN, 1, "as before")
            assert (await other.standing(BOB, imported.tree.id, [], None)).system_prompt == "You teach."


@pytest.mark.parametrize("large", [1, 10**6], ids=["made ready beside", "the plain way"])
async def test_in_other_hands_it_is_the_same_under_other_ids(
    store: SqliteStore, client: Client, monkeypatch: pytest.MonkeyPatch, large: int
):
    monkeypatch.setattr(staging, "LARGE", large)
    kept = await exported(store, client.tree)
    own = await store.tree(BOB, "own")
    await store.add_memory(BOB, Told("Bob's own"), Origin(own.id))
    mark = await store.memories_mark(BOB)
    imported = await brought(store, kept, "bob", keeps_ids=False)
    copied = await exported(store, imported)
    assert _told(copied) == _told(kept)
    ids = [{one["id"] for name in ("artefacts", "memories", "images", "summaries") for one in json.loads(told)[name]}
           for told in (kept, copied)]  # fmt: skip
    assert not ids[0] & ids[1]
    assert await store.memories_mark(BOB) > mark
    assert await store.verify() == []
    before = await _but_for_times_of_chats(store)
    again = await brought(store, kept, "bob", keeps_ids=False)
    assert (again.added, again.beside, again.kept_personalities) == (0, {}, ["tutor"])
    assert await _but_for_times_of_chats(store) == before


async def _but_for_times_of_chats(store: SqliteStore) -> list[Any]:
    return [row for row in await everything(store) if row[0] != "transcripts"]


async def test_a_memory_leads_to_the_nodes_that_it_was_made_from(store: SqliteStore, client: Client):
    imported = await brought(store, await exported(store, client.tree), "bob", keeps_ids=False)
    page = await store.memory_page(BOB, None, 10, imported.tree.id)
    nodes = [await store.node(BOB, one) for one in page.items[0].origin.nodes]
    assert [one.message.text for one in nodes] == ["How do locks work?", "Very well."]
    assert {one.tree_id for one in nodes} == {imported.tree.id}


async def test_a_newer_file_adds_what_is_new_and_leaves_what_is_there(store: SqliteStore, client: Client):
    kept = await exported(store, client.tree)
    plan = json.loads(kept)["artefacts"][1]["id"]
    async with await SqliteStore.open("sqlite://:memory:") as other:
        await brought(other, kept, "ada")
        await other.change_artefact(ADA, plan, {"title": "the plan"})
        await other.switch_image(ADA, "n_seen.0", active=True)
        await store.update_artefact(ADA, plan, "Lock three")
        await store.load_artefact(ADA, plan, client.nodes[2])
        await store.add_memory(ADA, Told("New"), Origin(client.tree.id))
        grown = await brought(other, await exported(store, client.tree), "ada")
        assert grown.beside == {"versions": 1, "memories": 1}
        found = await other.artefact(ADA, plan)
        assert (found.title, found.newest.number, found.count) == ("the plan", 5, 4)
        assert {one.node_id for one in found.loads} == {None, client.nodes[0], client.nodes[2]}
        assert (await other.image(ADA, "n_seen.0")).image.active
        assert await other.verify() == []


async def test_a_personality_of_the_same_name_stays_and_is_named(store: SqliteStore, client: Client):
    kept = await exported(store, client.tree)
    await store.create_personality(BOB, "tutor", system_prompt="You sing.")
    for name in ("one", "two"):
        imported = await brought(store, kept, "bob", name, keeps_ids=False)
        assert list(imported.kept_personalities) == ["tutor"]
        assert imported.tree.personality == "tutor"
        assert "personalities" not in {kind for kind, count in imported.beside.items() if count}
    assert (await store.personality(BOB, "tutor")).system_prompt == "You sing."
    assert await store.verify() == []


async def test_a_title_that_is_taken_gets_a_number(store: SqliteStore, client: Client):
    kept = await exported(store, client.tree)
    tree = await store.create_tree(BOB, "main")
    await store.add_artefact(BOB, tree.id, "plan", "text", [], [Brought("My own.")])
    imported = await brought(store, kept, "bob", keeps_ids=False)
    titles = [one.title for one in (await store.artefact_page(BOB, imported.tree.id, None, 10)).items]
    assert titles == ["copy", "plan", "plan (2)"]
    assert (await brought(store, kept, "bob", keeps_ids=False)).beside == {}


async def test_a_branch_takes_along_what_holds_there(store: SqliteStore, client: Client):
    _, answer, *_, roux, _ = client.nodes
    kept = json.loads(await exported(store, client.tree, node_id=answer))
    assert [one["title"] for one in kept["artefacts"]] == ["copy", "plan"]
    assert [one["title"] for one in kept["memories"]] == ["Locks"]
    assert [one.get("node") for one in kept["images"]] == [None, None, answer]
    assert "switched_off" not in kept
    assert len(kept["summaries"]) == 1
    other = json.loads(await exported(store, client.tree, node_id=roux))
    assert [(one["title"], one.get("nodes", [])) for one in other["memories"]] == [
        ("Locks", []),
        ("Everywhere", [roux]),
    ]
    assert "summaries" not in other


async def test_under_a_node_what_held_for_the_tree_holds_for_that_node(store: SqliteStore, client: Client):
    kept = await exported(store, client.tree)
    bob = await Client.of(store, "bob")
    _, place = await bob.say("Tell me about boats.")
    imported = await brought(store, kept, "bob", parent=place, keeps_ids=False)
    assert "summaries" not in imported.beside
    plan = next(one for one in (await store.artefact_page(BOB, bob.tree.id, None, 9)).items if one.title == "plan")
    assert place in {one.node_id for one in plan.loads}
    assert None not in {one.node_id for one in plan.loads}
    assert await store.verify() == []
    assert (await store.standing(BOB, bob.tree.id, [], None)).pieces == ()


async def test_a_summary_is_left_out_where_its_path_is_another_one(store: SqliteStore, client: Client):
    kept = await exported(store, client.tree)
    await store.move(ADA, client.nodes[0], client.nodes[5], "move")
    assert await store.summaries(ADA, client.nodes[1]) == []
    assert (await brought(store, kept, "ada")).beside == {}
    assert await store.summaries(ADA, client.nodes[1]) == []


async def test_images_beyond_what_a_place_holds_change_nothing(store: SqliteStore, client: Client):
    kept = await exported(store, client.tree)
    tree = await store.create_tree(BOB, "main")
    for _ in range(99):
        await store.add_image(BOB, tree.id, Picture(None, None, "https://pictures.example/b.png"))
    before = await everything(store)
    with pytest.raises(InvalidRequest, match="more than 100"):
        await brought(store, kept, "bob", keeps_ids=False)
    assert await everything(store) == before


async def test_many_bytes_are_made_ready_beside_the_database(
    store: SqliteStore, client: Client, monkeypatch: pytest.MonkeyPatch
):
    filled: list[int] = []
    fill = staging.Stage.fill
    monkeypatch.setattr(staging.Stage, "fill", lambda *args: filled.append(1) or fill(*args))
    await store.add_artefact(ADA, client.tree.id, "large", "text", [], [Brought("x" * 9_000_000)])
    kept = await exported(store, client.tree)
    await brought(store, kept, "bob", keeps_ids=False)
    assert filled == []
    await store.add_artefact(ADA, client.tree.id, "larger", "text", [], [Brought("y" * 9_990_000)])
    await store.add_artefact(ADA, client.tree.id, "largest", "text", [], [Brought("z" * 9_990_000)])
    kept = await exported(store, client.tree)
    imported = await brought(store, kept, "bob", "other", keeps_ids=False)
    assert imported.beside["artefacts"] == 5
    assert await store.verify() == []


async def test_files_of_earlier_versions_are_read():
    for version in (1, 2):
        tree = {"id": "t_1", "name": "main", "created_at": 1, "updated_at": 2}
        node = {"id": "n_1", "parent": None, "message": {"role": "user"}, "state": "whole", "created_at": 1}
        end = {"zones": 0, "nodes": 1}
        old = json.dumps({"graft": version, "kind": "tree", "tree": tree, "zones": [], "nodes": [node], "end": end})
        async with await SqliteStore.open("sqlite://:memory:") as store:
            imported = await brought(store, old)
            assert (imported.added, imported.beside) == (1, {})
            assert json.loads(await exported(store, imported))["graft"] == 3
