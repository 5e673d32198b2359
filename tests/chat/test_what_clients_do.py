"""What clients do to their history, habit by habit: each turn lands where a person would say it belongs.

Under `auto` the router of these tests stays at the cursor unless a test sends it elsewhere, so that where a turn lands is the
cursor's doing. `Listening` checks after each request that nothing the client said was lost and nothing was stored twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from proxy.chat.place import Policies
from proxy.chat.terms import Rules
from proxy.domain.placement import Policy
from proxy.domain.tree import NodeId, UserId
from proxy.domain.turn import Caller
from tests.chat.listening import POLICIES, Listening
from tests.chat.road import LONG, Json, Road, Told, assistant, calling, pieces, script, system, texts, tool, user

pytestmark = pytest.mark.anyio
both = pytest.mark.parametrize("policy", POLICIES)


class Chatter:
    """A client with one linear chat and one habit."""

    def __init__(
        self, road: Road, policy: Policy, habit: Callable[[list[Json]], list[Json]] = list, **turn: Any
    ) -> None:
        self.listening = Listening(road, policy, **turn)
        self.habit = habit
        self.history: list[Json] = []
        self.told: list[Told] = []

    async def say(self, text: object, **turn: Any) -> Told:
        self.history.append(user(text))
        return await self.ask(**turn)

    async def ask(self, **turn: Any) -> Told:
        told = await self.listening.ask(*self.habit(self.history), **turn)
        self.history.append(told.message)
        self.told.append(told)
        return told

    async def goes_on_from_reply_to_reply(self, turns: int = 5) -> None:
        """Every turn lands under the reply before it."""
        last = self.told[-1].node if self.told else None
        for number in range(turns):
            told = await self.say(f"Question {len(self.told)} of {number}?")
            assert told.parent == last
            last = told.node


def but_last(change: Callable[[Json], Json]) -> Callable[[list[Json]], list[Json]]:
    """A habit that concerns everything but the newest message."""
    return lambda history: [*(change(one) for one in history[:-1]), history[-1]]


def trimmed(one: Json) -> Json:
    return {**one, "content": one["content"].strip()} if one["role"] == "assistant" else one


def in_parts(one: Json) -> Json:
    return {**one, "content": [{"type": "text", "text": one["content"]}]}


def without_reasoning(one: Json) -> Json:
    return {name: value for name, value in one.items() if name not in ("reasoning_content", "reasoning", "refusal")}


# The same history, word for word or nearly


@both
async def test_a_chat_sent_again_word_for_word_goes_on(road: Road, policy: Policy) -> None:
    chat = Chatter(road, policy)
    await chat.goes_on_from_reply_to_reply()
    assert await road.said() == texts(chat.history)


@both
async def test_trimmed_replies_are_the_same_replies(road: Road, policy: Policy) -> None:
    road.upstream.answers = [f"\n  Reply {i}: {LONG}\n\n" for i in range(5)]
    chat = Chatter(road, policy, but_last(trimmed))
    await chat.goes_on_from_reply_to_reply()
    assert await road.said() == texts(chat.history)


@both
async def test_short_trimmed_replies_are_the_same_replies(road: Road, policy: Policy) -> None:
    road.upstream.answers = ["Ok.\n"] * 5
    chat = Chatter(road, policy, but_last(trimmed))
    await chat.goes_on_from_reply_to_reply()
    assert len(await road.nodes()) == 10


@both
async def test_parts_in_place_of_strings_are_the_same_words(road: Road, policy: Policy) -> None:
    chat = Chatter(road, policy, lambda history: [in_parts(one) for one in history])
    await chat.goes_on_from_reply_to_reply()
    assert len(await road.nodes()) == 10


@both
@pytest.mark.parametrize("kept", [True, False])
async def test_reasoning_may_come_back_or_stay_away(road: Road, policy: Policy, kept: bool) -> None:
    thought = {"reasoning_content": "Let me think.", "reasoning": "Let me think."}
    road.upstream.answers = [assistant(f"<think>Hm.</think>Reply {i}", **thought) for i in range(5)]
    habit = list if kept else but_last(without_reasoning)
    chat = Chatter(road, policy, habit, stream=False)
    await chat.goes_on_from_reply_to_reply()
    assert len(await road.nodes()) == 10


@both
async def test_thinking_cut_out_of_the_text_leaves_the_same_reply(road: Road, policy: Policy) -> None:
    road.upstream.answers = [f"<think>\nHm, {i}.\n</think>\n\nShort {i}." for i in range(5)]
    chat = Chatter(
        road,
        policy,
        but_last(lambda one: {**one, "content": one["content"].split("</think>")[-1].strip()}),
    )
    await chat.goes_on_from_reply_to_reply()
    assert len(await road.nodes()) == 10


@both
async def test_instructions_that_change_with_every_turn_do_not_hide_the_chat(road: Road, policy: Policy) -> None:
    count = iter(range(100))
    chat = Chatter(road, policy, lambda history: [system(f"It is now {next(count)} o'clock."), *history])
    await chat.goes_on_from_reply_to_reply()
    assert len(await road.nodes()) == 10
    assert road.upstream.texts[0] == "It is now 4 o'clock."


# Words that come and go


@both
async def test_rules_added_to_the_last_turn_and_then_left_out(road: Road, policy: Policy) -> None:
    """As aider does, which trims the assistant's text too."""
    road.upstream.answers = [f"{i}: {LONG}\n" for i in range(6)]
    rules = "\n\nAlways answer in the language of the user, and write whole files."

    def habit(history: list[Json]) -> list[Json]:
        *before, last = history
        return [system("You edit code."), *map(trimmed, before), user(last["content"] + rules)]

    chat = Chatter(road, policy, habit)
    await chat.goes_on_from_reply_to_reply()
    assert len(await road.nodes()) == 10


@both
@pytest.mark.parametrize("reply", ["Ok.", LONG])
async def test_example_turns_and_changing_files_in_front_reach_the_model_every_time(
    road: Road, policy: Policy, reply: str
) -> None:
    road.upstream.answers = [f"{i}: {reply}" for i in range(6)]
    count = iter(range(100))
    files: list[str] = []

    def habit(history: list[Json]) -> list[Json]:
        files.append(f"main.py is now: x = {next(count)}")
        examples = [user("Change x to 1, please"), assistant("Ok, here it is: x = 1")]
        return [system("You edit code."), *examples, user(files[-1]), assistant("Ok."), *history]

    chat = Chatter(road, policy, habit)
    for number in range(6):
        told = await chat.say(f"Question {number}?")
        assert told.parent == (chat.told[-2].node if number else (await road.nodes())[3].id)
        assert files[-1] in road.upstream.texts
        assert [text for text in files[1:-1] if text in road.upstream.texts] == []
    assert len(await road.nodes()) == 12 + 4


@both
async def test_one_short_reply_to_a_reworded_turn_is_no_evidence_and_two_are(road: Road, policy: Policy) -> None:
    """Every second chat begins with "Hello! How can I help?". What cannot be told apart is taken in as the client has it."""
    road.upstream.answers = [f"Ok, {i}." for i in range(6)]
    chat = Chatter(road, policy, lambda history: [*history[:-1], user(f"{history[-1]['content']} Mind the rules.")])
    await chat.say("Set x to 1")
    told = await chat.say("Set y to 2")
    nodes = await road.nodes()
    assert [node.message.text for node in nodes[2:4]] == ["Set x to 1", "Ok, 0."]
    assert told.parent == nodes[3].id
    await chat.goes_on_from_reply_to_reply(3)
    assert len(await road.nodes()) == len(nodes) + 6


@both
async def test_aiders_whole_habit_at_once(road: Road, policy: Policy) -> None:
    """Examples first, changing files behind the history, rules on the last turn alone, and replies trimmed."""
    road.upstream.answers = [f"Done {i}. {LONG}\n" for i in range(6)]
    count = iter(range(100))

    def habit(history: list[Json]) -> list[Json]:
        *before, last = history
        examples = [user("An example, please"), assistant("Ok.")]
        file = [user(f"main.py is now: x = {next(count)}"), assistant("Ok.")]
        return [
            system("You edit."),
            *examples,
            *map(trimmed, before),
            *file,
            user(f"{last['content']}\nMind the rules."),
        ]

    chat = Chatter(road, policy, habit)
    last = await chat.say("Set x to 1")
    for number in range(1, 5):
        told = await chat.say(f"Set x to {number + 1}")
        path = await road.store.path(UserId("ann"), NodeId(str(told.parent)))
        assert [node.message.text for node in path[-2:]] == [f"main.py is now: x = {number}", "Ok."]
        assert path[-3].id == last.node
        assert f"main.py is now: x = {number}" in road.upstream.texts
        last = told
    assert len([text for text in await road.said() if text.startswith("Set x to")]) == 5


# Histories that lost something


@both
@pytest.mark.parametrize("kept", [1, 2, 3, 4])
async def test_the_oldest_messages_may_be_cut_away(road: Road, policy: Policy, kept: int) -> None:
    """So many messages and the new one are left."""
    chat = Chatter(road, policy, lambda history: history[-kept - 1 :])
    await chat.goes_on_from_reply_to_reply(6)
    assert await road.said() == texts(chat.history)
    if policy == "auto":
        assert road.upstream.texts == texts(chat.history[:-1])


@both
async def test_a_cut_chat_of_short_words_is_found_by_two_of_them_that_were_said_once(
    road: Road, policy: Policy
) -> None:
    road.upstream.answers = [f"Yes, {i}." for i in range(6)]
    chat = Chatter(road, policy, lambda history: history[-3:])
    await chat.goes_on_from_reply_to_reply(6)
    assert len(await road.nodes()) == 12


@both
async def test_the_clients_own_summary_stands_for_what_it_replaced(road: Road, policy: Policy) -> None:
    chat = Chatter(road, policy)
    await chat.goes_on_from_reply_to_reply(4)
    summary = user("Summary of our talk: four questions were asked and answered.")
    chat.habit = lambda history: [summary, *history[6:]]
    await chat.goes_on_from_reply_to_reply(3)
    assert len(await road.nodes()) == 14
    assert road.upstream.texts == [summary["content"], *texts(chat.history[6:-1])]


@both
async def test_a_summary_in_place_of_everything_begins_anew_and_goes_on(road: Road, policy: Policy) -> None:
    """Nothing of the old chat is left in it, so it is a chat of its own; it is not lost, and goes on."""
    chat = Chatter(road, policy)
    await chat.goes_on_from_reply_to_reply(3)
    chat.history = [user("Summary: three questions."), assistant("I have read the summary.")]
    told = await chat.say("Question four?")
    nodes = await road.nodes()
    assert [node.message.text for node in nodes[6:]] == texts(chat.history)
    assert told.parent == nodes[7].id
    assert "Summary: three questions." in road.upstream.texts
    await chat.goes_on_from_reply_to_reply(2)


@both
async def test_pruned_outputs_of_tools_do_not_hide_the_loop(road: Road, policy: Policy) -> None:
    chat = Chatter(road, policy, stream=False)
    for number in range(4):
        road.upstream.answers = [calling(f"call_{number}"), f"Round {number} is done. {LONG}"]
        await chat.say(f"Do {number}")
        chat.history.append(tool(f"call_{number}", f"Output {number}: {LONG}"))
        last = (await chat.ask()).node
    stored = len(await road.nodes())
    chat.history = [
        {**one, "content": "[pruned]"} if one["role"] == "tool" and one["tool_call_id"] < "call_3" else one
        for one in chat.history
    ]
    told = await chat.say("And now?")
    assert told.parent == last
    assert len(await road.nodes()) == stored + 2
    assert road.upstream.texts.count("[pruned]") == 3
    await chat.goes_on_from_reply_to_reply(2)
    assert road.upstream.texts.count("[pruned]") == 3


# Edits, other replies, retries


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


# Several chats, people and devices


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


# Turns that were placed elsewhere than the client's linear chat says


async def test_the_cursor_follows_what_the_client_saw(road: Road) -> None:
    """Bread, boats, back to bread, and then on: each turn of a linear chat that hops."""
    chat = Chatter(road, "auto")
    bread = await chat.say("Bread?")
    road.router.to = [None]
    boats = await chat.say("Boats?")
    road.router.to = [NodeId(bread.node)]
    again = await chat.say("Bread again?")
    assert (boats.parent, again.parent) == (None, bread.node)
    onward = await chat.say("And how long?")
    assert onward.parent == again.node
    assert road.upstream.texts == [*texts(chat.history[:2]), *texts(chat.history[4:-1])]
    cut = await road.ask(*chat.history[5:], user("And how hot?"))
    assert cut.parent == onward.node
    assert len(await road.nodes()) == 10


async def test_an_edit_of_a_turn_that_was_placed_elsewhere_stands_where_that_one_stands(road: Road) -> None:
    chat = Chatter(road, "auto")
    bread = await chat.say("Bread?")
    road.router.to = [None]
    await chat.say("Boats?")
    road.router.to = [NodeId(bread.node)]
    await chat.say("Bread again?")
    del chat.history[-2:]
    edited = await chat.say("Bread again, with rye?")
    assert edited.parent == bread.node
    del chat.history[-2:]
    chat.history.append(user("Bread again?"))
    regenerated = await chat.ask()
    assert regenerated.parent == bread.node
    del chat.history[2:]
    boats = await chat.say("Boats, but red ones?")
    assert boats.parent is None


@pytest.mark.parametrize("habit", ["trims", "cuts", "reword", "examples"])
async def test_a_hopping_chat_with_a_habit_is_followed(road: Road, habit: str) -> None:
    habits: dict[str, Callable[[list[Json]], list[Json]]] = {
        "trims": but_last(trimmed),
        "cuts": lambda history: history[-4:],
        "reword": lambda history: [user(f"{history[0]['content']} (edited)"), *history[1:]] if history[1:] else history,
        "examples": lambda history: [user("Example"), assistant("Ok."), *history] if history[1:] else history,
    }
    road.upstream.answers = [f"Reply {i}. {LONG}\n" for i in range(12)]
    chat = Chatter(road, "auto", habits[habit])
    tips: list[Told] = []
    for topic in range(3):
        road.router.to = [None]
        told = await chat.say(f"Topic {topic}?")
        assert told.parent is None
        tips.append(told)
    for topic in (0, 2, 1):
        road.router.to = [NodeId(tips[topic].node)]
        told = await chat.say(f"Back to topic {topic}")
        assert told.parent == tips[topic].node
        onward = await chat.say(f"On with topic {topic}")
        assert onward.parent == told.node
        tips[topic] = onward
    assert len(await road.nodes()) == 18


# What is deleted stays away


@both
@pytest.mark.parametrize("at", [0, 1, 2])
async def test_a_deleted_turn_never_comes_back_with_the_history(road: Road, policy: Policy, at: int) -> None:
    chat = Chatter(road, policy)
    await chat.goes_on_from_reply_to_reply(3)
    nodes = await road.nodes()
    await road.store.delete(UserId("ann"), nodes[2 * at].id)
    told = await road.ask(*chat.history, user("And now?"), policy=policy)
    assert told.parent == (nodes[2 * at - 1].id if at else None)
    assert await road.said() == [*texts(chat.history[: 2 * at]), "And now?", told.text]
    onward = await road.ask(*chat.history, user("And now?"), told.message, user("And then?"), policy=policy)
    assert onward.parent == told.node
    assert len(await road.nodes()) == 2 * at + 4


async def test_a_fresh_chat_may_be_told_to_begin_at_the_root_always(road: Road) -> None:
    rooted = Road(road.store, Rules(policies=Policies(fresh="root")))
    old, fresh = Chatter(rooted, "auto"), Chatter(rooted, "auto")
    await old.goes_on_from_reply_to_reply(2)
    assert (await fresh.say("Back to it")).parent is None
    await fresh.goes_on_from_reply_to_reply(1)
