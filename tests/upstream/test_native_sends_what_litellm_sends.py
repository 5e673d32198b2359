"""The native lane sends what `litellm.acompletion` sends, as shipped: both are pointed at one recording server.

Compared are method, path, query, the body as JSON, and the headers that mean something to a provider: who asks (`authorization`,
`api-key`, `openai-organization`), what the body is (`content-type`) and what the configuration adds. Not compared are headers by which
a library tells of itself (`user-agent`, `x-stainless-*`, LiteLLM's `http-referer` and `x-title` for OpenRouter) and those of the
connection.
"""

import copy
import json
from contextlib import suppress

import pytest
from aiohttp import web

from proxy.domain.turn import Asked
from proxy.upstream import library
from proxy.upstream.endpoint import BODY_PROVIDERS
from proxy.upstream.lanes import Lanes
from proxy.upstream.models import NATIVE_PROVIDERS, models_from_list
from tests.doubles.upstream import Book, chunks, whole

pytestmark = pytest.mark.anyio

COMPARED = ("authorization", "api-key", "content-type", "openai-organization", "x-team")

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


@pytest.fixture
async def recorder():
    """A server that answers anything in OpenAI's shape; its address, and what it was asked."""
    seen = []

    async def answer(request):
        body = await request.json()
        headers = {name.lower(): value for name, value in request.headers.items()}
        told = {name: headers[name] for name in COMPARED if name in headers}
        seen.append((request.method, request.path, dict(request.query), told, body))
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
    yield f"http://127.0.0.1:{port}/v1", seen
    await runner.cleanup()


async def by_litellm(params, messages, options, *, stream):
    litellm = await library.warm()
    told = {"stream": True, "stream_options": {"include_usage": True}} if stream else {}
    answer = await litellm.acompletion(
        **copy.deepcopy({**params, **_taken(litellm, params, options)}),
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
    seen.clear()
    with suppress(Exception):  # what a provider does not take is refused, by both alike, before anything is sent
        await ask(*request, stream=stream)
    return list(seen)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("request_name", REQUESTS)
@pytest.mark.parametrize("provider", PROVIDERS)
async def test_the_request_is_the_same(recorder, provider, request_name, stream):
    base, seen = recorder
    params = {"api_base": base, "api_key": "sk-same", **PROVIDERS[provider]}
    messages, options = REQUESTS[request_name]
    expected = await recorded(seen, by_litellm, params, messages, options, stream=stream)
    sent = await recorded(seen, by_graft, params, messages, options, stream=stream)
    assert sent == expected


def _taken(litellm, params, options):
    """The options as `acompletion` takes them without loss.

    It drops what it does not know of a model (`user` for any that is not OpenAI's own), although servers of the providers `openai`
    and `hosted_vllm` take it, or say themselves that they do not; its way to say so is `extra_body`.
    """
    name, provider, _, _ = litellm.get_llm_provider(params["model"], api_base=params["api_base"])
    if provider not in BODY_PROVIDERS:
        return options
    supported = litellm.get_supported_openai_params(name, custom_llm_provider=provider)
    lost = {field: value for field, value in options.items() if field not in supported}
    kept = {field: value for field, value in options.items() if field in supported}
    return {**kept, "extra_body": {**params.get("extra_body", {}), **lost}} if lost else kept


def test_every_native_provider_is_in_the_table():
    named = {params["model"].partition("/")[0] for params in PROVIDERS.values() if "/" in params["model"]}
    assert named == NATIVE_PROVIDERS
