"""Requests that are answered and not remembered: forwarded as they are, known again by hash alone."""

from __future__ import annotations

import pytest

from proxy.domain.tree import UserId
from proxy.errors import UpstreamError
from tests.chat.road import LONG, Road, Talker, assistant, piece, pieces, script, system, texts, user, whole

pytestmark = pytest.mark.anyio

HISTORY = [system("Be brief."), user("Hi"), assistant("Hello"), user("Title this chat")]


@pytest.mark.parametrize("stream", [True, False])
async def test_an_aside_is_forwarded_as_it_is_and_leaves_no_node(road: Road, stream: bool) -> None:
    await road.store.put_zone(UserId("ann"), None, "user", "Likes rye.")
    told = await road.ask(*HISTORY, policy="off", stream=stream)
    assert told.receipt is None
    assert road.upstream.sent == HISTORY
    assert await road.nodes() == []
    assert road.router.questions == []


async def test_nothing_of_an_aside_can_be_read_in_the_database(road: Road) -> None:
    await road.ask(user("My secret is 4711"), policy="off")

    def dump(db) -> str:
        return "\n".join(db.iterdump())

    stored = await road.store._read(dump)
    assert "4711" not in stored
    assert "Reply 1" not in stored


@pytest.mark.parametrize("stream", [True, False])
async def test_an_aside_that_breaks_off_is_an_error_and_never_complete(road: Road, stream: bool) -> None:
    half = pieces("one two")[:2] if stream else [whole(assistant("one"), reason=None)]
    road.upstream.answers = [script(*half)]
    with pytest.raises(UpstreamError):
        await road.ask(user("Hi"), policy="off", stream=stream)
    road.upstream.answers = [script(*pieces("one two")[:2], UpstreamError("cut", model="m"))]
    with pytest.raises(UpstreamError):
        await road.ask(user("Hi"), policy="off")


async def test_an_aside_can_be_left(road: Road) -> None:
    answer = await road.open(user("Hi"), policy="off")
    await anext(answer.chunks)
    await answer.chunks.aclose()
    assert road.upstream.left == 1


async def test_every_choice_of_an_aside_is_known_again(road: Road) -> None:
    red, blue = piece({"content": "Red."}, "stop"), piece({"content": "Blue."}, "stop", index=1)
    road.upstream.answers = [script(red, blue)]
    await road.ask(user("Colour?"), policy="off")
    for reply in ("Red.", "Blue."):
        cursor = await road.cursor(user("Colour?"), assistant(reply), user("Why?"))
        assert cursor.new_from == 2


async def test_a_prefilled_aside_is_known_again_as_the_client_has_it(road: Road) -> None:
    road.upstream.answers = ["two."]
    await road.ask(user("Count"), assistant("One, "), policy="off")
    await road.ask(user("Count"), assistant("One, two."), user("And then?"))
    assert (await road.said())[0] == "And then?"


async def test_a_chat_goes_on_beside_its_asides(road: Road, talker: Talker) -> None:
    road.upstream.answers = [LONG, "A title", f"Second: {LONG}"]
    await talker.say("One")
    await road.ask(*talker.history, user("Title this chat"), policy="off")
    told = await talker.say("Two")
    assert told.parent == talker.told[0].node
    assert await road.said() == texts(talker.history)
