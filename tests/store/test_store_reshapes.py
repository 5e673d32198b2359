"""Moving and deleting: what changes, what stays, and what never comes back."""

from dataclasses import replace

import pytest

from proxy.domain.message import said
from proxy.domain.placement import Attachment, Candidate, Feature
from proxy.domain.tree import NodeId
from proxy.errors import InvalidRequest, NotFound
from proxy.store.rows import CALL, to_call
from tests.store.client import Client, texts

pytestmark = pytest.mark.anyio

PLACED = Attachment(
    parent_id=None,
    route="root",
    reason="a new topic",
    confidence=0.75,
    scorer="llm",
    candidates=(Candidate(None, "root", 0.75, "new"), Candidate(NodeId("n_1"), "continue", 0.5, "goes on")),
    calls=3,
    prompt_tokens=120,
    completion_tokens=9,
    spent_ms=12.5,
    degraded=True,
    unsure=True,
    features=(Feature("active: cos tail", 0.62, -0.85), Feature("cue: asks", 1.0, 0.4)),
)


async def raw(client: Client, sql: str) -> list[tuple]:
    return await client.store._read(lambda db: db.execute(sql).fetchall())


async def test_a_moved_turn_takes_its_descendants_along(client: Client):
    _, boats = await client.say("Boats", "Float.")
    bread, _ = await client.say("Bread", "Rises.")
    _, tip = await client.say("How long?", "An hour.")
    await client.store.move(client.user.id, bread, None, "another topic")
    assert texts(await client.store.path(client.user.id, tip)) == ["Bread", "Rises.", "How long?", "An hour."]
    assert texts(await client.store.path(client.user.id, boats)) == ["Boats", "Float."]
    await client.store.move(client.user.id, bread, boats, "no, it was right")
    assert texts(await client.store.path(client.user.id, tip))[:2] == ["Boats", "Float."]
    log = await raw(client, "SELECT node_id, from_parent, to_parent, why, who FROM edge_log ORDER BY id")
    assert log == [(bread, boats, None, "another topic", "user"), (bread, None, boats, "no, it was right", "user")]
    assert await client.store.verify() == []


async def test_a_moved_chat_is_recognised_as_before(client: Client):
    await client.say("Boats", "Float.")
    bread, _ = await client.say("Bread", "Rises.")
    await client.store.move(client.user.id, bread, None, "another topic")
    sighting = await client.recognise(*client.said, said("user", "And?"))
    assert [row.node_id for row in sighting.lineage] == client.nodes


@pytest.mark.parametrize("target", ["itself", "its child", "its grandchild"])
async def test_a_node_cannot_hang_under_itself(client: Client, target: str):
    turn, reply = await client.say("One", "Two")
    below, _ = await client.say("Three", "Four")
    parent = {"itself": turn, "its child": reply, "its grandchild": below}[target]
    with pytest.raises(InvalidRequest, match="below"):
        await client.store.move(client.user.id, turn, parent, "round")
    assert await client.store.verify() == []


async def test_a_node_moves_within_its_tree_only(client: Client):
    turn, _ = await client.say("One")
    others = [await Client.of(client.store, "ada", tree="other"), await Client.of(client.store, "bob")]
    for other in others:
        _, there = await other.say("Here")
        with pytest.raises(NotFound):
            await client.store.move(client.user.id, turn, there, "away")
    with pytest.raises(NotFound):
        await client.store.move(client.user.id, turn, NodeId("nowhere"), "away")


async def test_an_answered_turn_cannot_hang_under_an_unanswered_one(client: Client):
    turn, _ = await client.say("One")
    _, waiting = await client.ask("Two", under=None)
    with pytest.raises(InvalidRequest, match="no answer"):
        await client.store.move(client.user.id, turn, waiting, "down")


async def test_a_move_to_the_same_place_changes_nothing(client: Client):
    turn, _ = await client.say("One")
    before = await client.store.slice(client.user.id, client.tree.id, None)
    await client.store.move(client.user.id, turn, None, "still")
    assert await client.store.slice(client.user.id, client.tree.id, None) == before


async def test_a_decision_is_kept_whole_and_found_from_the_turn_and_its_reply(client: Client):
    call, turn = await client.ask("Bread?", decision=PLACED)
    [reply] = await client.answered(call, turn, "Rises.")
    for node_id in (turn, reply):
        decision = await client.store.decision(client.user.id, node_id)
        assert decision is not None
        assert (decision.node_id, decision.call_id, decision.shadow) == (turn, call, False)
        assert decision.attachment == PLACED
    assert await client.store.decision(client.user.id, turn, shadow=True) is None


async def test_a_decision_is_kept_with_all_that_was_weighed(client: Client):
    for decided in (PLACED, replace(PLACED, features=()), replace(PLACED, candidates=())):
        _, turn = await client.ask("Bread?", decision=decided)
        found = await client.store.decision(client.user.id, turn)
        assert found is not None
        assert found.attachment == decided


async def test_a_turn_of_two_messages_has_one_decision(client: Client):
    asked = client.turn("One", None, decision=PLACED)
    second = client.node(said("user", "Two"), asked.nodes[0].id, "unanswered")
    nodes = [*asked.nodes, second]
    turn = replace(asked, nodes=nodes, exacts=client.exacts(nodes), seen=client.rows(nodes), turn_id=second.id)
    await client.store.open_turn(turn)
    for node in nodes:
        decision = await client.store.decision(client.user.id, node.id)
        assert decision is not None
        assert decision.node_id == nodes[0].id


async def test_a_shadow_decision_is_logged_beside_the_real_one(client: Client):
    call, turn = await client.ask("Bread?", decision=replace(PLACED, route="follow"))
    await client.store.note_shadow(client.user.id, client.tree.id, turn, call, PLACED)
    real = await client.store.decision(client.user.id, turn)
    shadow = await client.store.decision(client.user.id, turn, shadow=True)
    assert real is not None
    assert shadow is not None
    assert (real.attachment.route, shadow.attachment.route) == ("follow", "root")
    await client.store.delete(client.user.id, turn)
    await client.store.note_shadow(client.user.id, client.tree.id, turn, call, PLACED)
    assert await client.store.decision(client.user.id, turn, shadow=True) is None


async def test_a_move_of_a_decided_turn_is_a_labelled_example(client: Client):
    _, boats = await client.say("Boats", "Float.")
    _, turn = await client.ask("And sails?", under=None, decision=PLACED)
    await client.store.move(client.user.id, turn, boats, "undo")
    decision = await client.store.decision(client.user.id, turn)
    [correction] = await client.store.corrections(client.user.id)
    assert decision is not None
    assert (correction.node_id, correction.decision_id) == (turn, decision.id)
    assert (correction.from_parent, correction.to_parent, correction.source) == (None, boats, "undo")
    assert await client.store.corrections("eve") == []


async def test_a_move_of_a_reply_is_no_label(client: Client):
    _, boats = await client.say("Boats", "Float.")
    plain, _ = await client.say("Sails", "Flap.", under=None)
    await client.store.move(client.user.id, plain, boats, "tidy")
    assert await client.store.corrections(client.user.id) == []


async def test_an_answer_to_a_question_is_a_label_without_a_move(client: Client):
    _, boats = await client.say("Boats", "Float.")
    _, turn = await client.ask("And sails?", under=None, decision=PLACED)
    await client.store.correct(client.user.id, turn, boats, "answer")
    [correction] = await client.store.corrections(client.user.id)
    assert (correction.to_parent, correction.source) == (boats, "answer")
    assert (await client.store.node(client.user.id, turn)).parent_id is None


async def test_deleting_takes_a_node_with_all_below_and_nothing_else(client: Client):
    turn, reply = await client.say("Boats", "Float.")
    below, _ = await client.say("Sails", "Flap.")
    await client.say("Masts", "Stand.")
    sibling, _ = await client.say("Oars", "Row.", under=reply)
    assert await client.store.delete(client.user.id, below) == 4
    left = {outline.id for outline in await client.store.structure(client.user.id, client.tree.id)}
    assert left == {turn, reply, sibling, client.nodes[-1]}
    with pytest.raises(NotFound):
        await client.store.node(client.user.id, below)
    with pytest.raises(NotFound):
        await client.store.path(client.user.id, below)
    assert await client.store.verify() == []


async def test_deleted_words_are_nowhere_in_the_database(client: Client):
    secret = "the cellar door code is 7319"
    call, turn = await client.ask(
        f"Remember: {secret}", system=f"system {secret}", decision=replace(PLACED, reason=secret)
    )
    await client.answered(call, turn, f"Noted: {secret}")
    await client.store.move(client.user.id, (await client.say("Elsewhere", under=None))[0], client.nodes[1], secret[:9])
    waiting, again = await client.ask(f"Again, {secret}", under=turn)
    await client.store.checkpoint(
        waiting, [client.node(said("assistant", secret), again, "interrupted", call_id=waiting)]
    )
    assert (secret in await dump(client)) is not client.store.is_encrypted
    await client.store.delete(client.user.id, turn)
    assert secret not in await dump(client)
    assert await client.store.verify() == []


async def dump(client: Client) -> str:
    return await client.store._read(lambda db: "\n".join(db.iterdump()))


async def test_deleting_leaves_keyed_tombstones(client: Client):
    turn, reply = await client.say("Boats", "Float.")
    kept, _ = await client.say("Bread", under=None)
    exacts = [client.exacts([await client.store.node(client.user.id, node_id)])[0] for node_id in (turn, reply, kept)]
    await client.store.delete(client.user.id, turn)
    assert await client.store.tombstones(client.user.id, exacts) == set(exacts[:2])
    assert await client.store.tombstones("eve", exacts) == set()


async def test_the_active_node_falls_back_to_what_is_left(client: Client):
    turn, reply = await client.say("Boats", "Float.")
    below, _ = await client.say("Sails", "Flap.")
    store, user, tree = client.store, client.user.id, client.tree.id
    await store.delete(user, below)
    assert (await store.active(user, tree, "k", None)).node_id == reply
    await store.delete(user, turn)
    assert await store.active(user, tree, "k", None) is None


async def test_the_bill_of_a_deleted_turn_stays(client: Client):
    turn, _ = await client.say("Boats", "Float.")
    body = client.links()[0].chain
    await client.store.delete(client.user.id, turn)
    assert await raw(client, "SELECT status, turn_id, reply_id FROM calls") == [("done", None, None)]
    bill = await client.store._read(lambda db: db.execute(f"SELECT {CALL} FROM calls").fetchone())
    assert (await client.store._read(lambda db: to_call(db, bill))).usage == {"total_tokens": 3}
    assert await client.store.earlier(client.user.id, request_hash=body, idempotency_key=None) is None


async def test_deleting_a_reply_leaves_its_turn_and_its_siblings(client: Client):
    turn, first = await client.say("Boats", "Float.")
    [second] = await client.answered(await client.again(turn), turn, "Sink.")
    await client.store.delete(client.user.id, first)
    assert [node.id for node in await client.store.children(client.user.id, client.tree.id, turn)] == [second]
    assert (await client.store.node(client.user.id, turn)).state == "whole"
    assert await client.store.verify() == []


async def test_a_reply_to_a_turn_that_was_deleted_meanwhile_is_dropped_and_known(client: Client):
    call, turn = await client.ask("Boats?")
    await client.store.delete(client.user.id, turn)
    await client.answered(call, turn, "Float.")
    assert await client.store.structure(client.user.id, client.tree.id) == []
    sighting = await client.recognise(*client.said, said("user", "And?"))
    assert sighting.anchor == 1
    assert [row.meaning for row in sighting.lineage] == ["deleted", "deleted"]
    assert await client.store.active(client.user.id, client.tree.id, "k", None) is None
    assert await client.store.verify() == []


async def test_chats_that_began_alike_can_be_deleted_one_by_one(client: Client):
    first, top = await client.say("Hi", "Hello!")
    other = await client.another("chat two")
    second, _ = await other.say("Hi", "Hello!", under=top)
    await client.store.delete(client.user.id, second)
    sighting = await other.recognise(*other.said, said("user", "And?"))
    assert {row.meaning for row in sighting.lineage} == {"node"}
    await client.store.delete(client.user.id, first)
    sighting = await other.recognise(*other.said, said("user", "And?"))
    assert {row.meaning for row in sighting.lineage} == {"deleted"}
    assert await client.store.verify() == []


async def test_a_turn_under_a_deleted_node_is_refused(client: Client):
    turn, reply = await client.say("Boats", "Float.")
    await client.store.delete(client.user.id, turn)
    with pytest.raises(NotFound):
        await client.say("More", under=reply)
    with pytest.raises(NotFound):
        await client.again(turn)
    with pytest.raises(NotFound):
        await client.store.delete(client.user.id, turn)


async def test_the_same_words_can_be_said_anew_after_a_deletion(client: Client):
    turn, _ = await client.say("Boats", "Float.")
    await client.store.delete(client.user.id, turn)
    again = await client.another("chat two")
    fresh, reply = await again.say("Boats", "They float.")
    assert fresh != turn
    assert texts(await client.store.path(client.user.id, reply)) == ["Boats", "They float."]
    assert await client.store.verify() == []
