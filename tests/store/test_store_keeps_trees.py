"""Trees of every shape: empty, system message only, one turn, branches of branches; and what is read of them."""

import asyncio
from collections import defaultdict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.domain.message import Message, said
from proxy.domain.tree import Node, NodeId, UserId
from proxy.errors import NotFound
from proxy.store import Outline, SqliteStore
from tests.store.client import Client, texts

pytestmark = pytest.mark.anyio


async def test_a_user_is_created_at_first_sight_and_stays(store: SqliteStore):
    ada = await store.user(UserId("ada"))
    assert len(ada.secret) == 32
    assert await store.user(UserId("ada")) == ada
    assert (await store.user(UserId("bob"))).secret != ada.secret


async def test_a_tree_is_created_at_first_sight_and_stays(store: SqliteStore):
    tree = await store.tree(UserId("ada"), "main")
    assert (tree.name, tree.title, tree.system_prompt, dict(tree.metadata)) == ("main", None, None, {})
    assert await store.tree(UserId("ada"), "main") == tree
    assert await store.tree_of(UserId("ada"), tree.id) == tree
    assert (await store.tree(UserId("bob"), "main")).id != tree.id
    assert await store.trees(UserId("ada")) == [tree]


async def test_an_empty_tree_is_read_like_any_other(client: Client):
    store, user, tree = client.store, client.user.id, client.tree.id
    assert await store.path(user, None) == []
    assert await store.children(user, tree, None) == []
    assert await store.structure(user, tree) == []
    assert [node async for node in store.nodes(user, tree)] == []
    assert (await store.slice(user, tree, None)).nodes == []
    assert await store.zones(user, tree) == []
    assert await store.verify() == []


async def test_a_tree_with_a_system_message_only_shows_it(client: Client):
    only = client.node(said("system", "You are a physics tutor."), None, "whole")
    await client.store.append(client.user.id, client.tree.id, [only])
    path = await client.store.path(client.user.id, only.id)
    assert [(node.message.role, node.message.text) for node in path] == [("system", "You are a physics tutor.")]
    news = await client.store.slice(client.user.id, client.tree.id, None)
    assert [(node.role, node.text) for node in news.nodes] == [("system", "You are a physics tutor.")]
    _, reply = await client.say("What is mass?", "Inertia.", under=only.id)
    assert texts(await client.store.path(client.user.id, reply)) == [
        "You are a physics tutor.",
        "What is mass?",
        "Inertia.",
    ]
    assert await client.store.verify() == []


async def test_a_turn_is_kept_whole(client: Client):
    turn, reply = await client.say("What is a knot?", "A nautical mile an hour.", system="Be brief.")
    path = await client.store.path(client.user.id, reply)
    assert texts(path) == ["What is a knot?", "A nautical mile an hour."]
    assert [node.id for node in path] == [turn, reply]
    assert [node.state for node in path] == ["whole", "whole"]
    assert [node.parent_id for node in path] == [None, turn]
    assert (path[0].system, path[1].system) == ("Be brief.", None)
    assert path[0].seq < path[1].seq
    assert path[1].call_id is not None
    assert await client.store.node(client.user.id, reply) == path[1]


@pytest.mark.parametrize("depth", [1, 2, 50])
async def test_branches_of_branches_have_their_paths(client: Client, depth: int):
    parent = None
    expected: list[str] = []
    for level in range(depth):
        await client.say(f"aside {level}", "No.", under=parent)
        _, parent = await client.say(f"question {level}", f"answer {level}", under=parent)
        expected += [f"question {level}", f"answer {level}"]
    assert texts(await client.store.path(client.user.id, parent)) == expected


@pytest.mark.parametrize("under", ["nowhere", "0"])
async def test_a_turn_under_an_unknown_parent_is_refused_and_leaves_nothing(client: Client, under: str):
    with pytest.raises(NotFound):
        await client.say("Hello?", under=NodeId(under))
    assert await client.store.structure(client.user.id, client.tree.id) == []
    assert await client.store.verify() == []


async def test_another_users_nodes_and_trees_are_unknown(client: Client):
    turn, reply = await client.say("My secret", "Kept.")
    eve = await Client.of(client.store, "eve")
    refused = [
        lambda: client.store.node(eve.user.id, turn),
        lambda: client.store.path(eve.user.id, reply),
        lambda: client.store.tree_of(eve.user.id, client.tree.id),
        lambda: client.store.structure(eve.user.id, client.tree.id),
        lambda: client.store.children(eve.user.id, client.tree.id, None),
        lambda: client.store.children(eve.user.id, eve.tree.id, turn),
        lambda: client.store.slice(eve.user.id, client.tree.id, None),
        lambda: client.store.delete(eve.user.id, turn),
        lambda: client.store.move(eve.user.id, reply, None, "mine now"),
        lambda: client.store.correct(eve.user.id, turn, None, "mine now"),
        lambda: client.store.rename(eve.user.id, client.tree.id, "mine"),
        lambda: client.store.put_zone(eve.user.id, client.tree.id, "discussion", "mine"),
        lambda: eve.say("Go on", under=turn),
    ]
    for attempt in refused:
        with pytest.raises(NotFound):
            await attempt()
    assert texts(await client.store.path(client.user.id, reply)) == ["My secret", "Kept."]
    assert await client.store.decision(eve.user.id, turn) is None


async def test_a_node_of_another_tree_is_no_parent(client: Client):
    _, reply = await client.say("Here", "Yes.")
    elsewhere = await Client.of(client.store, "ada", tree="other")
    with pytest.raises(NotFound):
        await elsewhere.say("There?", under=reply)


@pytest.mark.parametrize(
    "wire",
    [
        {"role": "user", "content": "plain"},
        {"content": "the keys keep their order", "role": "user", "name": "Ada"},
        {
            "role": "user",
            "content": [{"type": "text", "text": "see"}, {"type": "image_url", "image_url": {"url": "data:"}}],
        },
        {"role": "user", "content": "half an emoji \ud83d, cut by a client"},
        {"role": "user", "content": "nul \x00, tab \t, Grüße, 你好, 😀"},
        {"role": "user", "content": None, "x": [1, 2.5, 1e300, -0.0, 12345678901234567890123, True, None, {}]},
        {"role": "user", "content": "", "deep": {"b": 1, "a": {"z": [], "y": ""}}},
    ],
)
async def test_a_message_comes_back_as_it_was(client: Client, wire: dict[str, object]):
    [node_id] = await client.adopt(Message(wire))
    found = (await client.store.node(client.user.id, node_id)).message.wire
    assert found == wire
    assert list(found) == list(wire)
    assert await client.store.verify() == []


async def test_labels_with_half_an_emoji_are_kept_readable(client: Client):
    client.conversation = "chat \ud83d"
    turn, reply = await client.say("Hello", system="Be \ud83d brief")
    node = await client.store.node(client.user.id, turn)
    assert (node.conversation, node.system) == ("chat ?", "Be \ud83d brief")
    sighting = await client.recognise(conversation="chat \ud83d")
    assert sighting.lineage[-1].node_id == reply
    assert await client.store.verify() == []


async def test_equal_system_texts_are_stored_once_a_user(client: Client):
    for text in ("one", "two", "three"):
        await client.say(text, system="You are a pirate." * 100)
    await (await Client.of(client.store, "bob")).say("one", system="You are a pirate." * 100)
    assert await client.store._read(lambda db: db.execute("SELECT count(*) FROM systems").fetchone()) == (2,)


async def test_children_come_in_order_of_arrival(client: Client):
    _, first = await client.say("root", "Yes.")
    turns = [(await client.say(f"branch {i}", under=first))[0] for i in range(3)]
    children = await client.store.children(client.user.id, client.tree.id, first)
    assert [node.id for node in children] == turns
    top = await client.store.children(client.user.id, client.tree.id, None)
    assert texts(top) == ["root"]


async def test_the_structure_has_no_contents_unless_asked(client: Client):
    turn, reply = await client.say("x" * 200, "Short.")
    bare = await client.store.structure(client.user.id, client.tree.id)
    assert [(o.id, o.parent_id, o.role, o.state, o.preview) for o in bare] == [
        (turn, None, "user", "whole", None),
        (reply, turn, "assistant", "whole", None),
    ]
    shown: list[Outline] = await client.store.structure(client.user.id, client.tree.id, preview=True)
    assert [o.preview for o in shown] == ["x" * 80, "Short."]


async def test_the_newest_nodes_come_with_all_that_stands_above_them(client: Client):
    _, bread = await client.say("bread", "Hot.")
    await client.say("train", "Nine.", under=None)
    turn, reply = await client.say("and rye", "Longer.", under=bread)
    shown = await client.store.structure(client.user.id, client.tree.id, newest=2)
    assert [o.id for o in shown] == [*client.nodes[:2], turn, reply]


async def test_all_nodes_come_page_by_page(client: Client, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("proxy.store.reading.PAGE", 2)
    for i in range(5):
        await client.say(f"turn {i}")
    found = [node async for node in client.store.nodes(client.user.id, client.tree.id)]
    assert [node.id for node in found] == client.nodes


async def test_an_unanswered_turn_is_on_no_path_but_its_own(client: Client):
    _, first = await client.say("one", "Yes.")
    _, waiting = await client.ask("two")
    assert texts(await client.store.path(client.user.id, waiting)) == ["one", "Yes.", "two"]
    _, second = await client.ask("three", under=waiting)
    assert texts(await client.store.path(client.user.id, second)) == ["one", "Yes.", "two", "three"]
    assert [o.state for o in await client.store.structure(client.user.id, client.tree.id)] == [
        "whole",
        "whole",
        "unanswered",
        "unanswered",
    ]
    assert first in {node.id for node in await client.store.path(client.user.id, second)}


async def test_an_answer_makes_the_run_of_messages_above_it_whole(client: Client):
    _, first = await client.ask("Hello?")
    call, second = await client.ask("Are you there?", under=first)
    [reply] = await client.answered(call, second, "I am.")
    assert [node.state for node in await client.store.path(client.user.id, reply)] == ["whole"] * 3
    assert await client.store.verify() == []


async def test_a_failed_call_leaves_the_turn_unanswered(client: Client):
    call, turn = await client.ask("Hello?")
    await client.answered(call, turn, status="failed")
    assert (await client.store.node(client.user.id, turn)).state == "unanswered"
    assert (await client.store.call(client.user.id, call)).status == "failed"
    assert await client.store.verify() == []


async def test_an_interrupted_answer_is_kept_and_shown_as_such(client: Client):
    call, turn = await client.ask("Tell me all")
    [reply] = await client.answered(call, turn, "Once upon a", status="interrupted")
    assert [node.state for node in await client.store.path(client.user.id, reply)] == ["whole", "interrupted"]
    news = await client.store.slice(client.user.id, client.tree.id, None)
    assert [node.id for node in news.nodes] == [turn, reply]


async def test_several_choices_become_siblings(client: Client):
    call, turn = await client.ask("Pick one")
    replies = await client.answered(call, turn, "Heads", "Tails")
    children = await client.store.children(client.user.id, client.tree.id, turn)
    assert [node.id for node in children] == replies
    active = await client.store.active(client.user.id, client.tree.id, "k", None)
    assert active is not None
    assert active.node_id == replies[0]


async def test_zones_come_widest_first_and_empty_ones_not_at_all(client: Client):
    store, user, tree = client.store, client.user.id, client.tree.id
    other = await Client.of(store, "ada", tree="other")
    await store.put_zone(user, tree, "discussion", "We plan a boat trip.")
    await store.put_zone(user, None, "user", "Ada, lives in Rome.")
    await store.put_zone(user, other.tree.id, "discussion", "Elsewhere.")
    zones = await store.zones(user, tree)
    assert [(zone.name, zone.tree_id, zone.text) for zone in zones] == [
        ("user", None, "Ada, lives in Rome."),
        ("discussion", tree, "We plan a boat trip."),
    ]
    await store.put_zone(user, None, "user", "")
    assert [zone.name for zone in await store.zones(user, tree)] == ["discussion"]


async def test_a_trees_own_settings_change(client: Client):
    store, user, tree = client.store, client.user.id, client.tree.id
    await store.rename(user, tree, "Boats")
    await store.set_system_prompt(user, tree, "You are a sailor.")
    await store.set_max_context_tokens(user, tree, 4_000)
    await store.set_metadata_item(user, tree, "colour", {"r": 1})
    await store.set_metadata_item(user, tree, "gone", 1)
    await store.set_metadata_item(user, tree, "gone", None)
    found = await store.tree(user, "main")
    assert (found.title, found.system_prompt, found.max_context_tokens) == ("Boats", "You are a sailor.", 4_000)
    assert dict(found.metadata) == {"colour": {"r": 1}}
    assert (await store.slice(user, tree, None)).system_prompt == "You are a sailor."


async def test_the_tree_used_last_comes_first(client: Client):
    other = await Client.of(client.store, "ada", tree="other")
    await other.say("Hello")
    await client.say("Hello")
    assert [tree.name for tree in await client.store.trees(client.user.id)] == ["main", "other"]


async def test_token_counts_stay_beside_their_nodes(client: Client):
    turn, reply = await client.say("How long is this?")
    await client.store.count_tokens({turn: 5, reply: 3})
    assert [node.tokens for node in await client.store.path(client.user.id, reply)] == [5, 3]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(min_value=-1, max_value=30), min_size=1, max_size=30))
def test_the_path_to_any_node_of_any_tree_is_its_ancestors(choices: list[int]):
    parents = [choice if choice < index else -1 for index, choice in enumerate(choices)]

    async def check() -> None:
        async with await SqliteStore.open("sqlite://:memory:") as store:
            client = await Client.of(store, "ada")
            nodes: list[Node] = []
            for index, parent in enumerate(parents):
                above = nodes[parent].id if parent >= 0 else None
                nodes.append(client.node(said("user" if index % 2 else "assistant", f"node {index}"), above, "whole"))
            await store.append(client.user.id, client.tree.id, nodes)
            for index, node in enumerate(nodes):
                expected = [index]
                while parents[expected[0]] >= 0:
                    expected.insert(0, parents[expected[0]])
                assert texts(await store.path(client.user.id, node.id)) == [f"node {i}" for i in expected]
            model: dict[str | None, list[str]] = defaultdict(list)
            for node in nodes:
                model[node.parent_id].append(node.id)
            for parent_id, children in model.items():
                found = await store.children(client.user.id, client.tree.id, parent_id)
                assert [child.id for child in found] == children
            assert await store.verify() == []

    asyncio.run(check())
