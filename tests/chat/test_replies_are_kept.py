"""The reply is durable before its end is told; whoever leaves in the middle, what was received is kept as interrupted."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from proxy.chat import record
from proxy.chat.terms import Rules
from proxy.domain.message import Message
from proxy.domain.placement import Policy
from proxy.domain.ports import CloseTurn
from proxy.domain.tree import CallId, Node, UserId
from proxy.errors import StoreError, StoreUnavailable, UpstreamError
from proxy.store import SqliteStore
from tests.chat.road import (
    ANN,
    LONG,
    Json,
    Road,
    Talker,
    assistant,
    calling,
    piece,
    pieces,
    script,
    texts,
    tool,
    user,
    whole,
)

pytestmark = pytest.mark.anyio

CUT = UpstreamError("The provider went away.", model="m")


async def states(road: Road) -> list[tuple[str, str]]:
    return [(node.message.text, node.state) for node in await road.nodes()]


async def outcome(road: Road) -> tuple[str, str | None]:
    """Status and finish reason of the newest call."""
    sql = "SELECT status, finish_reason FROM calls ORDER BY rowid DESC LIMIT 1"
    found: tuple[str, str | None] = await road.store._read(lambda db: db.execute(sql).fetchone())
    return found


# Durable first


async def test_the_turn_is_durable_before_the_upstream_is_asked(road: Road) -> None:
    gate = asyncio.Event()
    road.upstream.answers = [script(gate, *pieces("Hi."))]
    asking = asyncio.ensure_future(road.ask(user("Hello")))
    await road.upstream.began()
    assert await states(road) == [("Hello", "unanswered")]
    gate.set()
    await asking
    assert await states(road) == [("Hello", "whole"), ("Hi.", "whole")]


async def test_a_streams_reply_is_durable_before_the_stream_ends(road: Road) -> None:
    answer = await road.open(user("Hello"))
    received = 0
    while (chunk := await anext(answer.chunks, None)) is not None:
        received += 1
        last = chunk
    assert received > 3
    assert last.wire["usage"] == {"total_tokens": 3}
    assert [state for _, state in await states(road)] == ["whole", "whole"]


async def test_a_whole_reply_is_durable_before_it_is_handed_on(road: Road) -> None:
    answer = await road.open(user("Hello"), stream=False)
    assert [state for _, state in await states(road)] == ["whole", "whole"]
    told = [chunk async for chunk in answer.chunks]
    assert [chunk.is_whole for chunk in told] == [True]


async def test_an_answer_that_cannot_be_stored_is_never_told_as_complete(
    road: Road, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(turn: object) -> None:
        raise StoreError("disk full")

    monkeypatch.setattr(road.store, "close_turn", broken)
    for stream in (True, False):
        with pytest.raises(StoreError):
            await road.ask(user("Hello"), stream=stream)


async def test_the_receipt_names_the_replys_node_before_the_first_word(road: Road) -> None:
    answer = await road.open(user("Hello"))
    assert answer.receipt is not None
    async for _ in answer.chunks:
        pass
    assert (await road.nodes())[1].id == answer.receipt.node_id


async def test_a_call_is_kept_with_its_usage_envelope_and_receipt(road: Road) -> None:
    told = await road.ask(user("Hello"))
    reply = (await road.nodes())[1]
    assert reply.call_id is not None
    call = await road.store.call(UserId("ann"), reply.call_id)
    assert (call.status, call.finish_reason, call.usage) == ("done", "stop", {"total_tokens": 3})
    assert call.envelope == {"id": "c1", "created": 1, "model": "m"}
    assert told.receipt is not None
    assert call.receipt == {**json.loads(json.dumps(call.receipt)), "node_id": told.node, "route": "root"}


async def test_an_answer_warms_the_router_and_moves_where_the_user_is(road: Road) -> None:
    told = await road.ask(user("Hello"), hint="chat-1")
    await road.settle()
    tree = await road.store.tree(UserId("ann"), "main")
    assert road.router.warmed == [tree.id]
    active = await road.store.active(UserId("ann"), tree.id, "key-ann", "chat-1")
    assert active is not None
    assert active.node_id == told.node


@pytest.mark.parametrize(
    ("own", "asked", "warmed"),
    [("follow", None, False), ("follow", "auto", True), ("auto", "follow", True), (None, None, True)],
)
async def test_the_router_is_warmed_only_where_turns_are_placed(
    road: Road, own: Policy | None, asked: Policy | None, warmed: bool
) -> None:
    await road.ask(user("Hello"), caller=replace(ANN, policy=own), policy=asked)
    await road.settle()
    assert bool(road.router.warmed) == warmed


# Broken off


@pytest.mark.parametrize("stream", [True, False])
async def test_a_failure_before_the_first_word_is_raised_and_leaves_the_turn_unanswered(
    road: Road, stream: bool
) -> None:
    road.upstream.answers = [CUT]
    with pytest.raises(UpstreamError):
        await road.open(user("Hello"), stream=stream)
    assert await states(road) == [("Hello", "unanswered")]
    assert await outcome(road) == ("failed", None)


async def test_what_was_received_of_a_cut_answer_is_kept_and_the_cut_is_told(road: Road) -> None:
    road.upstream.answers = [script(*pieces("one two three")[:3], CUT)]
    answer = await road.open(user("Hello"))
    with pytest.raises(UpstreamError):
        async for _ in answer.chunks:
            pass
    assert await states(road) == [("Hello", "whole"), ("one two ", "interrupted")]
    assert await outcome(road) == ("interrupted", None)


@pytest.mark.parametrize("stream", [True, False])
async def test_an_answer_that_ends_without_saying_so_is_no_whole_answer(road: Road, stream: bool) -> None:
    road.upstream.answers = [script(*(pieces("one two")[:3] if stream else [whole(assistant("one two"), reason=None)]))]
    with pytest.raises(UpstreamError):
        await road.ask(user("Hello"), stream=stream)
    assert (await states(road))[1][1] == "interrupted"


async def test_an_upstream_that_says_nothing_at_all_has_failed(road: Road) -> None:
    road.upstream.answers = [script()]
    with pytest.raises(UpstreamError):
        await road.ask(user("Hello"))
    assert await states(road) == [("Hello", "unanswered")]


async def test_an_unforeseen_error_is_raised_and_what_was_received_is_kept(road: Road) -> None:
    road.upstream.answers = [script(*pieces("one two")[:2], ValueError("a bug"))]
    with pytest.raises(ValueError):
        await road.ask(user("Hello"))
    assert await states(road) == [("Hello", "whole"), ("one ", "interrupted")]


async def test_a_client_that_leaves_closes_the_upstream_and_keeps_what_came(road: Road) -> None:
    road.upstream.answers = [script(*pieces("one two three")[:3], asyncio.Event())]
    answer = await road.open(user("Hello"))
    for _ in range(3):
        await anext(answer.chunks)
    await answer.chunks.aclose()
    assert road.upstream.left == 1
    assert await states(road) == [("Hello", "whole"), ("one two ", "interrupted")]


async def test_a_client_that_is_cut_off_while_it_waits_keeps_what_came(road: Road) -> None:
    road.upstream.answers = [script(*pieces("one two three")[:3], asyncio.Event())]
    answer = await road.open(user("Hello"))
    heard = asyncio.Event()

    async def read() -> None:
        received = 0
        async for _ in answer.chunks:
            received += 1
            if received == 3:
                heard.set()

    reading = asyncio.ensure_future(read())
    await heard.wait()
    await asyncio.sleep(0)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    await road.settle()
    assert road.upstream.left == 1
    assert await states(road) == [("Hello", "whole"), ("one two ", "interrupted")]


async def test_a_client_cut_off_before_the_first_word_leaves_the_turn_unanswered(road: Road) -> None:
    road.upstream.answers = [script(asyncio.Event())]
    asking = asyncio.ensure_future(road.open(user("Hello")))
    await road.upstream.began()
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    await road.settle()
    assert await states(road) == [("Hello", "unanswered")]
    assert await outcome(road) == ("failed", None)
    assert (await road.ask(user("Hello"))).route == "continue"


async def test_a_client_that_leaves_after_the_last_word_has_the_whole_answer(road: Road) -> None:
    """Some stop reading at the finish reason, before usage and the stream's end."""
    road.upstream.answers = [script(*pieces("one two")[:-1], asyncio.Event())]
    answer = await road.open(user("Hello"))
    async for chunk in answer.chunks:
        if chunk.wire["choices"][0]["finish_reason"]:
            break
    await answer.chunks.aclose()
    assert await states(road) == [("Hello", "whole"), ("one two", "whole")]
    assert await outcome(road) == ("done", "stop")


async def test_a_chat_goes_on_from_an_interrupted_reply(road: Road) -> None:
    road.upstream.answers = [script(*pieces(f"Well: {LONG}")[:5], CUT)]
    talker = Talker(road)
    with pytest.raises(UpstreamError):
        await talker.say("Hello")
    nodes = await road.nodes()
    talker.history.append(assistant(nodes[1].message.text))
    told = await talker.say("Go on")
    assert told.parent == nodes[1].id
    assert road.upstream.texts == texts(talker.history[:-1])


async def test_half_a_tool_call_is_kept_and_never_sent(road: Road) -> None:
    half = {"index": 0, "id": "a", "type": "function", "function": {"name": "look", "arguments": '{"cit'}}
    road.upstream.answers = [script(piece({"role": "assistant", "tool_calls": [half]}), CUT)]
    with pytest.raises(UpstreamError):
        await road.ask(user("Weather?"))
    turn, reply = await road.nodes()
    assert reply.state == "interrupted"
    assert reply.message.tool_calls
    road.router.to = [reply.id]
    await road.ask(user("And now?"))
    assert road.upstream.sent == [turn.message.wire, user("And now?")]


# On the way


async def test_a_long_stream_is_kept_on_the_way_and_survives_a_kill(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"sqlite:///{tmp_path}/graft.db"
    store = await SqliteStore.open(url)
    road = Road(store, Rules(checkpoint_s=0))
    kept, checkpoint = asyncio.Event(), store.checkpoint

    async def noticed(call_id: CallId, replies: Sequence[Node]) -> None:
        await checkpoint(call_id, replies)
        if replies[0].message.text == "one two three":
            kept.set()

    monkeypatch.setattr(store, "checkpoint", noticed)
    road.upstream.answers = [script(*pieces("one two three")[:4], asyncio.Event())]
    answer = await road.open(user("Hello"))
    for _ in range(4):
        await anext(answer.chunks)
    waiting = asyncio.ensure_future(anext(answer.chunks))
    await kept.wait()
    assert store._tenancy is not None
    store._tenancy.leave()
    async with SqliteStore(url) as after:  # as if the first process were gone
        nodes = [node async for node in after.nodes(UserId("ann"), (await after.tree(UserId("ann"), "main")).id)]
        assert [(node.message.text, node.state) for node in nodes] == [
            ("Hello", "whole"),
            ("one two three", "interrupted"),
        ]
        assert await after.verify() == []
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    await asyncio.gather(road.settle(), return_exceptions=True)
    await store.close()


async def test_a_checkpoint_that_fails_does_not_end_the_answer(road: Road, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(call_id: object, replies: object) -> None:
        raise StoreError("locked")

    monkeypatch.setattr(road.store, "checkpoint", broken)
    busy = Road(road.store, Rules(checkpoint_s=0))
    assert (await busy.ask(user("Hello"))).text.startswith("Reply 1")
    assert [state for _, state in await states(busy)] == ["whole", "whole"]


# What a reply is


async def test_a_prefill_and_what_followed_it_are_one_reply(road: Road, talker: Talker) -> None:
    road.upstream.answers = ["two, three."]
    talker.history = [user("Count to three"), assistant("One, ")]
    await talker.ask()
    assert await road.said() == ["Count to three", "One, two, three."]
    talker.history = [user("Count to three"), assistant("One, two, three.")]
    onward = await talker.say("And four?")
    assert onward.parent == (await road.nodes())[1].id


async def test_a_model_that_repeats_the_prefill_is_not_heard_twice(road: Road) -> None:
    road.upstream.answers = ["One, two, three."]
    await road.ask(user("Count to three"), assistant("One, "))
    assert (await road.said())[1] == "One, two, three."


async def test_a_prefill_behind_a_reply_goes_on_after_both(road: Road) -> None:
    history = [user("Hi"), assistant("Hello"), user("Count"), assistant("Sure."), assistant("One, ")]
    road.upstream.answers = ["two."]
    await road.ask(*history)
    assert road.upstream.sent == history
    assert await road.said() == ["Hi", "Hello", "Count", "Sure.", "One, two."]


async def test_every_choice_is_a_sibling(road: Road) -> None:
    red, blue = (
        piece({"role": "assistant", "content": "Red."}),
        piece({"role": "assistant", "content": "Blue."}, index=1),
    )
    road.upstream.answers = [script(red, blue, piece({}, "stop", 1), piece({}, "length"))]
    talker = Talker(road)
    told = await talker.say("Colour?")
    question, *replies = await road.nodes()
    assert [node.message.text for node in replies] == ["Red.", "Blue."]
    assert {node.parent_id for node in replies} == {question.id}
    assert told.node == replies[0].id
    talker.history[-1] = assistant("Blue.")
    assert (await talker.say("Why?")).parent == replies[1].id


async def test_an_answer_whose_second_choice_was_cut_is_interrupted(road: Road) -> None:
    road.upstream.answers = [script(piece({"content": "Red."}, "stop"), piece({"content": "Bl"}, index=1), CUT)]
    with pytest.raises(UpstreamError):
        await road.ask(user("Colour?"))
    assert [state for _, state in await states(road)] == ["whole", "interrupted", "interrupted"]


@pytest.mark.parametrize(
    "message",
    [
        assistant(None, refusal="I cannot help with that."),
        assistant("Yes.", reasoning_content="Hm, let me think."),
        calling("a", "b"),
        assistant(None, audio={"id": "audio_1", "transcript": "Hi"}),
        assistant(""),
    ],
)
@pytest.mark.parametrize("stream", [True, False])
async def test_whatever_was_said_is_kept_as_it_came(road: Road, message: Json, stream: bool) -> None:
    road.upstream.answers = [message]
    await road.ask(user("Hello"), stream=stream)
    assert (await road.nodes())[1].message.wire == message


async def test_a_loop_of_tools_is_one_turn(road: Road, talker: Talker) -> None:
    road.upstream.answers = [calling("a", "b"), calling("c"), "Rain."]
    await talker.say("How is the weather?", stream=False)
    talker.history += [tool("a"), tool("b")]
    await talker.ask(stream=False)
    talker.history.append(tool("c"))
    await talker.ask(stream=False)
    nodes = await road.nodes()
    assert [Message(one) for one in talker.history] == [node.message for node in nodes]
    assert [node.parent_id for node in nodes] == [None, *(node.id for node in nodes[:-1])]
    assert {node.state for node in nodes} == {"whole"}


@pytest.fixture
def full(road: Road, monkeypatch: pytest.MonkeyPatch) -> list[StoreUnavailable]:
    """Refusals of the store, one for each try to store a reply."""
    refusals: list[StoreUnavailable] = []
    closing = road.store.close_turn

    async def close_turn(turn: CloseTurn) -> None:
        if refusals:
            raise refusals.pop()
        await closing(turn)

    monkeypatch.setattr(road.store, "close_turn", close_turn)
    monkeypatch.setattr(record, "FIRST_PAUSE_S", 0.0)
    return refusals


async def test_a_reply_that_could_not_be_stored_is_stored_when_the_store_is_back(
    road: Road, full: list[StoreUnavailable]
) -> None:
    full += [StoreUnavailable("full")]
    road.upstream.answers = ["Here."]
    with pytest.raises(StoreUnavailable):
        await road.ask({"role": "user", "content": "Hello"})
    await road.chat.tasks.finish()
    assert await road.said() == ["Hello", "Here."]


async def test_a_server_that_stops_waits_for_no_disk(road: Road, full: list[StoreUnavailable]) -> None:
    full += [StoreUnavailable("full") for _ in range(1_000)]
    with pytest.raises(StoreUnavailable):
        await road.ask({"role": "user", "content": "Hello"})
    await road.chat.tasks.finish()
    assert full
    assert [node.state for node in await road.nodes()] == ["unanswered"]
