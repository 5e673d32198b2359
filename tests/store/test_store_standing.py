"""What stands beside a path: zones of every scope, the personality that speaks, and nothing that hangs elsewhere."""

from __future__ import annotations

import pytest

from proxy.domain.message import Message, said
from proxy.domain.tree import Node, NodeId
from proxy.domain.zone import Standing
from proxy.errors import InvalidRequest, NotFound
from proxy.store import standing as reading
from tests.store.client import Client

pytestmark = pytest.mark.anyio


def told(standing: Standing) -> list[tuple[str, str, str]]:
    return [(piece.scope, piece.source, piece.text) for piece in standing.pieces]


async def chain(client: Client, name: str, count: int, personality: str | None = None) -> list[NodeId]:
    """A path from the root."""
    nodes: list[Node] = []
    for number in range(count):
        message: Message = said("assistant" if number % 2 else "user", f"{name} {number}")
        under = nodes[-1].id if nodes else None
        node_id = NodeId(f"n_{name}_{number}")
        nodes.append(Node(node_id, client.tree.id, under, message, "whole", 1.0, personality=personality))
    await client.store.append(client.user.id, client.tree.id, nodes)
    return [node.id for node in nodes]


async def test_zones_are_told_in_the_order_in_which_they_are_sent(client: Client):
    store, user, tree = client.store, client.user.id, client.tree.id
    path = await chain(client, "boats", 3)
    await store.create_personality(user, "tutor", system_prompt="You teach.", zone="Ask back.")
    await store.update_tree(user, tree, {"personality": "tutor", "system_prompt": "You bake."})
    for node_id in reversed(path):
        await store.put_zone(user, None, "node", f"At {node_id}.", node_id=node_id)
    for place, name in (
        (tree, "memory"),
        (None, "memory"),
        (tree, "discussion"),
        (None, "user"),
        (tree, "personality"),
    ):
        await store.put_zone(user, place, name, f"{name} of {'all' if place is None else 'one'}")
    standing = await store.standing(user, tree, path, None)
    assert told(standing) == [
        ("personality", "personality:tutor", "Ask back."),
        ("personality", "zone", "personality of one"),
        ("user", "zone", "user of all"),
        ("discussion", "zone", "discussion of one"),
        ("memory", "zone", "memory of all"),
        ("memory", "zone", "memory of one"),
        *(("node", "zone", f"At {node_id}.") for node_id in path),
    ]
    assert [piece.node_id for piece in standing.pieces][-3:] == path
    assert standing.system_prompt == "You teach."


@pytest.mark.parametrize("elsewhere", [1, reading.FEW, reading.FEW + 1])
async def test_what_hangs_off_the_path_is_not_told_however_much_it_is(client: Client, elsewhere: int):
    store, user = client.store, client.user.id
    path, beside = await chain(client, "boats", 4), await chain(client, "planes", elsewhere)
    for node_id in (*beside, path[2], path[0]):
        await store.put_zone(user, None, "node", f"At {node_id}.", node_id=node_id)
    for end in range(len(path) + 1):
        told = [piece.node_id for piece in (await store.standing(user, client.tree.id, path[:end], None)).pieces]
        assert told == [node_id for node_id in (path[0], path[2]) if node_id in path[:end]]


async def test_other_trees_and_other_users_have_zones_of_their_own(client: Client):
    store = client.store
    other, eve = await store.create_tree(client.user.id, "other"), await Client.of(store, "eve")
    path = await chain(client, "boats", 1)
    await store.put_zone(client.user.id, client.tree.id, "discussion", "Boats.")
    await store.put_zone(client.user.id, None, "user", "Ada.")
    await store.put_zone(client.user.id, None, "node", "Oars.", node_id=path[0])
    assert told(await store.standing(client.user.id, other.id, path, None)) == [("user", "zone", "Ada.")]
    assert told(await store.standing(eve.user.id, eve.tree.id, path, None)) == []
    with pytest.raises(NotFound):
        await store.standing(eve.user.id, client.tree.id, path, None)
    for asking in (
        store.put_zone(eve.user.id, None, "node", "mine", node_id=path[0]),
        store.append_zone(eve.user.id, None, "node", "mine", 99, node_id=path[0]),
        store.node_zone(eve.user.id, path[0]),
        store.node_zones(eve.user.id, client.tree.id),
    ):
        with pytest.raises(NotFound):
            await asking


async def test_cleared_zones_are_not_told(client: Client):
    store, user, tree = client.store, client.user.id, client.tree.id
    path = await chain(client, "boats", 1)
    await store.put_zone(user, tree, "discussion", "Boats.")
    await store.put_zone(user, None, "node", "Oars.", node_id=path[0])
    await store.put_zone(user, tree, "discussion", "")
    await store.put_zone(user, None, "node", "", node_id=path[0])
    assert told(await store.standing(user, tree, path, None)) == []
    assert await store.node_zones(user, tree) == []


async def test_a_path_goes_on_under_the_personality_under_which_it_was_said(client: Client):
    store, user, tree = client.store, client.user.id, client.tree.id
    for name in ("tutor", "guide", "own"):
        await store.create_personality(user, name, zone=f"You are the {name}.")
    await store.update_tree(user, tree, {"personality": "own"})
    plain, tutored = await chain(client, "boats", 2), await chain(client, "tides", 2, "tutor")

    async def speaks(path: list[NodeId], named: str | None = None) -> list[str]:
        return [source for _, source, _ in told(await store.standing(user, tree, path, named))]

    assert await speaks([]) == await speaks(plain) == ["personality:own"]
    assert await speaks(tutored) == await speaks([*plain, *tutored]) == ["personality:tutor"]
    assert await speaks(tutored, "guide") == ["personality:guide"]
    await store.delete_personality(user, "tutor")
    assert await speaks(tutored) == []
    await store.delete_personality(user, "own")
    assert await speaks(plain) == []
    assert (await store.tree_of(user, tree)).personality is None
    assert await store.verify() == []


async def test_the_tree_has_no_zone_for_anothers_personality(client: Client):
    store, user, tree = client.store, client.user.id, client.tree.id
    await store.create_personality(user, "tutor")
    await store.put_zone(user, tree, "personality", "Kind.")
    assert told(await store.standing(user, tree, [], None)) == [("personality", "zone", "Kind.")]
    assert told(await store.standing(user, tree, [], "tutor")) == []
    await store.update_tree(user, tree, {"personality": "tutor"})
    assert told(await store.standing(user, tree, [], "tutor")) == [("personality", "zone", "Kind.")]


async def test_personalities_are_their_users_own(client: Client):
    store, eve = client.store, await Client.of(client.store, "eve")
    await store.create_personality(client.user.id, "tutor", zone="Ask back.")
    with pytest.raises(InvalidRequest):
        await store.create_personality(client.user.id, "tutor")
    for asking in (
        store.personality(eve.user.id, "tutor"),
        store.update_personality(eve.user.id, "tutor", {"zone": "mine"}),
        store.delete_personality(eve.user.id, "tutor"),
        store.update_tree(eve.user.id, eve.tree.id, {"personality": "tutor"}),
        store.create_tree(eve.user.id, "new", personality="tutor"),
    ):
        with pytest.raises(NotFound):
            await asking
    await store.create_personality(eve.user.id, "tutor", zone="Mine.")
    assert [one.zone for one in await store.personalities(client.user.id)] == ["Ask back."]
    assert [one.zone for one in await store.personalities(eve.user.id)] == ["Mine."]
