"""Nothing in a request chooses where the server's key goes, what it fetches, or whom it asks."""

import contextlib
import socket
import threading

import pytest

from proxy.errors import InvalidRequest, UpstreamError
from tests.upstream.conftest import KEY, entry

pytestmark = pytest.mark.anyio


class Listener:
    """A loopback port that must never be called; it remembers who did."""

    def __init__(self):
        self.calls = []
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self._thread = threading.Thread(target=self._listen)
        self._thread.start()

    def _listen(self):
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            with connection:
                connection.settimeout(1)
                self.calls.append(connection.recv(65536))
                connection.sendall(b"HTTP/1.1 500 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")

    def close(self):
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join()


@pytest.fixture
def elsewhere():
    listener = Listener()
    yield listener
    listener.close()


def attacks(url):
    """Parameters that make LiteLLM, its transport or a provider act, were they to reach it."""
    base = f"{url}/v1"
    return {
        "api_base": base,
        "base_url": base,
        "api_key": "sk-mine",
        "api_version": "2024",
        "extra_headers": {"Host": url, "x-stolen": "1"},
        "headers": {"x-stolen": "1"},
        "provider_specific_header": {"custom_llm_provider": "openai", "extra_headers": {"x-stolen": "1"}},
        "fallbacks": [{"model": "openai/x", "api_base": base}],
        "context_window_fallback_dict": {"gpt-double": "openai/x"},
        "model_list": [{"model_name": "m", "litellm_params": {"model": "openai/x", "api_base": base}}],
        "custom_llm_provider": "ollama",
        "deployment_id": "other",
        "organization": "org-mine",
        "mock_response": "mocked",
        "mock_tool_calls": [{"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
        "mock_delay": 60,
        "mock_timeout": True,
        "timeout": 0.000001,
        "request_timeout": 0.000001,
        "stream_timeout": 0.000001,
        "num_retries": 5,
        "max_retries": 5,
        "caching": True,
        "cache": {"no-cache": False},
        "success_callback": ["webhook"],
        "logger_fn": "print",
        "azure": True,
        "azure_ad_token": "t",
        "aws_bedrock_runtime_endpoint": url,
        "vertex_credentials": "{}",
        "prompt_id": "p",
        "guardrails": ["x"],
        "litellm_credential_name": "c",
        "litellm_metadata": {"api_base": base},
        "allowed_openai_params": ["api_base"],
        "shared_session": "s",
        "client": "c",
        "proxy_server_request": {"url": base},
        "use_litellm_proxy": True,
        "ssl_verify": False,
        "drop_params": False,
        "input_cost_per_token": -1,
        "hf_model_name": "x/y",
        "thinking": {"type": "enabled", "budget_tokens": 9},
    }


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
