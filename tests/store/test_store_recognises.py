"""Finding a client's chat again by what it re-sends: whole, rewritten, cut, deleted, and never another's."""

from collections.abc import Sequence

import pytest

from proxy.domain.message import Message, said
from proxy.domain.transcript import Seen
from proxy.domain.tree import NodeId
from tests.store.client import LONG, Client

pytestmark = pytest.mark.anyio

OTHER_LONG = "The cheapest ticket is the one that you buy at the counter on the morning of the day before you travel."
NEW = said("user", "And what now?")


def ids(lineage: Sequence[Seen]) -> list[NodeId | None]:
    return [row.node_id for row in lineage]


async def chat(client: Client, turns: int = 3) -> Client:
    for i in range(turns):
        await client.say(f"Question {i}", f"Answer {i}. {LONG}")
    return client


async def test_nothing_is_recognised_in_an_empty_store(client: Client):
    sighting = await client.recognise(NEW)
    assert (sighting.anchor, sighting.found_by, sighting.lineage, sighting.continued) == (-1, "none", (), None)
    nothing = await client.store.recognise(client.user.id, [], tree_id=None, conversation=None)
    assert nothing.anchor == -1


async def test_a_chat_that_goes_on_is_known_to_its_end(client: Client):
    await chat(client)
    sighting = await client.recognise(*client.said, NEW)
    assert (sighting.anchor, sighting.found_by) == (5, "chain")
    assert ids(sighting.lineage) == client.nodes
    assert [row.role for row in sighting.lineage] == ["user", "assistant"] * 3
    assert sighting.lineage[-1].conversation == "chat"
    assert sighting.continued is None


async def test_trimmed_and_rewrapped_copies_are_known(client: Client):
    await client.say("Two  words", "An answer\nin two lines ")
    parts = Message({"role": "user", "content": [{"type": "text", "text": " Two words"}]})
    sighting = await client.recognise(parts, said("assistant", "An answer in two lines"), NEW)
    assert (sighting.anchor, sighting.found_by) == (1, "chain")


async def test_the_same_turn_again_is_known_with_itself(client: Client):
    await chat(client, 2)
    sighting = await client.recognise(*client.said[:3])
    assert sighting.anchor == 2
    assert sighting.lineage[-1].node_id == client.nodes[2]


async def test_an_edited_turn_is_found_beside_the_one_it_replaces(client: Client):
    await chat(client)
    sighting = await client.recognise(*client.said[:2], said("user", "Question 1, in other words"))
    assert (sighting.anchor, sighting.found_by) == (1, "chain")
    assert sighting.continued is not None
    assert sighting.continued.node_id == client.nodes[2]


async def test_the_next_words_of_another_chat_are_no_edit(client: Client):
    await chat(client)
    sighting = await client.recognise(*client.said[:2], NEW, conversation="another chat")
    assert sighting.anchor == 1
    assert sighting.continued is None


async def test_a_turn_placed_elsewhere_still_belongs_to_its_clients_chat(client: Client):
    _, first = await client.say("Boats", "Float.")
    await client.say("Bread", "Rises.", under=None)
    await client.say("More on boats", "They do.", under=first)
    sighting = await client.recognise(*client.said, NEW)
    assert sighting.anchor == 5
    assert ids(sighting.lineage) == client.nodes


async def test_a_users_rewritten_words_do_not_hide_the_chat(client: Client):
    await chat(client)
    rewritten = [said("user", f"<rules>Be terse.</rules> {m.text}") if m.role == "user" else m for m in client.said]
    sighting = await client.recognise(*rewritten, NEW)
    assert (sighting.anchor, sighting.found_by) == (5, "assistants")
    assert ids(sighting.lineage) == client.nodes


async def test_a_rewritten_turn_in_the_middle_does_not_hide_what_follows(client: Client):
    await chat(client)
    said_again = [*client.said]
    said_again[2] = said("user", "Question 1, shortened by the client")
    sighting = await client.recognise(*said_again, NEW)
    assert (sighting.anchor, sighting.found_by) == (5, "assistants")


async def test_one_long_answer_is_evidence_and_one_greeting_is_none(client: Client):
    await client.say("Hey", "Hello! How can I help you today?")
    greeted = await client.recognise(
        said("user", "Good morning"), said("assistant", "Hello! How can I help you today?"), NEW
    )
    assert greeted.found_by == "none"
    other = await client.another("chat two")
    await other.say("Is the river open?", LONG)
    sighting = await client.recognise(said("user", "<rules/> Is the river open?"), said("assistant", LONG), NEW)
    assert (sighting.anchor, sighting.found_by) == (1, "assistants")
    assert ids(sighting.lineage) == other.nodes


async def test_one_long_answer_given_twice_is_no_evidence(client: Client):
    for opening in ("Is the river open?", "Can I swim in it?"):
        await (await client.another(opening)).say(opening, LONG, under=None)
    sighting = await client.recognise(said("user", "rewritten"), said("assistant", LONG), NEW)
    assert sighting.found_by == "none"


async def test_a_cut_head_is_found_from_the_tail(client: Client):
    await chat(client)
    sighting = await client.recognise(*client.said[3:], NEW)
    assert (sighting.anchor, sighting.found_by) == (2, "tail")
    assert ids(sighting.lineage) == client.nodes


async def test_a_summary_in_place_of_the_head_is_found_from_the_tail(client: Client):
    await chat(client)
    summary = [said("user", "What was said so far: nothing much."), said("assistant", "Understood.")]
    sighting = await client.recognise(*summary, *client.said[4:], NEW)
    assert (sighting.anchor, sighting.found_by) == (3, "tail")
    assert ids(sighting.lineage) == client.nodes


async def test_a_lost_middle_does_not_hide_the_tail_of_the_same_chat(client: Client):
    await chat(client, 4)
    sighting = await client.recognise(*client.said[:2], *client.said[6:], NEW)
    assert (sighting.anchor, sighting.found_by) == (3, "tail")
    assert ids(sighting.lineage) == client.nodes


async def test_a_rewritten_turn_behind_a_lost_head_is_passed_by_the_long_reply_to_it(client: Client):
    """Examples hide the chain, rules that are left out hide the pair; the reply was said once and in this chat."""
    await chat(client, 2)
    examples = [said("user", "An example"), said("assistant", "Ok.")]
    reworded = said("user", "Question 1, without the rules")
    history = [*examples, *client.said[:2], reworded, client.said[3]]
    sighting = await client.recognise(*history, NEW)
    assert (sighting.anchor, sighting.found_by) == (5, "tail")
    assert ids(sighting.lineage) == client.nodes
    other = await client.another("chat two")
    await other.say("Bread?", OTHER_LONG, under=None)
    foreign = await client.recognise(*examples, *client.said[:2], reworded, other.said[1], NEW)
    assert foreign.anchor == 3


async def test_words_of_another_chat_behind_a_known_head_are_new(client: Client):
    await chat(client, 1)
    other = await client.another("chat two")
    await other.say("Bread?", OTHER_LONG, under=None)
    sighting = await client.recognise(*client.said, *other.said, NEW)
    assert (sighting.anchor, sighting.found_by) == (1, "chain")


async def test_a_short_exchange_said_once_is_found_and_said_twice_is_not(client: Client):
    await client.say("Boats?", LONG)
    await client.say("Thanks", "You are welcome!")
    tail = [said("user", "(earlier turns were cut)"), *client.said[2:], NEW]
    assert (await client.recognise(*tail)).found_by == "tail"
    other = await client.another("chat two")
    await other.say("Bread?", OTHER_LONG, under=None)
    await other.say("Thanks", "You are welcome!")
    assert (await client.recognise(*tail)).found_by == "none"
    named = await client.recognise(*tail, conversation="chat two")
    assert (named.anchor, named.found_by) == (2, "tail")
    assert ids(named.lineage) == other.nodes


@pytest.mark.parametrize("text", ["Ok.", "Hello! How can I help?", "Yes, please."])
async def test_a_lone_short_message_is_never_evidence(client: Client, text: str):
    await client.say("Boats?", LONG)
    await client.say(text, "Fine.")
    assert (await client.recognise(said("user", "x"), said("user", text), NEW)).found_by == "none"


async def test_a_lone_long_text_is_evidence_when_it_was_said_once(client: Client):
    await client.say("Boats?", "Float.")
    await client.say("Rivers?", LONG)
    lost = [said("user", "(cut)"), said("assistant", "(cut)"), said("user", "(cut)"), said("assistant", LONG), NEW]
    sighting = await client.recognise(*lost)
    assert (sighting.anchor, sighting.found_by) == (3, "tail")
    assert ids(sighting.lineage) == client.nodes
    await (await client.another("chat two")).say("Lakes?", LONG, under=None)
    assert (await client.recognise(*lost)).found_by == "none"


async def test_a_long_text_just_sent_is_a_new_turn(client: Client):
    await client.say("Boats?", "Float.")
    await client.say(LONG, "I see.")
    assert (await client.recognise(said("user", LONG))).found_by == "none"


async def test_a_deleted_turn_is_known_as_deleted(client: Client):
    await chat(client)
    await client.store.delete(client.user.id, client.nodes[2])
    sighting = await client.recognise(*client.said, NEW)
    assert sighting.anchor == 5
    assert [row.meaning for row in sighting.lineage] == ["node"] * 2 + ["deleted"] * 4
    assert ids(sighting.lineage) == [*client.nodes[:2], None, None, None, None]
    edit = await client.recognise(*client.said[:2], said("user", "Question 1 again"))
    assert edit.continued is None


async def test_asides_and_commands_are_known_by_hash_only(client: Client):
    await client.say("Boats?", "Float.")
    link = client.links([*client.said, said("user", "/graft where")])[-1]
    row = Seen(link.chain, client.links()[-1].chain, link.folded, None, "user", "command", None, None, "chat")
    await client.store.aside(client.user.id, [row], "title")
    sighting = await client.recognise(*client.said, said("user", "/graft where"), NEW)
    assert sighting.anchor == 2
    assert sighting.lineage[-1] == row
    assert await client.store.verify() == []


async def test_two_users_with_equal_text_never_see_each_other(client: Client):
    await chat(client)
    bob = await Client.of(client.store, "bob")
    assert (await bob.recognise(*client.said, NEW)).found_by == "none"
    await chat(bob)
    assert ids((await bob.recognise(*client.said, NEW)).lineage) == bob.nodes
    assert ids((await client.recognise(*client.said, NEW)).lineage) == client.nodes


async def test_a_users_own_hashes_under_another_user_find_nothing(client: Client):
    await chat(client)
    bob = await Client.of(client.store, "bob")
    sighting = await client.store.recognise(bob.user.id, client.links(), tree_id=None, conversation="chat")
    assert sighting.found_by == "none"


async def test_two_chats_that_begin_alike_are_told_apart_by_what_follows(client: Client):
    other = await client.another("chat two")
    await client.say("Hi", "Hello!")
    await other.say("Hi", "Hello!")
    await client.say("Boats?", "Float.")
    await other.say("Bread?", "Rises.")
    for one in (client, other):
        sighting = await one.recognise(*one.said, NEW)
        assert sighting.anchor == 3
        assert ids(sighting.lineage)[-2:] == one.nodes[-2:]


async def test_between_equal_chats_the_named_one_wins_then_the_newest(client: Client):
    chats = [client, await client.another("chat two"), await client.another("chat three")]
    under: NodeId | None = None
    for one in chats:
        _, under = await one.say("Hi", "Hello!", under=under)
    for one in chats:
        sighting = await one.recognise(*one.said, NEW, conversation=one.conversation)
        assert ids(sighting.lineage) == one.nodes
    assert ids((await client.recognise(*client.said, NEW)).lineage) == chats[-1].nodes
    assert ids((await client.recognise(*client.said, NEW, conversation="unheard of")).lineage) == chats[-1].nodes


async def test_a_tree_narrows_the_search(client: Client):
    elsewhere = await Client.of(client.store, "ada", tree="other")
    await chat(client)
    await chat(elsewhere)
    for one in (client, elsewhere):
        assert ids((await one.recognise(*one.said, NEW, tree=one.tree)).lineage) == one.nodes
    empty = await client.store.tree(client.user.id, "empty")
    assert (await client.recognise(*client.said, NEW, tree=empty)).found_by == "none"


async def test_history_seen_only_in_part_extends_to_where_it_was_known(client: Client):
    await chat(client, 2)
    foreign = [said("user", "Asked elsewhere"), said("assistant", "Answered elsewhere")]
    sighting = await client.recognise(*client.said, *foreign, NEW)
    assert (sighting.anchor, sighting.found_by) == (3, "chain")


async def test_a_chat_of_thousands_of_messages_is_read_back_so_far_and_no_further(
    client: Client, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("proxy.store.turns.recognising.LINEAGE", 1)
    await chat(client)
    whole = await client.recognise(*client.said, NEW)
    assert ids(whole.lineage) == client.nodes
    cut = await client.recognise(client.said[-1], NEW)
    assert ids(cut.lineage) == client.nodes[-4:]


async def test_a_chat_that_is_seen_again_becomes_the_newest(client: Client):
    other = await client.another("chat two")
    first = await client.adopt(said("user", "Hi"), said("assistant", "Hello!"))
    second = await other.adopt(*client.said, under=first[-1])
    assert ids((await client.recognise(*client.said, NEW)).lineage) == second
    await (await client.another("chat three")).adopt(*client.said)
    assert ids((await client.recognise(*client.said, NEW)).lineage) == first
