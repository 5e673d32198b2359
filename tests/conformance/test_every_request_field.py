"""Every field that OpenAI documents for a chat completion reaches the model as it was sent, on every lane.

The fields are those of the types in the `openai` package: a new one fails here until it has a case.
"""

from __future__ import annotations

from typing import Any

import pytest
from openai.types.chat import ChatCompletion
from openai.types.chat import completion_create_params as documented

from tests.conformance.conftest import Chat, wires

HELLO = [{"role": "user", "content": "Which city has the best weather?"}]
SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "api_base": {"type": "string"}},
    "required": ["city", "api_base"],
    "additionalProperties": False,
}
WEATHER = {"name": "weather", "description": "Weather of a city", "parameters": SCHEMA, "strict": True}
TOOL = {"type": "function", "function": WEATHER}
CUSTOM = {
    "type": "custom",
    "custom": {
        "name": "sql",
        "description": "A query",
        "format": {"type": "grammar", "grammar": {"syntax": "lark", "definition": "start: /.+/"}},
    },
}

FIELDS: dict[str, list[dict[str, Any]]] = {
    "audio": [{"audio": {"voice": "alloy", "format": "wav"}, "modalities": ["text", "audio"]}],
    "frequency_penalty": [{"frequency_penalty": -0.5}, {"frequency_penalty": 0}],
    "function_call": [{"function_call": {"name": "weather"}, "functions": [WEATHER]}],
    "functions": [{"functions": [WEATHER], "function_call": "auto"}],
    "logit_bias": [{"logit_bias": {"50256": -100}}],
    "logprobs": [{"logprobs": True}, {"logprobs": False}],
    "max_completion_tokens": [{"max_completion_tokens": 100}],
    "max_tokens": [{"max_tokens": 100}],
    "metadata": [{"metadata": {"team": "blue", "api_base": "only text"}}],
    "modalities": [{"modalities": ["text"]}],
    "moderation": [{"moderation": {"model": "omni-moderation-latest"}}],
    "n": [{"n": 2}],
    "parallel_tool_calls": [{"parallel_tool_calls": False, "tools": [TOOL]}],
    "prediction": [{"prediction": {"type": "content", "content": [{"type": "text", "text": "x = 1\n"}]}}],
    "presence_penalty": [{"presence_penalty": 1.5}],
    "prompt_cache_key": [{"prompt_cache_key": "chat-7"}],
    "prompt_cache_options": [{"prompt_cache_options": {"mode": "implicit"}}],
    "prompt_cache_retention": [{"prompt_cache_retention": "24h"}],
    "reasoning_effort": [{"reasoning_effort": effort} for effort in ("none", "minimal", "low", "high", "xhigh")],
    "response_format": [
        {"response_format": {"type": "text"}},
        {"response_format": {"type": "json_object"}},
        {"response_format": {"type": "json_schema", "json_schema": {"name": "c", "strict": True, "schema": SCHEMA}}},
    ],
    "safety_identifier": [{"safety_identifier": "ada"}],
    "seed": [{"seed": 7}],
    "service_tier": [{"service_tier": "flex"}],
    "stop": [{"stop": "END"}, {"stop": ["END", "\n\n"]}],
    "store": [{"store": True}, {"store": False}],
    "stream_options": [{"stream_options": {"include_obfuscation": False}, "stream": True}],
    "temperature": [{"temperature": 0}, {"temperature": 1.25}],
    "tool_choice": [
        {"tool_choice": choice, "tools": [TOOL, CUSTOM]}
        for choice in (
            "none",
            "auto",
            "required",
            {"type": "function", "function": {"name": "weather"}},
            {"type": "custom", "custom": {"name": "sql"}},
            {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [{"type": "function"}]}},
        )
    ],
    "tools": [{"tools": [TOOL]}, {"tools": [CUSTOM]}, {"tools": [TOOL, CUSTOM]}],
    "top_logprobs": [{"top_logprobs": 3, "logprobs": True}],
    "top_p": [{"top_p": 0.1}],
    "user": [{"user": "ada"}],
    "verbosity": [{"verbosity": "low"}],
    "web_search_options": [{"web_search_options": {"search_context_size": "low"}}],
}
GRAFTS_OWN = {"messages", "model", "stream"}
"""Read here, and tested with messages, models and streams."""

CASES = [pytest.param(fields, id=f"{name}-{number}") for name in FIELDS for number, fields in enumerate(FIELDS[name])]

PROVIDERS_OWN = {
    "top_k": 40,
    "min_p": 0.05,
    "repetition_penalty": 1.1,
    "chat_template_kwargs": {"enable_thinking": False},
    "guided_json": SCHEMA,
    "provider": {"order": ["one"], "allow_fallbacks": False},
    "reasoning": {"effort": "high", "exclude": True},
    "transforms": ["middle-out"],
    "cache_prompt": True,
    "options": {"num_ctx": 4096},
    "keep_alive": "5m",
    "enable_thinking": False,
    "seed_offset": 2**53,
}


def test_every_documented_field_has_a_case() -> None:
    shapes = (documented.CompletionCreateParamsNonStreaming, documented.CompletionCreateParamsStreaming)
    parents = [parent for shape in shapes for parent in shape.__orig_bases__]  # type: ignore[attr-defined]
    names = {name for shape in (*shapes, *parents) for name in shape.__annotations__}
    assert names == set(FIELDS) | GRAFTS_OWN
    assert all(name in fields for name, cases in FIELDS.items() for fields in cases)


@pytest.mark.parametrize("fields", CASES)
def test_a_documented_field_reaches_the_model_as_it_was_sent(chat: Chat, fields: dict[str, Any]) -> None:
    answer = chat.post(HELLO, **fields)
    assert answer.status_code == 200
    assert "x-graft-dropped" not in answer.headers
    sent = chat.sent()
    expected = {**fields}
    if "stream_options" in fields:  # usage is asked for on Graft's own account
        expected["stream_options"] = {**fields["stream_options"], "include_usage": True}
    assert sent == {"model": "gpt-double", "messages": HELLO, **expected}


def test_a_null_is_no_field(chat: Chat) -> None:
    answer = chat.post(HELLO, temperature=None, tools=None, stop=None, stream=None, stream_options=None, top_k=None)
    assert answer.status_code == 200
    assert chat.sent() == {"model": "gpt-double", "messages": HELLO}


def test_many_choices_are_all_answered(chat: Chat) -> None:
    answer = ChatCompletion.model_validate(chat.post(HELLO, n=3).json(), strict=True)
    assert [choice.index for choice in answer.choices] == [0, 1, 2]
    chunks = wires(chat.post(HELLO, n=3, stream=True))
    assert {choice["index"] for chunk in chunks for choice in chunk["choices"]} == {0, 1, 2}


@pytest.mark.parametrize("name", PROVIDERS_OWN)
def test_a_providers_own_field_reaches_it_or_is_named(chat: Chat, name: str) -> None:
    answer = chat.post(HELLO, **{name: PROVIDERS_OWN[name]})
    assert answer.status_code == 200
    if chat.is_verbatim:
        assert chat.sent()[name] == PROVIDERS_OWN[name]
        assert "x-graft-dropped" not in answer.headers
    else:
        assert name not in chat.sent()
        assert answer.headers["x-graft-dropped"] == name


@pytest.mark.parametrize("stream", [True, False])
def test_fields_that_would_act_reach_nobody_and_are_named(chat: Chat, stream: bool) -> None:
    acting = {"api_base": "http://x.test", "mock_response": "Hm.", "fallbacks": ["x"], "extra_body": {"top_k": 1}}
    answer = chat.post(HELLO, stream=stream, **acting)
    assert "Hm." not in answer.text
    assert not set(acting) & set(chat.sent())
    assert answer.headers["x-graft-dropped"] == "api_base,extra_body,fallbacks,mock_response"


@pytest.mark.parametrize("lane", ["litellm"])
def test_names_that_no_header_can_hold_are_told_in_an_escaped_form(chat: Chat) -> None:
    odd = {"höhe": 1, "a\r\nset-cookie: b": 2, "one, two": 3, "": 4, "\u200b": 5, "👋": 6}
    answer = chat.post(HELLO, **odd)
    assert answer.status_code == 200
    assert "set-cookie" not in answer.headers
    told = answer.headers["x-graft-dropped"].split(",")
    assert told == ['""', r"a\r\nset-cookie:\x20b", r"h\xf6he", r"one\x2c\x20two", r"\u200b", r"\U0001f44b"]


@pytest.mark.parametrize("lane", ["litellm"])
def test_very_many_names_are_counted(chat: Chat) -> None:
    answer = chat.post(HELLO, **{f"field_{number:04}": 1 for number in range(500)})
    told = answer.headers["x-graft-dropped"]
    assert told.startswith("field_0000,field_0001,")
    named = told.split(",")
    assert named[-1] == f"... {500 - len(named) + 1} more"
