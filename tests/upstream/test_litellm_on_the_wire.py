"""The LiteLLM lane against recorded bytes: providers with wire formats of their own, and odd ones among OpenAI's."""

import json

import httpx
import pytest
import respx
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from proxy.errors import ContextLengthExceeded, UpstreamError
from proxy.upstream import library
from tests.upstream.conftest import KEY, entry

pytestmark = pytest.mark.anyio


@pytest.fixture
def lane():
    return "litellm"


ANTHROPIC = "https://api.anthropic.com/v1/messages"
OPENAI = "https://provider.test/v1/chat/completions"


@pytest.fixture
async def wire(monkeypatch):
    """Answers for httpx; LiteLLM's transport over aiohttp is off, since respx cannot see it."""
    litellm = await library.warm()
    monkeypatch.setattr(litellm, "disable_aiohttp_transport", True)
    await library.close()
    with respx.mock(assert_all_called=False) as mocked:
        yield mocked
    await library.close()


@pytest.fixture
def claude(lanes_for):
    return lanes_for(entry("m", "anthropic/claude-sonnet-4-5", api_base="https://api.anthropic.com"))


@pytest.fixture
def odd(lanes_for):
    return lanes_for(entry("m", "openai/odd", api_base="https://provider.test/v1"))


def sse(*events):
    """Anthropic's stream: named events."""
    lines = (f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in events)
    return httpx.Response(200, headers={"content-type": "text/event-stream"}, content="".join(lines).encode())


def openai_sse(*chunks, done=True):
    lines = [f"data: {json.dumps(chunk)}\n\n" for chunk in chunks] + ["data: [DONE]\n\n"] * done
    return httpx.Response(200, headers={"content-type": "text/event-stream"}, content="".join(lines).encode())


START = {
    "type": "message_start",
    "message": {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-sonnet-4-5-20250929",
        "content": [],
        "stop_reason": None,
        "usage": {
            "input_tokens": 11,
            "output_tokens": 1,
            "cache_read_input_tokens": 7,
            "cache_creation_input_tokens": 0,
        },
    },
}
TEXT = {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
TOOL = {
    "type": "content_block_start",
    "index": 1,
    "content_block": {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {}},
}


def delta(index, **fields):
    return {"type": "content_block_delta", "index": index, "delta": fields}


def stop(reason):
    return [
        {"type": "message_delta", "delta": {"stop_reason": reason}, "usage": {"output_tokens": 5}},
        {"type": "message_stop"},
    ]


def choices(chunks):
    return [choice for chunk in chunks for choice in chunk["choices"]]


async def test_a_foreign_stream_has_openais_shape(wire, claude, ask):
    wire.post(ANTHROPIC).mock(
        sse(
            START,
            TEXT,
            delta(0, type="text_delta", text="Let me "),
            delta(0, type="text_delta", text="look."),
            TOOL,
            delta(1, type="input_json_delta", partial_json='{"city": '),
            delta(1, type="input_json_delta", partial_json='"Oslo"}'),
            *stop("tool_use"),
        )
    )
    *answer, usage = await ask(claude, stream=True)
    for chunk in (*answer, usage):
        ChatCompletionChunk.model_validate(chunk)
        assert None not in [*chunk.values(), *(v for c in chunk["choices"] for v in c["delta"].values())]
    assert "".join(choice["delta"].get("content", "") for choice in choices(answer)) == "Let me look."
    calls = [call for choice in choices(answer) for call in choice["delta"].get("tool_calls", [])]
    assert "".join(call["function"]["arguments"] for call in calls) == '{"city": "Oslo"}'
    assert (calls[0]["id"], calls[0]["type"], calls[0]["function"]["name"]) == ("toolu_1", "function", "weather")
    assert all("id" not in call and "type" not in call for call in calls[1:])
    assert [choice["finish_reason"] for choice in choices(answer) if choice["finish_reason"]] == ["tool_calls"]
    assert choices(answer)[0]["delta"]["role"] == "assistant"
    assert len({(chunk["id"], chunk["created"], chunk["model"]) for chunk in answer}) == 1
    assert usage["choices"] == []
    assert usage["usage"]["prompt_tokens_details"]["cached_tokens"] == 7


async def test_a_foreign_stream_that_ends_too_early_gets_no_invented_end(wire, claude, ask):
    wire.post(ANTHROPIC).mock(sse(START, TEXT, delta(0, type="text_delta", text="Half of")))
    chunks = await ask(claude, stream=True)
    assert "".join(choice["delta"].get("content", "") for choice in choices(chunks)) == "Half of"
    assert not any(choice["finish_reason"] for choice in choices(chunks))


async def test_an_error_inside_a_foreign_stream_raises(wire, claude, ask):
    overloaded = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
    wire.post(ANTHROPIC).mock(sse(START, TEXT, delta(0, type="text_delta", text="Half"), overloaded))
    with pytest.raises(UpstreamError, match="Overloaded"):
        await ask(claude, stream=True)


async def test_a_foreign_whole_answer_has_openais_shape(wire, claude, ask):
    wire.post(ANTHROPIC).mock(
        httpx.Response(
            200,
            json={
                **START["message"],
                "content": [
                    {"type": "thinking", "thinking": "Hm.", "signature": "s"},
                    {"type": "text", "text": "Yes."},
                ],
                "stop_reason": "end_turn",
            },
        )
    )
    [answer] = await ask(claude)
    ChatCompletion.model_validate(answer)
    [choice] = answer["choices"]
    assert (choice["message"]["content"], choice["message"]["refusal"]) == ("Yes.", None)
    assert choice["message"]["reasoning_content"] == "Hm."
    assert (choice["finish_reason"], choice["logprobs"]) == ("stop", None)
    assert "provider_specific_fields" not in choice["message"]
    assert answer["usage"]["prompt_tokens_details"]["cached_tokens"] == 7


async def test_a_foreign_error_keeps_status_words_and_waiting_time(wire, claude, ask):
    body = {"type": "error", "error": {"type": "rate_limit_error", "message": f"Slow down, {KEY}."}}
    wire.post(ANTHROPIC).mock(httpx.Response(429, json=body, headers={"retry-after": "12"}))
    with pytest.raises(UpstreamError, match=r"^Slow down, ") as caught:
        await ask(claude)
    assert KEY not in caught.value.message
    assert (caught.value.status, caught.value.type, caught.value.retry_after_s) == (429, "rate_limit_error", 12.0)


async def test_a_foreign_context_error_is_told_in_openais_words(wire, claude, ask):
    body = {"type": "error", "error": {"type": "invalid_request_error", "message": "prompt is too long: 9 > 8"}}
    wire.post(ANTHROPIC).mock(httpx.Response(400, json=body))
    with pytest.raises(ContextLengthExceeded, match="prompt is too long") as caught:
        await ask(claude)
    assert (caught.value.status, caught.value.code) == (400, "context_length_exceeded")


async def test_fields_that_a_foreign_provider_does_not_know_are_named(wire, claude, ask):
    wire.post(ANTHROPIC).mock(sse(START, TEXT, *stop("end_turn")))
    await ask(claude, stream=True, temperature=0.2, seed=7, logit_bias={}, metadata={"a": "b"})
    sent = json.loads(wire.calls[0].request.content)
    assert sent["temperature"] == 0.2
    assert not {"seed", "logit_bias", "metadata"} & set(sent)
    options = {"temperature": 0.2, "seed": 7, "logit_bias": {}, "metadata": {}, "zzz": 1}
    assert claude.dropped("m", options, stream=True) == ["logit_bias", "metadata", "seed", "zzz"]


async def test_logprobs_annotations_and_unknown_fields_of_a_chunk_are_kept(wire, odd, ask):
    frame = {"id": "c", "object": "chat.completion.chunk", "created": 5, "model": "odd-1"}
    logprobs = {"content": [{"token": "Hi", "logprob": -0.1, "bytes": None, "top_logprobs": []}], "refusal": None}
    note = {
        "type": "url_citation",
        "url_citation": {"url": "https://a.test", "title": "A", "start_index": 0, "end_index": 1},
    }
    first = {"role": "assistant", "content": "Hi", "annotations": [note], "reasoning": "r"}
    wire.post(OPENAI).mock(
        openai_sse(
            {**frame, "choices": [{"index": 0, "delta": first, "logprobs": logprobs, "native_finish_reason": None}]},
            {**frame, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop", "native_finish_reason": "eos"}]},
        )
    )
    begin, end = await ask(odd, stream=True)
    assert begin["choices"][0]["delta"] == first
    assert begin["choices"][0]["logprobs"] == logprobs
    assert begin["choices"][0]["finish_reason"] is None
    assert end["choices"][0]["native_finish_reason"] == "eos"


async def test_usage_that_rides_on_the_last_chunk_comes_after_it(wire, odd, ask):
    frame = {"id": "c", "object": "chat.completion.chunk", "created": 5, "model": "odd-1"}
    usage = {"prompt_tokens": 3, "completion_tokens": 1, "total_tokens": 4, "cost": 0.5}
    choice = {"index": 0, "delta": {"content": "Hi"}, "finish_reason": "stop"}
    wire.post(OPENAI).mock(openai_sse({**frame, "choices": [choice], "usage": usage}))
    answer, last = await ask(odd, stream=True)
    assert "usage" not in answer
    assert (last["choices"], last["usage"]) == ([], usage)


async def test_chunks_that_tell_nothing_are_no_error(wire, odd, ask):
    frame = {"id": "c", "object": "chat.completion.chunk", "created": 5, "model": "odd-1"}
    choice = {"index": 0, "delta": {"content": "Hi"}, "finish_reason": "stop"}
    wire.post(OPENAI).mock(openai_sse({**frame, "note": 1}, {**frame, "choices": [choice]}))
    empty, answer = await ask(odd, stream=True)
    assert (empty["choices"], empty["note"], answer["choices"]) == ([], 1, [choice])


async def test_texts_that_come_together_stay_chunks_of_their_own(wire, odd, ask):
    frame = {"id": "c", "object": "chat.completion.chunk", "created": 5, "model": "odd-1"}
    said = [{**frame, "choices": [{"index": 0, "delta": {"content": text}}]} for text in ("a", "b", "c", "d")]
    events = [f"data: {json.dumps(chunk)}\n\n".encode() for chunk in said]
    reads = [b": hello\n\n", events[0], events[1] + events[2], events[3] + b"data: [DONE]\n\n"]

    async def body():
        for read in reads:
            yield read

    headers = {"content-type": "text/event-stream"}
    wire.post(OPENAI).mock(side_effect=lambda _: httpx.Response(200, headers=headers, content=body()))
    chunks = await ask(odd, stream=True)
    assert [chunk["choices"][0]["delta"]["content"] for chunk in chunks] == ["a", "b", "c", "d"]
    assert {chunk["choices"][0]["finish_reason"] for chunk in chunks} == {None}


@pytest.mark.parametrize("usage_wanted", [True, False])
@pytest.mark.parametrize("ids", ["aaaaaa", "abbbbb"])
async def test_texts_with_padding_arrive_as_they_were_sent(wire, odd, ask, ids, usage_wanted):
    paddings = ["", "k9", "Zz1", "a b", "x", "Q"]
    said = [
        {
            "id": id_,
            "object": "chat.completion.chunk",
            "created": 5,
            "model": "odd-1",
            "choices": [{"index": 0, "delta": {"content": f' "{number}'}, "logprobs": None, "finish_reason": None}],
            "usage": None,
            "obfuscation": padding,
        }
        for number, (id_, padding) in enumerate(zip(ids, paddings, strict=True))
    ]
    events = [f"data: {json.dumps(chunk)}\n\n".encode() for chunk in said]

    async def body():
        for read in (b": hello\n\n", *events[:3], b"".join(events[3:]), b"data: [DONE]\n\n"):
            yield read

    headers = {"content-type": "text/event-stream"}
    wire.post(OPENAI).mock(side_effect=lambda _: httpx.Response(200, headers=headers, content=body()))
    for chunk in said:
        chunk["id"] = "a"
        if not usage_wanted:
            del chunk["usage"]
    assert await ask(odd, stream=True, usage_wanted=usage_wanted) == said


async def test_chunks_that_change_their_id_on_the_way_have_one(wire, odd, ask):
    choice = {"index": 0, "delta": {"content": "Hi"}, "finish_reason": None}
    wire.post(OPENAI).mock(
        openai_sse(
            {"id": "", "object": "", "created": 0, "model": "", "choices": [], "prompt_filter_results": []},
            {"id": "a", "object": "chat.completion.chunk", "created": 5, "model": "odd-1", "choices": [choice]},
            {"id": "b", "created": 6, "model": "odd-2", "choices": [{**choice, "finish_reason": "stop"}]},
        )
    )
    chunks = await ask(odd, stream=True)
    named = [chunk for chunk in chunks if chunk["choices"]]
    assert {(chunk["id"], chunk["created"], chunk["model"]) for chunk in named} == {("a", 5, "odd-1")}
    assert {chunk["object"] for chunk in chunks} == {"chat.completion.chunk"}


SCHEMA = {"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "object", "properties": {}}}}
CALL = {"id": "call_1", "type": "function", "function": {"name": "json_tool_call", "arguments": '{"a": 1}'}}


@pytest.mark.parametrize(("options", "content"), [({"response_format": SCHEMA}, '{"a": 1}'), ({}, None)])
async def test_json_that_litellm_asks_azure_for_in_a_tool_call_is_the_text_again(
    wire, lanes_for, ask, options, content
):
    azure = lanes_for(entry("m", "azure/gpt-4", api_base="https://azure.test", api_version="2024-02-01"))
    message = {"role": "assistant", "content": None, "tool_calls": [CALL]}
    choice = {"index": 0, "message": message, "finish_reason": "tool_calls"}
    body = {"id": "c", "object": "chat.completion", "created": 5, "model": "gpt-4", "choices": [choice]}
    route = wire.post(url__startswith="https://azure.test/").mock(httpx.Response(200, json=body))
    [answer] = await ask(azure, **options)
    assert ("tools" in json.loads(route.calls[0].request.content)) is bool(options)
    assert answer["choices"][0]["message"]["content"] == content
