"""Nothing in a request chooses where the server's key goes, what it fetches, or whom it asks."""

import contextlib

import pytest

from proxy.errors import InvalidRequest, UpstreamError
from tests.doubles.acting import attacks
from tests.upstream.conftest import KEY, entry

pytestmark = pytest.mark.anyio


NAMES = sorted(attacks(""))
LANES = ("native", "raw", "litellm")


@pytest.mark.parametrize("lane", LANES)
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("name", NAMES)
async def test_no_parameter_of_a_request_acts(lanes, ask, upstream, elsewhere, name, stream):
    """On no lane, at the top, in `extra_body` or in `metadata`, where it stays the client's own text."""
    value = attacks(elsewhere.url)[name]
    chunks = await ask(lanes, stream=stream, **{name: value, "extra_body": {name: value}, "metadata": {name: value}})
    assert "You" in str(chunks)
    assert elsewhere.calls == []
    [request] = upstream.requests()
    assert request["headers"]["Authorization"] == f"Bearer {KEY}"
    assert "x-stolen" not in {header.lower() for header in request["headers"]}
    assert "OpenAI-Organization" not in request["headers"]
    assert request["body"].pop("metadata") == {name: value}
    assert set(request["body"]) <= {"model", "messages", "stream", "stream_options"}
    assert request["body"]["model"] == "gpt-double"


@pytest.mark.parametrize("lane", LANES)
async def test_all_of_them_at_once_do_not_act_either(lanes, ask, upstream, elsewhere):
    every = attacks(elsewhere.url)
    await ask(lanes, **every, extra_body=every, metadata=every)
    assert elsewhere.calls == []
    [request] = upstream.requests()
    assert set(request["body"]) == {"model", "messages", "metadata"}


@pytest.mark.parametrize("lane", LANES)
@pytest.mark.parametrize("smuggled", ["model", "messages", "stream"])
async def test_what_is_ours_cannot_come_again_among_the_options(lanes, upstream, smuggled):
    from proxy.domain.turn import Asked

    value = {"model": "ollama/x", "messages": [], "stream": True}[smuggled]
    asked = Asked("m", [{"role": "user", "content": "Hi"}], {smuggled: value}, stream=False)
    [chunk] = [chunk async for chunk in lanes.ask(asked)]
    assert chunk.is_whole
    assert upstream.bodies()[0]["messages"] == [{"role": "user", "content": "Hi"}]


@pytest.mark.parametrize("lane", LANES)
async def test_a_tool_that_would_make_the_server_call_somebody_is_refused(lanes, ask, upstream, elsewhere):
    tools = [{"type": "function", "function": {"name": "f"}}, {"type": "mcp", "server_url": elsewhere.url}]
    with pytest.raises(InvalidRequest, match="'mcp'") as caught:
        await ask(lanes, tools=tools)
    assert caught.value.param == "tools[1].type"
    assert elsewhere.calls == []
    assert upstream.requests() == []


@pytest.mark.parametrize(
    "target",
    [
        "openai/gpt-double",
        "anthropic/claude-sonnet-4-5",
        "gemini/gemini-2.5-flash",
        "ollama_chat/llava",
        "bedrock/anthropic.claude-3-sonnet-20240229-v1:0",
        "groq/openai/gpt-oss-20b",
    ],
)
@pytest.mark.parametrize(
    "part",
    [
        {"type": "image_url", "image_url": {"url": "URL/cat.png"}},
        {"type": "image_url", "image_url": "URL/cat.png"},
        {"type": "file", "file": {"file_data": "URL/a.pdf", "filename": "a.pdf"}},
        {"type": "file", "file": {"file_id": "URL/a.pdf", "format": "application/pdf"}},
    ],
)
async def test_no_provider_makes_the_server_fetch_a_clients_url(lanes_for, ask, elsewhere, target, part):
    lanes = lanes_for(entry("m", target, aws_access_key_id="a", aws_secret_access_key="b", aws_region_name="us-east-1"))
    [(name, value)] = [(name, value) for name, value in part.items() if name != "type"]
    filled = eval(repr(value).replace("URL", elsewhere.url))
    content = [{"type": "text", "text": "What is this?"}, {"type": part["type"], name: filled}]
    with contextlib.suppress(
        UpstreamError
    ):  # some providers refuse such a part, none of them is asked to answer it here
        await ask(lanes, messages=[{"role": "user", "content": content}])
    assert elsewhere.calls == []


async def test_a_url_that_is_not_fetched_is_told_to_the_client(lanes_for, ask, elsewhere):
    lanes = lanes_for(entry("m", "gemini/gemini-2.5-flash"))
    part = {"type": "image_url", "image_url": {"url": f"{elsewhere.url}/cat.png"}}
    with pytest.raises(UpstreamError, match="data URL") as caught:
        await ask(lanes, messages=[{"role": "user", "content": [part]}])
    assert (caught.value.status, caught.value.code) == (400, "url_not_fetched")
