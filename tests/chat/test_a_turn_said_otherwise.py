"""Edits, other replies and retries: what stands beside what was there before."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from proxy.domain.placement import Policy
from proxy.domain.tree import NodeId, UserId
from tests.chat.chatter import Chatter, both
from tests.chat.road import Road, assistant, pieces, script, texts, user

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(("policy", "turn"), [("auto", 1), ("auto", 2), ("follow", 0), ("follow", 1), ("follow", 2)])
async def test_an_edited_turn_stands_beside_the_one_it_replaces(road: Road, policy: Policy, turn: int) -> None:
    chat = Chatter(road, policy)
    await chat.goes_on_from_reply_to_reply(3)
    nodes = await road.nodes()
    del chat.history[2 * turn :]
    told = await chat.say("In other words?")
    assert told.parent == (nodes[2 * turn - 1].id if turn else None)
    assert len(await road.nodes()) == 8
    await chat.goes_on_from_reply_to_reply(2)


async def test_an_edit_of_a_first_turn_comes_without_history_and_is_a_fresh_turn_to_the_router(road: Road) -> None:
    """Nothing in it says which chat it belongs to; under `auto` the router judges it by what it says."""
    chat = Chatter(road, "auto")
    await chat.goes_on_from_reply_to_reply(2)
    chat.history.clear()
    road.router.to = [None]
    told = await chat.say("In other words?")
    assert road.router.questions[-1].fresh == "auto"
    assert told.parent is None
    chat.told = [told]
    await chat.goes_on_from_reply_to_reply(2)


@both
async def test_an_edit_under_examples_and_a_cut_head_stands_beside_the_turn_it_replaces(
    road: Road, policy: Policy
) -> None:
    chat = Chatter(road, policy)
    await chat.goes_on_from_reply_to_reply(4)
    third = chat.told[2].node
    chat.habit = lambda history: [user("An example"), assistant("Ok."), *history[2:]]
    del chat.history[6:]
    told = await chat.say("Question 3, in other words?")
    assert told.parent == third
    assert len(await road.nodes()) == 10


@both
async def test_another_reply_stands_beside_the_first_and_the_chat_goes_on_from_either(
    road: Road, policy: Policy
) -> None:
    chat = Chatter(road, policy)
    await chat.goes_on_from_reply_to_reply(2)
    first = chat.history.pop()
    second = await chat.ask()
    assert second.parent == chat.told[0].node
    nodes = {node.id: node for node in await road.nodes()}
    assert nodes[NodeId(second.node)].parent_id == nodes[NodeId(chat.told[1].node)].parent_id
    onward = await chat.say("And from the second?")
    assert onward.parent == second.node
    chat.history[3:] = [first]
    back = await chat.say("And from the first?")
    assert back.parent == chat.told[1].node


@both
async def test_two_replies_alike_are_told_apart_by_nothing_and_the_newer_goes_on(road: Road, policy: Policy) -> None:
    road.upstream.answers = ["The same.", "The same."]
    chat = Chatter(road, policy)
    await chat.say("Hello")
    chat.history.pop()
    second = await chat.ask()
    told = await chat.say("And?")
    assert told.parent == second.node


@both
@pytest.mark.parametrize("how", [{"retried": True}, {"idempotency_key": "once"}])
async def test_a_retry_is_answered_once(road: Road, policy: Policy, how: dict[str, Any]) -> None:
    chat = Chatter(road, policy)
    await chat.goes_on_from_reply_to_reply(2)
    chat.history.append(user("Third?"))
    told = [await chat.listening.ask(*chat.history, **how) for _ in range(3)]
    assert len({one.node for one in told}) == 1
    assert len(road.upstream.asked) == 3


@both
async def test_a_retry_while_the_first_runs_is_the_same_turn(road: Road, policy: Policy) -> None:
    chat = Chatter(road, policy)
    await chat.goes_on_from_reply_to_reply(2)
    gate = asyncio.Event()
    road.upstream.answers = [script(gate, *pieces("Third."))]
    chat.history.append(user("Third?"))
    asking = [asyncio.ensure_future(road.ask(*chat.history, policy=policy)) for _ in range(3)]
    await road.upstream.began(3)
    gate.set()
    told = await asyncio.gather(*asking)
    assert {one.node for one in told} == {told[0].node}
    assert len(await road.nodes()) == 6
    chat.history.append(told[0].message)
    chat.told.append(told[0])
    await chat.goes_on_from_reply_to_reply(1)


@both
async def test_white_space_in_code_is_an_edit_and_stands_beside(road: Road, policy: Policy) -> None:
    chat = Chatter(road, policy)
    await chat.say("Hello")
    await chat.say("if a:\n    b()\n    c()")
    del chat.history[-2:]
    told = await chat.say("if a:\n    b()\nc()")
    assert told.parent == chat.told[0].node
    assert road.upstream.texts[-1] == "if a:\n    b()\nc()"
    assert len(await road.nodes()) == 6
    await chat.goes_on_from_reply_to_reply(2)
    assert [node.message.text for node in await road.store.path(UserId("ann"), NodeId(chat.told[-1].node))] == texts(
        chat.history
    )
