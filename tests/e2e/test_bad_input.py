"""Bad input gets a clear 4xx in OpenAI's error shape, and nothing is stored."""

from __future__ import annotations

import json
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import httpx
import pytest

from tests.doubles.running import UpstreamDouble
from tests.doubles.served import UPSTREAM_KEY, Linear, Served

HELLO = [{"role": "user", "content": "Hello"}]
CALL = {
    "role": "assistant",
    "content": None,
    "tool_calls": [{"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
}


def post(graft: Served, key: str | None, body: Any, **headers: str) -> tuple[int, dict[str, Any], dict[str, str]]:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    sent = {"content-type": "application/json"} | {name.replace("_", "-"): value for name, value in headers.items()}
    if key:
        sent["authorization"] = f"Bearer {key}"
    try:
        with urlopen(Request(f"{graft.url}/v1/chat/completions", raw, sent), timeout=30) as response:
            return response.status, json.load(response), dict(response.headers)
    except HTTPError as error:
        return error.code, json.load(error), dict(error.headers)


@pytest.mark.parametrize(
    ("body", "param", "says"),
    [
        (b"{not json", None, "not JSON"),
        (b"[1, 2]", None, "JSON object"),
        (b"\xff\xfe", None, "not JSON"),
        (b"", None, "not JSON"),
        ({"messages": HELLO}, "model", "model"),
        ({"model": "gpt-test"}, "messages", "messages"),
        ({"model": "gpt-test", "messages": []}, "messages", "length"),
        ({"model": "gpt-test", "messages": "Hello"}, "messages", "array"),
        ({"model": "gpt-test", "messages": ["Hello"]}, "messages[0]", "object"),
        (
            {"model": "gpt-test", "messages": [*HELLO, {"role": "pirate", "content": "Arr"}]},
            "messages[1].role",
            "pirate",
        ),
        ({"model": "gpt-test", "messages": [{"role": "user", "content": 7}]}, "messages[0].content", "int"),
        ({"model": "gpt-test", "messages": [{"role": "user"}]}, "messages[0].content", "content"),
        ({"model": "gpt-test", "messages": [{"role": "user", "content": [{"text": "no type"}]}]}, None, "type"),
        ({"model": "gpt-test", "messages": [{"role": "user", "content": ""}]}, "messages[0].content", "empty"),
        ({"model": "gpt-test", "messages": [{"role": "user", "content": " \n"}]}, "messages[0].content", "empty"),
        ({"model": "gpt-test", "messages": [{"role": "user", "content": []}]}, "messages[0].content", "empty"),
        (
            {"model": "gpt-test", "messages": [*HELLO, {"role": "tool", "tool_call_id": "x", "content": "1"}]},
            "messages[1].tool_call_id",
            "'x'",
        ),
        (
            {"model": "gpt-test", "messages": [*HELLO, {"role": "tool", "content": "1"}]},
            "messages[1].tool_call_id",
            "tool_call_id",
        ),
        ({"model": "gpt-test", "messages": [*HELLO, CALL, *HELLO]}, "messages[2].role", "tool_call_id"),
        ({"model": "gpt-test", "messages": [*HELLO, CALL]}, "messages", "nothing answers"),
        ({"model": "gpt-test", "messages": HELLO, "n": 0}, "n", "n"),
        ({"model": "gpt-test", "messages": HELLO, "stream": "yes"}, "stream", "bool"),
        ({"model": "gpt-test", "messages": HELLO, "max_tokens": "many"}, "max_tokens", "int"),
        ({"model": "gpt-test", "messages": HELLO, "metadata": {"graft_parent": 7}}, "metadata.graft_parent", "node id"),
    ],
)
def test_a_malformed_request_is_refused_and_changes_nothing(
    graft: Served, body: Any, param: str | None, says: str
) -> None:
    key, user = graft.key()
    status, told, _ = post(graft, key, body)
    assert status == 400
    assert set(told["error"]) == {"message", "type", "param", "code"}
    assert told["error"]["type"] == "invalid_request_error"
    assert says in told["error"]["message"]
    if param is not None:
        assert told["error"]["param"] == param
    assert graft.nodes(user) == []


@pytest.mark.parametrize(
    "messages",
    [
        [{"role": "system", "content": "Write a haiku."}],
        [{"role": "system", "content": "Write a haiku."}, {"role": "system", "content": "In English."}],
        [{"role": "assistant", "content": "Once upon a time"}],
        [
            {"role": "system", "content": "Go on."},
            *({"role": "assistant", "content": text} for text in ("Once", "upon")),
        ],
    ],
    ids=["a system message", "instructions", "a reply", "replies"],
)
@pytest.mark.parametrize("stream", [False, True])
def test_where_nobody_asks_the_model_answers_and_nothing_is_stored(
    graft: Served, upstream: UpstreamDouble, messages: list[dict[str, str]], stream: bool
) -> None:
    key, user = graft.key()
    create = graft.client(key).chat.completions.with_raw_response.create
    for _ in range(2):
        told = create(model="gpt-test", messages=messages, stream=stream)
        answer = list(told.parse()) if stream else told.parse()
        assert answer
        assert (told.headers["x-graft-route"], told.headers["x-graft-aside"]) == ("aside", "no user message")
    assert [body["messages"] for body in upstream.bodies()] == [messages, messages]
    assert graft.nodes(user) == []


def test_an_unknown_model_is_not_found(graft: Served) -> None:
    key, user = graft.key()
    for model in ("gpt-none", "openai/gpt-test", "gpt-test:shadow", "gpt-none:follow"):
        status, told, _ = post(graft, key, {"model": model, "messages": HELLO})
        assert (status, told["error"]["code"], told["error"]["param"]) == (404, "model_not_found", "model")
    assert graft.nodes(user) == []


def test_an_unknown_parent_and_a_strangers_node_get_the_same_answer(graft: Served) -> None:
    key, user = graft.key()
    other_key, _ = graft.key()
    owner = Linear(graft.client(other_key))
    owner.say("Mine alone")
    answers = []
    for parent in (owner.node, "n_0000000000000000000000"):
        status, told, _ = post(graft, key, {"model": "gpt-test", "messages": HELLO}, X_Graft_Parent=parent)
        answers.append((status, told["error"]["message"].replace(parent, "ID"), told["error"]["code"]))
    assert answers[0] == answers[1]
    assert answers[0][0] == 404
    assert graft.nodes(user) == []


@pytest.mark.parametrize("header", ["X_Graft_Route", "X_Graft_Tree"])
def test_a_bad_graft_header_is_refused(graft: Served, header: str) -> None:
    key, user = graft.key()
    status, told, _ = post(
        graft, key, {"model": "gpt-test", "messages": HELLO}, **{header: " " if "Tree" in header else "sideways"}
    )
    assert status == 400
    assert told["error"]["param"] == header.replace("_", "-")
    assert graft.nodes(user) == []


def test_a_body_over_the_limit_is_too_large(graft: Served) -> None:
    key, user = graft.key()
    body = {"model": "gpt-test", "messages": [{"role": "user", "content": "x" * 1_100_000}]}
    # httpx, as the official client does, reads the answer also when the server stops listening to the body half-way.
    refused = httpx.post(
        f"{graft.url}/v1/chat/completions", json=body, headers={"authorization": f"Bearer {key}"}, timeout=30
    )
    assert (refused.status_code, refused.json()["error"]["code"]) == (413, "request_too_large")
    assert graft.nodes(user) == []


def test_a_turn_over_the_models_window_is_refused_before_it_is_stored(graft: Served, upstream: UpstreamDouble) -> None:
    key, user = graft.key()
    status, told, _ = post(
        graft, key, {"model": "small-window", "messages": [{"role": "user", "content": "word " * 2000}]}
    )
    assert (status, told["error"]["code"]) == (400, "context_length_exceeded")
    assert graft.nodes(user) == []
    assert upstream.requests() == []


@pytest.mark.parametrize("key", [None, "sk-graft-wrong", ""])
def test_without_a_valid_key_nobody_is_answered(graft: Served, key: str | None) -> None:
    status, told, _ = post(graft, key, {"model": "gpt-test", "messages": HELLO})
    assert (status, told["error"]["code"], told["error"]["type"]) == (401, "invalid_api_key", "authentication_error")


def test_a_revoked_key_opens_nothing(graft: Served) -> None:
    key, _ = graft.key()
    graft.ask(lambda store: store.revoke_key(key[:13]))
    assert post(graft, key, {"model": "gpt-test", "messages": HELLO})[0] == 401


def test_a_body_that_is_not_declared_as_json_is_refused(graft: Served) -> None:
    key, _ = graft.key()
    status, told, _ = post(graft, key, {"model": "gpt-test", "messages": HELLO}, content_type="text/plain")
    assert status == 400
    assert "application/json" in told["error"]["message"]


@pytest.mark.parametrize(("path", "status"), [("/v1/nothing", 404), ("/v1/models/none", 404), ("/v1/embeddings", 405)])
def test_unknown_routes_answer_in_openais_shape(graft: Served, path: str, status: int) -> None:
    key, _ = graft.key()
    with pytest.raises(HTTPError) as refused:
        urlopen(Request(graft.url + path, headers={"authorization": f"Bearer {key}"}), timeout=30)
    assert refused.value.code == status
    assert json.load(refused.value)["error"]["message"]


@pytest.mark.parametrize("status", [429, 500, 503])
def test_an_upstreams_error_keeps_its_status(graft: Served, upstream: UpstreamDouble, status: int) -> None:
    key, user = graft.key()
    upstream.script({"do": "status", "code": status, "retry_after": 7})
    code, told, headers = post(graft, key, {"model": "gpt-test", "messages": HELLO})
    assert code == status
    assert told["error"]["message"]
    assert UPSTREAM_KEY not in json.dumps(told)
    if status == 429:
        assert headers["retry-after"] == "7"
        assert told["error"]["type"] == "rate_limit_error"
    assert [(node.message.text, node.state) for node in graft.nodes(user)] == [("Hello", "unanswered")]
    assert post(graft, key, {"model": "gpt-test", "messages": HELLO})[0] == 200
    assert [node.state for node in graft.nodes(user)] == ["whole", "whole"]
    assert graft.violations() == []


def test_litellm_and_transport_parameters_never_act(graft: Served, upstream: UpstreamDouble) -> None:
    key, _ = graft.key()
    evil = {
        "api_base": "http://127.0.0.1:9/",
        "base_url": "http://127.0.0.1:9/",
        "api_key": "stolen",
        "mock_response": "mocked",
        "extra_headers": {"x-evil": "1"},
        "headers": {"x-evil": "1"},
        "extra_body": {"api_base": "http://127.0.0.1:9/", "x": 1},
        "fallbacks": [{"model": "x", "api_base": "http://127.0.0.1:9/"}],
        "custom_llm_provider": "anthropic",
        "timeout": 0.001,
        "num_retries": 9,
        "metadata": {"api_base": "http://127.0.0.1:9/"},
    }
    status, told, _ = post(graft, key, {"model": "gpt-test", "messages": HELLO, **evil})
    assert status == 200
    assert told["choices"][0]["message"]["content"].startswith("You said: Hello")
    (seen,) = upstream.requests()
    headers = {name.lower(): value for name, value in seen["headers"].items()}
    assert headers["authorization"] == f"Bearer {UPSTREAM_KEY}"
    assert "x-evil" not in headers


def test_models_come_in_three_forms(graft: Served) -> None:
    key, _ = graft.key()
    listed = [model.id for model in graft.client(key).models.list()]
    assert {"gpt-test", "gpt-test:follow", "gpt-test:off"} <= set(listed)
    assert graft.client(key).models.retrieve("gpt-test:follow").id == "gpt-test:follow"


def test_health_and_ready_need_no_key(graft: Served) -> None:
    for path in ("/health", "/ready"):
        with urlopen(graft.url + path, timeout=10) as response:
            assert response.status == 200


@pytest.mark.parametrize(
    ("field", "value"),
    [("tools", 5), ("tools", [5]), ("response_format", 5), ("temperature", "hot"), ("metadata", "x")],
)
def test_options_of_the_wrong_type_are_refused_before_the_upstream_is_asked(
    graft: Served, upstream: UpstreamDouble, field: str, value: Any
) -> None:
    key, user = graft.key()
    status, told, _ = post(graft, key, {"model": "gpt-test", "messages": HELLO, field: value})
    assert status == 400
    assert field in told["error"]["param"]
    assert graft.nodes(user) == []
    assert upstream.requests() == []


def test_json_of_absurd_depth_is_refused(graft: Served) -> None:
    key, user = graft.key()
    deep = (
        b'{"model": "gpt-test", "messages": [{"role": "user", "content": "Hello"}], "x": '
        + b"[" * 900
        + b"]" * 900
        + b"}"
    )
    status, told, _ = post(graft, key, deep)
    assert status == 400
    assert "deep" in told["error"]["message"]
    assert graft.nodes(user) == []
