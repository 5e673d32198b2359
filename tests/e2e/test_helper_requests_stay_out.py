"""Helper requests and coding agents against the served app: what is placed, what is stored, and what the model gets."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from proxy.domain.tree import UserId
from tests.doubles import frontends
from tests.doubles.frontends import system, tool, user
from tests.doubles.running import UpstreamDouble
from tests.doubles.served import Linear, Served, serving

BREAD = "How do I bake a sourdough bread with a dark crust at home?"
ZONE = "Likes marjoram."


class Sender:
    """Somebody who sends bodies as they are."""

    def __init__(self, graft: Served, **key: Any) -> None:
        self.graft = graft
        self.key, self.user = graft.key(**key)

    def send(self, body: dict[str, Any], **headers: str) -> httpx.Response:
        told = {name.replace("_", "-"): value for name, value in headers.items()}
        answer = httpx.post(
            f"{self.graft.url}/v1/chat/completions",
            json={"model": "gpt-test", **body},
            headers={"Authorization": f"Bearer {self.key}", **told},
            timeout=60,
        )
        assert answer.status_code == 200, answer.text
        return answer

    def get(self, path: str) -> Any:
        answer = httpx.get(self.graft.url + path, headers={"Authorization": f"Bearer {self.key}"}, timeout=60)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def chat(self, **headers: str) -> Linear:
        return Linear(self.graft.client(self.key), **headers)

    def texts(self) -> list[str]:
        return [node.message.text for node in self.graft.nodes(self.user)]


@pytest.fixture
def sender(graft: Served) -> Sender:
    return Sender(graft)


@pytest.mark.parametrize("name", frontends.HELPERS)
def test_a_helper_request_is_answered_from_what_it_sent(
    graft: Served, upstream: UpstreamDouble, sender: Sender, name: str
) -> None:
    graft.ask(lambda store: store.put_zone(UserId(sender.user), None, "user", ZONE))
    body = frontends.HELPERS[name]
    told = sender.send(body)
    assert (told.headers["x-graft-route"], told.headers["x-graft-aside"]) == ("aside", name)
    assert "x-graft-node" not in told.headers
    assert upstream.bodies()[-1]["messages"] == body["messages"]
    assert sender.texts() == []


@pytest.mark.parametrize(
    ("more", "headers", "name"),
    [
        ({}, {"x_openwebui_task": "title_generation"}, "task title_generation"),
        ({}, {"x_graft_task": "name the chat"}, "task name the chat"),
        ({"metadata": {"task": "tags_generation"}}, {}, "task tags_generation"),
        ({}, {"x_parent_session_id": "ses_9"}, "sub-agent"),
        ({}, {"x_openai_subagent": "review"}, "sub-agent"),
        ({"model": "gpt-test:off"}, {}, "policy off"),
        ({}, {"x_graft_route": "off"}, "policy off"),
    ],
)
@pytest.mark.parametrize("stream", [True, False])
def test_a_client_may_say_itself_that_it_wants_help(
    upstream: UpstreamDouble, sender: Sender, more: dict, headers: dict, name: str, stream: bool
) -> None:
    body = {"messages": [user(BREAD)], "stream": stream, **more}
    told = sender.send(body, **headers)
    assert told.headers["x-graft-aside"] == name
    assert upstream.bodies()[-1]["messages"] == [user(BREAD)]
    assert sender.texts() == []


@pytest.mark.parametrize("value", ["", "{{TASK}}", "default", "None"])
def test_an_empty_task_is_none(sender: Sender, value: str) -> None:
    """Open WebUI fills its template with nothing for a user's turn; others send the template itself."""
    told = sender.send({"messages": [user(BREAD)]}, x_openwebui_task=value)
    assert told.headers["x-graft-route"] == "root"
    assert len(sender.texts()) == 2


def test_what_was_answered_and_not_remembered_is_counted(sender: Sender) -> None:
    for name in ("open-webui title", "open-webui title", "open-webui tags"):
        sender.send(frontends.HELPERS[name])
    counted = sender.get("/api/asides")
    assert [(one["name"], one["count"]) for one in counted["data"]] == [("open-webui title", 2), ("open-webui tags", 1)]
    assert counted["total"] == 3


def test_nothing_of_a_helper_request_stands_in_the_database(graft: Served, sender: Sender) -> None:
    secret = "brachiosaurus-4711"
    sender.send(frontends.task(f"{frontends.TITLE} {secret}"))
    dumped = graft.ask(lambda store: store._read(lambda db: "\n".join(db.iterdump())))
    assert secret not in dumped


def test_the_first_turn_after_a_title_request_is_still_the_first(sender: Sender) -> None:
    sender.send(frontends.HELPERS["open-webui title"], x_openwebui_chat_id="chat-1")
    chat = sender.chat(x_openwebui_chat_id="chat-1")
    chat.say(BREAD)
    assert (chat.route, chat.parent) == ("root", "root")
    first = chat.node
    sender.send(frontends.HELPERS["open-webui tags"], x_openwebui_chat_id="chat-1")
    chat.say("And how do I get it darker?")
    assert (chat.route, chat.parent) == ("continue", first)


def test_a_title_request_before_the_first_turn_disturbs_nothing(sender: Sender) -> None:
    """As opencode sends it: under the same session, and with the same words as the turn that follows."""
    session = {"x_opencode_session": "ses_1"}
    title = {
        "messages": [*frontends.HELPERS["opencode title"]["messages"][:2], user(BREAD)],
        "stream": True,
    }
    assert sender.send(title, **session).headers["x-graft-aside"] == "opencode title"
    chat = sender.chat(**session)
    chat.say(BREAD)
    assert (chat.parent, chat.told["x-graft-client"]) == ("root", "opencode")
    first = chat.node
    chat.say("And how do I get it darker?")
    assert chat.parent == first
    assert len(sender.texts()) == 4


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize(
    "text", ["### Task:\nWrite a haiku about rye bread.", f"### Task:\n{frontends.TITLE}\nIt is for my blog."]
)
def test_a_user_s_own_task_is_a_turn(sender: Sender, text: str, stream: bool) -> None:
    told = sender.send({"messages": [user(text)], "stream": stream})
    assert told.headers["x-graft-route"] == "root"
    assert sender.texts()[0] == text


def test_a_title_prompt_pasted_in_the_middle_of_a_chat_is_a_turn(sender: Sender) -> None:
    chat = sender.chat()
    chat.say(BREAD)
    pasted = frontends.HELPERS["open-webui title"]["messages"][0]["content"]
    chat.say(pasted, stream=False)
    assert chat.route != "aside"
    assert sender.texts()[2] == pasted


def test_a_title_prompt_pasted_into_a_new_chat_is_a_turn(sender: Sender) -> None:
    """A frontend streams what its user says, and never its own tasks."""
    chat = sender.chat()
    chat.say(frontends.HELPERS["open-webui title"]["messages"][0]["content"], stream=True)
    assert chat.route == "root"


def test_whoever_names_a_parent_is_in_the_tree(sender: Sender) -> None:
    told = sender.send(frontends.HELPERS["open-webui title"], x_graft_parent="root")
    assert told.headers["x-graft-route"] == "pinned"
    assert len(sender.texts()) == 2


def test_a_task_is_told_in_plain_ascii(sender: Sender) -> None:
    told = sender.send({"messages": [user(BREAD)], "metadata": {"task": "título\r\nx-evil: 1"}})
    assert told.headers["x-graft-aside"] == "task t\\xedtulo  x-evil: 1"
    assert "x-evil" not in told.headers


@pytest.mark.parametrize("name", frontends.AGENTS)
def test_a_coding_agent_is_followed(upstream: UpstreamDouble, sender: Sender, name: str) -> None:
    headers, opening = frontends.AGENTS[name]
    messages = [*([system(opening)] if opening else []), user("Fix the bug in bread.py.")]
    told = sender.send({"messages": messages, "tools": [tool("read_file")]}, **headers)
    assert (told.headers["x-graft-client"], told.headers["x-graft-route"]) == (name, "follow")
    assert upstream.bodies()[-1]["messages"] == messages


def test_an_agent_whose_tools_live_in_the_text_is_followed_through_its_loop(sender: Sender) -> None:
    opening = system(str(frontends.AGENTS["cline"][1]))
    upstream_says = "<read_file>bread.py</read_file>"
    chat = [opening, user("<task>Fix the bug in bread.py.</task>")]
    first = sender.send({"messages": chat}).headers
    chat += [
        {"role": "assistant", "content": first and upstream_says},
        user("[read_file for 'bread.py'] Result: x = 1"),
    ]
    told = sender.send({"messages": chat}).headers
    assert told["x-graft-route"] == "follow"


def test_a_frontend_that_sends_tools_with_every_turn_is_still_placed(sender: Sender) -> None:
    tools = [tool(f"tool_{number}") for number in range(28)]
    chat = sender.chat(x_openwebui_chat_id="chat-2")
    chat.say(BREAD, tools=tools)
    assert chat.route == "root"
    assert "x-graft-client" not in chat.told
    chat.say("And how do I get it darker?", tools=tools)
    assert chat.route == "continue"


def test_a_key_s_own_policy_is_worth_more_than_a_profile(graft: Served) -> None:
    placed = Sender(graft, policy="auto").send({"messages": [user(BREAD)]}, User_Agent="QwenCode/1.0")
    assert (placed.headers["x-graft-route"], placed.headers["x-graft-client"]) == ("root", "qwen code")
    off = Sender(graft, policy="off").send({"messages": [user(BREAD)]}, User_Agent="QwenCode/1.0")
    assert off.headers["x-graft-aside"] == "policy off"


def test_a_request_s_own_policy_is_worth_more_than_a_profile(sender: Sender) -> None:
    told = sender.send({"messages": [user(BREAD)]}, User_Agent="QwenCode/1.0", x_graft_route="auto")
    assert told.headers["x-graft-route"] == "root"


@pytest.fixture(scope="module")
def tuned(tmp_path_factory: pytest.TempPathFactory, upstream_process: UpstreamDouble) -> Iterator[Served]:
    """A server with rules of its own."""
    clients = {
        "task_models": ["other-model"],
        "helpers": [{"name": "my names", "starts_with": ["Name it:"], "single_message": True}],
        "helpers_off": ["open-webui title", "open-webui task"],
        "profiles": [{"name": "mine", "headers": ["X-Mine"], "policy": "off"}],
        "profiles_off": ["qwen code"],
    }
    with serving(tmp_path_factory.mktemp("tuned"), upstream_process, {"clients": clients}) as served:
        served.key("keeper")
        yield served


def test_rules_can_be_added_and_switched_off(tuned: Served, upstream: UpstreamDouble) -> None:
    sender = Sender(tuned)
    assert sender.send({"messages": [user("Name it: bread")]}).headers["x-graft-aside"] == "my names"
    assert sender.send(frontends.HELPERS["open-webui tags"]).headers["x-graft-route"] == "aside"
    assert sender.send(frontends.HELPERS["open-webui title"]).headers["x-graft-route"] == "root"


def test_a_model_can_be_kept_for_helper_requests(tuned: Served, upstream: UpstreamDouble) -> None:
    sender = Sender(tuned)
    for form in ("other-model", "other-model:follow"):
        told = sender.send({"model": form, "messages": [user(BREAD)]})
        assert told.headers["x-graft-aside"] == "task model other-model"
    assert sender.texts() == []


def test_profiles_can_be_added_and_switched_off(tuned: Served, upstream: UpstreamDouble) -> None:
    mine = Sender(tuned).send({"messages": [user(BREAD)]}, x_mine="1").headers
    assert (mine["x-graft-client"], mine["x-graft-aside"]) == ("mine", "policy off")
    qwen = Sender(tuned).send({"messages": [user(BREAD)]}, User_Agent="QwenCode/1.0").headers
    assert ("x-graft-client" in qwen, qwen["x-graft-route"]) == (False, "root")
