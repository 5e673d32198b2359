"""Deleted words that a client brings back without the beginning of their chat, so that nothing says which chat it was."""

from __future__ import annotations

import pytest

from proxy.chat import manifest
from proxy.chat.request import new_nodes
from proxy.domain.message import Message
from proxy.domain.tree import NodeId, UserId
from tests.chat.road import Json, Road, Talker, assistant, user

pytestmark = pytest.mark.anyio
ANN = UserId("ann")
NEW = user("And what else?")


async def chat_of_short_words(road: Road, *words: str) -> list[Json]:
    """A topic of its own: questions and replies; returns them as their client has them."""
    talker = Talker(road)
    road.upstream.answers = list(words[1::2])
    for number, word in enumerate(words[::2]):
        await talker.say(word, parent=None if number else "root")
    return talker.history


async def forget_everything(road: Road) -> None:
    for node in await road.nodes():
        if node.parent_id is None:
            await road.store.delete(ANN, node.id)


async def test_short_words_of_two_deleted_chats_are_not_adopted(road: Road) -> None:
    """Said twice, so no chat is recognised by them."""
    for first in ("Hello", "Good day"):
        await chat_of_short_words(road, first, "Hi!", "My pin?", "It is 4711.", "Thanks", "Bye.")
    await forget_everything(road)
    history = [user("My pin?"), assistant("It is 4711."), NEW]
    told = await road.ask(*history)
    assert await road.said() == ["And what else?", told.text]
    assert road.upstream.texts == ["And what else?"]
    await road.ask(*history, assistant(told.text), user("Go on"))
    assert (await road.said())[:3] == ["And what else?", told.text, "Go on"]
    kept = await road.store._read(lambda db: db.execute("SELECT kept FROM calls").fetchall())
    assert "4711" not in str(kept)
    assert await road.store.verify() == []


async def test_a_deleted_part_of_a_chat_whose_words_are_common_is_not_adopted(road: Road) -> None:
    """The first pair still stands, the second one was deleted; both are the same words."""
    await chat_of_short_words(road, "yes", "Ok", "no", "Ok", "yes", "Ok")
    nodes = await road.nodes()
    await road.store.delete(ANN, nodes[2].id)
    told = await road.ask(user("no"), assistant("Ok"), user("yes"), assistant("Ok"), NEW)
    assert await road.said() == ["yes", "Ok", "And what else?", told.text]


async def test_words_added_by_hand_and_deleted_are_not_adopted(road: Road) -> None:
    tree = await road.store.tree(ANN, "main")
    words = [user("pin?"), assistant("4711")]
    nodes = new_nodes([Message(word) for word in words], tree.id, None, "c", None)
    await road.store.append(ANN, tree.id, nodes)
    await road.store.delete(ANN, nodes[0].id)
    told = await road.ask(*words, NEW)
    assert await road.said() == ["And what else?", told.text]


async def test_a_common_word_alone_is_adopted_though_it_was_deleted_elsewhere(road: Road) -> None:
    await chat_of_short_words(road, "Shall we?", "Ok")
    await forget_everything(road)
    told = await road.ask(user("A question of another program"), assistant("Ok"), NEW)
    assert await road.said() == ["A question of another program", "Ok", "And what else?", told.text]


async def test_words_that_still_stand_elsewhere_are_adopted(road: Road) -> None:
    await chat_of_short_words(road, "My pin?", "It is 4711.")
    await chat_of_short_words(road, "Hello", "Hi!", "My pin?", "It is 4711.")
    [first, *_] = await road.nodes()
    await road.store.delete(ANN, first.id)
    told = await road.ask(user("Something"), assistant("Well."), user("My pin?"), assistant("It is 4711."), NEW)
    words = ["Something", "Well.", "My pin?", "It is 4711.", "And what else?", told.text]
    assert await road.path(NodeId(told.node)) == words


async def test_what_stands_around_deleted_words_is_adopted_in_one_line(road: Road) -> None:
    for first in ("Hello", "Good day"):
        await chat_of_short_words(road, first, "Hi!", "My pin?", "It is 4711.")
    await forget_everything(road)
    told = await road.ask(
        user("Which boat?"), assistant("The red one."), user("My pin?"), assistant("It is 4711."), user("Oars?"),
        assistant("Two."), NEW,
    )  # fmt: skip
    path = ["Which boat?", "The red one.", "Oars?", "Two.", "And what else?", told.text]
    assert await road.path(NodeId(told.node)) == path
    assert road.upstream.texts == path[:-1]
    history = [*path[:2], "My pin?", "It is 4711.", *path[2:]]
    messages = [(user if i % 2 == 0 else assistant)(text) for i, text in enumerate(history)]
    cursor = await road.cursor(*messages, user("Go on"))
    assert (cursor.node_id, cursor.skipped) == (told.node, {2, 3})


async def test_what_is_sent_again_under_follow_goes_out_and_is_kept_nowhere(road: Road) -> None:
    """The client's own list goes to the model as it came; the account of what was sent says that something was deleted."""
    words = ["My pin?", "It is 4711.", "And the other?", "It is 4712.", "Boats?", "Float."]
    history = await chat_of_short_words(road, *words)
    await road.store.delete(ANN, (await road.nodes())[2].id)
    told = await road.ask(*history, NEW, policy="follow")
    assert road.upstream.texts == [*words, "And what else?"]
    [body, *_] = await road.store._read(
        lambda db: db.execute("SELECT body FROM sent ORDER BY rowid DESC LIMIT 1").fetchone()
    )
    kept = str(manifest.parsed(body))
    assert "4712" not in kept
    assert "Boats" not in kept
    assert "deleted since" in kept
    assert told.text in await road.said()
