"""A chat leaves the official client as it would after the client's own walk along the types of its parameters."""

from typing import Annotated, Required, get_args

import pytest
from openai import NOT_GIVEN, omit
from openai._utils import PropertyInfo, async_maybe_transform, is_typeddict
from openai.resources.chat.completions import completions
from openai.types.chat.completion_create_params import (
    CompletionCreateParamsNonStreaming,
    CompletionCreateParamsStreaming,
)
from typing_extensions import TypedDict, get_type_hints

from proxy.upstream import library, untyped

pytestmark = pytest.mark.anyio

PARAMETERS = [CompletionCreateParamsNonStreaming, CompletionCreateParamsStreaming]
CALL = {"id": "call_1", "type": "function", "function": {"name": "look", "arguments": '{"at": "2026-01-01"}'}}
MARK = PropertyInfo(alias="from")
CHAT = {
    "model": "gpt-4.1",
    "messages": [
        {"role": "developer", "content": "Be brief.", "unknown": {"content": [1]}},
        {"role": "user", "content": "Look.", "name": "ann"},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "This:", "cache_control": {"type": "ephemeral"}},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA==", "detail": "low"}},
                {"type": "input_audio", "input_audio": {"data": "AA==", "format": "wav"}},
                {"type": "file", "file": {"file_data": "data:application/pdf;base64,AA==", "filename": "a.pdf"}},
            ],
        },
        {"role": "assistant", "content": None, "tool_calls": [CALL], "reasoning_content": "Hm."},
        {"role": "tool", "tool_call_id": "call_1", "content": [{"type": "text", "text": "Nothing."}]},
        {"role": "user", "content": ""},
        "no message",
        None,
    ],
    "tools": [{"type": "function", "function": {"name": "look", "parameters": {"type": "object", "properties": {}}}}],
    "tool_choice": {"type": "function", "function": {"name": "look"}},
    "response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": {"enum": [1, None]}}},
    "logit_bias": {"50256": -100},
    "metadata": {"a": "b"},
    "stop": ["a", "b"],
    "prediction": {"type": "content", "content": [{"type": "text", "text": "a"}]},
    "web_search_options": {"user_location": {"type": "approximate", "approximate": {"city": "Rome"}}},
    "stream_options": {"include_usage": True},
    "temperature": 0.5,
    "top_p": None,
    "user": omit,
    "seed": NOT_GIVEN,
}


@pytest.mark.parametrize("parameters", PARAMETERS)
async def test_what_the_walk_gives_is_what_was_given(parameters):
    told = await untyped.given(CHAT, parameters)
    assert told == await async_maybe_transform(CHAT, parameters)
    assert "top_p" in told
    assert not {"user", "seed"} & set(told)


@pytest.mark.parametrize("parameters", PARAMETERS)
def test_no_type_of_a_chat_s_parameters_marks_a_field(parameters):
    seen = walked(parameters)
    assert sum(map(is_typeddict, seen)) > 20
    assert not [one for one in seen if isinstance(one, PropertyInfo)]


def test_a_mark_would_be_found():
    class Inner(TypedDict):
        from_: Annotated[str, MARK]

    class Outer(TypedDict):
        all: Required[list[Inner | str]]

    assert MARK in walked(Outer)


def walked(parameters):
    """Every type and mark that stands in a type, however deep."""
    left, seen = [parameters], {}
    while left:
        one = left.pop()
        if id(one) not in seen:
            seen[id(one)] = one
            left += get_type_hints(one, include_extras=True).values() if is_typeddict(one) else ()
            left += (*get_args(one), *getattr(one, "__metadata__", ()))
    return list(seen.values())


async def test_the_client_of_litellm_takes_no_walk():
    await library.warm(rehearsed=True)
    assert completions.async_maybe_transform is untyped.given
