"""Artefacts in the store: versions that are added and never changed, bodies stored once, loads that hold where they hang."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.domain.artefact import BODY_MAX, Artefact, Brought, difference
from proxy.domain.tree import UserId
from proxy.errors import InvalidRequest, NotFound
from proxy.store import SqliteStore
from tests.store.client import Client

pytestmark = pytest.mark.anyio


async def add(client: Client, title: str, *texts: str, tree: str | None = None, **fields) -> Artefact:
    brought = [Brought(text) for text in texts]
    tree_id = tree or client.tree.id
    return await client.store.add_artefact(
        client.user.id, tree_id, title, fields.get("type", "text"), fields.get("tags", []), brought
    )


async def bodies(store: SqliteStore) -> int:
    return (await store._read(lambda db: db.execute("SELECT count(*) FROM blobs").fetchone()))[0]


async def sources(client: Client, *path) -> list[tuple[str, str, str | None]]:
    standing = await client.store.standing(client.user.id, client.tree.id, path, None)
    return [(piece.source, piece.text, piece.node_id) for piece in standing.pieces]


async def test_every_version_can_be_read_again(client: Client):
    store, user = client.store, client.user.id
    plan = await add(client, "Plan", "One.")
    plan = await store.update_artefact(user, plan.id, "Two.", "better")
    assert (plan.newest.number, plan.newest.note, plan.newest.size, plan.count) == (2, "better", 4, 2)
    assert [(await store.artefact_text(user, plan.id, number))[1] for number in (1, 2, None)] == [
        "One.",
        "Two.",
        "Two.",
    ]
    plan = await store.revert_artefact(user, plan.id, 1, "as it was")
    assert (plan.newest.number, plan.newest.reverts_to) == (3, 1)
    assert (await store.artefact_text(user, plan.id))[1] == "One."
    history = await store.artefact_history(user, plan.id, 0, 2)
    assert ([version.number for version in history.items], history.has_more) == ([1, 2], True)
    history = await store.artefact_history(user, plan.id, 2, 2)
    assert ([version.number for version in history.items], history.has_more) == ([3], False)
    assert await bodies(store) == 2
    assert await store.verify() == []


async def test_the_same_text_is_stored_once_for_a_user_and_goes_with_its_last_version(client: Client):
    store, user = client.store, client.user.id
    other = await Client.of(store, "bob")
    one, two = await add(client, "One", "Same.", "Same."), await add(client, "Two", "Same.")
    await add(other, "One", "Same.")
    assert await bodies(store) == 2
    await store.remove_artefact(user, one.id)
    assert await bodies(store) == 2
    await store.remove_artefact(user, two.id)
    assert await bodies(store) == 1
    assert await store.verify() == []


async def test_a_number_is_never_given_twice(client: Client):
    store, user = client.store, client.user.id
    plan = await add(client, "Plan", "One.", "Two.")
    assert not await store.remove_artefact_version(user, plan.id, 2)
    assert (await store.update_artefact(user, plan.id, "Three.")).newest.number == 3
    assert not await store.remove_artefact_version(user, plan.id, 1)
    with pytest.raises(NotFound, match="no version 2"):
        await store.artefact_text(user, plan.id, 2)
    assert await store.remove_artefact_version(user, plan.id, 3)
    with pytest.raises(NotFound):
        await store.artefact(user, plan.id)
    assert await bodies(store) == 0


async def test_artefacts_are_listed_by_title_and_found_by_type_and_tag(client: Client):
    store, user, tree = client.store, client.user.id, client.tree.id
    for title, type_, tags in (("C", "code", ["x", "y"]), ("A", "text", ["y"]), ("B", "code", [])):
        await add(client, title, "Text.", type=type_, tags=tags)
    await add(client, "A", "Elsewhere.", tree=(await store.tree(user, "other")).id)

    async def listed(*asked):
        return [one.title for one in (await store.artefact_page(user, tree, *asked)).items]

    assert await listed(None, 9) == ["A", "B", "C"]
    first = (await store.artefact_page(user, tree, None, 1)).items[0]
    assert await listed(first.id, 1) == ["B"]
    assert await listed(None, 9, "code") == ["B", "C"]
    assert await listed(None, 9, None, "y") == ["A", "C"]


async def test_a_title_is_taken_once_in_a_tree(client: Client):
    store, user = client.store, client.user.id
    plan = await add(client, "Plan", "One.")
    await add(client, "Plan", "Bob's.", tree=(await store.tree(user, "other")).id)
    other = await add(client, "Letter", "Dear.")
    for work in (add(client, "Plan", "Two."), store.change_artefact(user, other.id, {"title": "Plan"})):
        with pytest.raises(InvalidRequest, match="already"):
            await work
    changed = await store.change_artefact(user, plan.id, {"title": "The plan", "tags": ["b", "a", "b"], "type": "code"})
    assert (changed.title, changed.type, list(changed.tags)) == ("The plan", "code", ["b", "a"])
    assert (await add(client, "Plan", "Free again.")).newest.number == 1


async def test_a_text_that_is_too_long_changes_nothing(client: Client):
    plan = await add(client, "Plan", "x" * BODY_MAX)
    with pytest.raises(InvalidRequest, match="bytes"):
        await client.store.update_artefact(client.user.id, plan.id, "ä" * (BODY_MAX // 2) + "x")
    with pytest.raises(InvalidRequest, match="bytes"):
        await add(client, "Other", "fine", "x" * (BODY_MAX + 1))
    page = await client.store.artefact_page(client.user.id, client.tree.id, None, 9)
    assert [(one.title, one.count) for one in page.items] == [("Plan", 1)]
    assert await bodies(client.store) == 1


async def test_a_load_holds_for_its_tree_or_its_subtree_pinned_or_newest(client: Client):
    store, user = client.store, client.user.id
    turn, reply = await client.say("Boats?")
    other, _ = await client.say("Bread?", under=None)
    plan = await add(client, "Plan", "One.", "Two.")
    await store.load_artefact(user, plan.id, None)
    await store.load_artefact(user, plan.id, turn, 1)
    newest, pinned = ("artefact:Plan@2", "Two.", None), ("artefact:Plan@1", "One.", turn)
    assert await sources(client, turn, reply) == [newest, pinned]
    assert await sources(client, other) == [newest]
    await store.update_artefact(user, plan.id, "Three.")
    assert await sources(client, turn, reply) == [("artefact:Plan@3", "Three.", None), pinned]
    assert [(load.node_id, load.version) for load in (await store.artefact(user, plan.id)).loads] == [
        (None, None),
        (turn, 1),
    ]
    await store.unload_artefact(user, plan.id, None)
    assert await sources(client, other) == []
    with pytest.raises(NotFound, match="not loaded there"):
        await store.unload_artefact(user, plan.id, None)
    await store.remove_artefact_version(user, plan.id, 1)
    assert await sources(client, turn, reply) == []
    assert await store.verify() == []


async def test_what_is_loaded_stands_behind_the_zone_of_its_place_in_order_of_loading(client: Client):
    store, user, tree = client.store, client.user.id, client.tree.id
    turn, reply = await client.say("Boats?")
    first, second = await add(client, "Z", "Z."), await add(client, "A", "A.")
    for one in (first, second):
        for place in (None, reply, turn):
            await store.load_artefact(user, one.id, place)
    await store.put_zone(user, tree, "discussion", "Zone.")
    await store.put_zone(user, tree, "node", "Reply's.", node_id=reply)
    assert [text for _, text, _ in await sources(client, turn, reply)] == [
        "Zone.", "Z.", "A.", "Z.", "A.", "Reply's.", "Z.", "A.",
    ]  # fmt: skip


async def test_a_load_needs_a_place_in_the_artefacts_own_tree_and_a_version(client: Client):
    store, user = client.store, client.user.id
    plan = await add(client, "Plan", "One.")
    other = await (await Client.of(store, "ada", "two", "other")).say("Bread?")
    bobs = await (await Client.of(store, "bob")).say("Bread?")
    for node in (other[0], bobs[0], "n_unknown"):
        with pytest.raises(NotFound, match="node"):
            await store.load_artefact(user, plan.id, node)
    with pytest.raises(NotFound, match="no version 2"):
        await store.load_artefact(user, plan.id, None, 2)
    assert (await store.artefact(user, plan.id)).loads == []


async def test_a_deleted_node_takes_its_loads_and_a_deleted_tree_its_artefacts(client: Client):
    store, user = client.store, client.user.id
    turn, _ = await client.say("Boats?")
    plan = await add(client, "Plan", "One.")
    await store.load_artefact(user, plan.id, turn)
    await store.delete(user, turn)
    assert (await store.artefact(user, plan.id)).loads == []
    await store.load_artefact(user, plan.id, None)
    await store.delete_tree(user, client.tree.id)
    with pytest.raises(NotFound):
        await store.artefact(user, plan.id)
    assert await bodies(store) == 0
    assert await store.verify() == []


async def test_nobody_elses_artefact_can_be_seen_or_changed(client: Client):
    store, bob = client.store, UserId("bob")
    await store.user(bob)
    plan = (await add(client, "Plan", "One.")).id
    for work in (
        store.artefact(bob, plan),
        store.artefact_text(bob, plan),
        store.artefact_history(bob, plan, 0, 9),
        store.update_artefact(bob, plan, "x"),
        store.revert_artefact(bob, plan, 1),
        store.change_artefact(bob, plan, {"title": "x"}),
        store.load_artefact(bob, plan, None),
        store.unload_artefact(bob, plan, None),
        store.remove_artefact_version(bob, plan, 1),
        store.remove_artefact(bob, plan),
        store.artefact_page(bob, client.tree.id, None, 9),
    ):
        with pytest.raises(NotFound):
            await work
    assert (await store.artefact(client.user.id, plan)).count == 1


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(["a", "b", "é", ""])), st.lists(st.sampled_from(["a", "b", "é", ""])), st.booleans())
def test_a_diff_is_empty_exactly_where_nothing_changed_and_tells_every_line_that_came_or_went(old, new, ends):
    before, after = "\n".join(old), "\n".join(new) + ("\n" if ends else "")
    told = difference("Plan", before, after, (1, 2))
    assert (told == "") == (before == after)
    if told:
        assert told.startswith("--- Plan@1\n+++ Plan@2\n")
        shown = [line for line in told.split("\n")[2:] if line[:1] in ("+", "-")]
        came = sum(1 if line[0] == "+" else -1 for line in shown)
        assert came == len(after.splitlines()) - len(before.splitlines())
