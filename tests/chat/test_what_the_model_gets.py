"""From a place in the tree to what is sent: history adopted, messages kept or cut, a context that was too long, the receipt."""

from __future__ import annotations

from itertools import pairwise

import pytest

from proxy.chat.terms import Rules
from proxy.context.marking import marked
from proxy.domain.tree import UserId
from proxy.errors import ContextLengthExceeded, ContextTooSmall, ModelNotFound, UpstreamError
from tests.chat.road import ANN, LONG, Json, Road, Talker, assistant, calling, system, texts, tool, user

pytestmark = pytest.mark.anyio

RYE = marked("user", "zone", "Likes rye.")
TOO_LONG = ContextLengthExceeded("maximum context length", model="m", status=400, code="context_length_exceeded")
OLD = [user("Asked elsewhere"), assistant(f"Answered elsewhere: {LONG}"), user("And more"), assistant("More.")]


async def calls(road: Road, column: str) -> list[object]:
    sql = f"SELECT {column} FROM calls ORDER BY rowid"
    return [value for (value,) in await road.store._read(lambda db: db.execute(sql).fetchall())]


# History


async def test_history_begun_elsewhere_is_adopted_whole_and_at_once(road: Road) -> None:
    talker = Talker(road)
    talker.history = [*OLD]
    told = await talker.say("What now?")
    nodes = await road.nodes()
    assert [node.message.wire for node in nodes] == talker.history
    assert [node.parent_id for node in nodes] == [None, *(node.id for node in nodes[:-1])]
    assert told.parent == nodes[3].id
    assert road.upstream.sent == talker.history[:-1]
    assert road.router.questions[0].cursor == nodes[3].id
    assert road.router.questions[0].fresh is None


async def test_history_is_adopted_although_its_turn_goes_elsewhere(road: Road, talker: Talker) -> None:
    bread = await talker.say("How do I bake bread?")
    road.router.to = [bread.node]
    told = await road.ask(*OLD, user("Back to bread"))
    assert told.parent == bread.node
    assert (await road.said())[2:6] == texts(OLD)
    assert road.upstream.texts == [*texts(talker.history), "Back to bread"]


async def test_a_known_history_with_more_behind_it_is_extended(road: Road, talker: Talker) -> None:
    await talker.say("One")
    talker.history += OLD
    told = await talker.say("Two")
    assert await road.said() == texts(talker.history)
    assert told.parent == (await road.nodes())[5].id
    await talker.say("Three")
    assert len(await road.nodes()) == 10


async def test_history_is_never_adopted_twice(road: Road) -> None:
    for number in range(3):
        await road.ask(*OLD, user(f"Question {number}"))
    assert len(await road.nodes()) == len(OLD) + 2 * 3


async def test_the_system_text_is_kept_with_what_was_said_under_it(road: Road) -> None:
    await road.ask(system("Be brief."), *OLD, system("It is noon."), user("Hi"))
    nodes = await road.nodes()
    assert {node.system for node in nodes if node.message.role == "user"} == {"Be brief.\n\nIt is noon."}
    assert {node.message.role for node in nodes} == {"user", "assistant"}


async def test_an_unanswered_turn_stays_out_of_later_contexts(road: Road, talker: Talker) -> None:
    first = await talker.say("One")
    road.upstream.answers = [UpstreamError("down", model="m", status=503)]
    with pytest.raises(UpstreamError):
        await talker.say("Two, never answered")
    told = await road.ask(user("Three"), parent=first.node)
    await road.ask(user("Four"), parent=told.node)
    assert "Two, never answered" not in road.upstream.texts
    assert road.upstream.texts[:2] == ["One", first.text]


# Nothing the client said is silently withheld


async def test_changing_files_before_the_history_are_sent_and_kept_with_the_call(road: Road, talker: Talker) -> None:
    await talker.say("One")
    for version in "ab":
        files = [user(f"file.py, version {version}"), assistant("Ok.")]
        told = await road.ask(*files, *talker.history, user(f"Question {version}"))
        assert road.upstream.texts == [*texts(files), *texts(talker.history), f"Question {version}"]
        talker.history += [user(f"Question {version}"), told.message]
    assert not [text for text in await road.said() if "version" in text]
    assert "version b" in str((await calls(road, "kept"))[-1])


async def test_instructions_in_the_middle_stand_where_the_client_put_them(road: Road, talker: Talker) -> None:
    await talker.say("One")
    history = [system("First."), *talker.history, system("Middle."), user("Two")]
    await road.ask(*history, system("Last."))
    assert road.upstream.sent == [*history, system("Last.")]


async def test_a_compacted_history_is_recorded_and_never_expanded_again(road: Road, talker: Talker) -> None:
    for text in ("One", "Two", "Three"):
        await talker.say(text)
    third = (await road.nodes())[4].id
    talker.history[:4] = [user("Summary: we counted to two.")]
    for text in ("Four", "Five"):
        told = await talker.say(text)
        assert road.upstream.texts == texts(talker.history[:-1])
        assert told.parent == talker.told[-2].node
    assert (await calls(road, "compacted_from"))[3:] == [third, third]
    assert len(await road.nodes()) == 10


async def test_a_cut_history_is_whole_again_for_the_model(road: Road, talker: Talker) -> None:
    for text in ("One", "Two", "Three"):
        await talker.say(text)
    everything = texts(talker.history)
    del talker.history[:3]
    await talker.say("Four")
    assert road.upstream.texts == [*everything, "Four"]


async def test_asides_are_forwarded_in_their_place_and_never_stored(road: Road, talker: Talker) -> None:
    await talker.say("One")
    await talker.say("Between us", policy="off")
    await talker.say("Two")
    await talker.say("Three")
    assert road.upstream.texts == texts(talker.history[:-1])
    assert "Between us" not in await road.said()


async def test_follow_sends_the_messages_exactly_as_they_came(road: Road) -> None:
    talker = Talker(road, policy="follow")
    await talker.say("One")
    odd: list[Json] = [
        system("Be brief."),
        {**user([{"type": "text", "text": "One"}]), "name": "ann"},
        {**talker.history[1], "content": f" {talker.history[1]['content']} ", "refusal": None},
        system("It is noon."),
        user("Two"),
        assistant("Well, "),
    ]
    await road.ask(*odd, policy="follow")
    assert road.upstream.sent == odd


async def test_follow_sends_even_what_seems_too_long(road: Road) -> None:
    road.upstream.window = 100
    long = [*OLD, user("word " * 400)]
    await road.ask(*long, policy="follow")
    assert road.upstream.sent == long


# Instructions and zones


async def test_the_trees_prompt_and_zones_stand_at_the_head(road: Road, talker: Talker) -> None:
    tree = await road.store.tree(UserId("ann"), "main")
    await road.store.set_system_prompt(UserId("ann"), tree.id, "You bake.")
    await road.store.put_zone(UserId("ann"), None, "user", "Likes rye.")
    for policy in ("auto", "follow"):
        await talker.say(f"Hello, {policy}", policy=policy)
        assert road.upstream.texts[:2] == ["You bake.", RYE]
    road.upstream.one_system = True
    await talker.say("Hello again")
    assert road.upstream.texts[0] == f"You bake.\n\n{RYE}"
    assert road.upstream.texts[1] == "Hello, auto"


async def test_the_trees_prompt_is_silent_when_the_client_brings_any_instruction(road: Road, talker: Talker) -> None:
    tree = await road.store.tree(UserId("ann"), "main")
    await road.store.set_system_prompt(UserId("ann"), tree.id, "You bake.")
    await talker.say("Hello")
    talker.history.append(system("It is noon."))
    for policy in ("auto", "follow"):
        await road.ask(*talker.history, user("And?"), policy=policy)
        assert "You bake." not in road.upstream.texts


async def test_zones_stand_as_the_operator_says(road: Road) -> None:
    merging = Road(road.store, Rules(zones_as="merge"))
    await road.store.put_zone(UserId("ann"), None, "user", "Likes rye.")
    await merging.ask(system("Be brief."), user("Hi"))
    assert merging.upstream.texts == [f"Be brief.\n\n{RYE}", "Hi"]


# What fits


async def test_the_prefix_stays_byte_for_byte_the_same_between_cuts(road: Road, talker: Talker) -> None:
    road.upstream.window = 900
    road.chat._rules = Rules(reply_tokens=100, margin=0)
    sent: list[list[Json]] = []
    starts = []
    for number in range(40):
        await talker.say(f"Question {number} {'word ' * (number % 7)}")
        sent.append(road.upstream.sent)
        starts.append(texts(talker.history).index(sent[-1][0]["content"]))
    assert starts == sorted(starts)
    for before, after in pairwise(sent):
        if before[0] == after[0]:
            assert after[: len(before)] == before
    cuts = sum(a[0] != b[0] for a, b in pairwise(sent))
    assert 2 <= cuts <= 8


async def test_a_turn_that_does_not_fit_alone_is_refused_and_nothing_is_stored(road: Road) -> None:
    road.upstream.window = 200
    for history in ([], OLD, [user("Weather?"), calling("a"), tool("a", "word " * 400)]):
        turn = [] if history and history[-1]["role"] == "tool" else [user("word " * 400)]
        with pytest.raises(ContextTooSmall) as small:
            await road.ask(*history, *turn)
        assert small.value.code == "context_length_exceeded"
    assert await road.nodes() == []
    assert road.upstream.asked == []


async def test_zones_count_before_history_is_adopted(road: Road) -> None:
    road.upstream.window = 200
    await road.store.put_zone(UserId("ann"), None, "user", "Likes rye. " * 100)
    with pytest.raises(ContextTooSmall):
        await road.ask(*OLD, user("Hi"))
    assert await road.nodes() == []


async def test_a_trees_own_limit_is_narrower_than_the_window(road: Road, talker: Talker) -> None:
    for number in range(6):
        await talker.say(f"Question {number}")
    tree = await road.store.tree(UserId("ann"), "main")
    await road.store.set_max_context_tokens(UserId("ann"), tree.id, 120)
    road.chat._rules = Rules(reply_tokens=0, margin=0)
    told = await talker.say("And now?")
    assert told.receipt is not None
    assert told.receipt.left_out > 0
    assert told.receipt.sent_tokens <= 120


async def test_nodes_are_counted_once_and_behind_the_reply(road: Road, talker: Talker) -> None:
    await talker.say("One two three")
    await road.settle()
    assert road.upstream.counted == []
    road.upstream.window = 500
    road.chat._rules = Rules(reply_tokens=0)
    for text in map(str, range(9)):
        road.upstream.may_count = False
        await talker.say(text)
        road.upstream.may_count = True
        await road.settle()
    assert sorted(road.upstream.counted) == sorted(texts(talker.history))
    assert [node.tokens for node in await road.nodes()] == [4 + len(text.split()) for text in texts(talker.history)]


async def test_history_that_came_just_now_is_counted_where_guesses_could_be_wrong(road: Road) -> None:
    """Four bytes a token is what prose takes; these words take far less in this tokenizer, and all of them fit."""
    road.upstream.window = 600
    road.chat._rules = Rules(reply_tokens=0, margin=0)
    old = [user("incomprehensibilities " * 60), assistant("Well.")]
    told = await road.ask(*old, user("Hi"))
    assert told.receipt is not None
    assert (told.receipt.left_out, road.upstream.texts) == (0, [*texts(old), "Hi"])


@pytest.mark.parametrize("stream", [True, False])
async def test_a_context_that_the_provider_finds_too_long_is_cut_and_asked_once_more(
    road: Road, talker: Talker, stream: bool
) -> None:
    for number in range(6):
        await talker.say(f"Question {number}")
    road.upstream.answers = [TOO_LONG, "Short."]
    told = await talker.say("And now?", stream=stream)
    first, second = (list(asked.messages) for asked in road.upstream.asked[-2:])
    assert told.text == "Short."
    assert len(first) == 13
    assert second == first[-len(second) :]
    assert 1 < len(second) < 7
    assert second[0]["role"] == "user"
    assert told.receipt is not None
    assert told.receipt.left_out == len(first) - len(second)
    reply = (await road.nodes())[-1]
    assert reply.call_id is not None
    call = await road.store.call(ANN.user_id, reply.call_id)
    assert (call.receipt["left_out"], call.receipt["sent_tokens"]) == (told.receipt.left_out, told.receipt.sent_tokens)


async def test_a_context_that_is_too_long_twice_is_the_clients_to_mend(road: Road, talker: Talker) -> None:
    for number in range(6):
        await talker.say(f"Question {number}")
    road.upstream.answers = [TOO_LONG, TOO_LONG]
    with pytest.raises(ContextLengthExceeded):
        await talker.say("And now?")
    assert len(road.upstream.asked) == 8
    assert (await road.nodes())[-1].state == "unanswered"


async def test_a_long_turn_is_asked_once_more_without_its_path(road: Road, talker: Talker) -> None:
    await talker.say("One")
    road.upstream.answers = [TOO_LONG, "Well."]
    await talker.say("word " * 200)
    assert road.upstream.texts == ["word " * 200]


async def test_what_cannot_be_cut_is_not_asked_again(road: Road, talker: Talker) -> None:
    road.upstream.answers = [TOO_LONG]
    with pytest.raises(ContextLengthExceeded):
        await talker.say("One")
    await road.ask(user("Two"))
    road.upstream.answers = [TOO_LONG]
    with pytest.raises(ContextLengthExceeded):
        await road.ask(user("Two"), assistant(road.upstream.texts[0]), user("Three"), policy="follow")
    assert len(road.upstream.asked) == 3


# The account


async def test_the_receipt_says_what_was_sent_and_what_was_saved(road: Road, talker: Talker) -> None:
    first = await talker.say("How do I bake bread?", hint="chat-1")
    for number in range(4):
        await talker.say(f"Something else {number}", parent="root")
    road.router.to = [first.node]
    told = await talker.say("Back to bread", hint="chat-1")
    assert told.receipt is not None
    assert told.receipt.sent_tokens < told.receipt.saved_tokens
    assert told.receipt.context_from == ["chat-1"]
    assert (told.receipt.confidence, told.receipt.reason) == (0.8, "as the test says")
    assert told.receipt.overhead_ms > 0
    assert first.receipt is not None
    assert (first.receipt.saved_tokens, first.receipt.left_out) == (0, 0)


async def test_an_unknown_model_is_refused_before_anything_is_stored(
    road: Road, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unknown(model: str) -> int:
        raise ModelNotFound(model)

    monkeypatch.setattr(road.upstream, "window_tokens", unknown)
    for policy in ("auto", "follow", "off"):
        with pytest.raises(ModelNotFound):
            await road.ask(user("Hi"), policy=policy)
    assert await road.nodes() == []


async def test_options_stream_and_usage_reach_the_upstream_untouched(road: Road) -> None:
    options = {"temperature": 0.1, "top_k": 3, "metadata": {"a": "b"}}
    for policy in ("auto", "follow", "off"):
        await road.ask(user(f"Hi, {policy}"), options=options, stream=False, usage_wanted=True, policy=policy)
        asked = road.upstream.asked[-1]
        assert (asked.model, asked.options, asked.stream, asked.usage_wanted) == ("m", options, False, True)


async def test_a_reply_limit_of_the_client_leaves_room_for_it(road: Road, talker: Talker) -> None:
    road.upstream.window = 1000
    road.chat._rules = Rules(reply_tokens=0, margin=0)
    for number in range(30):
        await talker.say(f"Question {number}", options={"max_tokens": 1})
        await road.settle()
    wide = await talker.say("And?", options={"max_tokens": 1})
    narrow = await talker.say("And?", options={"max_completion_tokens": 400})
    assert wide.receipt is not None
    assert narrow.receipt is not None
    assert narrow.receipt.sent_tokens <= 600 < wide.receipt.sent_tokens
