"""The native format: what is read in is what was written out."""

import asyncio
import json
from dataclasses import replace

import pytest
from hypothesis import given, settings

from proxy.domain.message import said
from proxy.domain.tree import Node, NodeId, UserId
from proxy.store import SqliteStore
from tests.store.client import Client
from tests.transfer.growing import Copy, Grown, brought, exported, node, trees, written

pytestmark = pytest.mark.anyio


@settings(max_examples=80, deadline=None)
@given(trees())
def test_any_tree_comes_back_as_it_was(grown: Grown):
    async def there_and_back() -> None:
        first = await written(grown.copy)
        async with await SqliteStore.open("sqlite://:memory:") as store:
            imported = await brought(store, first)
            kept = await exported(store, imported)
            assert await store.verify() == []
            async with store.snapshot(UserId("ada"), imported.tree.id) as copy:
                assert copy.tree == grown.tree
                assert [replace(zone, tree_id=None) for zone in copy.zones] == [
                    replace(zone, tree_id=None) for zone in grown.zones
                ]
                assert copy.personalities == grown.personalities
                assert [one async for one in copy.beside()] == grown.things
                nodes = [one._replace(seq=0) async for one in copy.nodes()]
                assert sorted(nodes, key=_number) == sorted(grown.nodes, key=_number)
        async with await SqliteStore.open("sqlite://:memory:") as other:
            assert await exported(other, await brought(other, kept, "ada")) == kept

    asyncio.run(there_and_back())


def _number(one: Node) -> int:
    return int(one.id.removeprefix("n_"))


async def test_a_tree_with_moves_and_open_turns_comes_back_byte_for_byte(tmp_path):
    async with await SqliteStore.open(f"sqlite:///{tmp_path}/one.db") as store:
        client = await Client.of(store, "ada")
        first = await client.say("How do locks work?", system="You know canals.")
        second = await client.say("And weirs?", system="You know canals.")
        elsewhere = await client.say("What is a roux?", under=None)
        await store.move(UserId("ada"), first[0], elsewhere[1], "move")
        await client.ask("Are you there?", under=second[1])
        kept = await exported(store, client.tree)
    async with await SqliteStore.open(f"sqlite:///{tmp_path}/two.db") as other:
        imported = await brought(other, kept, "bob")
        assert await exported(other, imported) == kept
        assert await other.verify() == []
    assert imported.renamed == 0
    assert kept.count(b"You know canals.") == 1


async def test_taken_ids_are_given_anew_and_all_else_stays(tmp_path):
    async with await SqliteStore.open(f"sqlite:///{tmp_path}/graft.db") as store:
        client = await Client.of(store, "ada")
        await client.say("How do locks work?", system="You know canals.")
        await client.say("And weirs?", system="You know canals.")
        kept = await exported(store, client.tree)
        imported = await brought(store, kept, "bob")
        assert imported.renamed == imported.added == 4
        copied = await exported(store, imported)
        assert _without_ids(copied) == _without_ids(kept)
        assert await exported(store, client.tree) == kept
        assert await store.verify() == []


async def test_a_strangers_import_tells_nothing_of_whose_ids_are_in_the_file():
    """With ids that nobody has, that somebody else has, or that were deleted, the same comes out."""
    async with await SqliteStore.open("sqlite://:memory:") as store:
        client = await Client.of(store, "ada")
        await client.say("How do locks work?", system="You know canals.")
        await client.say("And weirs?", under=None)
        kept = await exported(store, client.tree)
        taken = await brought(store, kept, "bob", keeps_ids=False)
        first = await exported(store, taken)
        again = await brought(store, kept, "bob", keeps_ids=False)
        assert (again.added, again.known) == (0, 4)
        await store.delete_tree(UserId("ada"), client.tree.id)
        free = await brought(store, kept.replace(b'"main"', b'"other"'), "bob", keeps_ids=False)
        second = await exported(store, free)
        for told in (first, second):
            assert _without_ids(told).replace("other", "main") == _without_ids(kept)
            assert not {one["id"] for one in json.loads(told)["nodes"]} & {
                one["id"] for one in json.loads(kept)["nodes"]
            }
        assert taken.renamed == free.renamed == free.added == 4
        assert len({taken.tree.id, free.tree.id, client.tree.id}) == 3
        assert await store.verify() == []


async def test_what_was_deleted_comes_back_by_an_import_and_is_known_again():
    async with await SqliteStore.open("sqlite://:memory:") as store:
        client = await Client.of(store, "ada")
        first, _ = await client.say("My pin?", "4711.")
        await client.say("Thanks", "Bye.")
        kept = await exported(store, client.tree)
        exacts = client.exacts([await store.node(UserId("ada"), one) for one in client.nodes])
        await store.delete(UserId("ada"), first)
        imported = await brought(store, kept, keeps_ids=False)
        assert (imported.added, imported.known) == (4, 0)
        nodes = [json.loads(_without_ids(told))["nodes"] for told in (kept, await exported(store, imported))]
        assert nodes[0] == nodes[1]
        assert await store.tombstones(UserId("ada"), exacts) == set()
        assert await store.deleted(UserId("ada"), exacts, client.links(), "", within=False) == set()
        for cut in (0, 1, 2):
            found = await client.recognise(*client.said[cut:], said("user", "New"))
            assert {row.meaning for row in found.lineage} == {"node"}
            assert found.anchor == 3 - cut
        assert await store.verify() == []


async def test_a_replaced_reply_names_the_other_one_by_its_new_id():
    async with await SqliteStore.open("sqlite://:memory:") as store:
        replaced = {"labels": ["dull"], "superseded_by": "n_3"}
        kept = await written(
            Copy(
                [node("n_1", None, "a"), node("n_2", "n_1", "b", metadata={"graft": replaced}), node("n_3", "n_1", "c")]
            )
        )
        await brought(store, kept)
        imported = await brought(store, kept, "bob")
        told = json.loads(await exported(store, imported))["nodes"]
        assert told[1]["metadata"] == {"graft": {**replaced, "superseded_by": told[2]["id"]}}
        assert told[2]["id"] != "n_3"


def _without_ids(document: bytes) -> str:
    told = json.loads(document)
    number = {one["id"]: index for index, one in enumerate(told["nodes"])}
    for one in told["nodes"]:
        for name in ("id", "parent", "system_of"):
            one[name] = number.get(one.get(name))
    told["tree"]["id"] = ""
    return json.dumps(told)


async def test_importing_a_file_again_adds_nothing_and_a_newer_one_what_is_new(tmp_path):
    async with (
        await SqliteStore.open("sqlite://:memory:") as store,
        await SqliteStore.open("sqlite://:memory:") as other,
    ):
        client = await Client.of(store, "ada")
        await client.say("How do locks work?", system="You know canals.")
        kept = await exported(store, client.tree)
        await client.say("And weirs?", system="You know canals.")
        newer = await exported(store, client.tree)
        await brought(other, kept, "ada")
        before = await exported(other, await other.tree(UserId("ada"), "main"))
        again = await brought(other, kept, "ada")
        assert (again.added, again.known, again.is_new) == (0, 2, False)
        assert await exported(other, again) == before
        grown = await brought(other, newer, "ada")
        assert (grown.added, grown.known) == (2, 2)
        assert json.loads(await exported(other, grown))["nodes"] == json.loads(newer)["nodes"]
        assert await other.verify() == []


async def test_a_tree_that_holds_nodes_keeps_its_own_fields(tmp_path):
    async with await SqliteStore.open("sqlite://:memory:") as store:
        client = await Client.of(store, "ada")
        await client.say("What is a roux?")
        await store.set_system_prompt(UserId("ada"), client.tree.id, "You cook.")
        grown = replace(client.tree, title="Canals", system_prompt="You know canals.")
        imported = await brought(store, await written(Copy([node("n_1", None, "How do locks work?")], grown)))
        assert (imported.tree.title, imported.tree.system_prompt) == (None, "You cook.")
        assert imported.added == 1


async def test_an_empty_tree_takes_what_it_lacks(tmp_path):
    async with await SqliteStore.open("sqlite://:memory:") as store:
        tree = await store.tree(UserId("ada"), "main")
        await store.set_system_prompt(UserId("ada"), tree.id, "You cook.")
        grown = replace(tree, title="Canals", system_prompt="You know canals.")
        imported = await brought(store, await written(Copy([], grown)))
        assert (imported.tree.id, imported.tree.title, imported.tree.system_prompt) == (tree.id, "Canals", "You cook.")


async def test_half_an_emoji_and_a_very_long_number_come_back(tmp_path):
    wire = {"role": "assistant", "content": "cut \ud83d", "provider": {"n": 2**200}}
    kept = await written(Copy([node("n_1", None, wire, system="half \ud83d", metadata={"n": 10**300, "s": "\udc00"})]))
    async with await SqliteStore.open("sqlite://:memory:") as store:
        imported = await brought(store, kept)
        assert await exported(store, imported) == kept
        assert dict((await store.node(UserId("ada"), NodeId("n_1"))).message.wire) == wire
        assert await store.verify() == []


async def test_a_branch_is_the_path_to_its_node_and_can_hang_anywhere(tmp_path):
    async with await SqliteStore.open(f"sqlite:///{tmp_path}/graft.db") as store:
        client = await Client.of(store, "ada")
        first = await client.say("How do locks work?")
        await client.say("What is a roux?", under=None)
        last = await client.say("And weirs?", under=first[1])
        kept = await exported(store, client.tree, node_id=last[0])
        told = json.loads(kept)
        assert told["kind"] == "branch"
        assert [one["id"] for one in told["nodes"]] == [*first, last[0]]
        bob = await Client.of(store, "bob")
        place = await bob.say("Tell me about boats.")
        imported = await brought(store, kept, "bob", parent=place[1])
        assert (imported.tree.id, imported.added) == (bob.tree.id, 3)
        path = await store.path(UserId("bob"), (await _newest(store, bob)).id)
        assert [one.message.text for one in path] == [
            "Tell me about boats.", "Very well.", "How do locks work?", "Very well.", "And weirs?"
        ]  # fmt: skip
        assert await store.verify() == []


async def _newest(store: SqliteStore, client: Client) -> Node:
    return [one async for one in store.nodes(client.user.id, client.tree.id)][-1]


async def test_a_client_that_goes_on_with_an_imported_chat_is_recognised():
    async with await SqliteStore.open("sqlite://:memory:") as store:
        client = await Client.of(store, "ada")
        await client.say("How do locks work?", system="You know canals.")
        await client.say("And weirs?")
        kept = await exported(store, client.tree)
        await brought(store, kept, "bob")
        moved = await Client.of(store, "bob")
        found = await moved.recognise(*client.said)
        assert (found.anchor, found.found_by) == (3, "chain")
        bobs = [one.id async for one in store.nodes(moved.user.id, moved.tree.id)]
        assert [row.node_id for row in found.lineage] == bobs


async def test_the_router_sees_imported_nodes_parents_first_and_open_turns_never():
    kept = await written(Copy([node("n_1", None, "a"), node("n_2", "n_1", "b"), node("n_3", "n_1", "c", "unanswered")]))
    async with await SqliteStore.open("sqlite://:memory:") as store:
        imported = await brought(store, kept)
        seen = await store.slice(UserId("ada"), imported.tree.id, None)
        assert [(one.id, one.parent_id) for one in seen.nodes] == [("n_1", None), ("n_2", "n_1")]


async def test_a_file_that_another_tool_laid_out_anew_is_read_too():
    kept = await written(Copy([node("n_1", None, "a"), node("n_2", "n_1", "b")]))
    told = json.loads(kept)
    for changed in (
        json.dumps(told, indent=2),
        json.dumps(told),
        json.dumps(dict(reversed(told.items()))),
        "\ufeff" + json.dumps(told),
        kept.decode().replace("\n", "\r\n"),
    ):
        async with await SqliteStore.open("sqlite://:memory:") as store:
            assert await exported(store, await brought(store, changed)) == kept


async def test_what_happens_during_an_export_is_not_in_it(tmp_path):
    async with await SqliteStore.open(f"sqlite:///{tmp_path}/graft.db") as store:
        client = await Client.of(store, "ada")
        asked = await client.say("How do locks work?")
        async with store.snapshot(UserId("ada"), client.tree.id) as copy:
            await client.say("And weirs?")
            await store.delete(UserId("ada"), asked[0])
            assert [one.id async for one in copy.nodes()] == list(asked)
        async with store.snapshot(UserId("ada"), client.tree.id) as copy:
            assert [one.id async for one in copy.nodes()] == []
