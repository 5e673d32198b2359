"""The native lane sends what `litellm.acompletion` sends, as shipped: both are pointed at one recording server.

Compared are method, path, query, the body as JSON, and all headers but those in `OF_THE_LIBRARY`. Whatever else differs, is refused, or
is left to the LiteLLM lane, is named in a table with its reason; a difference that is named and does not occur fails, too.
"""

import copy
import json
from dataclasses import dataclass, replace

import openai
import pytest
from aiohttp import web

from proxy.domain.turn import Asked
from proxy.errors import UpstreamError
from proxy.upstream import library
from proxy.upstream.lanes import Lanes
from proxy.upstream.models import NATIVE_PROVIDERS, models_from_list
from tests.doubles.upstream import Book, chunks, whole

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.filterwarnings("ignore"),
]  # deprecations inside LiteLLM make it fail before it sends

OF_THE_LIBRARY = {
    "accept": "OpenAI's client says JSON, for streams too, LiteLLM's own anything",
    "accept-encoding": "the compressions that each can undo",
    "connection": "HTTP/1.1 keeps a connection without being told",
    "content-length": "the same JSON with other white space",
    "host": "the recording server",
    "http-referer": "LiteLLM's advertisement of itself to OpenRouter",
    "user-agent": "the name of the client",
    "x-stainless-": "OpenAI's client about its platform",
    "x-title": "LiteLLM's advertisement of itself to OpenRouter",
}
"""Headers by which a library tells of itself or of its connection."""

PROVIDERS = {
    "OpenAI": {"model": "openai/gpt-4.1"},
    "OpenAI, a reasoning model": {"model": "openai/gpt-5.4-mini"},
    "OpenAI, an older reasoning model": {"model": "openai/o4-mini"},
    "OpenAI, a name without provider": {"model": "gpt-4.1-mini", "organization": "org-1"},
    "Azure OpenAI": {"model": "azure/gpt-4.1", "api_version": "2025-04-01-preview"},
    "Azure OpenAI, version by default": {"model": "azure/gpt-4.1"},
    "Azure OpenAI, v1": {"model": "azure/gpt-4.1", "api_version": "v1"},
    "Azure OpenAI, a deployment of a reasoning model": {"model": "azure/mine", "base_model": "azure/gpt-5"},
    "OpenRouter": {"model": "openrouter/openai/gpt-4.1"},
    "OpenRouter, a model with cache marks": {"model": "openrouter/anthropic/claude-sonnet-4.5"},
    "Groq": {"model": "groq/openai/gpt-oss-120b"},
    "Groq, a model without schemas": {"model": "groq/llama-3.1-8b-instant"},
    "DeepSeek": {"model": "deepseek/deepseek-chat"},
    "DeepSeek, thinking": {"model": "deepseek/deepseek-reasoner"},
    "Mistral": {"model": "mistral/mistral-large-latest"},
    "Mistral, thinking": {"model": "mistral/magistral-medium-latest"},
    "Together": {"model": "together_ai/openai/gpt-oss-120b"},
    "Fireworks": {"model": "fireworks_ai/accounts/fireworks/models/gpt-oss-120b"},
    "Fireworks, a short name": {"model": "fireworks_ai/deepseek-v3p2"},
    "xAI": {"model": "xai/grok-4"},
    "vLLM": {"model": "hosted_vllm/Qwen/Qwen3-8B"},
    "LM Studio": {"model": "lm_studio/qwen3-8b"},
    "llama.cpp": {"model": "openai/local"},
    "Ollama": {"model": "openai/llama3.2:3b", "temperature": 0.1},
    "with defaults and headers": {
        "model": "openai/local",
        "temperature": 0.1,
        "top_k": 5,
        "extra_body": {"min_p": 0.2},
        "extra_headers": {"x-team": "blue"},
        "additional_drop_params": ["seed"],
    },
}

UNKNOWN = "LiteLLM does not know this model, and drops what it does not know of; the server says itself what it takes"
REASONING = "LiteLLM drops it for reasoning models, silently; OpenAI tells the client that it is not taken"
PLAIN = "LiteLLM drops it for models that do not reason, silently; OpenAI tells the client that it is not taken"
_SAMPLED = ("sampling", "everything")

FORWARDED = {
    "OpenAI": {("reasoning",): (["reasoning_effort"], PLAIN)},
    "OpenAI, a name without provider": {("reasoning",): (["reasoning_effort"], PLAIN)},
    "OpenAI, a reasoning model": {
        _SAMPLED: (["frequency_penalty", "logit_bias", "presence_penalty", "stop"], REASONING),
    },
    "OpenAI, an older reasoning model": {
        _SAMPLED: (["frequency_penalty", "logprobs", "presence_penalty", "top_logprobs", "top_p"], REASONING),
        ("tools", "everything"): (["parallel_tool_calls"], REASONING),
    },
    "vLLM": {_SAMPLED: (["user"], UNKNOWN)},
    "llama.cpp": {_SAMPLED: (["user"], UNKNOWN)},
    "Ollama": {_SAMPLED: (["user"], UNKNOWN)},
    "with defaults and headers": {_SAMPLED: (["user"], UNKNOWN)},
}
"""Documented fields that LiteLLM drops and Graft forwards, by provider and request, with the reason."""

REFUSED = {
    ("Groq, a model without schemas", "everything"): "tools beside a schema, which LiteLLM would make a tool of",
    ("Fireworks", "an image"): "the model takes no images",
    ("Fireworks", "everything"): "the model takes no images",
}
"""Requests that LiteLLM refuses before anything is sent, and Graft with it."""

PIXEL = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNkYAAAAAYAAjCB0C8AAAAASUVORK5CYII="
)
SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
WEATHER = {
    "type": "function",
    "function": {"name": "weather", "strict": True, "description": "d", "parameters": SCHEMA},
}
CALL = {"id": "call_abcdefg12", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Oslo"}'}}

CHAT = [
    {"role": "developer", "content": "Be brief."},
    {"role": "system", "content": "Be kind."},
    {"role": "user", "content": "Grüße 👋", "name": "Ada"},
    {"role": "assistant", "content": "Hello."},
    {"role": "user", "content": [{"type": "text", "text": "One"}, {"type": "text", "text": "two"}]},
]
TOOL_LOOP = [
    {"role": "user", "content": "Weather?"},
    {"role": "assistant", "content": None, "tool_calls": [CALL]},
    {"role": "tool", "tool_call_id": CALL["id"], "content": "21 degrees"},
]
IMAGE = [
    {
        "role": "user",
        "content": [
            {"type": "text", "text": "What is it?", "cache_control": {"type": "ephemeral"}},
            {"type": "image_url", "image_url": {"url": PIXEL, "detail": "low"}},
        ],
    }
]
SAMPLING = {
    "temperature": 0.5,
    "top_p": 0.9,
    "max_tokens": 50,
    "seed": 7,
    "stop": ["END"],
    "presence_penalty": 0.1,
    "frequency_penalty": 0.2,
    "n": 2,
    "user": "ada",
    "logit_bias": {"5": 1},
    "logprobs": True,
    "top_logprobs": 2,
}
TOOLS = {"tools": [WEATHER], "tool_choice": "auto", "parallel_tool_calls": False}
ANSWER = {"response_format": {"type": "json_schema", "json_schema": {"name": "city", "strict": True, "schema": SCHEMA}}}

REQUESTS = {
    "a chat": (CHAT, {}),
    "sampling": (CHAT, SAMPLING),
    "tools": (TOOL_LOOP, {**TOOLS, "tool_choice": {"type": "function", "function": {"name": "weather"}}}),
    "an image": (IMAGE, {"max_completion_tokens": 50}),
    "a response format": (CHAT, ANSWER),
    "reasoning": (CHAT, {"reasoning_effort": "low"}),
    "everything": ([*CHAT, *TOOL_LOOP, *IMAGE], {**SAMPLING, **TOOLS, **ANSWER}),
}


AS_TOOL = "LiteLLM asks for a schema by way of a tool, or streams an answer that came whole"
THINKING = "thinking comes as parts of `content`, where OpenAI's clients expect text"

LEFT_TO_LITELLM = {
    "Groq": (("a response format", "everything"), AS_TOOL),
    "Groq, a model without schemas": (("a response format",), AS_TOOL),
    "Fireworks, a short name": (("everything",), AS_TOOL),
    "Mistral, thinking": (tuple(REQUESTS), THINKING),
}
"""Requests whose answers LiteLLM has to change, so that they take its lane."""


@dataclass(frozen=True)
class Sent:
    """A request as the server received it."""

    method: str
    path: str
    query: dict
    headers: dict
    body: dict


@pytest.fixture
async def recorder():
    """A server that answers anything in OpenAI's shape; its address, what it was asked, and whether Graft itself asked."""
    seen, by_graft = [], []

    async def answer(request):
        body = await request.json()
        seen.append(Sent(request.method, request.path, dict(request.query), headers_of(request), body))
        by_graft.append("graft" in request.headers["user-agent"])
        shaped = {"model": "m", **body}
        if not body.get("stream"):
            return web.json_response(whole(Book(), shaped, {"do": "plain"}))
        lines = [f"data: {json.dumps(chunk)}\n\n" for chunk in chunks(Book(), shaped, {"do": "plain"})]
        return web.Response(text="".join([*lines, "data: [DONE]\n\n"]), content_type="text/event-stream")

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = site._server.sockets[0].getsockname()[1]
    yield f"http://127.0.0.1:{port}/v1", seen, by_graft
    await runner.cleanup()


async def by_litellm(params, messages, options, *, stream):
    litellm = await library.warm(rehearsed=True)
    told = {"stream": True, "stream_options": {"include_usage": True}} if stream else {}
    answer = await litellm.acompletion(
        **copy.deepcopy({**params, **options}),
        **told,
        messages=copy.deepcopy(messages),
        drop_params=True,
        max_retries=0,
        num_retries=0,
        _skip_mcp_handler=True,
    )
    if stream:
        async for _ in answer:
            pass


async def by_graft(params, messages, options, *, stream):
    lanes = Lanes(models_from_list([{"model_name": "m", "litellm_params": params}], {}))
    try:
        async for _ in lanes.ask(Asked("m", messages, options, stream=stream)):
            pass
    finally:
        await lanes.close()


async def recorded(seen, ask, *request, stream):
    """What was sent, or the refusal that came before."""
    seen.clear()
    try:
        await ask(*request, stream=stream)
    except (openai.BadRequestError, UpstreamError) as exc:
        assert not seen
        return exc
    [sent] = seen
    return sent


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("request_name", REQUESTS)
@pytest.mark.parametrize("provider", PROVIDERS)
async def test_the_request_is_the_same(recorder, provider, request_name, stream):
    base, seen, by_graft_itself = recorder
    params = {"api_base": base, "api_key": "sk-same", **PROVIDERS[provider]}
    messages, options = REQUESTS[request_name]
    expected = await recorded(seen, by_litellm, params, messages, options, stream=stream)
    sent = await recorded(seen, by_graft, params, messages, options, stream=stream)
    if (provider, request_name) in REFUSED:
        assert isinstance(expected, openai.BadRequestError)
        assert isinstance(sent, UpstreamError)
        assert (sent.status, sent.message) == (400, expected.message.partition(": ")[2])
        return
    forwarded = forwarded_fields(provider, request_name)
    assert not forwarded & set(expected.body)
    assert sent == replace(expected, body={**expected.body, **{name: options[name] for name in forwarded}})
    assert by_graft_itself[-1] != (request_name in LEFT_TO_LITELLM.get(provider, ((), ""))[0])


async def test_plain_texts_are_written_without_asking_the_library_again(recorder, monkeypatch):
    base, seen, _ = recorder
    litellm = await library.warm()
    params = {"api_base": base, "api_key": "sk-same", "model": "openai/gpt-4o-mini"}
    lanes = Lanes(models_from_list([{"model_name": "m", "litellm_params": params}], {}))
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}]
    asked = []

    async def ask(*more):
        async for _ in lanes.ask(Asked("m", [*messages, *more], {}, stream=False)):
            pass

    try:
        await ask()
        writes = litellm.OpenAIGPTConfig.transform_request
        noted = lambda self, *args, **named: asked.append(named) or writes(self, *args, **named)  # noqa: E731
        monkeypatch.setattr(litellm.OpenAIGPTConfig, "transform_request", noted)
        await ask()
        assert not asked
        await ask({"role": "assistant", "content": "Yes?", "refusal": None}, {"role": "user", "content": "Go on."})
        assert len(asked) == 1
    finally:
        await lanes.close()
    assert [len(request.body["messages"]) for request in seen] == [2, 2, 4]


def headers_of(request):
    headers = {name.lower(): value for name, value in request.headers.items()}
    return {name: value for name, value in headers.items() if not name.startswith(tuple(OF_THE_LIBRARY))}


def forwarded_fields(provider, request_name):
    return {
        field
        for requests, (fields, _) in FORWARDED.get(provider, {}).items()
        if request_name in requests
        for field in fields
    }


def test_every_native_provider_is_in_the_table():
    named = {params["model"].partition("/")[0] for params in PROVIDERS.values() if "/" in params["model"]}
    assert named == NATIVE_PROVIDERS
