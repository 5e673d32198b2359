"""Images on trees and nodes and in messages: kept once, sent while they are active, gone with what they hang on."""

from __future__ import annotations

import base64

import pytest

from proxy.domain.message import Message
from proxy.domain.picture import Picture, decoded
from proxy.domain.tree import Node, NodeId
from proxy.errors import InvalidRequest, NotFound
from proxy.store import images
from tests.doubles.pictures import GIF, PNG, data_url
from tests.store.client import Client

pytestmark = pytest.mark.anyio

ELSEWHERE = Picture(None, None, "https://pictures.example/boat.png")


async def stored_bytes(client: Client) -> list[int]:
    rows = await client.store._read(lambda db: db.execute("SELECT size FROM blobs ORDER BY size").fetchall())
    return [size for (size,) in rows]


async def sent(client: Client, path: list[NodeId]) -> list[str]:
    """The addresses of the images that are sent behind a path."""
    standing = await client.store.standing(client.user.id, client.tree.id, path, None)
    return [image.link for piece in standing.pieces for image in piece.images]


async def shown(client: Client, under: NodeId | None, *links: str) -> NodeId:
    """A stored message with images."""
    parts = [{"type": "image_url", "image_url": {"url": link}} for link in links]
    node = Node(NodeId("n_shown"), client.tree.id, under, Message({"role": "user", "content": parts}), "whole", 1.0)
    await client.store.append(client.user.id, client.tree.id, [node])
    return node.id


async def test_the_same_bytes_are_stored_once_and_go_with_the_last_that_has_them(client: Client):
    store, user = client.store, client.user.id
    other = await store.create_tree(user, "other")
    first = await store.add_image(user, client.tree.id, decoded(PNG))
    second = await store.add_image(user, other.id, decoded(data_url()))
    await store.add_image(user, client.tree.id, decoded(GIF))
    assert await stored_bytes(client) == sorted(len(base64.b64decode(one)) for one in (PNG, GIF))
    await store.delete_image(user, first.image.id)
    assert len(await stored_bytes(client)) == 2
    await store.delete_image(user, second.image.id)
    assert len(await stored_bytes(client)) == 1
    assert await store.verify() == []


async def test_two_users_share_no_bytes(client: Client):
    bob = await Client.of(client.store, "bob")
    for one in (client, bob):
        await one.store.add_image(one.user.id, one.tree.id, decoded(PNG))
    assert len(await stored_bytes(client)) == 2


async def test_active_images_of_the_path_are_sent_and_no_others(client: Client):
    store, user, tree = client.store, client.user.id, client.tree.id
    turn, reply = await client.say("Boats?", "Float.")
    beside, _ = await client.say("Planes?", "Fly.", under=None)
    await store.add_image(user, tree, ELSEWHERE)
    off = await store.add_image(user, tree, decoded(GIF))
    await store.switch_image(user, off.image.id, active=False)
    await store.add_node_image(user, reply, decoded(PNG))
    await store.add_node_image(user, beside, Picture(None, None, "https://pictures.example/plane.png"))
    await store.add_image(user, (await store.create_tree(user, "other")).id, decoded(PNG))
    assert await sent(client, [turn, reply]) == [ELSEWHERE.url, data_url()]
    assert await sent(client, [turn]) == [ELSEWHERE.url]
    assert await sent(client, []) == [ELSEWHERE.url]
    await store.switch_image(user, off.image.id, active=True)
    assert await sent(client, []) == [ELSEWHERE.url, data_url(GIF, "image/gif")]


async def test_pieces_say_where_their_image_hangs(client: Client):
    store, user, tree = client.store, client.user.id, client.tree.id
    turn, _ = await client.say("Boats?", "Float.")
    await store.put_zone(user, None, "node", "Of wood.", node_id=turn)
    on_node = await store.add_node_image(user, turn, decoded(PNG))
    on_tree = await store.add_image(user, tree, decoded(PNG))
    standing = await store.standing(user, tree, [turn], None)
    assert [(piece.scope, piece.source, piece.node_id) for piece in standing.pieces] == [
        ("discussion", f"image:{on_tree.image.id}", None),
        ("node", "zone", turn),
        ("node", f"image:{on_node.image.id}", turn),
    ]


async def test_an_image_in_a_message_is_switched_off_where_it_is(client: Client):
    store, user, tree = client.store, client.user.id, client.tree.id
    node = await shown(client, None, data_url(), ELSEWHERE.link)
    assert (await store.standing(user, tree, [node], None)).inactive == {}
    told = await store.switch_image(user, f"{node}.1", active=False)
    assert (told.image.active, told.number, told.node_id) == (False, 1, node)
    await store.switch_image(user, f"{node}.1", active=False)
    assert (await store.standing(user, tree, [node], None)).inactive == {node: frozenset({1})}
    assert (await store.standing(user, tree, [], None)).inactive == {}
    assert [one.image.active for one in await store.node_images(user, node)] == [True, False]
    await store.switch_image(user, f"{node}.1", active=True)
    assert (await store.standing(user, tree, [node], None)).inactive == {}
    with pytest.raises(InvalidRequest, match="never changed"):
        await store.delete_image(user, f"{node}.0")


@pytest.mark.parametrize("name", ["i_none", "n_shown.2", "n_shown.-1", "n_shown.", "n_none.0", ".0", "n_shown.9999999"])
async def test_an_image_that_is_not_there_is_not_found(client: Client, name: str):
    await shown(client, None, data_url(), data_url())
    for asking in (
        client.store.image(client.user.id, name),
        client.store.switch_image(client.user.id, name, active=False),
        client.store.delete_image(client.user.id, name),
    ):
        with pytest.raises(NotFound) as found:
            await asking
        assert found.value.param == "image_id"


async def test_another_users_images_are_unknown(client: Client):
    eve = await Client.of(client.store, "eve")
    node = await shown(client, None, data_url())
    hung = await client.store.add_image(client.user.id, client.tree.id, decoded(PNG))
    store, user = client.store, eve.user.id
    for asking in (
        store.image(user, hung.image.id),
        store.switch_image(user, hung.image.id, active=False),
        store.delete_image(user, hung.image.id),
        store.image(user, f"{node}.0"),
        store.add_image(user, client.tree.id, decoded(PNG)),
        store.add_node_image(user, node, decoded(PNG)),
        store.tree_images(user, client.tree.id),
        store.node_images(user, node),
    ):
        with pytest.raises(NotFound):
            await asking
    assert (await store.image(client.user.id, hung.image.id)).image.data_b64 == PNG


async def test_images_go_with_their_node_and_with_their_tree(client: Client):
    store, user, tree = client.store, client.user.id, client.tree.id
    turn, reply = await client.say("Boats?", "Float.")
    node = await shown(client, reply, data_url())
    await store.switch_image(user, f"{node}.0", active=False)
    await store.add_node_image(user, reply, decoded(GIF))
    await store.add_image(user, tree, decoded(PNG))
    await store.delete(user, turn)
    assert len(await stored_bytes(client)) == 1
    await store.delete_tree(user, tree)
    assert await stored_bytes(client) == []
    for table in ("images", "images_off"):
        assert await store._read(lambda db, table=table: db.execute(f"SELECT * FROM {table}").fetchall()) == []
    assert await store.verify() == []


async def test_a_clone_shares_the_bytes_of_its_trees_images_and_none_of_its_nodes(client: Client):
    store, user, tree = client.store, client.user.id, client.tree.id
    turn, _ = await client.say("Boats?", "Float.")
    await store.add_image(user, tree, decoded(PNG))
    await store.add_node_image(user, turn, decoded(GIF))
    twin = await store.clone_tree(user, tree, "twin")
    [copy] = await store.tree_images(user, twin.id)
    assert (await store.image(user, copy.image.id)).image.data_b64 == PNG
    await store.delete_tree(user, tree)
    assert (await store.image(user, copy.image.id)).image.data_b64 == PNG
    assert await store.verify() == []


async def test_one_place_holds_a_bounded_number_of_images(client: Client, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(images, "MOST", 2)
    turn, _ = await client.say("Boats?", "Float.")
    for _ in range(2):
        await client.store.add_image(client.user.id, client.tree.id, ELSEWHERE)
    with pytest.raises(InvalidRequest, match="2 images here already"):
        await client.store.add_image(client.user.id, client.tree.id, ELSEWHERE)
    await client.store.add_node_image(client.user.id, turn, ELSEWHERE)
