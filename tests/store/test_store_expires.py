"""What has seen no activity for long goes; a path to something younger stays whole, and nothing that went comes back."""

import time

import pytest

from proxy.app.expiring import DAY_S, expire
from proxy.domain.message import said
from proxy.domain.tree import NodeId, UserId
from proxy.store import SqliteStore, clock, expiring
from tests.store.client import Client, texts

pytestmark = pytest.mark.anyio
ADA = UserId("ada")


async def age(store: SqliteStore, days: float, *nodes: NodeId) -> None:
    """Let time have passed over nodes, or over everything."""
    where = "" if not nodes else " WHERE {} IN (" + ", ".join(f"'{node}'" for node in nodes) + ")"
    past = days * DAY_S
    columns = {"nodes": ("created_at", "id"), "edges": ("created_at", "node_id"), "transcripts": ("at", "node_id")}
    columns |= {"calls": ("started_at", "turn_id"), "active": ("at", "node_id"), "zones": ("updated_at", "node_id")}
    if not nodes:
        columns |= {"trees": ("updated_at", "id"), "artefacts": ("updated_at", "id")}

    def change(db: object) -> None:
        for table, (column, node) in columns.items():
            db.execute(f"UPDATE {table} SET {column} = {column} - {past}{where.format(node)}")  # type: ignore[attr-defined]

    await store._write(change)


def before(days: float) -> float:
    return time.time() - days * DAY_S


async def texts_left(client: Client) -> list[str]:
    return [node.message.text async for node in client.store.nodes(ADA, client.tree.id)]


async def test_old_branches_go_and_paths_to_younger_nodes_stay_whole(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(expiring, "AT_ONCE", 3)
    store = client.store
    await client.say("Canals?", "Long.")
    first = client.nodes[1]
    await client.say("Locks?", "Deep.")
    await client.say("Weirs?", "Low.")
    old = list(client.nodes)
    other = await client.another("two")
    await other.say("Old and alone?", "Yes.")
    await age(store, 40, *old, *other.nodes)
    young = await client.another("three")
    _, reply = await young.say("Still canals?", "Yes, still.", under=first)
    found = await store.old(ADA, client.tree.id, before(30))
    assert (len(found.nodes), found.kept) == (6, 4)
    assert await store.expire(found, before(30)) == 6
    assert texts(await store.path(ADA, reply)) == ["Canals?", "Long.", "Still canals?", "Yes, still."]
    assert await texts_left(client) == ["Canals?", "Long.", "Still canals?", "Yes, still."]
    assert await store.verify() == []
    gone = [said("user", "Old and alone?"), said("assistant", "Yes.")]
    sighting = await client.recognise(*gone, said("user", "New"))
    assert {row.meaning for row in sighting.lineage} == {"deleted"}


async def test_a_tree_goes_when_all_of_it_is_old_and_stays_for_what_is_young_in_it(client: Client) -> None:
    store = client.store
    kept = await Client.of(store, "ada", "b", "kept")
    for one in (client, kept):
        await one.say("Canals?", "Long.")
    await age(store, 40)
    await store.put_zone(ADA, kept.tree.id, "discussion", "Young.")
    for one in (client, kept):
        assert await store.expire(await store.old(ADA, one.tree.id, before(30)), before(30)) == 2
    assert [tree.name for tree in await store.trees(ADA)] == ["kept"]
    assert await store.verify() == []


@pytest.mark.parametrize("activity", ["said", "pointed at", "zone", "asked again", "imported again"])
async def test_whatever_becomes_young_before_it_goes_stays(client: Client, activity: str) -> None:
    store = client.store
    turn, reply = await client.say("Canals?", "Long.")
    await age(store, 40)
    found = await store.old(ADA, client.tree.id, before(30))
    assert len(found.nodes) == 2
    match activity:
        case "said":
            await client.say("Locks?", "Deep.")
        case "pointed at":
            await store.point(ADA, "k", None, reply)
        case "zone":
            await store.put_zone(ADA, None, "node", "Here.", node_id=reply)
        case "asked again":
            await client.again(turn)
        case _:
            await store._write(lambda db: db.execute("UPDATE transcripts SET at = ?", (time.time(),)))
    await store.expire(found, before(30))
    left = await texts_left(client)
    assert left[: 1 if activity == "asked again" else 2] == ["Canals?", "Long."][: len(left)]
    assert left[0] == "Canals?"
    assert await store.verify() == []


async def test_a_clock_that_jumps_ahead_deletes_nothing(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    await client.say("Canals?", "Long.")
    real = time.time
    monkeypatch.setattr(clock, "_given", [0.0])
    monkeypatch.setattr(time, "time", lambda: real() + 10_000 * DAY_S)
    assert await expire(client.store, 30) == 0
    assert await texts_left(client) == ["Canals?", "Long."]
    monkeypatch.setattr(time, "time", real)
    monkeypatch.setattr(clock, "_given", [0.0])
    other = await Client.of(client.store, "ada", "b", "other")
    await age(client.store, 40)
    await other.say("Young.", "Yes.")
    assert await expire(client.store, 30) == 2
