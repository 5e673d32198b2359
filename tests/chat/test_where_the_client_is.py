"""The cursor: a re-sent history is laid beside the stored chat, whatever the client did to it."""

import unicodedata

import pytest

from proxy.domain.tree import NodeId, UserId
from tests.chat.road import Json, Road, Talker, assistant, calling, system, tool, user

pytestmark = pytest.mark.anyio


@pytest.fixture
async def talker(road: Road) -> Talker:
    """A chat of three turns."""
    talker = Talker(road)
    for question in ("Question one?", "Question two?", "Question three?"):
        await talker.say(question)
    return talker


async def stored(road: Road) -> list[str]:
    return [node.id for node in await road.nodes()]


NEW = user("And then?")


async def test_a_history_sent_again_word_for_word_is_all_known(road: Road, talker: Talker) -> None:
    cursor = await road.cursor(system("Be brief."), *talker.history, NEW)
    ids = await stored(road)
    assert (cursor.node_id, cursor.new_from, cursor.found_by) == (ids[-1], 6, "chain")
    assert cursor.nodes == dict(enumerate(ids))
    assert (cursor.rewritten, cursor.skipped, cursor.edited, cursor.compacted_from) == (set(), set(), None, None)


async def test_nothing_is_known_of_a_strange_history(road: Road, talker: Talker) -> None:
    cursor = await road.cursor(user("Something else"), assistant("Something new"), NEW)
    assert not cursor.known
    assert (cursor.node_id, cursor.new_from, cursor.prev) == (None, 0, "")


async def test_trimmed_recomposed_and_parted_copies_are_the_same_messages(road: Road) -> None:
    road.upstream.answers = ["  Caf\u00e9\tau lait, \n\n or tea?  \n", "<think>Hm.</think> Yes."]
    talker = Talker(road)
    await talker.say("One\n\n  two")
    await talker.say("Three")
    cursor = await road.cursor(
        user([{"type": "text", "text": "One two"}]),
        assistant(unicodedata.normalize("NFD", "Caf\u00e9 au lait, or tea?")),
        user("Three"),
        assistant("Yes."),
        NEW,
    )
    assert cursor.nodes == dict(enumerate(await stored(road)))
    assert not cursor.rewritten


async def test_a_users_turn_that_the_client_reworded_is_known_by_the_reply_to_it(road: Road, talker: Talker) -> None:
    talker.history[2] = user("Question two? And follow the rules: be kind.")
    cursor = await road.cursor(*talker.history, NEW)
    ids = await stored(road)
    assert (cursor.node_id, cursor.new_from, cursor.found_by) == (ids[-1], 6, "assistants")
    assert cursor.nodes[2] == ids[2]
    assert cursor.rewritten == {2}


async def test_example_turns_before_the_history_are_nobodys(road: Road, talker: Talker) -> None:
    examples = [user("Add 1 and 1"), assistant("2"), user("Here is file.py: x = 1"), assistant("Ok.")]
    cursor = await road.cursor(*examples, *talker.history, NEW)
    ids = await stored(road)
    assert (cursor.node_id, cursor.new_from) == (ids[-1], 10)
    assert cursor.nodes == {4 + i: node_id for i, node_id in enumerate(ids)}
    assert cursor.compacted_from is None


async def test_a_reworded_first_turn_behind_examples_is_still_the_first_turn(road: Road, talker: Talker) -> None:
    examples = [user("Add 1 and 1"), assistant("2")]
    reworded = user("Question one? Mind the rules.")
    cursor = await road.cursor(*examples, reworded, *talker.history[1:], NEW)
    assert cursor.nodes == {2 + i: node_id for i, node_id in enumerate(await stored(road))}
    assert cursor.rewritten == {2}


async def test_the_oldest_messages_may_be_cut_away(road: Road, talker: Talker) -> None:
    cursor = await road.cursor(*talker.history[3:], NEW)
    ids = await stored(road)
    assert (cursor.node_id, cursor.new_from) == (ids[-1], 3)
    assert cursor.nodes == {0: ids[3], 1: ids[4], 2: ids[5]}
    assert cursor.compacted_from is None


@pytest.mark.parametrize(
    "head",
    [
        [user("Summary: we spoke about one and two.")],
        [user("Summary: we spoke about one and two."), assistant("Understood.")],
        [user("Summary: one"), assistant("Understood."), user("two"), assistant("Understood.")],
    ],
)
async def test_a_new_head_with_a_known_tail_is_the_clients_own_compaction(
    road: Road, talker: Talker, head: list[Json]
) -> None:
    cursor = await road.cursor(*head, *talker.history[4:], NEW)
    ids = await stored(road)
    assert cursor.node_id == ids[-1]
    assert cursor.compacted_from == ids[4]
    assert cursor.nodes == {len(head): ids[4], len(head) + 1: ids[5]}


async def test_an_edit_names_the_turn_it_stands_in_for(road: Road, talker: Talker) -> None:
    cursor = await road.cursor(*talker.history[:2], user("Question two, but better?"))
    ids = await stored(road)
    assert (cursor.node_id, cursor.new_from, cursor.edited) == (ids[1], 2, ids[2])


async def test_a_turn_asked_again_is_known_to_its_last_message(road: Road, talker: Talker) -> None:
    cursor = await road.cursor(*talker.history[:3])
    ids = await stored(road)
    assert (cursor.node_id, cursor.new_from, cursor.edited) == (ids[2], 3, None)


async def test_deleted_turns_that_come_back_are_skipped(road: Road, talker: Talker) -> None:
    ids = await stored(road)
    await road.store.delete(UserId("ann"), NodeId(ids[2]))
    cursor = await road.cursor(*talker.history, NEW)
    assert (cursor.node_id, cursor.new_from) == (ids[1], 6)
    assert cursor.skipped == {2, 3, 4, 5}
    assert cursor.nodes == {0: ids[0], 1: ids[1]}


async def test_words_that_were_never_deleted_are_not_skipped(road: Road, talker: Talker) -> None:
    """A rewording of a deleted turn is something that the client says."""
    ids = await stored(road)
    await road.store.delete(UserId("ann"), NodeId(ids[2]))
    talker.history[2] = user("Question two, in other words?")
    cursor = await road.cursor(*talker.history, NEW)
    assert 2 not in cursor.skipped
    assert 2 not in cursor.nodes


async def test_asides_are_known_and_are_no_nodes(road: Road, talker: Talker) -> None:
    ids = await stored(road)
    await talker.say("Just between us?", policy="off")
    cursor = await road.cursor(*talker.history, NEW)
    assert (cursor.node_id, cursor.new_from) == (ids[-1], 8)
    assert cursor.nodes == dict(enumerate(ids))
    assert not cursor.skipped


async def test_a_loop_of_tools_is_known_whole(road: Road) -> None:
    talker = Talker(road)
    road.upstream.answers = [calling("a", "b"), "Rain and sun."]
    await talker.say("How is the weather?", stream=False)
    talker.history += [tool("a", "rain"), tool("b", "sun")]
    await talker.ask(stream=False)
    cursor = await road.cursor(*talker.history, NEW)
    assert cursor.nodes == dict(enumerate(await stored(road)))


async def test_an_alike_message_outside_the_history_is_not_taken_for_one_inside(road: Road) -> None:
    road.upstream.answers = ["Ok."]
    talker = Talker(road)
    await talker.say("Remember this: the sourdough rests for sixteen hours before it is baked.")
    examples = [user("An example"), assistant("Ok.")]
    cursor = await road.cursor(*examples, *talker.history, NEW)
    assert cursor.nodes == {2 + i: node_id for i, node_id in enumerate(await stored(road))}


async def test_stepping_back_forgets_what_stands_behind(road: Road, talker: Talker) -> None:
    ids = await stored(road)
    cursor = await road.cursor(*talker.history, NEW)
    back = cursor.at(3)
    assert (back.node_id, back.new_from, max(back.nodes)) == (ids[2], 3, 2)
    transcript = await road.transcript(*talker.history, NEW)
    assert cursor.prev == transcript.links[5].chain
    assert back.prev == transcript.links[2].chain
    assert (cursor.at(0).node_id, cursor.at(0).prev) == (None, "")
    assert cursor.at(6) == cursor
