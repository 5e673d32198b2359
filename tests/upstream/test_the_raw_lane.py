"""The raw lane sends base, key and body as configured, and knows no provider."""

import json

import pytest

from proxy.domain.turn import Asked
from proxy.errors import ConfigError, InvalidRequest
from proxy.upstream import raw_lane
from proxy.upstream.models import Model, models_from_list
from tests.upstream.conftest import KEY, entry

pytestmark = pytest.mark.anyio


@pytest.fixture
def lane():
    return "raw"


def model(target="openai/local", **params):
    return Model("m", {"model": target, "api_base": "http://x.test/v1", **params}, lane="raw")


@pytest.mark.parametrize(
    ("base", "asked"),
    [
        ("http://x.test/v1", "http://x.test/v1/chat/completions"),
        ("http://x.test/v1/", "http://x.test/v1/chat/completions"),
        ("http://x.test/own/chat/completions", "http://x.test/own/chat/completions"),
    ],
)
def test_the_address_is_the_configured_one(base, asked):
    assert raw_lane.url(model(api_base=base)) == asked


@pytest.mark.parametrize(
    ("target", "sent"),
    [
        ("openai/local", "local"),
        ("hosted_vllm/Qwen/Qwen3-8B", "Qwen/Qwen3-8B"),
        ("Qwen/Qwen3-8B", "Qwen/Qwen3-8B"),
        ("m", "m"),
    ],
)
def test_the_model_has_no_providers_prefix(target, sent):
    assert raw_lane.name(model(target)) == sent


def test_without_a_key_nothing_authorises():
    assert raw_lane.headers(model()) == {"Content-Type": "application/json"}
    assert raw_lane.headers(model(api_key="k", extra_headers={"x-team": "blue"})) == {
        "Content-Type": "application/json",
        "Authorization": "Bearer k",
        "x-team": "blue",
    }


def test_what_is_configured_is_a_default_and_what_the_client_says_wins():
    configured = model(temperature=0.1, top_k=5, seed=1, extra_body={"min_p": 0.2, "seed": 2}, timeout=3, rpm=9)
    messages = [{"role": "user", "content": "Hi"}]
    sent = json.loads(raw_lane.body(configured, Asked("m", messages, {"temperature": 0.9, "top_k": 7}, stream=False)))
    assert sent == {"model": "local", "messages": messages, "temperature": 0.9, "top_k": 7, "min_p": 0.2, "seed": 2}


@pytest.mark.parametrize("told", [None, {"include_usage": False}, {"include_obfuscation": False}])
def test_a_stream_always_brings_usage_and_keeps_what_the_client_said_besides(told):
    options = {"stream_options": told} if told else {}
    sent = json.loads(raw_lane.body(model(), Asked("m", [], options, stream=True)))
    assert sent["stream"] is True
    assert sent["stream_options"] == {**(told or {}), "include_usage": True}


async def test_nothing_of_a_message_is_changed(lanes, ask, upstream):
    messages = [
        {
            "role": "developer",
            "content": [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}],
        },
        {"role": "user", "content": " Grüße 👋\n", "name": "Ada", "own": None},
    ]
    await ask(lanes, messages=messages, top_k=4)
    [request] = upstream.requests()
    assert request["body"] == {"model": "gpt-double", "messages": messages, "top_k": 4}
    assert request["headers"]["Authorization"] == f"Bearer {KEY}"


async def test_fields_that_act_are_named_and_mcp_tools_are_refused(lanes):
    options = {"top_k": 1, "api_base": "http://x.test", "mock_response": "x", "seed": 1}
    assert lanes.dropped("m", options, stream=False) == ["api_base", "mock_response"]
    with pytest.raises(InvalidRequest, match="'mcp'"):
        lanes.dropped("m", {"tools": [{"type": "mcp"}]}, stream=False)


def test_it_needs_an_address():
    with pytest.raises(ConfigError, match="needs litellm_params"):
        models_from_list([{**entry(), "model_info": {"lane": "raw"}}], {})
