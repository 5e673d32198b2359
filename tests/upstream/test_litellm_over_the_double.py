"""The LiteLLM lane over its transport as shipped, against a real server."""

import asyncio
import subprocess
import sys

import openai
import pytest
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from proxy.chat.collect import Fold
from proxy.domain.turn import Asked, Chunk
from proxy.errors import UpstreamError, UpstreamTimeout, UpstreamUnreachable
from proxy.upstream import library
from proxy.upstream.session import Timeouts
from tests.doubles.running import free_port
from tests.upstream.conftest import entry

pytestmark = pytest.mark.anyio


@pytest.fixture
def lane():
    return "litellm"


WEATHER = [{"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}}}]


async def provider_says(upstream, text="Hello", **fields):
    """What OpenAI's own client receives for the same request, as it was sent."""
    async with openai.AsyncOpenAI(base_url=upstream.base_url, api_key="sk-other", max_retries=0) as client:
        answer = await client.chat.completions.create(
            model="gpt-double", messages=[{"role": "user", "content": text}], **fields
        )
        if not fields.get("stream"):
            return answer.model_dump(exclude_unset=True)
        return [chunk.model_dump(exclude_unset=True) async for chunk in answer]


def text_of(chunks):
    return "".join(c["delta"].get("content") or "" for chunk in chunks for c in chunk["choices"])


@pytest.mark.parametrize("text", ["Hello", "[[refusal]]", "[[reasoning]]", "[[tools]]"])
async def test_a_whole_answer_is_what_the_provider_sent(lanes, ask, upstream, text):
    [answer] = await ask(lanes, text, tools=WEATHER)
    upstream.reset()
    expected = await provider_says(upstream, text, tools=WEATHER)
    assert answer == expected
    ChatCompletion.model_validate(answer, strict=True)


@pytest.mark.parametrize("text", ["Hello", "[[refusal]]", "[[reasoning]]", "[[tools]]"])
@pytest.mark.parametrize("n", [1, 2])
async def test_a_stream_is_what_the_provider_sent(lanes, ask, upstream, text, n):
    chunks = await ask(lanes, text, stream=True, usage_wanted=True, tools=WEATHER, n=n)
    upstream.reset()
    expected = await provider_says(
        upstream, text, stream=True, tools=WEATHER, n=n, stream_options={"include_usage": True}
    )
    assert chunks == expected
    for chunk in chunks:
        ChatCompletionChunk.model_validate(chunk)


async def test_litellm_keeps_no_account_of_what_it_answers_and_of_what_fails(lanes, ask, monkeypatch):
    utils, kept = library.load().utils, []
    for name in ("_schedule_async_success_logging", "bind_budget_reservation_to_callbacks"):
        monkeypatch.setattr(utils, name, lambda *_, name=name, **__: kept.append(name))
    await ask(lanes, "Hello")
    await ask(lanes, "Hello", stream=True)
    with pytest.raises(UpstreamError):
        await ask(lanes, "[[status code=500]]")
    assert kept == []


@pytest.mark.parametrize("target", ["deepseek/d", "groq/d", "hosted_vllm/d", "openrouter/d", "xai/d"])
async def test_other_providers_of_the_same_wire_format_lose_nothing_either(lanes_for, ask, upstream, target):
    lanes = lanes_for(entry("m", target))
    said = {}
    for text in ("Hello", "[[refusal]]", "[[tools]]"):
        said[text] = Fold()
        for chunk in await ask(lanes, text, stream=True, tools=WEATHER, n=2):
            ChatCompletionChunk.model_validate(chunk)
            said[text].add(Chunk(chunk))
    answers = {text: fold.completion() for text, fold in said.items()}
    assert [message.text.split(" (")[0] for message in answers["Hello"].messages] == ["You said: Hello"] * 2
    assert [message.wire["refusal"] for message in answers["[[refusal]]"].messages] == ["I cannot help with that."] * 2
    assert [len(message.tool_calls) for message in answers["[[tools]]"].messages] == [2, 2]
    assert answers["[[tools]]"].messages[0].tool_calls[1]["function"]["arguments"] == '{"city": "Lima"}'
    assert answers["Hello"].finish_reasons == ["stop", "stop"]
    assert answers["[[tools]]"].finish_reasons == ["tool_calls", "tool_calls"]


@pytest.mark.parametrize("target", ["deepseek/d", "groq/d", "hosted_vllm/d"])
async def test_no_other_provider_gets_an_invented_end(lanes_for, ask, target):
    lanes = lanes_for(entry("m", target))
    chunks = await ask(lanes, "[[eof after=3]]", stream=True)
    assert text_of(chunks) == "You said: "
    assert not any(choice["finish_reason"] for chunk in chunks for choice in chunk["choices"])
    with pytest.raises(UpstreamUnreachable, match="cut"):
        await ask(lanes, "[[cut after=3]]", stream=True)


async def test_usage_comes_last_without_choices_and_leaves_no_trace_where_it_was_not_asked_for(lanes, ask, upstream):
    *answer, usage = await ask(lanes, stream=True)
    assert usage["choices"] == []
    assert usage["usage"]["prompt_tokens_details"]["cached_tokens"] == 0
    assert not any("usage" in chunk for chunk in answer)
    assert upstream.bodies()[0]["stream_options"] == {"include_usage": True}


async def test_every_chunk_has_one_id_one_time_and_the_providers_own_model(lanes, ask):
    chunks = await ask(lanes, stream=True)
    assert {(chunk["id"], chunk["created"], chunk["model"]) for chunk in chunks} == {
        (chunks[0]["id"], 1_750_000_000, "gpt-double-2026-01-01")
    }


async def test_messages_reach_the_provider_as_they_are_and_stay_as_they_were(lanes, ask, upstream):
    messages = [
        {"role": "developer", "content": "Be brief."},
        {"role": "system", "content": "Be kind."},
        {"role": "user", "content": [{"type": "text", "text": "One"}, {"type": "text", "text": "two"}], "name": "Ada"},
        {"role": "assistant", "content": "Three."},
        {"role": "user", "content": "Four?"},
    ]
    before = [dict(message) for message in messages]
    await ask(lanes, messages=messages)
    sent = upstream.bodies()[0]["messages"]
    assert [message["content"] for message in sent] == [message["content"] for message in before]
    assert messages == before


async def test_documented_fields_reach_the_provider_and_others_are_named(lanes, ask, upstream):
    options = {
        "temperature": 0.5,
        "user": "ada",
        "metadata": {"team": "x"},
        "prompt_cache_key": "k",
        "seed": 7,
        "verbosity": "low",
        "logit_bias": {"5": 1},
        "top_k": 40,
        "chat_template_kwargs": {},
    }
    await ask(lanes, **options)
    sent = upstream.bodies()[0]
    assert {name: sent.get(name) for name in options if name not in ("top_k", "chat_template_kwargs")} == {
        name: value for name, value in options.items() if name not in ("top_k", "chat_template_kwargs")
    }
    assert "top_k" not in sent
    assert lanes.dropped("m", options, stream=False) == ["chat_template_kwargs", "top_k"]


async def test_what_the_configuration_adds_is_a_default_for_the_client(lanes_for, ask, upstream):
    lanes = lanes_for(
        {
            "model_name": "m",
            "litellm_params": {"model": "openai/d", "temperature": 0.1, "extra_headers": {"x-own": "1"}},
        }
    )
    await ask(lanes)
    await ask(lanes, temperature=0.9)
    assert [body["temperature"] for body in upstream.bodies()] == [0.1, 0.9]
    assert [request["headers"]["x-own"] for request in upstream.requests()] == ["1", "1"]
    assert {body["model"] for body in upstream.bodies()} == {"d"}


async def test_a_cut_stream_raises_after_what_arrived(lanes):
    asked = Asked("m", [{"role": "user", "content": "[[cut after=3]]"}], {}, stream=True)
    received = []

    async def receive():
        async for chunk in lanes.ask(asked):
            received.append(chunk.wire)

    with pytest.raises(UpstreamUnreachable, match="cut") as caught:
        await receive()
    assert text_of(received) == "You said: "
    assert not any(choice["finish_reason"] for chunk in received for choice in chunk["choices"])
    assert (caught.value.status, caught.value.code) == (502, "stream_cut")


async def test_a_stream_that_merely_ends_gets_no_invented_finish_reason(lanes, ask):
    chunks = await ask(lanes, "[[eof after=3]]", stream=True)
    assert text_of(chunks) == "You said: "
    assert not any(choice["finish_reason"] for chunk in chunks for choice in chunk["choices"])


async def test_an_error_in_the_middle_of_a_stream_raises_with_the_providers_words(lanes, ask):
    with pytest.raises(UpstreamError, match=r"^The server had an error\.$") as caught:
        await ask(lanes, "[[error after=2]]", stream=True)
    assert (caught.value.type, caught.value.code) == ("server_error", "internal")


async def test_closing_the_stream_closes_the_providers(lanes, upstream):
    asked = Asked("m", [{"role": "user", "content": "[[stall after=1]]"}], {}, stream=True)
    chunks = lanes.ask(asked)
    await anext(chunks)
    await chunks.aclose()
    assert await upstream.ended() == "left"


@pytest.mark.parametrize("stream", [True, False])
async def test_a_cancelled_request_leaves_the_provider_too(lanes, ask, upstream, stream):
    await lanes.warm()
    waiting = asyncio.ensure_future(ask(lanes, "[[hang]]", stream=stream))
    await upstream.began()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert await upstream.ended() == "left"


@pytest.mark.parametrize(
    ("text", "stream", "says"),
    [
        ("[[hang]]", False, "no answer within 0.5 seconds"),
        ("[[hang]]", True, "no first chunk within 0.6 seconds"),
        ("[[stall after=0]]", True, "no first chunk within 0.6 seconds"),
        ("[[stall after=2]]", True, "no further chunk within 0.1 seconds"),
    ],
)
async def test_each_stage_of_an_answer_has_its_time(lanes_for, ask, upstream, text, stream, says):
    await ask(lanes_for())  # what is loaded at first use is not what is timed here
    lanes = lanes_for(timeouts=Timeouts(first_token_s=0.6, idle_s=0.1, whole_s=0.5))
    with pytest.raises(UpstreamTimeout, match=says) as caught:
        await ask(lanes, text, stream=stream)
    assert caught.value.status == 504
    assert await upstream.ended(1) == "left"


@pytest.mark.parametrize("stream", [True, False])
async def test_a_refused_connection_is_an_unreachable_provider(lanes_for, ask, stream, caplog):
    base = f"http://127.0.0.1:{free_port()}/v1"
    lanes = lanes_for({"model_name": "m", "litellm_params": {"model": "openai/d", "api_base": base}})
    with pytest.raises(UpstreamUnreachable, match="cannot be reached") as caught:
        await ask(lanes, stream=stream)
    assert caught.value.status == 502
    assert base not in caught.value.message  # the client is not told where the server asks; the operator is
    assert base in caplog.text


async def test_thirty_streams_at_once_keep_apart(lanes, ask):
    answers = await asyncio.gather(*(ask(lanes, f"Number {i}", stream=True) for i in range(30)))
    assert [text_of(answer).split(" (")[0] for answer in answers] == [f"You said: Number {i}" for i in range(30)]


def test_the_library_is_imported_by_warming_up_and_not_before():
    code = (
        "import asyncio, sys\n"
        "from proxy.upstream.lanes import Lanes\n"
        "from proxy.upstream.models import models_from_list\n"
        "from proxy.upstream import discovery\n"
        "lanes = Lanes(models_from_list([{'model_name': 'm', 'litellm_params': {'model': 'openai/gpt-4.1'}}], {}))\n"
        "assert lanes.window_tokens('m') == 128_000\n"
        "assert lanes.count('m', 'twelve chars') == 3\n"
        "assert not {'litellm', 'openai', 'httpx', 'tiktoken', 'aiohttp'} & set(sys.modules)\n"
        "assert not lanes.ready\n"
        "asyncio.run(lanes.warm())\n"
        "assert 'litellm' in sys.modules and lanes.ready\n"
        "assert lanes.window_tokens('m') == 1_047_576\n"
        "assert lanes.count('m', 'Hello world') == 2\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
