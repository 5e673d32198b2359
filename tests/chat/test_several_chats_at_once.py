"""Chats, people and devices that share a key, a tree or their first words: each chat goes on with itself."""

from __future__ import annotations

import asyncio

import pytest

from proxy.chat.place import Policies
from proxy.chat.terms import Rules
from proxy.domain.placement import Policy
from proxy.domain.tree import NodeId, UserId
from proxy.domain.turn import Caller
from tests.chat.chatter import Chatter, both
from tests.chat.road import LONG, Road, assistant, texts, user

pytestmark = pytest.mark.anyio


@both
async def test_two_chats_that_begin_alike_are_told_apart_by_what_follows(road: Road, policy: Policy) -> None:
    road.upstream.answers = ["Hello!", "Hello!"]
    one, other = Chatter(road, policy, hint="one"), Chatter(road, policy, hint="other")
    first = await one.say("Hi")
    road.router.to = [None]
    await other.say("Hi")
    boats = await one.say("Boats?")
    bread = await other.say("Bread?")
    assert boats.parent == first.node
    for chat, last in ((one, boats), (other, bread), (one, None), (other, None)):
        assert last is None or chat.told[-1].node == last.node
        await chat.goes_on_from_reply_to_reply(1)
    for chat in (one, other):
        path = await road.path(chat.told[-1].node)
        assert path == texts(chat.history)


@both
async def test_nameless_chats_that_begin_alike_are_told_apart_by_what_follows(road: Road, policy: Policy) -> None:
    """What they have in common is one stored turn or two; what the model gets is each chat's own."""
    one, other = Chatter(road, policy), Chatter(road, policy)
    for chat in (one, other):
        road.upstream.answers = ["Hello!"]
        await chat.say("Hi")
    await one.say("Boats?")
    await other.say("Bread?")
    for chat in (one, other, one, other):
        await chat.goes_on_from_reply_to_reply(1)
        assert await road.path(chat.told[-1].node) == texts(chat.history)


@both
async def test_people_who_begin_alike_share_nothing(road: Road, policy: Policy) -> None:
    """Two users, and two sub-users of one key."""
    callers = [
        Caller(UserId("ann"), "key-ann", "person"),
        Caller(UserId("bob"), "key-bob", "person"),
        Caller(UserId("app/ann"), "key-app", "app", policy),
        Caller(UserId("app/bob"), "key-app", "app", policy),
    ]
    chats = [Chatter(road, policy, caller=caller) for caller in callers]
    for text in ("Hello", "How are you?", "And now?"):
        for chat in chats:
            road.upstream.answers = [f"{text} {LONG}"]
            told = await chat.say(text)
            assert told.parent == (chat.told[-2].node if len(chat.told) > 1 else None)
    assert len({told.node for chat in chats for told in chat.told}) == 12
    for caller, chat in zip(callers, chats, strict=True):
        assert await road.said(caller.user_id) == texts(chat.history)


@both
async def test_a_history_that_began_elsewhere_is_taken_in_once(road: Road, policy: Policy) -> None:
    chat = Chatter(road, policy)
    chat.history = [user("Elsewhere?"), assistant("Yes."), user("Really?"), assistant(LONG)]
    told = await chat.say("And here?")
    nodes = await road.nodes()
    assert [node.message.text for node in nodes] == texts(chat.history)
    assert told.parent == nodes[3].id
    await chat.goes_on_from_reply_to_reply(2)


@both
async def test_a_chat_that_went_on_elsewhere_for_a_while_is_taken_in_where_it_left(road: Road, policy: Policy) -> None:
    chat = Chatter(road, policy)
    await chat.goes_on_from_reply_to_reply(2)
    chat.history += [user("Asked elsewhere"), assistant("Answered elsewhere")]
    told = await chat.say("Back here")
    nodes = await road.nodes()
    assert [node.message.text for node in nodes] == texts(chat.history)
    assert [node.parent_id for node in nodes] == [None, *(node.id for node in nodes[:-1])]
    assert told.parent == nodes[5].id


async def test_a_fresh_chat_on_an_old_topic_joins_it_and_its_client_is_followed(road: Road) -> None:
    bread = Chatter(road, "auto")
    await bread.goes_on_from_reply_to_reply(2)
    fresh = Chatter(road, "auto")
    road.router.to = [NodeId(bread.told[-1].node)]
    joined = await fresh.say("Back to the bread")
    assert joined.parent == bread.told[-1].node
    assert road.upstream.texts == [*texts(bread.history), "Back to the bread"]
    onward = await fresh.say("And the crust?")
    assert onward.parent == joined.node
    assert road.upstream.texts == [*texts(bread.history), *texts(fresh.history[:-1])]
    back = await bread.say("In the old chat again")
    assert back.parent == bread.told[1].node


async def test_a_fresh_chat_on_something_new_begins_at_the_root(road: Road) -> None:
    bread = Chatter(road, "auto")
    await bread.goes_on_from_reply_to_reply(2)
    fresh = Chatter(road, "auto")
    road.router.to = [None]
    told = await fresh.say("Trains to Venice?")
    assert (told.parent, told.route) == (None, "root")
    assert road.upstream.texts == ["Trains to Venice?"]
    await fresh.goes_on_from_reply_to_reply(2)
    assert await road.path(fresh.told[-1].node) == texts(fresh.history)


async def test_a_fresh_chat_under_follow_begins_at_the_root(road: Road) -> None:
    bread, fresh = Chatter(road, "follow"), Chatter(road, "follow")
    await bread.goes_on_from_reply_to_reply(2)
    told = await fresh.say("Back to the bread")
    assert told.parent is None
    await fresh.goes_on_from_reply_to_reply(1)


@both
async def test_several_chats_at_once_under_one_key_stay_apart(road: Road, policy: Policy) -> None:
    chats = [Chatter(road, policy) for _ in range(4)]
    for number, chat in enumerate(chats):
        road.router.to = [None]
        assert (await chat.say(f"Topic {number}?")).parent is None
    for _ in range(3):
        for chat in chats:
            await chat.goes_on_from_reply_to_reply(1)
    for chat in chats:
        assert await road.path(chat.told[-1].node) == texts(chat.history)


@both
async def test_devices_with_one_key_go_on_with_each_others_chats(road: Road, policy: Policy) -> None:
    """A chat that is synchronised between devices: one goes on with it, the other stands where it was, then both know all."""
    phone = Chatter(road, policy)
    await phone.goes_on_from_reply_to_reply(2)
    laptop = Chatter(road, policy)
    laptop.history, laptop.told = list(phone.history), list(phone.told)
    await laptop.goes_on_from_reply_to_reply(1)
    behind = await phone.say("Said on the phone meanwhile")
    assert behind.parent == phone.told[1].node
    await laptop.goes_on_from_reply_to_reply(1)
    await phone.goes_on_from_reply_to_reply(1)
    for chat in (phone, laptop):
        assert await road.path(chat.told[-1].node) == texts(chat.history)


@both
async def test_turns_sent_at_once_from_one_cursor_become_siblings(road: Road, policy: Policy) -> None:
    chat = Chatter(road, policy)
    await chat.goes_on_from_reply_to_reply(2)
    last = chat.told[-1].node
    words = [f"At once {i}" for i in range(5)]
    told = await asyncio.gather(*(road.ask(*chat.history, user(word), policy=policy) for word in words))
    nodes = {node.id: node for node in await road.nodes()}
    for word, one in zip(words, told, strict=True):
        turn = nodes[NodeId(one.node)].parent_id
        assert turn is not None
        assert nodes[turn].message.text == word
        assert nodes[turn].parent_id == last or policy == "auto"
    assert len(nodes) == 4 + 10
    for word, one in zip(words, told, strict=True):
        onward = await road.ask(*chat.history, user(word), one.message, user("And then?"), policy=policy)
        assert onward.parent == one.node


async def test_a_fresh_chat_may_be_told_to_begin_at_the_root_always(road: Road) -> None:
    rooted = Road(road.store, Rules(policies=Policies(fresh="root")))
    old, fresh = Chatter(rooted, "auto"), Chatter(rooted, "auto")
    await old.goes_on_from_reply_to_reply(2)
    assert (await fresh.say("Back to it")).parent is None
    await fresh.goes_on_from_reply_to_reply(1)
