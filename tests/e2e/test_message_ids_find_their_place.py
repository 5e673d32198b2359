"""Frontends that name their messages: an edited or regenerated one finds its parent exactly, and nobody else's."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.domain.tree import UserId
from tests.doubles.running import UpstreamDouble
from tests.doubles.served import Served

BREAD = "How do I bake a sourdough bread with a dark crust at home?"
DARKER = "And how do I get it darker?"


class Frontend:
    """A chat of Open WebUI, with its headers in place: it names each message, its parent and the reply to come."""

    def __init__(self, graft: Served, key: str, chat: str = "chat-1") -> None:
        self.client = graft.client(key)
        self.chat = chat
        self.told: dict[str, str] = {}

    def ask(
        self, messages: list[dict[str, Any]], mine: str = "", parent: str = "", reply: str = "", **more: str
    ) -> str:
        headers = {
            "X-OpenWebUI-Chat-Id": self.chat,
            "X-OpenWebUI-User-Message-Id": mine,
            "X-OpenWebUI-User-Message-Parent-Id": parent,
            "X-OpenWebUI-Message-Id": reply,
            **{name.replace("_", "-"): value for name, value in more.items()},
        }
        raw = self.client.chat.completions.with_raw_response.create(
            model="gpt-test", messages=messages, extra_headers=headers
        )
        self.told = dict(raw.headers)
        return str(raw.parse().choices[0].message.content)

    @property
    def place(self) -> tuple[str, str]:
        return self.told["x-graft-route"], self.told["x-graft-parent"]

    @property
    def node(self) -> str:
        return self.told["x-graft-node"]


def user(text: str) -> dict[str, Any]:
    return {"role": "user", "content": text}


def assistant(text: str) -> dict[str, Any]:
    return {"role": "assistant", "content": text}


@pytest.fixture
def person(graft: Served) -> tuple[str, str]:
    return graft.key()


@pytest.fixture
def frontend(graft: Served, person: tuple[str, str]) -> Frontend:
    return Frontend(graft, person[0])


def test_an_edited_message_stands_beside_the_one_that_it_replaces(frontend: Frontend) -> None:
    first = frontend.ask([user(BREAD)], "u1", "", "a1")
    reply = frontend.node
    frontend.ask([user(BREAD), assistant(first), user(DARKER)], "u2", "a1", "a2")
    assert frontend.place == ("continue", reply)
    frontend.ask([user(BREAD), assistant(first), user("And how do I get it lighter?")], "u3", "a1", "a3")
    assert frontend.place == ("fork", reply)


def test_two_chats_that_begin_alike_are_told_apart_by_their_names(
    graft: Served, upstream: UpstreamDouble, person: tuple[str, str]
) -> None:
    """Word for word the same: only the names say whose reply the edited message answers."""
    upstream.say(*["Bake it hot."] * 2)
    chats = [Frontend(graft, person[0], name) for name in ("chat-1", "chat-2")]
    replies = []
    for chat, system in zip(chats, ("Be brief.", "Be kind."), strict=True):
        chat.ask([{"role": "system", "content": system}, user(BREAD)], "u1", "", "a1", x_graft_parent="root")
        replies.append(chat.node)
    assert replies[0] != replies[1]
    for chat, reply in zip(chats, replies, strict=True):
        chat.ask([user(BREAD), assistant("Bake it hot."), user(DARKER)], "u2", "a1", "a2", x_graft_route="follow")
        assert chat.place == ("follow", reply)


def test_a_regenerated_reply_is_a_sibling_also_where_the_same_was_said_twice(
    graft: Served, upstream: UpstreamDouble, frontend: Frontend, person: tuple[str, str]
) -> None:
    upstream.say("Good.", "Better.", "Best.")
    frontend.ask([user("Go on.")], "u1", "", "a1")
    first = frontend.told["x-graft-node"]
    frontend.ask([user("Go on."), assistant("Good."), user("Go on.")], "u2", "a1", "a2", x_graft_parent=first)
    second = frontend.node
    frontend.ask([user("Go on."), assistant("Good."), user("Go on.")], "u2", "a1", "a3")
    nodes = {node.id: node for node in graft.nodes(person[1])}
    assert nodes[frontend.node].parent_id == nodes[second].parent_id
    assert len(nodes) == 5


def test_the_first_message_can_be_edited_too(graft: Served, frontend: Frontend, person: tuple[str, str]) -> None:
    frontend.ask([user(BREAD)], "u1", "", "a1")
    frontend.ask([user("How do I bake rolls?")], "u2", "", "a2")
    assert frontend.place == ("fork", "root")
    assert [node.parent_id for node in graft.nodes(person[1]) if node.message.role == "user"] == [None, None]


def test_a_first_message_can_be_regenerated(graft: Served, frontend: Frontend, person: tuple[str, str]) -> None:
    frontend.ask([user(BREAD)], "u1", "", "a1")
    frontend.ask([user(BREAD)], "u1", "", "a2")
    question, first, second = graft.nodes(person[1])
    assert first.parent_id == second.parent_id == question.id


def test_a_message_edited_under_its_own_name_stands_beside_what_it_was(
    graft: Served, frontend: Frontend, person: tuple[str, str]
) -> None:
    first = frontend.ask([user(BREAD)], "u1", "", "a1")
    reply = frontend.node
    frontend.ask([user(BREAD), assistant(first), user(DARKER)], "u2", "a1", "a2")
    frontend.ask([user(BREAD), assistant(first), user("And lighter?")], "u2", "a1", "a3")
    assert frontend.place == ("fork", reply)
    frontend.ask([user("How do I bake rolls?")], "u1", "", "a4")
    assert frontend.place == ("fork", "root")


def test_a_parent_s_name_is_enough_where_no_history_is_sent(upstream: UpstreamDouble, frontend: Frontend) -> None:
    first = frontend.ask([user(BREAD)], "u1", "", "a1")
    reply = frontend.node
    frontend.ask([user(DARKER)], "u2", "a1", "a2")
    assert frontend.place == ("continue", reply)
    assert [one["content"] for one in upstream.bodies()[-1]["messages"]] == [BREAD, first, DARKER]


def test_words_that_were_changed_under_a_known_name_reach_the_model(
    upstream: UpstreamDouble, frontend: Frontend
) -> None:
    """Open WebUI lets its user edit a reply; it keeps its name."""
    frontend.ask([user(BREAD)], "u1", "", "a1")
    changed = "Bake it at 250 degrees, in an iron pot with a lid, for twenty minutes."
    frontend.ask([user(BREAD), assistant(changed), user(DARKER)], "u2", "a1", "a2")
    assert changed in [one["content"] for one in upstream.bodies()[-1]["messages"]]


def test_names_that_are_not_known_say_nothing(frontend: Frontend) -> None:
    first = frontend.ask([user(BREAD)], "u1", "", "a1")
    reply = frontend.node
    frontend.ask([user(BREAD), assistant(first), user(DARKER)], "{{USER_MESSAGE_ID}}", "a77", "")
    assert frontend.place == ("continue", reply)


def test_another_user_s_names_are_unknown_names(graft: Served, frontend: Frontend) -> None:
    frontend.ask([user(BREAD)], "u1", "", "a1")
    stranger = Frontend(graft, graft.key()[0])
    stranger.ask([user(DARKER)], "u2", "a1", "a2")
    assert stranger.place == ("root", "root")


def test_a_name_of_another_tree_leads_nowhere(frontend: Frontend) -> None:
    frontend.ask([user(BREAD)], "u1", "", "a1")
    frontend.ask([user(DARKER)], "u2", "a1", "a2", x_graft_tree="elsewhere")
    assert (frontend.place, frontend.told["x-graft-tree"]) == (("root", "root"), "elsewhere")


def test_a_deleted_message_is_known_by_no_name(graft: Served, frontend: Frontend, person: tuple[str, str]) -> None:
    frontend.ask([user(BREAD)], "u1", "", "a1")
    question = graft.nodes(person[1])[0]
    graft.ask(lambda store: store.delete(UserId(person[1]), question.id))
    frontend.ask([user(DARKER)], "u2", "a1", "a2")
    assert frontend.place == ("root", "root")
    assert graft.violations() == []


def test_a_title_request_names_no_message(frontend: Frontend) -> None:
    """It bears the ids of the chat's last messages."""
    first = frontend.ask([user(BREAD)], "u1", "", "a1")
    reply = frontend.node
    frontend.ask([user("A title, please.")], "u1", "", "a1", x_openwebui_task="title_generation")
    assert frontend.told["x-graft-route"] == "aside"
    frontend.ask([user(BREAD), assistant(first), user(DARKER)], "u2", "a1", "a2")
    assert frontend.place == ("continue", reply)


def test_librechat_s_names_are_known_as_well(graft: Served, person: tuple[str, str]) -> None:
    chat = Frontend(graft, person[0])
    named = {"x_librechat_conversation_id": "conv-1"}
    none = "00000000-0000-0000-0000-000000000000"
    chat.chat = ""
    chat.ask([user(BREAD)], x_librechat_parent_message_id=none, x_librechat_message_id="r1", **named)
    reply = chat.node
    chat.ask([user(DARKER)], x_librechat_parent_message_id="r1", x_librechat_message_id="r2", **named)
    assert chat.place == ("continue", reply)
