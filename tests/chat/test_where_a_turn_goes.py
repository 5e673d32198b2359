"""Every row of the table in `proxy/chat/place.py`, and what the router is asked."""

from __future__ import annotations

import pytest

from proxy.chat.place import Policies, policy_of
from proxy.chat.terms import Rules
from proxy.domain.message import said
from proxy.domain.placement import Policy
from proxy.domain.tree import UserId
from proxy.domain.turn import Caller, Turn
from proxy.errors import NotFound, UpstreamError
from tests.chat.road import ANN, Road, Talker, assistant, calling, system, texts, tool, user

pytestmark = pytest.mark.anyio

NAMELESS = Caller(UserId("app"), "key-app", "app", named=False)


# Which policy


@pytest.mark.parametrize(
    ("asked", "of_key", "kind", "named", "policy"),
    [
        (None, None, "person", True, "auto"),
        (None, None, "app", True, "follow"),
        (None, "shadow", "person", True, "shadow"),
        (None, "auto", "app", True, "auto"),
        ("off", "auto", "person", True, "off"),
        ("auto", "follow", "person", True, "auto"),
        ("auto", None, "app", False, "follow"),
        (None, "auto", "app", False, "follow"),
        ("shadow", None, "app", False, "follow"),
        ("off", None, "app", False, "off"),
    ],
)
async def test_the_request_decides_then_the_key_then_the_default(
    asked: Policy | None, of_key: Policy | None, kind: str, named: bool, policy: Policy
) -> None:
    turn = Turn("m", [said("user", "Hi")], policy=asked)
    caller = Caller(UserId("u"), "k", kind, of_key, named)
    assert policy_of(turn, caller, Policies()) == policy


async def test_the_operator_sets_the_default_for_persons_alone() -> None:
    turn = Turn("m", [said("user", "Hi")])
    assert policy_of(turn, ANN, Policies(person="follow")) == "follow"
    assert policy_of(turn, Caller(UserId("a"), "k", "app"), Policies(person="auto")) == "follow"


async def test_without_a_named_user_nothing_is_ever_placed(road: Road) -> None:
    for policy in ("auto", "shadow"):
        told = await road.ask(user("Hi"), caller=NAMELESS, policy=policy)
        assert told.route == "follow"
    await road.settle()
    assert road.router.questions == []


# A new turn


async def test_a_new_turn_goes_where_the_router_says(road: Road, talker: Talker) -> None:
    bread = await talker.say("How do I bake bread?")
    await talker.say("And trains?")
    road.router.to = [bread.node]
    told = await talker.say("Back to the bread")
    assert (told.route, told.parent) == ("return", bread.node)
    assert road.upstream.texts == [*texts(talker.history[:2]), "Back to the bread"]


async def test_the_router_is_told_the_cursor_and_the_instructions(road: Road, talker: Talker) -> None:
    first = await talker.say("How do I bake bread?")
    talker.history.insert(0, system("Be brief."))
    talker.history.append(system("It is noon."))
    await talker.say("How long?")
    question = road.router.questions[-1]
    assert (question.cursor, question.new_turn, question.fresh) == (first.node, "How long?", None)
    assert question.system == "Be brief.\n\nIt is noon."


async def test_several_messages_of_a_turn_are_one_question(road: Road, talker: Talker) -> None:
    await talker.say("Hello")
    talker.history.append(user("Here is a file"))
    await talker.say("What does it say?")
    assert road.router.questions[-1].new_turn == "Here is a file\nWhat does it say?"
    assert (await road.said())[2:4] == ["Here is a file", "What does it say?"]


# A named parent


async def test_a_named_parent_is_where_the_turn_goes(road: Road, talker: Talker) -> None:
    first = await talker.say("One")
    await talker.say("Two")
    told = await road.ask(user("Three"), parent=first.node)
    assert (told.route, told.parent) == ("pinned", first.node)
    assert road.upstream.texts == [*texts(talker.history[:2]), "Three"]
    root = await road.ask(user("Four"), parent="root")
    assert (root.route, root.parent) == ("pinned", None)
    assert len(road.router.questions) == 2


async def test_a_named_parent_wins_over_every_policy_that_stores(road: Road, talker: Talker) -> None:
    first = await talker.say("One")
    for policy in ("follow", "shadow", "auto"):
        told = await road.ask(user(f"Two, {policy}"), parent=first.node, policy=policy)
        assert (told.route, told.parent) == ("pinned", first.node)


async def test_an_unknown_parent_is_refused_and_nothing_is_stored(road: Road, talker: Talker) -> None:
    mine = await talker.say("One")
    bob = Caller(UserId("bob"), "key-bob", "person")
    for caller, parent in ((ANN, "n_nowhere"), (bob, mine.node)):
        with pytest.raises(NotFound):
            await road.ask(user("Two"), caller=caller, parent=parent)
    assert await road.nodes("bob") == []
    assert len(await road.nodes()) == 2


async def test_a_parent_in_another_tree_is_behind_a_wall(road: Road, talker: Talker) -> None:
    first = await talker.say("One")
    with pytest.raises(NotFound):
        await road.ask(user("Two"), parent=first.node, tree="work")
    assert await road.nodes(tree="work") == []
    await talker.say("Two", tree="work", parent="root")
    assert await road.said(tree="work") == ["Two", talker.told[-1].text]


async def test_known_history_under_a_named_parent_is_neither_stored_nor_sent_again(road: Road, talker: Talker) -> None:
    await talker.say("One")
    told = await talker.say("Two", parent="root")
    assert (told.route, told.parent) == ("pinned", None)
    assert road.upstream.texts == ["Two"]
    assert len(await road.nodes()) == 4


async def test_unknown_history_under_a_named_parent_is_sent_before_the_turn(road: Road, talker: Talker) -> None:
    first = await talker.say("One")
    foreign = [user("Asked elsewhere"), assistant("Answered elsewhere")]
    told = await road.ask(*foreign, user("Two"), parent=first.node)
    assert (told.route, told.parent) == ("pinned", first.node)
    assert road.upstream.texts == ["Asked elsewhere", "Answered elsewhere", *texts(talker.history), "Two"]
    again = await road.ask(*foreign, user("Two"), told.message, user("Three"))
    assert again.parent == told.node
    assert "Asked elsewhere" in road.upstream.texts


async def test_the_same_words_may_be_said_again_under_another_parent(road: Road, talker: Talker) -> None:
    first = await talker.say("One")
    told = await road.ask(user("One"), parent=first.node)
    assert told.parent == first.node
    once_more = await road.ask(user("One"), parent="root")
    assert once_more.parent is None
    nodes = {node.id: node for node in await road.nodes()}
    assert nodes[once_more.node].parent_id == nodes[first.node].parent_id  # a second reply to the turn that is there
    assert len(nodes) == 5


# What stays at the cursor


async def test_results_of_tools_stay_with_their_calls(road: Road, talker: Talker) -> None:
    road.upstream.answers = [calling("a", "b")]
    first = await talker.say("How is the weather?", stream=False)
    talker.history += [tool("a"), tool("b")]
    told = await talker.ask(stream=False)
    assert (told.route, told.parent) == ("continue", first.node)
    assert road.upstream.sent == talker.history[:-1]
    assert len(road.router.questions) == 1


async def test_results_of_tools_stay_with_their_calls_whatever_parent_is_named(road: Road, talker: Talker) -> None:
    """A client may send the same parent header with every request of an agent's loop."""
    start = await talker.say("Hello")
    agent = Talker(road, parent=start.node, stream=False)
    road.upstream.answers = [calling("a")]
    first = await agent.say("How is the weather?")
    agent.history.append(tool("a"))
    told = await agent.ask()
    assert (first.parent, told.parent, told.route) == (start.node, first.node, "continue")
    assert road.upstream.sent == [*talker.history, *agent.history[:-1]]


async def test_a_loop_begun_elsewhere_is_adopted_under_the_named_parent(road: Road, talker: Talker) -> None:
    start = await talker.say("Hello")
    loop = [user("How is the weather?"), calling("a"), tool("a")]
    told = await road.ask(*loop, parent=start.node)
    nodes = await road.nodes()
    assert [node.parent_id for node in nodes[2:]] == [start.node, *(node.id for node in nodes[2:-1])]
    assert told.parent == nodes[3].id
    assert road.upstream.sent == [*talker.history, *loop]


async def test_results_without_history_answer_the_named_parent(road: Road, talker: Talker) -> None:
    road.upstream.answers = [calling("a")]
    first = await talker.say("How is the weather?", stream=False)
    told = await road.ask(tool("a"), parent=first.node)
    assert (told.route, told.parent) == ("pinned", first.node)
    assert road.upstream.sent == [*talker.history, tool("a")]


async def test_a_prefill_stays_at_the_cursor(road: Road, talker: Talker) -> None:
    first = await talker.say("Hello")
    talker.history += [user("Count to three"), assistant("One, ")]
    road.upstream.answers = ["two, three."]
    told = await talker.ask()
    assert (told.route, told.parent) == ("continue", first.node)
    assert road.upstream.texts[-2:] == ["Count to three", "One, "]
    assert len(road.router.questions) == 1


async def test_an_edit_stands_beside_the_turn_it_replaces(road: Road, talker: Talker) -> None:
    first = await talker.say("One")
    await talker.say("Two")
    del talker.history[-2:]
    told = await talker.say("Two, but better")
    assert (told.route, told.parent) == ("fork", first.node)
    assert road.upstream.texts == [*texts(talker.history[:2]), "Two, but better"]
    assert len(road.router.questions) == 2


async def test_more_of_a_turn_without_a_reply_goes_on_with_it(road: Road, talker: Talker) -> None:
    await talker.say("One")
    road.upstream.answers = [RuntimeError("gone")]
    with pytest.raises(RuntimeError):
        await talker.say("Two, first half")
    told = await talker.say("and the second half")
    nodes = {node.message.text: node for node in await road.nodes()}
    assert (told.route, told.parent) == ("continue", nodes["Two, first half"].id)
    assert road.upstream.texts == texts(talker.history[:-1])
    assert {node.state for node in nodes.values()} == {"whole"}


async def test_a_turn_in_place_of_one_that_failed_is_a_new_turn(road: Road, talker: Talker) -> None:
    elsewhere = await road.ask(user("About bread"))
    road.router.to = [None, elsewhere.node]
    first = await talker.say("One")
    road.upstream.answers = [UpstreamError("overloaded", model="m", status=503)]
    with pytest.raises(UpstreamError):
        await talker.say("More about bread")
    del talker.history[-1]
    asked = len(road.router.questions)
    told = await talker.say("Two")
    assert (told.route, told.parent) == ("continue", first.node)
    assert len(road.router.questions) == asked + 1
    assert road.upstream.texts == ["One", talker.told[0].text, "Two"]


async def test_a_failed_first_turn_does_not_draw_the_next_one_of_a_client_without_history(road: Road) -> None:
    greeting = assistant("Hello! How can I help?")
    for opening in ([], [greeting]):
        road.upstream.answers = [UpstreamError("overloaded", model="m", status=503)]
        with pytest.raises(UpstreamError):
            await road.ask(*opening, user("Why is the sky blue?"))
        asked = len(road.router.questions)
        told = await road.ask(*opening, user("How do I knead dough?"))
        assert told.route != "fork"
        assert len(road.router.questions) == asked + 1


async def test_follow_stays_at_the_cursor_and_asks_nobody(road: Road) -> None:
    talker = Talker(road, policy="follow")
    first = await talker.say("One")
    told = await talker.say("Something wholly different")
    assert (first.route, first.parent) == ("follow", None)
    assert (told.route, told.parent) == ("follow", first.node)
    assert road.router.questions == []


# Shadow


async def test_shadow_follows_and_logs_what_the_router_would_have_done(road: Road) -> None:
    talker = Talker(road, policy="shadow")
    await talker.say("One")
    first = talker.told[0]
    road.router.to = [None]
    told = await talker.say("Two")
    await road.settle()
    assert (told.route, told.parent) == ("follow", first.node)
    turn = (await road.nodes())[2]
    logged = await road.store.decision(UserId("ann"), turn.id, shadow=True)
    acted = await road.store.decision(UserId("ann"), turn.id)
    assert logged is not None
    assert acted is not None
    assert (logged.attachment.route, logged.attachment.scorer) == ("root", "embedded")
    assert (acted.attachment.route, acted.attachment.parent_id) == ("follow", first.node)


async def test_shadow_asks_nothing_where_nothing_is_to_be_decided(road: Road) -> None:
    talker = Talker(road, policy="shadow", stream=False)
    road.upstream.answers = [calling("a")]
    await talker.say("How is the weather?")
    talker.history.append(tool("a"))
    await talker.ask()
    talker.history.pop()
    await talker.ask()
    await talker.say("Thanks", parent="root")
    await road.settle()
    assert [question.new_turn for question in road.router.questions] == ["How is the weather?"]


# Requests without history


async def test_a_fresh_request_is_asked_about_with_the_active_node_and_its_age(road: Road) -> None:
    first = await road.ask(user("One"))
    await road.ask(user("Two"))
    question = road.router.questions[-1]
    assert (question.cursor, question.fresh) == (first.node, "auto")
    assert 0 <= question.active_age_s < 60
    assert road.router.questions[0].cursor is None


async def test_a_new_chat_with_a_name_may_join_on_strong_evidence_only(road: Road) -> None:
    await road.ask(user("One"))
    await road.ask(user("Two"), hint="chat-2")
    question = road.router.questions[-1]
    assert (question.cursor, question.fresh) == (None, "confident")


async def test_active_is_kept_apart_per_key_and_chat(road: Road) -> None:
    first = await road.ask(user("One"), hint="chat-1")
    await road.ask(user("Two"), caller=Caller(ANN.user_id, "another key", "person"), hint="chat-1")
    assert road.router.questions[-1].cursor is None
    await road.ask(user("Three"), hint="chat-1")
    assert road.router.questions[-1].cursor == first.node


async def test_fresh_root_begins_at_the_root_and_asks_nobody(road: Road) -> None:
    rooted = Road(road.store, Rules(policies=Policies(fresh="root")))
    await rooted.ask(user("One"))
    told = await rooted.ask(user("Two"))
    assert (told.route, told.parent) == ("root", None)
    assert rooted.router.questions == []


# Which tree


async def test_the_history_says_which_tree_a_turn_grows_in(road: Road) -> None:
    talker = Talker(road)
    first = await talker.say("One", tree="work")
    told = await talker.say("Two")
    assert (told.receipt and told.receipt.tree, told.parent) == ("work", first.node)
    elsewhere = await talker.say("Three", tree="home")
    assert elsewhere.receipt is not None
    assert elsewhere.receipt.tree == "home"
    assert await road.said(tree="home") == [*texts(talker.history)]


async def test_the_first_words_of_a_chat_in_another_tree_do_not_lead_there(road: Road) -> None:
    await road.ask(user("Hello"), tree="work")
    told = await road.ask(user("Hello"))
    assert told.receipt is not None
    assert told.receipt.tree == "main"
    assert len(await road.nodes(tree="work")) == 2
