"""Which messages are the same node, and which are not."""

from dataclasses import replace

import pytest

from proxy.domain.message import said
from proxy.domain.tree import CallId, new_id
from proxy.errors import InvalidRequest
from tests.store.client import Client, texts

pytestmark = pytest.mark.anyio


async def test_the_same_turn_at_the_same_place_is_one_node(client: Client):
    _, first = await client.say("Hello")
    twin = await client.another("chat two")
    call, turn = await twin.ask("Hello")
    assert turn == client.nodes[0]
    [second] = await twin.answered(call, turn, "Hi again.")
    children = await client.store.children(client.user.id, client.tree.id, turn)
    assert [node.id for node in children] == [first, second]


async def test_what_follows_a_known_message_hangs_under_the_stored_one(client: Client):
    turn, reply = await client.say("Hello", "Hi.")
    asked = client.turn("And then?", reply)
    twin = await client.another("chat two")
    known = twin.node(said("user", "Hello"), None, "unanswered")
    below = twin.node(said("user", "Are you there?"), known.id, "unanswered")
    nodes = [known, below]
    opened = await client.store.open_turn(
        replace(
            asked,
            call_id=CallId(new_id("call")),
            nodes=nodes,
            exacts=twin.exacts(nodes),
            seen=twin.rows(nodes),
            turn_id=below.id,
        )
    )
    assert opened.turn_id == below.id
    assert opened.ids == {known.id: turn}
    assert (await client.store.node(client.user.id, below.id)).parent_id == turn
    sighting = await twin.recognise(said("user", "Hello"), said("user", "Are you there?"))
    assert [row.node_id for row in sighting.lineage] == [turn, below.id]
    assert await client.store.verify() == []


async def test_the_same_words_elsewhere_are_another_node(client: Client):
    turn, reply = await client.say("Go on")
    other, _ = await client.say("Go on", under=reply)
    assert other != turn


async def test_an_indentation_fix_is_another_node(client: Client):
    turn, _ = await client.say("def f():\n  pass")
    fixed, _ = await client.say("def f():\n    pass", under=None)
    assert fixed != turn


async def test_the_same_words_in_another_tree_or_of_another_user_are_another_node(client: Client):
    turn, _ = await client.say("Hello")
    for other in (await Client.of(client.store, "ada", tree="other"), await Client.of(client.store, "bob")):
        assert (await other.say("Hello"))[0] != turn


async def test_equal_answers_of_two_calls_are_two_nodes(client: Client):
    turn, first = await client.say("Hello", "Hi.")
    [second] = await client.answered(await client.again(turn), turn, "Hi.")
    assert second != first


async def test_a_failed_turn_that_is_sent_again_is_the_same_turn(client: Client):
    call, turn = await client.ask("Hello?")
    await client.answered(call, turn, status="failed")
    again = await client.another("chat")
    call, same = await again.ask("Hello?")
    assert same == turn
    await again.answered(call, same, "Yes?")
    assert [o.state for o in await client.store.structure(client.user.id, client.tree.id)] == ["whole", "whole"]


async def test_adopted_history_is_whole_and_never_stored_twice(client: Client):
    history = [said("user", "Hello"), said("assistant", "Hi."), said("user", "More"), said("assistant", "Sure.")]
    ids = await client.adopt(*history)
    again = await client.another("chat two")
    assert await again.adopt(*history) == ids
    path = await client.store.path(client.user.id, ids[-1])
    assert texts(path) == ["Hello", "Hi.", "More", "Sure."]
    assert {node.state for node in path} == {"whole"}
    assert len(await client.store.structure(client.user.id, client.tree.id)) == 4


async def test_adopting_what_once_failed_makes_it_whole(client: Client):
    call, turn = await client.ask("Hello?")
    await client.answered(call, turn, status="failed")
    ids = await (await client.another("elsewhere")).adopt(
        said("user", "Hello?"), said("assistant", "Answered elsewhere.")
    )
    assert ids[0] == turn
    assert [node.state for node in await client.store.path(client.user.id, ids[-1])] == ["whole", "whole"]
    assert await client.store.verify() == []


async def test_the_same_body_or_key_finds_its_answer(client: Client):
    call, turn = await client.ask("Hello", idempotency_key="once")
    body = client.links()[-1].chain
    store, user = client.store, client.user.id
    assert await store.earlier(user, request_hash=body, idempotency_key=None) is None
    replies = await client.answered(call, turn, "Hi.", "Hey.")
    for question in (
        {"request_hash": body, "idempotency_key": None},
        {"request_hash": body, "idempotency_key": "once"},
    ):
        found = await store.earlier(user, **question)
        assert found is not None
        assert [node.id for node in found[1]] == replies
        assert (found[0].id, found[0].status, found[0].finish_reason, found[0].reply_id) == (
            call,
            "done",
            "stop",
            replies[0],
        )
        assert (found[0].usage, found[0].envelope) == ({"total_tokens": 3}, {"id": "chatcmpl-1"})
    assert await store.earlier(user, request_hash=body, idempotency_key="twice") is None
    with pytest.raises(InvalidRequest):
        await store.earlier(user, request_hash="another body", idempotency_key="once")
    eve = await store.user("eve")
    assert await store.earlier(eve.id, request_hash=body, idempotency_key=None) is None
    assert await store.earlier(eve.id, request_hash=body, idempotency_key="once") is None


async def test_only_finished_answers_are_played_again(client: Client):
    call, turn = await client.ask("Hello")
    await client.answered(call, turn, "Once upon", status="interrupted")
    body = client.links()[0].chain
    assert await client.store.earlier(client.user.id, request_hash=body, idempotency_key=None) is None


async def test_the_newest_answer_is_played_again(client: Client):
    await client.say("Hello", "First.")
    twin = await client.another("chat two")
    _, reply = await twin.say("Hello", "Second.")
    found = await client.store.earlier(client.user.id, request_hash=client.links()[0].chain, idempotency_key=None)
    assert found is not None
    assert [node.id for node in found[1]] == [reply]


async def test_the_active_node_is_kept_for_each_key_and_chat(client: Client):
    call, turn = await client.ask("Hello")
    [reply] = await client.answered(call, turn, "Hi.", key="phone", hint="c1")
    store, user, tree = client.store, client.user.id, client.tree.id
    found = await store.active(user, tree, "phone", "c1")
    assert found is not None
    assert (found.node_id, found.tree_id) == (reply, tree)
    assert found.at > 0
    assert await store.active(user, tree, "phone", None) is None
    assert await store.active(user, tree, "laptop", "c1") is None
    call, turn = await client.ask("More")
    [newer] = await client.answered(call, turn, "Yes.", key="phone", hint="c1")
    assert (await store.active(user, tree, "phone", "c1")).node_id == newer


async def test_an_answer_that_was_deleted_is_not_played_again(client: Client):
    _, first = await client.say("Hello", "First.")
    twin = await client.another("chat two")
    _, second = await twin.say("Hello", "Second.")
    await client.store.delete(client.user.id, second)
    found = await client.store.earlier(client.user.id, request_hash=client.links()[0].chain, idempotency_key=None)
    assert found is not None
    assert [node.id for node in found[1]] == [first]


async def test_a_failed_turn_that_ends_adopted_history_becomes_whole(client: Client):
    call, turn = await client.ask("Hello?")
    await client.answered(call, turn, status="failed")
    assert await (await client.another("elsewhere")).adopt(said("user", "Hello?")) == [turn]
    assert (await client.store.node(client.user.id, turn)).state == "whole"
    assert await client.store.verify() == []


async def test_of_equal_replies_adopted_history_is_the_newest(client: Client):
    turn, _ = await client.say("Hello", "Hi.")
    [newest] = await client.answered(await client.again(turn), turn, "Hi.")
    ids = await (await client.another("elsewhere")).adopt(said("user", "Hello"), said("assistant", "Hi."))
    assert ids == [turn, newest]
