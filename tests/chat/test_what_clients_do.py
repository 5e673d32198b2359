"""What clients do to their history, habit by habit: each turn lands where a person would say it belongs.

Under `auto` the router of these tests stays at the cursor unless a test sends it elsewhere, so that where a turn lands is the
cursor's doing. `Listening` checks after each request that nothing the client said was lost and nothing was stored twice.
"""

from __future__ import annotations

import pytest

from proxy.domain.placement import Policy
from proxy.domain.tree import NodeId, UserId
from tests.chat.chatter import Chatter, both, but_last, in_parts, trimmed, without_reasoning
from tests.chat.road import LONG, Json, Road, assistant, calling, system, texts, tool, user

pytestmark = pytest.mark.anyio


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
