"""What hangs on trees and nodes reaches the model where it belongs, under every policy that sends context."""

from __future__ import annotations

import pytest

from proxy.chat.reanswer import AskAgain, question_of
from proxy.domain.picture import Picture, decoded
from proxy.domain.tree import NodeId, Tree, UserId
from proxy.errors import NotFound
from tests.chat.road import ANN, LONG, Json, Road, Talker, assistant, user
from tests.doubles.pictures import GIF, PNG, data_url

pytestmark = pytest.mark.anyio

USER = UserId("ann")
POLICIES = ("auto", "follow")
URL = "https://pictures.example/boat.png"


def shown(url: str) -> Json:
    return {"type": "image_url", "image_url": {"url": url}}


def links(sent: list[Json]) -> list[tuple[str, list[str]]]:
    """The images of each message that has any."""
    found = []
    for message in sent:
        parts = message["content"] if isinstance(message["content"], list) else []
        urls = [part["image_url"]["url"] for part in parts if part["type"] == "image_url"]
        if urls:
            found.append((message["role"], urls))
    return found


@pytest.fixture
async def tree(road: Road) -> Tree:
    return await road.store.tree(USER, "main")


async def grown(road: Road) -> tuple[NodeId, NodeId]:
    """A turn and its reply."""
    reply = await road.ask(user("Boats?"))
    assert reply.parent is None
    node = await road.store.node(USER, NodeId(reply.node))
    assert node.parent_id is not None
    return node.parent_id, node.id


def history() -> list[Json]:
    return [user("Boats?"), assistant(f"Reply 1: {LONG}")]


@pytest.mark.parametrize("policy", POLICIES)
async def test_a_nodes_zone_is_sent_right_behind_it_and_nowhere_else(road: Road, policy: str) -> None:
    turn, reply = await grown(road)
    await road.store.put_zone(USER, None, "node", "Of wood.", node_id=turn)
    await road.store.put_zone(USER, None, "node", "Of steel.", node_id=reply)
    await road.ask(*history(), user("And sails?"), policy=policy)
    texts = road.upstream.texts
    assert [any(word in text for word in ("wood", "steel")) for text in texts] == [False, True, False, True, False]
    assert "Of wood." in texts[1]
    assert "Of steel." in texts[3]
    await road.ask(user("Planes?"), policy=policy, parent="root")
    assert road.upstream.texts == ["Planes?"]


@pytest.mark.parametrize("policy", POLICIES)
async def test_active_images_of_the_tree_are_sent_in_a_users_message(road: Road, tree: Tree, policy: str) -> None:
    await road.store.add_image(USER, tree.id, decoded(PNG))
    await road.store.add_image(USER, tree.id, Picture(None, None, URL))
    off = await road.store.add_image(USER, tree.id, decoded(GIF, "image/gif"))
    await road.store.switch_image(USER, off.image.id, active=False)
    await road.ask(user("Boats?"), policy=policy)
    assert links(road.upstream.sent) == [("user", [data_url(), URL])]
    assert road.upstream.sent[-1] == user("Boats?")


@pytest.mark.parametrize("policy", POLICIES)
async def test_an_image_on_a_node_is_sent_behind_it_to_its_subtree_alone(road: Road, policy: str) -> None:
    _, reply = await grown(road)
    hung = await road.store.add_node_image(USER, reply, decoded(PNG))
    await road.ask(*history(), user("And sails?"), policy=policy)
    assert links(road.upstream.sent[2:3]) == [("user", [data_url()])]
    await road.ask(user("Planes?"), policy=policy, parent="root")
    assert links(road.upstream.sent) == []
    await road.store.switch_image(USER, hung.image.id, active=False)
    await road.ask(*history(), user("And oars?"), policy=policy)
    assert links(road.upstream.sent) == []


async def test_an_image_that_is_switched_off_in_its_message_is_not_sent_again(road: Road) -> None:
    asked = user([{"type": "text", "text": "Which of these?"}, shown(URL), shown(data_url())])
    reply = await road.ask(asked)
    assert links(road.upstream.sent) == [("user", [URL, data_url()])]
    turn = (await road.store.node(USER, NodeId(reply.node))).parent_id
    await road.store.switch_image(USER, f"{turn}.0", active=False)
    await road.ask(asked, reply.message, user("And why?"))
    assert links(road.upstream.sent) == [("user", [data_url()])]
    await road.ask(asked, reply.message, user("And how?"), policy="follow")
    assert road.upstream.sent[0] == asked


async def test_a_turn_that_is_answered_again_is_sent_without_images_that_are_off(road: Road) -> None:
    reply = await road.ask(user([{"type": "text", "text": "Which of these?"}, shown(URL), shown(data_url())]))
    turn = (await road.store.node(USER, NodeId(reply.node))).parent_id
    await road.store.switch_image(USER, f"{turn}.1", active=False)
    again = await question_of(road.store, USER, NodeId(reply.node))
    answer = await road.chat.answer_again(AskAgain(again, "m"), ANN)
    assert [chunk async for chunk in answer.chunks]
    assert links(road.upstream.sent) == [("user", [URL])]


async def test_what_hangs_on_a_turn_is_sent_behind_it_when_it_is_answered_again(road: Road) -> None:
    turn, reply = await grown(road)
    await road.store.put_zone(USER, None, "node", "Of wood.", node_id=turn)
    await road.store.add_node_image(USER, turn, decoded(PNG))
    await road.store.put_zone(USER, None, "node", "Of steel.", node_id=reply)
    again = await question_of(road.store, USER, reply)
    answer = await road.chat.answer_again(AskAgain(again, "m"), ANN)
    assert [chunk async for chunk in answer.chunks]
    sent = road.upstream.sent
    assert sent[0] == user("Boats?")
    assert "Of wood." in road.upstream.texts[1]
    assert links(sent) == [("user", [data_url()])]
    assert "steel" not in str(sent)
    assert answer.receipt is not None
    await road.ask(user("And sails?"), parent=answer.receipt.node_id)
    assert road.upstream.sent[: len(sent)] == sent


@pytest.mark.parametrize("policy", POLICIES)
async def test_a_named_personality_speaks_and_its_chat_goes_on_under_it(
    road: Road, talker: Talker, policy: str
) -> None:
    await road.store.create_personality(USER, "tutor", system_prompt="You teach.", zone="Ask back.")
    await talker.say("Boats?", policy=policy, personality="tutor")
    assert road.upstream.texts[0] == "You teach."
    assert "Ask back." in road.upstream.texts[1]
    await talker.say("And sails?", policy=policy)
    assert road.upstream.texts[0] == "You teach."
    assert "Ask back." in road.upstream.texts[1]
    assert [node.personality for node in await road.nodes()][:2] == ["tutor", None]


async def test_the_router_is_told_which_personality_a_request_names(road: Road) -> None:
    await road.store.create_personality(USER, "tutor")
    await grown(road)
    await road.ask(user("Planes?"), personality="tutor")
    assert [question.personality for question in road.router.questions] == [None, "tutor"]


async def test_the_same_words_to_another_personality_are_another_turn(road: Road) -> None:
    await road.store.create_personality(USER, "tutor")
    road.router.to = [None, None, None]
    parents = set()
    for named in (None, "tutor", None):
        told = await road.ask(user("Boats?"), personality=named)
        parents.add((await road.store.node(USER, NodeId(told.node))).parent_id)
    assert len(parents) == 2


async def test_a_history_begun_elsewhere_is_adopted_under_the_personality_that_is_named(road: Road) -> None:
    await road.store.create_personality(USER, "tutor")
    await road.ask(user("Old?"), assistant("Yes."), user("Boats?"), personality="tutor")
    assert [node.personality for node in await road.nodes()] == ["tutor", "tutor", "tutor", None]


@pytest.mark.parametrize("policy", [*POLICIES, "off", "shadow"])
async def test_an_unknown_personality_is_refused_before_anything_is_asked(road: Road, policy: str) -> None:
    with pytest.raises(NotFound) as refused:
        await road.ask(user("Boats?"), policy=policy, personality="nobody")
    assert refused.value.param == "personality"
    assert road.upstream.asked == []
    assert await road.nodes() == []


async def test_a_turn_under_another_personality_is_no_retry(road: Road) -> None:
    for name in ("tutor", "guide"):
        await road.store.create_personality(USER, name, zone=f"You are the {name}.")
        await road.ask(user("Boats?"), personality=name, retried=True)
        assert f"You are the {name}." in road.upstream.texts[0]
    assert len(road.upstream.asked) == 2
