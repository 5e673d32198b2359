"""A retry joins or replays the first answer; the same turn again wants another reply; other words are an edit."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from proxy.chat.history.again import Retries
from proxy.domain.tree import NodeId, UserId
from proxy.errors import UpstreamError
from tests.chat.road import LONG, Road, Talker, Told, assistant, calling, pieces, script, texts, tool, user, whole

pytestmark = pytest.mark.anyio


async def turns_of_the_loop(count: int = 20) -> None:
    """Let everything that can go on go on."""
    for _ in range(count):
        await asyncio.sleep(0)


# The bookkeeping


async def test_one_that_waits_is_told_how_the_first_ended() -> None:
    for whole_answer in (True, False):
        retries = Retries()
        running = retries.begin("ann", "body")
        waiting = asyncio.ensure_future(retries.join("ann", "body"))
        await turns_of_the_loop()
        assert not waiting.done()
        retries.end(running, whole=whole_answer)
        assert await waiting is whole_answer


async def test_other_users_and_other_bodies_do_not_wait() -> None:
    retries = Retries()
    retries.begin("ann", "body")
    assert not await retries.join("bob", "body")
    assert not await retries.join("ann", "another body")


async def test_after_a_failure_one_begins_and_the_others_wait_for_it() -> None:
    retries = Retries()
    first = retries.begin("ann", "body")
    order: list[str] = []

    async def request(name: str, whole_answer: bool) -> None:
        if await retries.join("ann", "body"):
            order.append(f"{name} joins")
            return
        running = retries.begin("ann", "body")
        order.append(f"{name} asks")
        await turns_of_the_loop()
        retries.end(running, whole=whole_answer)

    waiting = [asyncio.ensure_future(request(name, True)) for name in "abc"]
    await turns_of_the_loop()
    retries.end(first, whole=False)
    await asyncio.gather(*waiting)
    assert sorted(order) == sorted([order[0], *(f"{name} joins" for name in "abc" if name != order[0][0])])
    assert order[0].endswith("asks")


async def test_an_end_that_is_told_twice_does_not_end_the_next_request() -> None:
    retries = Retries()
    first = retries.begin("ann", "body")
    retries.end(first, whole=False)
    second = retries.begin("ann", "body")
    retries.end(first, whole=False)
    waiting = asyncio.ensure_future(retries.join("ann", "body"))
    await turns_of_the_loop()
    assert not waiting.done()
    retries.end(second, whole=True)
    assert await waiting


async def test_one_that_gives_up_waiting_disturbs_nobody() -> None:
    retries = Retries()
    running = retries.begin("ann", "body")
    impatient, patient = (asyncio.ensure_future(retries.join("ann", "body")) for _ in range(2))
    await turns_of_the_loop()
    impatient.cancel()
    await turns_of_the_loop()
    retries.end(running, whole=True)
    assert await patient


# Joining


@pytest.mark.parametrize("stream", [True, False])
async def test_the_same_request_at_once_is_asked_and_stored_once(road: Road, stream: bool) -> None:
    gate = asyncio.Event()
    chunks = pieces("First.") if stream else [whole(assistant("First."))]
    road.upstream.answers = [script(gate, *chunks)]
    asking = [asyncio.ensure_future(road.ask(user("Hello"), stream=stream)) for _ in range(4)]
    await road.upstream.began()
    await turns_of_the_loop()
    gate.set()
    told = await asyncio.gather(*asking)
    assert [one.text for one in told] == ["First."] * 4
    assert len({one.node for one in told}) == 1
    assert len(road.upstream.asked) == 1
    assert await road.said() == ["Hello", "First."]


async def test_when_the_first_fails_the_next_asks_and_the_rest_join_it(road: Road) -> None:
    gate, second_gate = asyncio.Event(), asyncio.Event()
    failure = UpstreamError("overloaded", model="m", status=503)
    road.upstream.answers = [script(gate, failure), script(second_gate, *pieces("Second."))]
    asking = [asyncio.ensure_future(road.ask(user("Hello"))) for _ in range(4)]
    await road.upstream.began()
    await turns_of_the_loop()
    gate.set()
    await road.upstream.began(2)
    await turns_of_the_loop()
    second_gate.set()
    told = await asyncio.gather(*asking, return_exceptions=True)
    assert sum(isinstance(one, UpstreamError) for one in told) == 1
    assert [one.text for one in told if isinstance(one, Told)] == ["Second."] * 3
    assert len(road.upstream.asked) == 2
    assert await road.said() == ["Hello", "Second."]


async def test_other_bodies_do_not_join(road: Road) -> None:
    variants: list[dict[str, Any]] = [
        {},
        {"model": "n"},
        {"options": {"temperature": 1}},
        {"stream": False},
        {"tree": "work"},
    ]
    told = await asyncio.gather(*(road.ask(user("Hello"), **variant) for variant in variants), road.ask(user(" Hello")))
    assert len({one.node for one in told}) == len(told)


async def test_white_space_anywhere_makes_another_body(road: Road) -> None:
    gate = asyncio.Event()
    road.upstream.answers = [script(gate, *pieces("One.")), script(gate, *pieces("Two."))]
    histories = [
        [user("if a:\n    b()"), assistant(LONG), user("Go")],
        [user("if a:\nb()"), assistant(LONG), user("Go")],
    ]
    asking = [asyncio.ensure_future(road.ask(*history)) for history in histories]
    await road.upstream.began(2)
    gate.set()
    assert sorted(one.text for one in await asyncio.gather(*asking)) == ["One.", "Two."]


async def test_another_idempotency_key_says_that_it_is_another_request(road: Road) -> None:
    gate = asyncio.Event()
    road.upstream.answers = [script(gate, *pieces(text)) for text in ("One.", "Two.", "Three.")]
    asking = [asyncio.ensure_future(road.ask(user("Hello"), idempotency_key=key)) for key in ("a", "b", "c", "a")]
    await road.upstream.began(3)
    await turns_of_the_loop()
    gate.set()
    told = await asyncio.gather(*asking)
    assert sorted({one.text for one in told}) == ["One.", "Three.", "Two."]
    assert told[0].node == told[3].node
    assert len(road.upstream.asked) == 3


# Replaying


@pytest.mark.parametrize("how", [{"idempotency_key": "once"}, {"retried": True}])
@pytest.mark.parametrize("stream", [True, False])
async def test_a_retry_is_answered_from_what_is_stored(road: Road, how: dict[str, Any], stream: bool) -> None:
    first = await road.ask(user("Hello"), stream=stream, **how)
    again = await road.ask(user("Hello"), stream=stream, **how)
    assert len(road.upstream.asked) == 1
    assert again.message == first.message
    assert again.receipt == first.receipt
    assert [chunk.is_whole for chunk in again.chunks] == [not stream] * len(again.chunks)
    assert len(await road.nodes()) == 2


async def test_an_idempotency_key_that_was_never_seen_is_a_new_request(road: Road) -> None:
    first = await road.ask(user("Hello"), idempotency_key="a")
    second = await road.ask(user("Hello"), idempotency_key="b")
    assert first.node != second.node


async def test_a_retry_of_what_failed_is_asked_again(road: Road) -> None:
    road.upstream.answers = [UpstreamError("overloaded", model="m", status=503), "Here."]
    with pytest.raises(UpstreamError):
        await road.ask(user("Hello"))
    told = await road.ask(user("Hello"), retried=True)
    assert told.text == "Here."
    assert [(node.message.text, node.state) for node in await road.nodes()] == [("Hello", "whole"), ("Here.", "whole")]


@pytest.mark.parametrize("how", [{"idempotency_key": "once"}, {"retried": True}])
async def test_a_retry_without_history_goes_where_its_turn_was_placed(road: Road, how: dict[str, Any]) -> None:
    bread = await road.ask(user("How long does bread bake?"))
    road.router.to = [bread.node, None]
    road.upstream.answers = [UpstreamError("overloaded", model="m", status=503), "Here."]
    key = {name: value for name, value in how.items() if name == "idempotency_key"}
    with pytest.raises(UpstreamError):
        await road.ask(user("And rolls?"), **key)
    told = await road.ask(user("And rolls?"), **how)
    assert told.parent == bread.node
    assert [node.message.text for node in await road.nodes()].count("And rolls?") == 1


@pytest.mark.parametrize("how", [{"idempotency_key": "once"}, {"retried": True}])
async def test_a_retry_of_a_regeneration_that_failed_is_not_answered_with_the_old_reply(
    road: Road, how: dict[str, Any]
) -> None:
    road.upstream.answers = ["The old one.", UpstreamError("overloaded", model="m", status=503), "The new one."]
    key = {name: value for name, value in how.items() if name == "idempotency_key"}
    old = await road.ask(user("Hello"))
    with pytest.raises(UpstreamError):
        await road.ask(user("Hello"), **key)
    new = await road.ask(user("Hello"), **how)
    assert (old.text, new.text) == ("The old one.", "The new one.")
    again = await road.ask(user("Hello"), **how)
    assert again.node == new.node
    assert await road.said() == ["Hello", "The old one.", "The new one."]


async def test_a_retry_of_a_regeneration_that_was_cut_is_asked_again(road: Road) -> None:
    cut = script(*pieces("Half an answer")[:2], UpstreamError("cut", model="m"))
    road.upstream.answers = ["The old one.", cut, "The new one."]
    await road.ask(user("Hello"))
    with pytest.raises(UpstreamError):
        await road.ask(user("Hello"))
    assert (await road.ask(user("Hello"), retried=True)).text == "The new one."


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("said", [" me two.", "The answer tells me two."])
async def test_a_replay_does_not_repeat_what_the_client_had_begun(road: Road, stream: bool, said: str) -> None:
    road.upstream.answers = [said]
    asked = [user("What is one and one?"), assistant("The answer tells")]
    await road.ask(*asked, stream=stream)
    assert (await road.ask(*asked, stream=stream, retried=True)).text == " me two."
    assert await road.said() == ["What is one and one?", "The answer tells me two."]


async def test_a_deleted_answer_is_not_replayed(road: Road) -> None:
    await road.ask(user("Hello"), idempotency_key="once")
    await road.store.delete(UserId("ann"), (await road.nodes())[0].id)
    await road.ask(user("Hello"), idempotency_key="once")
    assert len(road.upstream.asked) == 2


# Asked again, edited


async def test_the_same_turn_again_is_another_reply(road: Road, talker: Talker) -> None:
    first = await talker.say("One")
    second = await talker.say("Two")
    talker.history.pop()
    told = await talker.ask()
    assert (told.parent, told.route) == (first.node, "continue")
    nodes = {node.id: node for node in await road.nodes()}
    assert nodes[NodeId(told.node)].parent_id == nodes[NodeId(second.node)].parent_id
    assert len(nodes) == 5
    assert road.upstream.texts == texts(talker.history[:-1])
    onward = await talker.say("Three")
    assert onward.parent == told.node
    assert road.upstream.texts == texts(talker.history[:-1])


async def test_the_first_turn_again_is_another_reply_and_later_a_new_turn(road: Road) -> None:
    first = await road.ask(user("One"))
    again = await road.ask(user("One"))
    assert (again.parent, len(await road.nodes())) == (None, 3)
    assert again.node != first.node
    await road.ask(user("Something else"), parent="root")
    road.router.to = [first.node]
    told = await road.ask(user("One"))
    assert told.parent == first.node


async def test_a_turn_of_several_messages_is_asked_again_whole(road: Road, talker: Talker) -> None:
    await talker.say("One")
    talker.history.append(user("Here is a file"))
    await talker.say("What does it say?")
    talker.history.pop()
    told = await talker.ask()
    assert told.parent == talker.told[0].node
    assert road.upstream.texts == texts(talker.history[:-1])
    assert len(await road.nodes()) == 6


async def test_a_loop_of_tools_is_asked_again_from_its_results(road: Road, talker: Talker) -> None:
    road.upstream.answers = [calling("a", "b")]
    first = await talker.say("How is the weather?", stream=False)
    talker.history += [tool("a"), tool("b")]
    await talker.ask(stream=False)
    talker.history.pop()
    told = await talker.ask(stream=False)
    assert told.parent == first.node
    assert road.upstream.sent == talker.history[:-1]
    assert [node.message.role for node in await road.nodes()] == [
        "user",
        "assistant",
        "tool",
        "tool",
        "assistant",
        "assistant",
    ]


async def test_an_edit_of_white_space_is_a_sibling_whose_chat_goes_on(road: Road, talker: Talker) -> None:
    first = await talker.say("Hello")
    await talker.say("if a:\n    b()\n    c()")
    del talker.history[-2:]
    edited = await talker.say("if a:\n    b()\nc()")
    assert edited.parent == first.node
    onward = await talker.say("Thanks")
    assert onward.parent == edited.node
    assert road.upstream.texts == texts(talker.history[:-1])
    cursor = await road.cursor(*talker.history, user("And?"))
    assert len(cursor.nodes) == len(talker.history)


async def test_an_edit_of_the_first_turn_is_a_sibling_at_the_root(road: Road) -> None:
    await road.ask(user("if a:\n    b()"))
    told = await road.ask(user("if a:\nb()"))
    assert (told.parent, told.route) == (None, "fork")
    nodes = await road.nodes()
    assert [node.parent_id for node in nodes] == [None, nodes[0].id, None, nodes[2].id]


async def test_an_aside_asked_again_as_a_turn_is_stored(road: Road) -> None:
    await road.ask(user("Just between us?"), policy="off")
    assert await road.nodes() == []
    told = await road.ask(user("Just between us?"))
    assert told.route == "root"
    assert await road.said() == ["Just between us?", told.text]


async def test_a_deleted_turn_that_is_asked_again_is_a_new_turn(road: Road, talker: Talker) -> None:
    first = await talker.say("One")
    await talker.say("Two")
    await road.store.delete(UserId("ann"), (await road.nodes())[2].id)
    talker.history.pop()
    told = await talker.ask()
    assert told.parent == first.node
    assert await road.said() == ["One", first.text, "Two", told.text]
    assert road.upstream.texts == ["One", first.text, "Two"]
