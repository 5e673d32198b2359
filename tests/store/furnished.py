"""A store in which every table has rows."""

from proxy.domain.artefact import Brought
from proxy.domain.memory import Origin, Told
from proxy.domain.message import Message, said
from proxy.domain.picture import Picture, decoded
from proxy.domain.placement import Attachment
from proxy.domain.summary import Cut, Summary
from proxy.domain.transcript import Seen, Waypoint
from proxy.domain.tree import Node, NodeId, TreeId, UserId
from proxy.domain.zone import Piece
from proxy.store import SqliteStore
from tests.doubles.pictures import PNG as DOT
from tests.store.client import Client


async def furnish(client: Client) -> Client:
    """Two users, three trees, calls of all kinds; somebody has left with their key."""
    store, user = client.store, client.user.id
    for one in (
        client,
        await Client.of(store, "ada", "chat two", "other"),
        await Client.of(store, "bob", "chat three"),
    ):
        call, turn = await one.ask("Boats?", system="Be brief.", decision=Attachment(None, "root", "new", 1.0, "none"))
        await one.answered(call, turn, "Float.")
        await one.say("Sails?", "Flap.", system="Be long.")
    await store.spend("2026-11-22", {"local": 12})
    moved, _ = await client.say("Oars?", "Row.", under=None)
    await store.move(user, client.nodes[2], None, "why not")
    await store.move(user, client.nodes[0], client.nodes[-1], "labelled")
    gone, _ = await client.say("Never mind", "Fine.", under=moved)
    await store.delete(user, gone)
    await client.ask("Waiting", under=client.nodes[5])
    await store.checkpoint(
        (await client.ask("Cut", under=None))[0], [client.node(said("assistant", "C"), None, "interrupted")]
    )
    await store.put_zone(user, client.tree.id, "discussion", "Boats.")
    await store.put_zone(user, None, "user", "Ada.")
    await store.put_zone(user, None, "node", "Oars.", node_id=client.nodes[0])
    await store.create_personality(user, "tutor", zone="You teach.")
    await store.update_tree(user, client.tree.id, {"personality": "tutor"})
    told = Summary("s1", client.tree.id, client.nodes[0], None, "auto", "Boats.", 3, "m", 1.0)
    assert await store.add_summary(user, told, [one.id for one in await store.path(user, client.nodes[0])])
    await store.keep_cut(user, client.tree.id, Cut(client.nodes[1], client.nodes[0], 100))
    await store.add_key(user, "person", "digest", "gk_1")
    await store.aside(user, [], "title")
    await store.name_messages(user, "chat", {"m1": client.nodes[0], "m2": NodeId("n_to_come")})
    typed = Seen("chain", "", "folded", "assistants", "assistant", "command", None, None, "chat")
    await store.commanded(user, [typed], "command goto", Waypoint(client.tree.id, client.nodes[0]), None)
    assert len((await store.search(user, "boats", None, None, 9)).items) == 2
    await store.keep_vectors(user, "minilm-1", {client.nodes[0]: b"\x01"}, [])
    await store.add_key(UserId("zoe"), "person", "digest of zoe", "gk_2")
    await store.delete_user(UserId("zoe"), forgotten_within_s=0)
    await shelved(store, user, client.tree.id, client.nodes[0])
    await pictured(store, user, client.tree.id, client.nodes[0])
    return client


async def pictured(store: SqliteStore, user: UserId, tree: TreeId, node: NodeId) -> None:
    """Images on a tree, on a node, elsewhere, and one in a message that is switched off."""
    dot = decoded(DOT)
    await store.add_image(user, tree, dot)
    await store.add_node_image(user, node, dot)
    await store.add_image(user, tree, Picture(None, None, "https://pictures.example/boat.png"))
    parts = [{"type": "text", "text": "This one?"}, {"type": "image_url", "image_url": {"url": dot.link}}]
    shown = Node(NodeId("n_shown"), tree, node, Message({"role": "user", "content": parts}), "whole", 1.0)
    await store.append(user, tree, [shown])
    await store.switch_image(user, "n_shown.0", active=False)


async def shelved(store: SqliteStore, user: UserId, tree: TreeId, node: NodeId) -> None:
    """Artefacts and memories, loaded in all places."""
    plan = await store.add_artefact(user, tree, "Plan", "text", ["boats"], [Brought("Row."), Brought("Sail.")])
    await store.revert_artefact(user, plan.id, 1)
    await store.load_artefact(user, plan.id, None, 1)
    await store.load_artefact(user, plan.id, node)
    memory = await store.add_memory(user, Told("Locks", content="Open at noon."), Origin(tree, nodes=[node]))
    for places in ((None, None), (tree, None), (tree, node)):
        await store.load_memory(user, memory.id, *places)
    await store.keep_turn_pieces(user, node, [Piece("memory", "memory:m", "Noon.")])
