"""The road from door to model and back, with the official client against the served app."""

from __future__ import annotations

import openai
import pytest

from tests.doubles.running import UpstreamDouble
from tests.doubles.served import Linear, Served

BREAD = "How do I bake a sourdough bread with a dark crust at home?"
FOLLOW_UP = "And how long does it take in the oven?"
TRAIN = "Which night trains run from Vienna to Venice in spring?"


@pytest.fixture
def user(graft: Served) -> tuple[Linear, str]:
    key, user = graft.key()
    return Linear(graft.client(key)), user


def texts(messages: list[dict]) -> list[str]:
    return [message["content"] for message in messages]


@pytest.mark.parametrize("stream", [True, False])
def test_a_first_turn_is_answered_and_stored_under_the_root(graft, upstream, user, stream) -> None:
    chat, name = user
    answer = chat.say(BREAD, stream=stream)
    assert answer.startswith(f"You said: {BREAD}")
    question, reply = graft.nodes(name)
    assert (question.message.text, question.parent_id, question.state) == (BREAD, None, "whole")
    assert (reply.message.text, reply.parent_id, reply.state) == (answer, question.id, "whole")
    assert (chat.node, chat.parent, chat.route) == (reply.id, "root", "root")
    for header in ("tree", "confidence", "context-tokens", "saved-tokens", "context-from", "overhead-ms"):
        assert f"x-graft-{header}" in chat.told
    assert chat.told["x-graft-tree"] == "main"


@pytest.mark.parametrize("stream", [True, False])
def test_a_history_that_comes_again_is_recognised_and_never_stored_twice(graft, user, stream) -> None:
    chat, name = user
    chat.say(BREAD, stream=stream)
    first = chat.node
    chat.say("And how do I get it darker?", stream=stream)
    assert (chat.parent, chat.route) == (first, "continue")
    assert len(graft.nodes(name)) == 4
    assert graft.violations() == []


def test_a_return_sends_the_branch_and_leaves_the_detour_out(graft, upstream: UpstreamDouble, user) -> None:
    chat, _name = user
    upstream.say("Bake the sourdough bread hot, in a pot, and the crust gets dark.")
    chat.say(BREAD)
    bread = chat.node
    upstream.say("The night train to Venice leaves Vienna in the evening.")
    chat.headers = {"X_Graft_Parent": "root"}
    chat.say(TRAIN)
    chat.headers = {}
    assert (chat.route, chat.parent) == ("pinned", "root")
    chat.say("Back to the sourdough bread: how long does the dark crust take?")
    assert chat.parent == bread
    assert chat.route == "return"
    sent = texts(upstream.bodies()[-1]["messages"])
    assert sent[0] == BREAD
    assert TRAIN not in sent
    assert len(sent) == 3
    assert int(chat.told["x-graft-saved-tokens"]) > 0


def test_asking_again_makes_a_sibling_and_destroys_nothing(graft, upstream, user) -> None:
    chat, name = user
    upstream.say("First answer.", "Second answer.")
    chat.say(BREAD)
    chat.history.pop()
    chat.ask()
    question, first, second = graft.nodes(name)
    assert first.parent_id == second.parent_id == question.id
    assert {first.message.text, second.message.text} == {"First answer.", "Second answer."}
    chat.say("And then?")
    assert chat.parent == second.id


def test_an_edited_turn_stands_beside_the_one_it_replaces(graft, upstream, user) -> None:
    chat, name = user
    chat.say(BREAD)
    first = chat.node
    chat.say("How much salt?")
    del chat.history[-2:]
    chat.say("How much salt for two loaves?")
    assert (chat.parent, chat.route) == (first, "fork")
    assert texts(upstream.bodies()[-1]["messages"])[1:] == [chat.history[1]["content"], "How much salt for two loaves?"]
    siblings = [node.message.text for node in graft.nodes(name) if node.parent_id == first]
    assert siblings == ["How much salt?", "How much salt for two loaves?"]


def test_white_space_makes_a_new_turn_when_its_user_edits_it(graft, user) -> None:
    chat, name = user
    chat.say("if a:\n    b()\n    c()")
    chat.history = [{"role": "user", "content": "if a:\n    b()\nc()"}]
    chat.ask()
    assert sorted(n.message.text for n in graft.nodes(name) if n.message.role == "user") == [
        "if a:\n    b()\n    c()",
        "if a:\n    b()\nc()",
    ]


def test_a_history_begun_elsewhere_is_adopted_whole(graft, upstream, user) -> None:
    chat, name = user
    chat.history = [
        {"role": "user", "content": BREAD},
        {"role": "assistant", "content": "Steam it, then bake it hot."},
        {"role": "user", "content": "How hot?"},
        {"role": "assistant", "content": "250 degrees."},
    ]
    chat.say("And for how long?")
    nodes = graft.nodes(name)
    assert [node.message.text for node in nodes][:5] == texts(chat.history)[:5]
    assert [node.parent_id for node in nodes] == [None, *(node.id for node in nodes[:-1])]
    assert texts(upstream.bodies()[-1]["messages"]) == texts(chat.history)[:5]


def test_a_named_parent_is_where_the_turn_goes(graft, upstream, user) -> None:
    chat, _ = user
    chat.say(BREAD)
    first = chat.node
    chat.say("How much salt?")
    other = Linear(chat.client, X_Graft_Parent=first)
    other.say("How much water?")
    assert (other.parent, other.route) == (first, "pinned")
    assert texts(upstream.bodies()[-1]["messages"])[0] == BREAD
    inside = Linear(chat.client)
    inside.say("How much flour?", extra_body={"metadata": {"graft_parent": first}})
    assert inside.parent == first


def test_follow_sends_the_clients_messages_exactly_as_they_came(graft, upstream, user) -> None:
    chat, name = user
    chat.model = "gpt-test:follow"
    chat.history = [{"role": "system", "content": "Be short."}]
    chat.say(BREAD)
    chat.say(TRAIN)
    assert upstream.bodies()[-1]["messages"] == chat.history[:-1]
    assert upstream.bodies()[-1]["model"] == "gpt-test"
    assert chat.route == "follow"
    assert len(graft.nodes(name)) == 4


def test_off_answers_and_remembers_nothing(graft, user) -> None:
    chat, name = user
    chat.model = "gpt-test:off"
    assert chat.say(BREAD).startswith("You said")
    assert chat.route == "aside"
    assert "x-graft-node" not in chat.told
    assert graft.nodes(name) == []
    chat.model = "gpt-test"
    chat.say(FOLLOW_UP)
    said = [node.message.text for node in graft.nodes(name)]
    assert BREAD not in said
    assert said[0] == FOLLOW_UP


def test_what_was_off_is_still_sent_when_the_client_brings_it_again(graft, upstream, user) -> None:
    chat, _ = user
    chat.model = "gpt-test:off"
    chat.say(BREAD)
    chat.model = "gpt-test"
    chat.say(FOLLOW_UP)
    assert texts(upstream.bodies()[-1]["messages"]) == texts(chat.history[:-1])


def test_shadow_follows_and_logs_what_the_router_would_have_done(graft, user) -> None:
    chat, name = user
    chat.headers = {"X_Graft_Route": "shadow"}
    chat.say(BREAD)
    chat.say(TRAIN)
    assert chat.route == "follow"
    turn = graft.nodes(name)[2].id

    async def shadow(store):
        import asyncio

        for _ in range(100):
            if (found := await store.decision(name, turn, shadow=True)) is not None:
                return found
            await asyncio.sleep(0.05)
        return None

    logged = graft.ask(shadow)
    assert logged.attachment.scorer == "embedded"


def test_unknown_messages_before_the_history_reach_the_model_every_time(graft, upstream, user) -> None:
    chat, name = user
    chat.say(BREAD)
    for version in ("one", "two"):
        files = [
            {"role": "user", "content": f"Here is file version {version}"},
            {"role": "assistant", "content": "Ok."},
        ]
        chat.history = [
            *files,
            *[
                m
                for m in chat.history
                if m not in files and "file version" not in m["content"] and m["content"] != "Ok."
            ],
        ]
        chat.say(f"Question about version {version}")
        sent = texts(upstream.bodies()[-1]["messages"])
        assert f"Here is file version {version}" in sent
        assert BREAD in sent
    assert not [n for n in graft.nodes(name) if "file version" in n.message.text]


def test_two_users_who_begin_alike_share_nothing(graft) -> None:
    chats = [Linear(graft.client(key)) for key, _ in (graft.key(), graft.key())]
    nodes = set()
    for chat in chats:
        chat.say(BREAD)
        chat.say(FOLLOW_UP)
        nodes |= {chat.node, chat.parent}
    assert len(nodes - {"root"}) == 4
    stranger = Linear(chats[1].client, X_Graft_Parent=chats[0].node)
    with pytest.raises(openai.NotFoundError):
        stranger.say("Mine?")


def test_sub_users_of_an_app_key_are_apart_and_follow(graft) -> None:
    key, app = graft.key(kind="app")
    for person in ("ann", "bob"):
        chat = Linear(graft.client(key))
        chat.say(BREAD, extra_body={"user": person})
        assert chat.route == "follow"
        assert len(graft.nodes(f"{app}/{person}")) == 2
    unnamed = Linear(graft.client(key), X_Graft_Route="auto")
    unnamed.say(BREAD)
    assert unnamed.route == "follow"


def test_zones_and_the_trees_prompt_stand_before_the_path(graft, upstream, user) -> None:
    chat, name = user
    chat.say(BREAD)

    async def write(store):
        tree = await store.tree(name, "main")
        await store.put_zone(name, None, "user", "Likes rye.")
        await store.put_zone(name, tree.id, "discussion", "We bake on Sunday.")
        await store.set_system_prompt(name, tree.id, "You are a baker.")

    graft.ask(write)
    chat.say(FOLLOW_UP)
    sent = upstream.bodies()[-1]["messages"]
    assert sent[0] == {"role": "system", "content": "You are a baker."}
    assert sent[1]["role"] == "system"
    assert sent[1]["content"].index("Likes rye.") < sent[1]["content"].index("We bake on Sunday.")
    assert texts(sent[2:]) == texts(chat.history[:-1])


def test_another_tree_is_a_wall(graft, upstream, user) -> None:
    chat, name = user
    chat.say(BREAD)
    work = Linear(chat.client, X_Graft_Tree="work")
    work.say("Back to the sourdough bread: how hot?")
    assert (work.told["x-graft-tree"], work.route) == ("work", "root")
    assert texts(upstream.bodies()[-1]["messages"]) == ["Back to the sourdough bread: how hot?"]
    assert len(graft.nodes(name, "work")) == 2


def test_a_tool_loop_is_one_turn(graft, upstream, user) -> None:
    chat, name = user
    tool = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}}}
    upstream.script({"do": "tools"})
    chat.history = [{"role": "user", "content": "How is the weather in Oslo and Lima?"}]
    answer = chat.client.chat.completions.create(model="gpt-test", messages=chat.history, tools=[tool])
    calls = answer.choices[0].message.tool_calls
    assert len(calls) == 2
    chat.history.append(answer.choices[0].message.model_dump(exclude_none=True))
    chat.history += [{"role": "tool", "tool_call_id": call.id, "content": "Rain."} for call in calls]
    chat.ask(tools=[tool])
    assert chat.route == "continue"
    assert upstream.bodies()[-1]["messages"][-2:] == chat.history[-3:-1]
    assert [node.message.role for node in graft.nodes(name)] == ["user", "assistant", "tool", "tool", "assistant"]
    assert graft.violations() == []


def test_several_choices_are_siblings(graft, upstream, user) -> None:
    chat, name = user
    frame = {"id": "c", "object": "chat.completion", "created": 1, "model": "gpt-test"}
    choices = [
        {
            "index": i,
            "message": {"role": "assistant", "content": text, "refusal": None},
            "finish_reason": "stop",
            "logprobs": None,
        }
        for i, text in enumerate(("Red.", "Blue."))
    ]
    upstream.script({"do": "chunks", "whole": {**frame, "choices": choices}})
    answer = chat.client.chat.completions.create(
        model="gpt-test", messages=[{"role": "user", "content": "Colour?"}], n=2
    )
    assert [choice.message.content for choice in answer.choices] == ["Red.", "Blue."]
    question, *replies = graft.nodes(name)
    assert {reply.message.text for reply in replies} == {"Red.", "Blue."}
    assert {reply.parent_id for reply in replies} == {question.id}
    chat.history = [{"role": "user", "content": "Colour?"}, {"role": "assistant", "content": "Blue."}]
    chat.say("Why?")
    assert chat.parent == next(reply.id for reply in replies if reply.message.text == "Blue.")


def test_usage_comes_only_when_asked_for(graft, user) -> None:
    chat, _ = user
    messages = [{"role": "user", "content": BREAD}]
    plain = list(chat.client.chat.completions.create(model="gpt-test", messages=messages, stream=True))
    assert all(chunk.choices for chunk in plain)
    asked = list(
        chat.client.chat.completions.create(
            model="gpt-test", messages=messages, stream=True, stream_options={"include_usage": True}
        )
    )
    assert asked[-1].choices == []
    assert asked[-1].usage.total_tokens > 0
