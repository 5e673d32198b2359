"""Replies: the provider's own bytes on the native and raw lanes, OpenAI's exact shape through LiteLLM.

A plain reply and a stream carry the same; what a provider adds to OpenAI's shape is part of its bytes.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from openai.types.chat import ChatCompletion, ChatCompletionChunk, ChatCompletionMessage
from openai.types.chat.chat_completion import Choice

from tests.conformance.conftest import Chat, Json, payloads, unknown_fields, wires, without_nulls

HELLO = [{"role": "user", "content": "Which city has the best weather?"}]
ODD = " \n\tGrüße…\u00a0\u2028👩\u200d👩\u200d👧 e\u0301 \ufeff\u202e \x7f  ```py\n\tif x:\r\n\t\tpass\n```\n\n "

USAGE = {
    "prompt_tokens": 19,
    "completion_tokens": 10,
    "total_tokens": 29,
    "prompt_tokens_details": {"cached_tokens": 4, "audio_tokens": 0},
    "completion_tokens_details": {
        "reasoning_tokens": 3,
        "audio_tokens": 0,
        "accepted_prediction_tokens": 1,
        "rejected_prediction_tokens": 2,
    },
}
FRAME = {
    "id": "chatcmpl-conformance",
    "created": 1_750_000_001,
    "model": "gpt-double-2026-01-01",
    "service_tier": "default",
    "system_fingerprint": "fp_double",
}
TOKEN = {"token": "Hi", "logprob": -0.25, "bytes": [72, 105]}
LOGPROBS = {"content": [{**TOKEN, "top_logprobs": [TOKEN]}], "refusal": None}
NOTE = {
    "type": "url_citation",
    "url_citation": {"url": "https://a.test", "title": "A", "start_index": 0, "end_index": 1},
}
CALLS = [
    {"id": f"call_{n}", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Lima"}'}}
    for n in range(2)
]


def message(content: str | None = "Lima.", **more: Any) -> Json:
    return {"role": "assistant", "content": content, "refusal": None, "annotations": [], **more}


def choice(said: Json, reason: str = "stop", index: int = 0, logprobs: Json | None = None) -> Json:
    return {"index": index, "message": said, "logprobs": logprobs, "finish_reason": reason}


def whole(*choices: Json, **more: Any) -> Json:
    return {"object": "chat.completion", **FRAME, "choices": list(choices), "usage": USAGE, **more}


WHOLES: dict[str, Json] = {
    "words": whole(choice(message())),
    "white space and odd characters": whole(choice(message(ODD))),
    "nothing said": whole(choice(message(""))),
    "a refusal": whole(choice(message(None, refusal="I cannot help with that."))),
    "annotations": whole(choice(message(annotations=[NOTE]))),
    "sound": whole(
        choice(message(None, audio={"id": "audio_1", "data": "UklGRg==", "expires_at": 1, "transcript": "Hi"}))
    ),
    "log probabilities": whole(choice(message("Hi"), logprobs=LOGPROBS)),
    "parallel calls": whole(choice(message(None, tool_calls=CALLS), "tool_calls")),
    "words beside calls": whole(choice(message("Let me look.", tool_calls=CALLS[:1]), "tool_calls")),
    "a custom tool's call": whole(
        choice(
            message(None, tool_calls=[{"id": "c", "type": "custom", "custom": {"name": "sql", "input": "x"}}]),
            "tool_calls",
        )
    ),
    "a legacy call": whole(choice(message(None, function_call={"name": "f", "arguments": "{}"}), "function_call")),
    "several choices": whole(*(choice(message(f"Lima {n}."), index=n) for n in range(3))),
    "cut at the limit": whole(choice(message("Li"), "length")),
    "filtered": whole(choice(message("Li"), "content_filter")),
}

OWN_FIELDS = whole(
    {
        **choice(
            message(
                reasoning="Hm.", reasoning_content="Hm.", reasoning_details=[{"type": "reasoning.text", "text": "Hm."}]
            )
        ),
        "native_finish_reason": "eos",
        "content_filter_results": {"hate": {"filtered": False}},
    },
    provider="One",
    prompt_filter_results=[],
    timings={"predicted_per_second": 12.5},
    usage={**USAGE, "cost": 0.0001, "cost_details": {"upstream": None}},
)


def test_every_field_of_openais_message_is_in_some_reply() -> None:
    messages = [one["message"] for reply in WHOLES.values() for one in reply["choices"]]
    assert {name for said in messages for name, value in said.items() if value} == set(
        ChatCompletionMessage.model_fields
    )
    reasons = {one["finish_reason"] for reply in WHOLES.values() for one in reply["choices"]}
    assert reasons == set(Choice.model_fields["finish_reason"].annotation.__args__)  # type: ignore[union-attr]


@pytest.mark.parametrize("name", WHOLES)
def test_a_reply_is_what_the_provider_sent(chat: Chat, name: str) -> None:
    answer = chat.post(HELLO, script={"do": "chunks", "chunks": [], "whole": WHOLES[name]})
    assert answer.headers["content-type"] == "application/json"
    if chat.is_verbatim:
        assert answer.content == json.dumps(WHOLES[name]).encode()
    assert answer.json() == WHOLES[name]
    assert unknown_fields(ChatCompletion.model_validate(answer.json(), strict=True)) == []


def test_what_a_provider_adds_comes_with_its_bytes(chat: Chat) -> None:
    answer = chat.post(HELLO, script={"do": "chunks", "chunks": [], "whole": OWN_FIELDS})
    if chat.is_verbatim:
        assert answer.content == json.dumps(OWN_FIELDS).encode()
    parsed = ChatCompletion.model_validate(answer.json(), strict=True)
    assert parsed.choices[0].message.content == "Lima."
    assert answer.json()["choices"][0]["message"]["reasoning_content"] == "Hm."
    assert parsed.usage is not None
    assert parsed.usage.model_dump(exclude_unset=True).items() >= USAGE.items()


def chunk(*choices: Json, usage: Json | None = None) -> Json:
    return {"object": "chat.completion.chunk", **FRAME, "choices": list(choices), "usage": usage}


def part(delta: Json, reason: str | None = None, index: int = 0, logprobs: Json | None = None) -> Json:
    return {"index": index, "delta": delta, "logprobs": logprobs, "finish_reason": reason}


def stream(*parts: Json, reason: str = "stop", indexes: int = 1) -> list[Json]:
    ends = [chunk(part({}, reason, index)) for index in range(indexes)]
    return [*(chunk(one) for one in parts), *ends, chunk(usage=USAGE)]


BEGIN = {"role": "assistant", "content": "", "refusal": None}


def call_delta(index: int, arguments: str, **first: Any) -> Json:
    function = {**({"name": "weather"} if first else {}), "arguments": arguments}
    return {"index": index, **first, **({"type": "function"} if first else {}), "function": function}


STREAMS: dict[str, list[Json]] = {
    "words": stream(part(BEGIN), part({"content": "Li"}), part({"content": "ma."})),
    "white space and odd characters": stream(part(BEGIN), *(part({"content": character}) for character in ODD)),
    "a refusal": stream(part({**BEGIN, "content": None}), part({"refusal": "I can"}), part({"refusal": "not."})),
    "log probabilities": stream(part(BEGIN), part({"content": "Hi"}, logprobs=LOGPROBS)),
    "calls by index, interleaved": stream(
        part({"role": "assistant", "content": None, "tool_calls": [call_delta(0, "", id="call_a")]}),
        part({"tool_calls": [call_delta(1, "", id="call_b")]}),
        part({"tool_calls": [call_delta(0, '{"city":'), call_delta(1, "{}")]}),
        part({"tool_calls": [call_delta(0, ' "Lima"}')]}),
        reason="tool_calls",
    ),
    "a legacy call": stream(
        part({"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": ""}}),
        part({"function_call": {"arguments": "{}"}}),
        reason="function_call",
    ),
    "several choices, interleaved": stream(
        part(BEGIN, index=1), part(BEGIN), part({"content": "Lima."}), part({"content": "Oslo."}, index=1), indexes=2
    ),
    "cut at the limit": stream(part(BEGIN), part({"content": "Li"}), reason="length"),
}

OWN_CHUNKS = [
    {**chunk(), "choices": [], "prompt_filter_results": [{"prompt_index": 0}], "id": ""},
    {**chunk(part({**BEGIN, "reasoning_content": "Hm."})), "provider": "One"},
    chunk({**part({"content": "Hi", "reasoning": None}), "content_filter_results": {}}),
    chunk({**part({}, "stop"), "native_finish_reason": "eos"}),
    chunk(usage={**USAGE, "cost": 0.0001}),
]


@pytest.mark.parametrize("name", STREAMS)
def test_a_stream_is_what_the_provider_sent(chat: Chat, name: str) -> None:
    answer = chat.post(
        HELLO,
        script={"do": "chunks", "chunks": STREAMS[name]},
        stream=True,
        stream_options={"include_usage": True},
    )
    if chat.is_verbatim:
        assert payloads(answer) == [json.dumps(one).encode() for one in STREAMS[name]]
    assert wires(answer) == STREAMS[name]
    for one in wires(answer):
        assert unknown_fields(ChatCompletionChunk.model_validate(one, strict=True)) == []


@pytest.mark.parametrize("name", STREAMS)
def test_a_stream_tells_no_usage_that_nobody_asked_for(chat: Chat, name: str) -> None:
    answer = chat.post(HELLO, script={"do": "chunks", "chunks": STREAMS[name]}, stream=True)
    without = [{field: value for field, value in one.items() if field != "usage"} for one in STREAMS[name][:-1]]
    assert wires(answer) == without
    assert b"usage" not in answer.content
    assert chat.sent()["stream_options"] == {"include_usage": True}


@pytest.mark.parametrize("lane", ["native", "raw"])
def test_what_a_provider_adds_to_its_chunks_comes_with_their_bytes(chat: Chat) -> None:
    script = {"do": "chunks", "chunks": OWN_CHUNKS}
    answer = chat.post(HELLO, script=script, stream=True, stream_options={"include_usage": True})
    assert payloads(answer) == [json.dumps(one).encode() for one in OWN_CHUNKS]


def test_characters_split_by_the_network_arrive_whole(chat: Chat) -> None:
    told = [json.dumps(one, ensure_ascii=False).encode() for one in STREAMS["white space and odd characters"]]
    written = b"".join(b"data: " + one + b"\n\n" for one in told) + b"data: [DONE]\n\n"
    pieces = [written[start : start + 3].decode("latin-1") for start in range(0, len(written), 3)]
    answer = chat.post(HELLO, script={"do": "bytes", "pieces": pieces}, stream=True)
    received = "".join(one["choices"][0]["delta"].get("content") or "" for one in wires(answer))
    assert received == ODD


@pytest.mark.parametrize(
    "name", ["white space and odd characters", "a refusal", "annotations", "sound", "parallel calls"]
)
def test_what_was_said_is_kept_to_the_last_byte_and_sent_again(chat: Chat, name: str) -> None:
    reply = chat.post(HELLO, script={"do": "chunks", "chunks": [], "whole": WHOLES[name]}).json()["choices"][0][
        "message"
    ]
    stored = [node.message.wire for node in chat.graft.nodes(chat.user) if node.message.role == "assistant"]
    assert stored == [reply]
    results = [{"role": "tool", "tool_call_id": call["id"], "content": "1"} for call in reply.get("tool_calls") or ()]
    again = {field: value for field, value in reply.items() if value}
    chat.post([*HELLO, again, *results, {"role": "user", "content": "Tell me more about that."}])
    assert without_nulls(chat.sent()["messages"])[1] == again


def test_openais_own_client_reads_all_of_it(chat: Chat) -> None:
    """Its helpers fold streams and parse schemas; both check what they read."""
    script = {"do": "say", "text": '{"city": "Lima"}'}
    schema = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    form: Any = {"type": "json_schema", "json_schema": {"name": "city", "schema": schema}}
    chat.upstream.script(script, script)
    plain = chat.client().chat.completions.create(model=chat.lane, messages=HELLO, response_format=form)  # type: ignore[arg-type]
    with chat.client().chat.completions.stream(
        model=chat.lane,
        messages=HELLO,  # type: ignore[arg-type]
        response_format=form,
        stream_options={"include_usage": True},
    ) as events:
        folded = events.get_final_completion()
    assert json.loads(plain.choices[0].message.content or "") == {"city": "Lima"}
    assert folded.choices[0].message.content == plain.choices[0].message.content
    assert folded.usage is not None
    assert folded.usage.total_tokens > 0
