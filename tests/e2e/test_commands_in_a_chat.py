"""Commands typed in a chat, over the served app."""

from __future__ import annotations

import pytest

from tests.doubles.running import UpstreamDouble
from tests.doubles.served import Linear, Served

BREAD = "How do I bake a sourdough bread with a dark crust at home?"
TRAIN = "Which night trains run from Vienna to Venice in spring?"
STREAMED = pytest.mark.parametrize("stream", [True, False])


class Chatting:
    """A chat that has talked of bread, and then of trains."""

    def __init__(self, served: Served, upstream: UpstreamDouble) -> None:
        upstream.reset()
        self.served, self.upstream = served, upstream
        self.key, self.user = served.key()
        self.chat = Linear(served.client(self.key))
        self.say("Bake it hot, in a pot.", BREAD, X_Graft_Parent="root")
        self.bread = self.chat.node
        self.say("It leaves in the evening.", TRAIN, X_Graft_Parent="root")
        self.trains = self.chat.node
        self.asked = len(upstream.requests())

    def say(self, reply: str, text: str, **headers: str) -> str:
        self.upstream.say(reply)
        self.chat.headers, before = headers, self.chat.headers
        told = self.chat.say(text)
        self.chat.headers = before
        return told

    def texts(self) -> list[str]:
        return [node.message.text for node in self.served.nodes(self.user)]

    def unasked(self) -> bool:
        """Whether no model was asked since the chat began, and nothing was stored."""
        return len(self.upstream.requests()) == self.asked and not any("/graft" in text for text in self.texts())


@pytest.fixture
def chatting(graft: Served, upstream: UpstreamDouble) -> Chatting:
    return Chatting(graft, upstream)


@STREAMED
def test_where_tells_tree_branch_decision_and_runner_up(chatting: Chatting, stream: bool) -> None:
    chatting.chat.say("And which of those trains have sleeping cars to Venice?", stream=stream)
    chatting.asked += 1
    told = chatting.chat.say("/graft where", stream=stream)
    assert "Tree **main**" in told
    assert f'Branch "{TRAIN}", turn 2: "And which of those trains' in told
    assert "Last decision: **continue**" in told
    assert "Runner-up: " in told
    assert chatting.chat.told["x-graft-aside"] == "command where"
    assert chatting.unasked()


@STREAMED
def test_tree_draws_the_tree_and_marks_the_place(chatting: Chatting, stream: bool) -> None:
    lines = chatting.chat.say("/graft tree", stream=stream).splitlines()
    assert lines[:2] == ["```text", "main"]
    assert lines[2].startswith(f"├── {BREAD}")
    assert lines[3].startswith(f"└── {TRAIN}")
    assert ["<- here" in line for line in lines[2:4]] == [False, True]
    assert chatting.unasked()


@STREAMED
@pytest.mark.parametrize("by", ["title", "words", "id", "end", "beginning"])
def test_goto_sends_the_next_turn_elsewhere_once(chatting: Chatting, stream: bool, by: str) -> None:
    chat = chatting.chat
    named = {
        "title": BREAD,
        "words": "sourdough",
        "id": chatting.bread,
        "end": chatting.bread[-8:],
        "beginning": chatting.bread[:18],
    }[by]
    told = chat.say(f"/graft goto {named}", stream=stream)
    assert told.startswith(f'The next turn goes on behind "{BREAD}"')
    chat.say("How long?", stream=stream)
    assert (chat.route, chat.parent) == ("pinned", chatting.bread)
    sent = [message["content"] for message in chatting.upstream.bodies()[-1]["messages"]]
    assert sent == [BREAD, "Bake it hot, in a pot.", "How long?"]
    reply = chat.node
    chat.say("And then?", stream=stream)
    assert (chat.route, chat.parent) == ("continue", reply)
    assert not any("/graft" in text for text in chatting.texts())
    assert chatting.served.violations() == []


@STREAMED
def test_new_opens_a_topic_with_the_next_turn(chatting: Chatting, stream: bool) -> None:
    chatting.chat.say("/graft new", stream=stream)
    chatting.chat.say("And the trains from there?", stream=stream)
    assert (chatting.chat.route, chatting.chat.parent) == ("pinned", "root")
    assert len(chatting.upstream.bodies()[-1]["messages"]) == 1


@STREAMED
def test_back_goes_up_by_turns_and_adds_up(chatting: Chatting, stream: bool) -> None:
    chat = chatting.chat
    replies = [chatting.trains]
    for text in ("Which of these trains have sleeping cars?", "And which of the trains have a dining car?"):
        chat.say(text, extra_headers={"X-Graft-Parent": replies[-1]})
        replies.append(chat.node)
    chat.say("/graft back", stream=stream)
    assert "There are only" in chat.say("/graft back 7", stream=stream)
    chat.say("/graft back", stream=stream)
    told = chat.say("/graft where", stream=stream)
    assert f'The next turn goes on behind "{TRAIN}"' in told
    chat.say("What else is there?", stream=stream)
    assert (chat.route, chat.parent) == ("pinned", replies[0])


@STREAMED
def test_move_hangs_the_last_turn_elsewhere(chatting: Chatting, stream: bool) -> None:
    told = chatting.chat.say("/graft move sourdough", stream=stream)
    assert told.startswith(f'"{TRAIN}" stands behind "{BREAD}"')
    assert chatting.chat.say("/graft move sourdough", stream=stream).startswith(f'"{TRAIN}" stands there already')
    nodes = {node.id: node for node in chatting.served.nodes(chatting.user)}
    turn = nodes[nodes[chatting.trains].parent_id]
    assert (turn.message.text, turn.parent_id) == (TRAIN, chatting.bread)
    chatting.chat.say("And back?", stream=stream)
    assert chatting.chat.parent == chatting.trains
    assert chatting.served.violations() == []


@STREAMED
def test_undo_takes_the_placement_back_and_answers_again(chatting: Chatting, stream: bool) -> None:
    chat = chatting.chat
    chatting.upstream.say("Five minutes from now.")
    told = chat.say("/graft undo", stream=stream)
    assert told == "Five minutes from now."
    nodes = {node.id: node for node in chatting.served.nodes(chatting.user)}
    turn = nodes[nodes[chat.node].parent_id]
    assert (turn.message.text, turn.parent_id) == (TRAIN, chatting.bread)
    assert [message["content"] for message in chatting.upstream.bodies()[-1]["messages"]][-1] == TRAIN
    reply = chat.node
    chat.say("And which of these trains have sleeping cars to Venice?", stream=stream)
    assert chat.parent == reply
    assert not any("/graft" in text for text in chatting.texts())
    assert chatting.served.violations() == []


@STREAMED
def test_what_cannot_be_undone_is_told(graft: Served, upstream: UpstreamDouble, stream: bool) -> None:
    key, user = graft.key()
    assert "nothing to undo" in Linear(graft.client(key)).say("/graft undo", stream=stream)
    assert graft.nodes(user) == []
    assert upstream.requests() == []


@STREAMED
@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("/graft", "- `/graft where`"),
        ("/graft help", "- `/graft goto TITLE-OR-ID`"),
        ("/graft wehre", "Did you mean `/graft where`?"),
        ("/graft xyzzy", "`/graft xyzzy` is no command."),
        ("/graft goto", "Say where"),
        ("/graft goto the moons of Jupiter", 'Nothing here is called "the moons of Jupiter"'),
        ("/graft goto n_doesnotexist", "Nothing here is called"),
        ("/graft back many", "takes a number of turns"),
        ("/graft back 9", "There is only 1 turn above here"),
        ("/graft back 99999999999999999999999999", "There is only 1 turn above here"),
        ("/graft back 0", "takes a number of turns"),
        ("/graft back ²", "takes a number of turns"),
        ("/GRAFT help", "- `/graft where`"),
        ("/graft move", "Say where to"),
        ("/graft move night trains", 'Nothing here is called "night trains"'),
    ],
)
def test_what_cannot_be_done_is_told(chatting: Chatting, stream: bool, said: str, told: str) -> None:
    assert told in chatting.chat.say(said, stream=stream)
    assert chatting.unasked()


def test_parts_are_read_like_a_string(chatting: Chatting) -> None:
    chatting.chat.history.append({"role": "user", "content": [{"type": "text", "text": "/graft help"}]})
    assert chatting.chat.ask().startswith("Commands:")


@pytest.mark.parametrize(
    "said", ["What does /graft where do?", "/grafting wood", "/graft where\nand what does it say?", "/Grafting wood"]
)
def test_a_message_that_only_mentions_a_command_is_a_turn(chatting: Chatting, said: str) -> None:
    chatting.chat.say(said)
    assert "x-graft-node" in chatting.chat.told
    assert said in chatting.texts()


def test_commands_in_a_history_are_neither_sent_nor_stored(chatting: Chatting) -> None:
    chat = chatting.chat
    for command in ("/graft where", "/graft tree", "/graft help", "/graft nonsense"):
        chat.say(command)
    chat.say("And which of these night trains have sleeping cars to Venice?")
    follows = {"X-Graft-Route": "follow"}
    chat.say("/graft where", extra_headers=follows)
    chat.say("And a dining car?", extra_headers=follows)
    sent = [message["content"] for body in chatting.upstream.bodies()[-2:] for message in body["messages"]]
    assert not any("/graft" in text or "Tree **main**" in text for text in sent)
    assert TRAIN in sent
    assert not any("/graft" in text or "Tree **main**" in text for text in chatting.texts())
    assert chatting.served.violations() == []


def test_a_trimmed_history_still_knows_its_commands(chatting: Chatting) -> None:
    chat = chatting.chat
    chat.say("/graft where")
    chat.history = chat.history[2:]
    chat.say("And which of these night trains have sleeping cars to Venice?")
    assert (chat.route, chat.parent) == ("continue", chatting.trains)
    assert not any("/graft" in text for text in chatting.texts())


def test_a_command_that_is_sent_again_does_the_same_once_more(chatting: Chatting) -> None:
    chat = chatting.chat
    chat.say("And sleeping cars?", extra_headers={"X-Graft-Parent": chatting.trains})
    first = chat.say("/graft back")
    again = chat.history[:-1]
    chat.history = list(again)
    assert chat.ask(extra_headers={"X-Stainless-Retry-Count": "1"}) == first
    chat.history = list(again)
    assert chat.ask() == first
    chat.say("What else?")
    assert chat.parent == chatting.trains


def test_an_undo_that_is_retried_is_answered_with_the_first_answer(chatting: Chatting) -> None:
    chat = chatting.chat
    chatting.upstream.say("Once.", "Twice.")
    chat.say("/graft undo")
    chat.history = chat.history[:-1]
    assert chat.ask(extra_headers={"X-Stainless-Retry-Count": "1"}) == "Once."
    chat.history = chat.history[:-1]
    assert chat.ask() == "Twice."  # another reply from the same place
    nodes = {node.id: node for node in chatting.served.nodes(chatting.user)}
    assert nodes[nodes[chat.node].parent_id].parent_id == chatting.bread


def test_an_edited_turn_behind_a_command_stays_at_its_place(chatting: Chatting) -> None:
    chat = chatting.chat
    chat.say("/graft goto sourdough")
    chat.say("How long?")
    chat.history = chat.history[:-2]
    chat.say("How hot?")
    assert (chat.route, chat.parent) == ("fork", chatting.bread)


def test_a_client_without_history_is_sent_on_as_well(chatting: Chatting) -> None:
    chat = chatting.chat

    def say(text: str) -> str:
        chat.history = []
        return chat.say(text)

    say("/graft goto sourdough")
    say("How long?")
    assert (chat.route, chat.parent) == ("pinned", chatting.bread)
    say("/graft back 2")
    say("Something else?")
    assert (chat.route, chat.parent) == ("pinned", "root")
    say("And which bread is dark?")
    assert chat.route != "pinned"


def test_a_place_that_is_deleted_sends_nobody_there(chatting: Chatting) -> None:
    chatting.chat.say("/graft goto sourdough")
    chatting.served.ask(lambda store: store.delete(chatting.user, chatting.bread))
    chatting.chat.say("And which of these night trains have sleeping cars to Venice?")
    assert (chatting.chat.route, chatting.chat.parent) == ("continue", chatting.trains)
    assert chatting.served.violations() == []


def test_a_name_that_could_mean_several_turns_is_asked_about(chatting: Chatting) -> None:
    chatting.say("So be it.", "How do I bake a sourdough roll?", X_Graft_Parent="root")
    told = chatting.chat.say("/graft goto sourdough")
    assert told.startswith('Several turns could be meant by "sourdough"')
    by_id = told.rsplit("`", 2)[1]
    assert "sourdough roll" in chatting.chat.say(f"/graft goto {by_id}")


def test_a_sub_user_of_an_app_commands_its_own_tree_alone(graft: Served, upstream: UpstreamDouble) -> None:
    key, _ = graft.key(kind="app")
    ann, ben = (Linear(graft.client(key), X_Graft_User=name) for name in ("ann", "ben"))
    ann.say(BREAD)
    assert BREAD in ann.say("/graft tree")
    assert "is empty" in ben.say("/graft tree")
    assert "Nothing here is called" in ben.say(f"/graft goto {ann.node if 'x-graft-node' in ann.told else 'sourdough'}")
    assert "names none" in Linear(graft.client(key)).say("/graft tree")


def test_policy_off_forwards_what_looks_like_a_command(graft: Served, upstream: UpstreamDouble) -> None:
    key, _ = graft.key()
    upstream.say("I know no such command.")
    chat = Linear(graft.client(key), X_Graft_Route="off")
    assert chat.say("/graft where") == "I know no such command."


@pytest.mark.parametrize("policy", ["auto", "follow", "shadow"])
def test_commands_work_under_every_other_policy(graft: Served, upstream: UpstreamDouble, policy: str) -> None:
    key, _ = graft.key()
    chat = Linear(graft.client(key), X_Graft_Route=policy)
    chat.say(BREAD)
    bread = chat.node
    chat.say("/graft new")
    chat.say("Another thing.")
    assert (chat.route, chat.parent) == ("pinned", "root")
    chat.say("/graft goto sourdough")
    chat.say("How long?")
    assert (chat.route, chat.parent) == ("pinned", bread)


def test_commands_come_in_openai_s_shape(chatting: Chatting) -> None:
    client = chatting.chat.client
    asked = {"model": "gpt-test", "messages": [{"role": "user", "content": "/graft help"}]}
    whole = client.chat.completions.create(**asked)
    assert (whole.object, whole.choices[0].finish_reason, whole.usage.total_tokens) == ("chat.completion", "stop", 0)
    chunks = list(client.chat.completions.create(**asked, stream=True, stream_options={"include_usage": True}))
    assert {chunk.object for chunk in chunks} == {"chat.completion.chunk"}
    assert chunks[-1].usage.total_tokens == 0
    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == whole.choices[0].message.content
