"""What would be sent is told before anybody asks, and what was sent can be told again: both word for word."""

from __future__ import annotations

import anyio
import pytest

from proxy.chat.looking import Look
from proxy.chat.tending import Prune, Pruning, Tending
from proxy.domain.picture import Picture
from proxy.domain.ports import Summariser
from proxy.domain.summary import EXTRACTIVE, Passage, Written
from proxy.domain.tree import NodeId, UserId
from proxy.domain.turn import Price
from proxy.errors import ContextLengthExceeded
from tests.chat.road import ANN, LONG, Json, Road, Talker, assistant, calling, system, texts, tool, user

pytestmark = pytest.mark.anyio
WHO = UserId("ann")


async def zoned(road: Road, *nodes: str) -> None:
    tree = await road.store.tree(WHO, "main")
    await road.store.set_system_prompt(WHO, tree.id, "You bake.")
    await road.store.put_zone(WHO, None, "user", "Likes rye.")
    await road.store.put_zone(WHO, tree.id, "discussion", "We bake on Sunday.")
    for node in nodes:
        await road.store.put_zone(WHO, tree.id, "node", f"Here hangs {node}.", node_id=NodeId(node))


async def looked(road: Road, node: str | None, content: str | None = None) -> list[Json]:
    tree = await road.store.tree(WHO, "main")
    found = await road.chat.look(Look(tree, NodeId(node) if node else None, "m", None, content), ANN)
    return [dict(message.wire) for message in found.prepared.context.messages]


async def sent_again(road: Road, node: str) -> list[Json] | None:
    call = await road.store.call_behind(WHO, NodeId(node))
    told = await road.chat.sent(WHO, call)
    return None if told is None else [dict(wire) for wire in told]


@pytest.mark.parametrize("one_system", [False, True])
async def test_what_is_told_before_is_what_is_sent(road: Road, talker: Talker, one_system: bool) -> None:
    road.upstream.one_system = one_system
    assert await looked(road, None) == []
    await talker.say("One")
    told = await talker.say("Two")
    await zoned(road, talker.told[0].node, (await road.nodes())[2].id)
    before = await looked(road, told.node, "Three")
    await talker.say("Three")
    assert road.upstream.sent == before
    assert len(before) > len(talker.history) - 1 or one_system
    assert await looked(road, told.node) == before[:-1]
    assert len(await road.nodes()) == 6


@pytest.mark.parametrize("policy", ["auto", "follow"])
async def test_what_was_sent_is_told_word_for_word(road: Road, policy: str) -> None:
    talker = Talker(road, policy=policy)
    talker.history = [system("Be brief.")]
    for number in range(4):
        told = await talker.say(f"Question {number}")
        assert await sent_again(road, told.node) == road.upstream.sent
        await zoned(road)
    road.upstream.answers = [calling("a")]
    await talker.say("Weather?")
    talker.history.append(tool("a", "rain"))
    told = await talker.ask()
    assert await sent_again(road, told.node) == road.upstream.sent


async def test_zones_loose_messages_and_rewritten_turns_are_told_as_they_were(road: Road, talker: Talker) -> None:
    first = await talker.say("One")
    await zoned(road, first.node)
    files = [user("file.py, version a"), assistant("Ok.")]
    told = await road.ask(system("A"), system("B"), *files, *talker.history, system("Noon."), user("Two\ud83d"))
    sent = road.upstream.sent
    for zone in ("user", "memory"):
        await road.store.put_zone(WHO, None, zone, "Changed since.")
    assert await sent_again(road, told.node) == sent


async def test_a_context_that_was_cut_once_more_is_told_as_it_was_sent_last(road: Road, talker: Talker) -> None:
    for number in range(6):
        await talker.say(f"Question {number}")
    too_long = ContextLengthExceeded("maximum context length", model="m", status=400, code="context_length_exceeded")
    road.upstream.answers = [too_long, "Short."]
    told = await talker.say("And now?")
    assert await sent_again(road, told.node) == road.upstream.sent


async def test_pictures_are_told_while_they_are_there(road: Road, talker: Talker) -> None:
    tree = await road.store.tree(WHO, "main")
    hung = await road.store.add_image(WHO, tree.id, Picture("image/png", b"\x89PNG\r\n\x1a\n" * 99, None))
    told = await talker.say("What is that?")
    sent = road.upstream.sent
    assert "data:image/png;base64," in str(sent)
    assert await sent_again(road, told.node) == sent
    [(body,)] = await road.store._read(lambda db: db.execute("SELECT body FROM sent").fetchall())
    assert len(body) < 200
    await road.store.delete_image(WHO, hung.image.id)
    assert "data:" not in str(await sent_again(road, told.node))


async def test_a_turn_that_is_answered_again_is_told_too(road: Road, talker: Talker) -> None:
    await talker.say("One")
    first = await talker.say("Two")
    del talker.history[-1]
    second = await talker.ask()
    assert second.node != first.node
    for told in (first, second):
        assert await sent_again(road, told.node) == [user("One"), talker.history[1], user("Two")]


async def test_deleted_words_are_not_told_again(road: Road, talker: Talker) -> None:
    first = await talker.say("One")
    second = await talker.say("Two")
    turn = (await road.nodes())[2].id
    await road.store.move(WHO, turn, None, "elsewhere")
    await road.store.delete(WHO, (await road.nodes())[0].id)
    assert "One" not in texts(await sent_again(road, second.node) or [])
    with pytest.raises(Exception, match="does not exist"):
        await sent_again(road, first.node)
    await road.store.delete(WHO, turn)
    assert await road.store._read(lambda db: db.execute("SELECT count(*) FROM sent").fetchone()) == (0,)


async def test_the_parts_add_up_and_the_stages_are_named(road: Road, talker: Talker) -> None:
    first = await talker.say("One")
    await zoned(road, first.node)
    for one_system in (False, True):
        road.upstream.one_system = one_system
        told = await talker.say("Two", options={"tools": [{"type": "function", "function": {"name": "look"}}]})
        assert told.receipt is not None
        parts = {(part["kind"], part.get("scope"), part.get("node_id")): part["tokens"] for part in told.receipt.parts}
        assert ("zone", "user", None) in parts
        assert ("zone", "node", first.node) in parts
        assert parts[("tools", None, None)] > 0
        assert sum(parts.values()) - parts[("tools", None, None)] == told.receipt.sent_tokens
        assert list(told.receipt.stages_ms) == ["find", "place", "context", "store"]


async def test_the_bill_gives_the_linear_history_its_cache_hits(road: Road, talker: Talker) -> None:
    road.upstream.prices["m"] = Price(prompt=1e-6, completion=4e-6, cached=1e-7)
    for number in range(80):
        await talker.say(f"Something {number}", parent="root")
    usage = {"prompt_tokens": 90, "completion_tokens": 10, "prompt_tokens_details": {"cached_tokens": 40}}
    road.upstream.usage = usage
    told = await talker.say("Alone", parent="root", stream=False)
    receipt = (await road.store.call_behind(WHO, NodeId(told.node))).receipt
    bill = receipt["bill"]
    assert receipt["cached_tokens"] == 40
    assert bill["cost"] == pytest.approx(50e-6 + 40e-7 + 40e-6)
    linear, newest = told.receipt.linear_tokens, 4 + 2
    scale = 90 / told.receipt.sent_tokens
    assert bill["linear_cost"] == pytest.approx(scale * (newest * 1e-6 + (linear - newest) * 1e-7) + 40e-6, rel=1e-3)
    assert bill["saved"] == pytest.approx(bill["linear_cost"] - bill["cost"])
    assert bill["scorer_cost"] == 0


async def test_without_prices_there_is_no_bill(road: Road, talker: Talker) -> None:
    told = await talker.say("One")
    receipt = (await road.store.call_behind(WHO, NodeId(told.node))).receipt
    assert "bill" not in receipt
    assert receipt["cached_tokens"] is None


# Summaries


class Notes:
    """Implements `ports.Summariser`: says what it was shown."""

    def __init__(self) -> None:
        self.passages: list[Passage] = []

    async def __call__(self, passage: Passage, model: str, most_tokens: int) -> Written:
        self.passages.append(passage)
        told = ", ".join(message.text[:11] for message in passage.messages if message.role == "user")
        return Written(f"{passage.before or ''}[{told}]", model)


def pruning(road: Road, notes: Summariser, *, auto: bool = True) -> None:
    road.chat._road.tending = Tending(
        road.store, road.chat._prepare.counting, Pruning(notes, auto=auto, most_tokens=64)
    )


def summary_in(road: Road) -> list[str]:
    return [text for text in road.upstream.texts if 'source="summary:' in text]


async def test_asked_for_a_summary_stands_for_all_but_the_last_messages(road: Road, talker: Talker) -> None:
    pruning(road, Notes(), auto=False)
    for number in range(5):
        told = await talker.say(f"Question {number}")
    tree = await road.store.tree(WHO, "main")
    wish = Prune(WHO, tree.id, NodeId(told.node), "m", 50, 3)
    summary = await road.chat.prune(wish)
    assert summary is not None
    assert await road.chat.prune(wish) is None
    away = await road.ask(*talker.history[:2], user("Elsewhere"))
    assert summary_in(road) == []
    told = await talker.say("And?")
    assert [line for line in summary_in(road) if "[Question 0, Question 1, Question 2]" in line]
    assert road.upstream.texts[1:] == texts(talker.history[6:-1])
    assert told.receipt is not None
    assert (told.receipt.summarised, told.receipt.left_out, told.receipt.summary_id) == (6, 0, summary.id)
    assert away.receipt is not None
    assert away.receipt.summary_id is None
    await road.store.use_summary(WHO, summary.id, used=False)
    await talker.say("And whole?")
    assert road.upstream.texts == texts(talker.history[:-1])
    assert [node.message.text for node in await road.nodes()][:10] == texts(talker.history[:10])


async def test_a_path_that_takes_no_more_than_asked_is_left_alone(road: Road, talker: Talker) -> None:
    pruning(road, Notes())
    told = await talker.say("One")
    tree = await road.store.tree(WHO, "main")
    assert await road.chat.prune(Prune(WHO, tree.id, NodeId(told.node), "m", 1_000, 0)) is None
    assert await road.chat.prune(Prune(WHO, tree.id, NodeId(told.node), "m", 1, 9)) is None


async def test_summaries_are_made_ahead_chain_and_change_the_prefix_once_a_cut(road: Road, talker: Talker) -> None:
    notes = Notes()
    pruning(road, notes)
    road.upstream.window = 700
    road.chat._rules = type(road.chat._rules)(reply_tokens=0, margin=0)
    changes, before, shown = 0, [], 0
    for number in range(40):
        told = await talker.say(f"Question {number:02} {LONG}")
        await road.settle()
        sent = road.upstream.sent
        changes += sent[: len(before)] != before
        before = sent
        shown += bool(summary_in(road))
        assert told.receipt is not None
        assert told.receipt.left_out == 0, number
    assert len(notes.passages) >= 2
    assert notes.passages[0].before is None
    assert (
        notes.passages[1].before
        == "[" + ", ".join(f"Question {n:02}" for n in range(len(notes.passages[0].messages) // 2)) + "]"
    )
    assert changes == len(notes.passages) or changes == len(notes.passages) - 1
    assert shown > 20


async def test_no_reply_waits_for_a_summary(road: Road, talker: Talker) -> None:
    gate = anyio.Event()

    async def slow(passage: Passage, model: str, most_tokens: int) -> Written:
        await gate.wait()
        return Written("At last.", EXTRACTIVE)

    pruning(road, slow)
    road.upstream.window = 500
    road.chat._rules = type(road.chat._rules)(reply_tokens=0, margin=0)
    for number in range(20):
        told = await talker.say(f"Question {number}")
    assert told.receipt is not None
    assert told.receipt.left_out > 0
    assert summary_in(road) == []
    gate.set()
    await road.settle()
    told = await talker.say("And now?")
    assert len(summary_in(road)) == 1
