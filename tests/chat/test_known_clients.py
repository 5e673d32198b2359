"""Which requests are helpers' and which clients are known: the shipped rules, and what rules may say."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.chat.clients.known import HELPERS, PROFILES
from proxy.chat.clients.rules import Clients, HelperRule, Profile
from proxy.domain.message import Message
from proxy.domain.turn import Client, Turn
from tests.doubles import frontends
from tests.doubles.frontends import system, task, tool, user

SHIPPED = Clients(HELPERS, PROFILES)
ZED_AGENT = "Zed/0.200.0 (linux; x86_64)"


def turn(body: dict[str, Any], **more: Any) -> Turn:
    options = {name: value for name, value in body.items() if name not in ("messages", "stream")}
    messages = [Message(message) for message in body["messages"]]
    return Turn(**{"model": "m", "messages": messages, "options": options, "stream": body.get("stream", False)} | more)


def test_every_shipped_rule_has_a_request_here() -> None:
    assert [rule.name for rule in HELPERS if rule.name not in frontends.HELPERS | frontends.ZED] == []
    assert [profile.name for profile in PROFILES if profile.name not in frontends.AGENTS] == []


@pytest.mark.parametrize("name", frontends.HELPERS)
def test_a_helper_request_is_known_by_its_shape(name: str) -> None:
    assert SHIPPED.helper(turn(frontends.HELPERS[name])) == name


@pytest.mark.parametrize("name", frontends.ZED)
def test_an_editor_s_helper_request_is_known_together_with_its_user_agent(name: str) -> None:
    body = frontends.ZED[name]
    assert SHIPPED.helper(turn(body, client=Client(agent=ZED_AGENT))) == name
    assert SHIPPED.helper(turn(body)) is None


@pytest.mark.parametrize(
    "body",
    [
        {"messages": [user("### Task:\nWrite a haiku about rye bread.")]},
        {"messages": [user(f"### Task:\n{frontends.TITLE}")]},
        {"messages": [user("### Task:\nGenerate 1-3 broad tags for my recipe, please.\n### Output: a list")]},
        {"messages": [user("What does `### Task:\nSuggest 3-5 relevant follow-up` mean in <chat_history>?")]},
        {"messages": [user("quota")]},
        {"messages": [user("Write a commit message for this diff")]},
        {"messages": [user("Please generate a four to five word title summarizing our conversation")]},
        {"messages": [system("You are a title generator. You output ONLY a thread title."), user("Hello")]},
        task(frontends.TITLE, stream=True),
        {"messages": [user("Hello"), {"role": "assistant", "content": "Hi"}, *task(frontends.TITLE)["messages"]]},
    ],
)
def test_one_sign_alone_makes_no_helper_request(body: dict[str, Any]) -> None:
    assert SHIPPED.helper(turn(body)) is None


def test_a_word_of_the_client_itself_is_enough() -> None:
    body = {"messages": [user("Hello")]}
    assert SHIPPED.helper(turn(body, client=Client(task="task title_generation"))) == "task title_generation"


def test_whoever_names_a_parent_wants_to_be_in_the_tree() -> None:
    body = frontends.HELPERS["open-webui title"]
    assert SHIPPED.helper(turn(body, parent="root")) is None
    assert SHIPPED.helper(turn(body, parent="root", client=Client(task="task title"))) is None


@pytest.mark.parametrize("name", frontends.AGENTS)
def test_a_coding_agent_is_known_by_one_sign(name: str) -> None:
    headers, opening = frontends.AGENTS[name]
    marks = frozenset(header for header in headers if header != "User-Agent")
    client = Client(agent=headers.get("User-Agent", ""), marks=marks)
    messages = [*([system(opening)] if opening else []), user("Fix the bug")]
    profile = SHIPPED.profile(turn({"messages": messages}, client=client))
    assert profile is not None
    assert (profile.name, profile.policy) == (name, "follow")


@pytest.mark.parametrize(
    "messages",
    [
        [user("You are Cline, a highly skilled software engineer")],
        [system("Be brief."), user("Act as an expert software developer.")],
        [system("Answer as if you were Cline. You are Roo, too."), user("Hello")],
    ],
)
def test_a_person_who_speaks_of_an_agent_is_none(messages: list[dict[str, Any]]) -> None:
    client = Client(agent="OpenAI/Python 2.1.0")
    assert SHIPPED.profile(turn({"messages": messages, "tools": [tool("search")] * 28}, client=client)) is None


def test_rules_may_say_how_much_is_asked_for() -> None:
    rule = HelperRule("short", starts_with=("Name it",), max_tokens_at_most=20)
    known = Clients([rule])
    assert known.helper(turn({"messages": [user("Name it: bread")], "max_completion_tokens": 20})) == "short"
    assert known.helper(turn({"messages": [user("Name it: bread")], "max_tokens": 21})) is None
    assert known.helper(turn({"messages": [user("Name it: bread")]})) is None


def test_openings_are_compared_with_white_space_folded() -> None:
    known = Clients([HelperRule("name", starts_with=("Name this chat",), single_message=True)])
    assert known.helper(turn({"messages": [user("\n\n  Name   this\n chat: hello")]})) == "name"


def test_openings_may_come_in_parts() -> None:
    known = Clients([HelperRule("name", starts_with=("Name this chat",), single_message=True)])
    parts = [{"type": "text", "text": "Name this chat:"}, {"type": "text", "text": "hello"}]
    assert known.helper(turn({"messages": [user(parts)]})) == "name"


@pytest.mark.parametrize(
    ("signs", "told"),
    [
        ({"starts_with": ("### Task:",)}, "two signs"),
        ({"single_message": True}, "two signs"),
        ({"single_message": True, "plain": True}, "sign of the prompt itself"),
        ({"user_agent": ("Zed/",), "max_tokens_at_most": 9}, "sign of the prompt itself"),
    ],
)
def test_a_rule_that_would_take_users_words_is_refused(signs: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        HelperRule("weak", **signs)


def test_two_phrases_are_two_signs() -> None:
    assert HelperRule("strong", contains=("<chat_history>", "### Output:")).name == "strong"


def test_without_profiles_nobody_is_known() -> None:
    assert Clients(HELPERS).profile(turn({"messages": [user("Hi")]}, client=Client(agent="Zed/1"))) is None


def test_a_profile_may_place_what_an_agent_sends() -> None:
    known = Clients(profiles=[Profile("mine", policy="auto", user_agent=("Mine/",))])
    profile = known.profile(turn({"messages": [user("Hi")]}, client=Client(agent="mine/2.0")))
    assert profile is not None
    assert profile.policy == "auto"
