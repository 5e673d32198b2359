"""The scripted upstream is an OpenAI server to OpenAI's own client; this is also how a test uses it."""

import asyncio

import httpx
import openai
import pytest

from tests.doubles.running import UpstreamDouble

pytestmark = pytest.mark.anyio

HELLO = [{"role": "user", "content": "Hello"}]
WEATHER = [{"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}}}]


@pytest.fixture
async def client(upstream: UpstreamDouble):
    async with openai.AsyncOpenAI(base_url=upstream.base_url, api_key="sk-test", max_retries=0) as made:
        yield made


def marked(marker: str):
    return [{"role": "user", "content": f"Hello [[{marker}]]"}]


async def test_a_plain_reply_echoes_the_user_and_marks_the_whole_context(client, upstream):
    first = await client.chat.completions.create(model="gpt-double", messages=HELLO)
    other = await client.chat.completions.create(
        model="gpt-double", messages=[{"role": "system", "content": "Be kind."}, *HELLO]
    )
    assert first.choices[0].message.content.startswith("You said: Hello (context ")
    assert first.choices[0].message.content != other.choices[0].message.content
    assert [body["model"] for body in upstream.bodies()] == ["gpt-double", "gpt-double"]


async def test_a_stream_says_the_same_as_the_plain_reply_and_ends_with_usage(client, upstream):
    plain = await client.chat.completions.create(model="gpt-double", messages=HELLO)
    async with client.chat.completions.stream(
        model="gpt-double", messages=HELLO, stream_options={"include_usage": True}
    ) as stream:
        folded = await stream.get_final_completion()
    assert folded.choices[0].message.content == plain.choices[0].message.content
    assert folded.usage.total_tokens == plain.usage.total_tokens
    assert folded.usage.prompt_tokens_details.cached_tokens == plain.usage.prompt_tokens


async def test_tool_calls_come_first_and_their_results_are_answered(client, upstream):
    called = await client.chat.completions.create(model="tools", messages=HELLO, tools=WEATHER)
    calls = called.choices[0].message.tool_calls
    results = [{"role": "tool", "tool_call_id": call.id, "content": "fine"} for call in calls]
    answer = await client.chat.completions.create(
        model="tools",
        messages=[*HELLO, called.choices[0].message.model_dump(exclude_none=True), *results],
        tools=WEATHER,
    )
    assert [call.function.name for call in calls] == ["weather", "weather"]
    assert answer.choices[0].finish_reason == "stop"


async def test_queued_replies_are_used_up_in_order_and_only_by_their_model(client, upstream):
    upstream.say("for the router", model="router")
    upstream.say("one", "two")
    said = [
        (await client.chat.completions.create(model=model, messages=HELLO)).choices[0].message.content
        for model in ("gpt-double", "router", "gpt-double")
    ]
    assert said == ["one", "for the router", "two"]


async def test_a_gated_stream_sends_what_it_is_allowed_to(client, upstream):
    stream = await client.chat.completions.create(model="gpt-double", messages=marked("gate name=a"), stream=True)
    upstream.release("a")
    first = await anext(stream)
    waiting = asyncio.ensure_future(anext(stream))
    assert not (await asyncio.wait([waiting], timeout=0.05))[0]
    upstream.release("a", 100)
    assert (await waiting).choices[0].delta.content == "You "
    assert first.choices[0].delta.role == "assistant"
    assert [chunk async for chunk in stream][-1].choices[0].finish_reason == "stop"
    assert await upstream.ended() == "finished"


async def test_a_client_that_leaves_is_seen_to_leave(client, upstream):
    stream = await client.chat.completions.create(model="gpt-double", messages=marked("stall after=1"), stream=True)
    await anext(stream)
    await stream.close()
    assert await upstream.ended() == "left"


async def test_a_cut_stream_breaks_and_an_ended_one_merely_stops(client, upstream):
    stream = await client.chat.completions.create(model="gpt-double", messages=marked("cut after=2"), stream=True)
    with pytest.raises(httpx.TransportError):
        [chunk async for chunk in stream]
    stream = await client.chat.completions.create(model="gpt-double", messages=marked("eof after=2"), stream=True)
    chunks = [chunk async for chunk in stream]
    assert [chunk.choices[0].finish_reason for chunk in chunks] == [None, None]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 413, 422, 429, 500, 503, 529])
async def test_an_error_status_brings_its_body(client, upstream, status):
    with pytest.raises(openai.APIStatusError) as caught:
        await client.chat.completions.create(model=f"status-{status}", messages=HELLO)
    assert caught.value.status_code == status
    assert caught.value.body["message"]
    assert ("retry-after" in caught.value.response.headers) == (status in (429, 503))


async def test_the_models_are_listed(client, upstream):
    assert "gpt-double" in [model.id async for model in client.models.list()]
