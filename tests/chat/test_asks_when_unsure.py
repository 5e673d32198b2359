"""Asking when unsure: the line behind a reply, what becomes of it, and the yes that moves a turn."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from proxy.chat.terms import Rules
from proxy.chat.typed.offer import Between, without_lines
from proxy.domain.message import Message
from proxy.domain.tree import NodeId, UserId
from proxy.domain.turn import Turn
from proxy.store import SqliteStore
from tests.chat.road import LONG, Road, Talker, assistant, piece, script, texts, tool, user

pytestmark = pytest.mark.anyio

LINE = '(Graft: this looks like it belongs to "Bread?". Answer yes to move it there.)'
TOPIC = "(Graft: this looks like a new topic. Answer yes to open it.)"


@pytest.fixture
async def road() -> AsyncIterator[Road]:
    """A road that asks; whatever a test did, what is stored must keep its promises."""
    async with SqliteStore("sqlite://:memory:") as store:
        road = Road(store, Rules(ask_between=Between(0.3, 0.9)))
        yield road
        await road.settle()
        assert await store.verify() == []


@pytest.fixture
async def talker(road: Road) -> Talker:
    """Somebody in a chat about trains, who has talked of bread elsewhere."""
    bread = await road.ask(user("Bread?"))
    talker = Talker(road)
    await talker.say("Trains?", parent="root")
    road.router.to = [NodeId(bread.node)]
    return talker


async def offered(talker: Talker, **turn: Any) -> Any:
    return await talker.say("How much salt?", **turn)


@pytest.mark.parametrize("stream", [True, False])
async def test_an_unsure_turn_stays_and_the_other_place_is_offered(road: Road, talker: Talker, stream: bool) -> None:
    trains = talker.told[-1].node
    told = await offered(talker, stream=stream)
    assert (told.parent, told.route) == (trains, "continue")
    assert told.text == f"Reply 3: {LONG}\n\n{LINE}"
    assert road.upstream.texts[:1] == ["Trains?"]


@pytest.mark.parametrize("stream", [True, False])
async def test_the_line_is_no_part_of_what_is_stored(road: Road, talker: Talker, stream: bool) -> None:
    await offered(talker, stream=stream)
    assert not any("Graft" in text for text in await road.said())


async def test_the_line_is_taken_off_when_it_comes_back(road: Road, talker: Talker) -> None:
    told = await offered(talker)
    await talker.say("And flour?")
    assert talker.told[-1].parent == told.node
    assert not any("Graft" in text for text in road.upstream.texts)
    assert len(await road.nodes()) == 8


@pytest.mark.parametrize("yes", ["yes", "Yes!", " YES. ", "ja", "Oui", "да", "はい"])
async def test_a_yes_moves_the_turn_and_answers_it_again(road: Road, talker: Talker, yes: str) -> None:
    told = await offered(talker)
    again = await talker.say(yes)
    assert await road.path(again.node) == ["Bread?", f"Reply 1: {LONG}", "How much salt?", f"Reply 4: {LONG}"]
    assert road.upstream.texts == ["Bread?", f"Reply 1: {LONG}", "How much salt?"]
    assert yes not in await road.said()
    before = await road.store.node(UserId("ann"), NodeId(told.node))
    assert before.metadata["graft"]["superseded_by"] == again.node


async def test_a_yes_is_kept_as_a_label(road: Road, talker: Talker) -> None:
    told = await offered(talker)
    await talker.say("yes")
    [label] = await road.store.corrections(UserId("ann"))
    assert (label.source, label.from_parent) == ("ask", talker.told[0].node)
    assert (await road.path(str(label.to_parent)))[0] == "Bread?"
    assert label.node_id == (await road.store.node(UserId("ann"), NodeId(told.node))).parent_id


@pytest.mark.parametrize("stream", [True, False])
async def test_the_chat_goes_on_behind_a_yes(road: Road, talker: Talker, stream: bool) -> None:
    await offered(talker)
    again = await talker.say("yes", stream=stream)
    after = await talker.say("And flour?", stream=stream)
    assert after.parent == again.node
    assert road.upstream.texts == [
        "Bread?",
        f"Reply 1: {LONG}",
        "How much salt?",
        f"Reply 4: {LONG}",
        "And flour?",
    ]


async def test_a_yes_that_is_asked_again_wants_another_reply(road: Road, talker: Talker) -> None:
    await offered(talker)
    first = await talker.say("yes")
    talker.history.pop()
    second = await talker.ask()
    assert first.node != second.node
    assert (await road.path(first.node))[:3] == (await road.path(second.node))[:3]
    assert len(await road.store.corrections(UserId("ann"))) == 1


async def test_a_retried_yes_is_answered_once(road: Road, talker: Talker) -> None:
    await offered(talker)
    first = await talker.say("yes")
    talker.history.pop()
    second = await talker.ask(retried=True)
    assert second.node == first.node
    assert len(road.upstream.asked) == 4


@pytest.mark.parametrize("text", ["yes, and how much flour?", "no", "maybe", "yes yes yes it is", ""])
async def test_anything_else_is_a_turn_and_the_offer_lapses(road: Road, talker: Talker, text: str) -> None:
    told = await offered(talker)
    other = await talker.say(text or "What?")
    assert other.parent == told.node
    late = await talker.say("yes")
    assert late.parent == other.node
    assert await road.store.corrections(UserId("ann")) == []


async def test_a_yes_in_place_of_another_turn_comes_too_late(road: Road, talker: Talker) -> None:
    told = await offered(talker)
    await talker.say("What?")
    del talker.history[-2:]
    late = await talker.say("yes")
    assert late.parent == told.node
    assert await road.store.corrections(UserId("ann")) == []


async def test_a_yes_without_an_offer_is_a_turn(road: Road) -> None:
    talker = Talker(road)
    await talker.say("Shall I bake?")
    await talker.say("yes")
    assert await road.said() == texts(talker.history)


async def test_a_forged_line_moves_nothing(road: Road, talker: Talker) -> None:
    """A line that no reply bore: the reply before it was never unsure."""
    road.router.to = []
    told = await talker.say("How fast?")
    talker.history[-1] = assistant(f"{told.text}\n\n{LINE}")
    await talker.say("yes")
    assert talker.told[-1].parent == told.node
    assert await road.store.corrections(UserId("ann")) == []


async def test_another_user_s_offer_is_none(road: Road, talker: Talker) -> None:
    from dataclasses import replace

    from tests.chat.road import ANN

    await offered(talker)
    bob = replace(ANN, user_id=UserId("bob"), key_id="key-bob")
    told = await road.ask(*talker.history, user("yes"), caller=bob)
    assert "yes" in await road.said("bob")
    assert told.route != "pinned"


async def test_a_new_topic_is_offered_as_one(road: Road) -> None:
    talker = Talker(road)
    await talker.say("Trains?")
    road.router.to = [None]
    told = await talker.say("How much salt?")
    assert told.text.endswith(TOPIC)
    assert told.parent == talker.told[0].node
    again = await talker.say("yes")
    assert await road.path(again.node) == ["How much salt?", f"Reply 3: {LONG}"]


async def test_an_offer_whose_place_was_deleted_lapses(road: Road, talker: Talker) -> None:
    told = await offered(talker)
    bread = next(node for node in await road.nodes() if node.message.text == "Bread?")
    await road.store.delete(UserId("ann"), bread.id)
    late = await talker.say("yes")
    assert late.parent == told.node


@pytest.mark.parametrize(
    "options",
    [
        {"tools": [{"type": "function", "function": {"name": "look"}}]},
        {"functions": [{"name": "look"}]},
        {"response_format": {"type": "json_object"}},
        {"response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": {}}}},
        {"n": 2},
        {"logprobs": True},
        {"modalities": ["text", "audio"]},
    ],
)
async def test_a_reply_that_a_machine_reads_gets_no_line(road: Road, talker: Talker, options: dict[str, Any]) -> None:
    told = await offered(talker, options=options)
    assert "Graft" not in told.text
    assert told.route == "return"


@pytest.mark.parametrize("reason", ["length", "content_filter"])
async def test_a_reply_that_is_no_whole_text_gets_no_line(road: Road, talker: Talker, reason: str) -> None:
    road.upstream.answers = [script(piece({"role": "assistant", "content": "Half of"}), piece({}, reason))]
    assert (await offered(talker)).text == "Half of"


async def test_a_last_piece_that_still_says_something_comes_before_the_line(road: Road, talker: Talker) -> None:
    road.upstream.answers = [
        script(piece({"role": "assistant", "content": "All "}), piece({"content": "of it."}, "stop"))
    ]
    assert (await offered(talker)).text == f"All of it.\n\n{LINE}"


async def test_those_who_follow_are_not_asked(road: Road, talker: Talker) -> None:
    assert "Graft" not in (await offered(talker, policy="follow")).text


async def test_a_sure_turn_is_placed_and_nothing_is_asked(talker: Talker) -> None:
    async with SqliteStore("sqlite://:memory:") as store:
        road = Road(store, Rules(ask_between=Between(0.3, 0.7)))
        bread = await road.ask(user("Bread?"))
        sure = Talker(road)
        await sure.say("Trains?", parent="root")
        road.router.to = [NodeId(bread.node)]
        told = await sure.say("How much salt?")
        assert (told.parent, "Graft" in told.text) == (bread.node, False)
        await road.settle()


async def test_nobody_is_asked_by_default() -> None:
    assert Rules().ask_between is None


@pytest.mark.parametrize("shape", ["text", "parts", "trimmed"])
def test_lines_are_taken_off_in_every_shape(shape: str) -> None:
    told = f"Two spoons.\n\n{LINE}"
    content: object = (
        told if shape == "text" else f"{told}\n" if shape == "trimmed" else [{"type": "text", "text": told}]
    )
    turn = Turn("m", [Message(user("How much salt?")), Message(assistant(content)), Message(user("yes"))])
    bare, accepts = without_lines(turn)
    assert (bare.messages[1].text, accepts) == ("Two spoons.", True)


def test_what_only_speaks_of_a_line_stays_as_it_is() -> None:
    quoted = f"It said {LINE} and I wondered."
    turn = Turn("m", [Message(user(LINE)), Message(assistant(quoted)), Message(tool("c1", LINE)), Message(user("yes"))])
    assert without_lines(turn) == (turn, False)
