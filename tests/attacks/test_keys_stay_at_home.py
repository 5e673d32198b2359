"""Every parameter that the installed LiteLLM knows is sent by a client, everywhere in a request where something could read it.

Each would send the server's key elsewhere, ask somebody else, read a file, run a callback or answer from nowhere, were it obeyed. A listener
on loopback waits for whoever obeys; the upstream is asked as ever.
"""

from __future__ import annotations

from typing import Any

import pytest

from proxy.upstream.acting import acts
from proxy.upstream.fields import CHAT_FIELDS
from tests.attacks.conftest import LANES, Fort
from tests.doubles.acting import attacks, names
from tests.doubles.listener import Listener
from tests.doubles.running import UpstreamDouble
from tests.doubles.served import UPSTREAM_KEY

HARMLESS = {
    "args": "a tuple of positional arguments, which no JSON becomes",
    "background": "the Responses API's own",
    "best_of": "legacy completions' own",
    "dimensions": "embeddings' own",
    "echo": "legacy completions' own",
    "encoding_format": "embeddings' own",
    "include": "the Responses API's own",
    "input": "embeddings' and the Responses API's own",
    "instructions": "the Responses API's own",
    "max_output_tokens": "the Responses API's own",
    "max_workers": "threads of `batch_completion`, which nobody calls",
    "previous_response_id": "the Responses API's own",
    "prompt": "legacy completions' own",
    "prompt_tokens": "a count in a mocked answer",
    "reasoning": "OpenRouter's and the Responses API's own",
    "suffix": "legacy completions' own",
    "text": "the Responses API's own",
    "text_format": "the Responses API's own",
    "truncation": "the Responses API's own",
}
"""LiteLLM's names that are a provider's own fields as well, and act on nothing where they are obeyed."""
BATCH = 24
HEADERS = (
    "api-base",
    "base-url",
    "api-key",
    "x-api-key",
    "x-litellm-api-base",
    "x-litellm-api-key",
    "x-litellm-model",
    "x-litellm-timeout",
    "x-litellm-tags",
    "x-litellm-num-retries",
    "helicone-target-url",
    "portkey-custom-host",
    "x-forwarded-host",
    "x-original-url",
    "x-rewrite-url",
    "openai-organization",
    "openai-project",
    "anthropic-beta",
    "proxy-authorization",
    "cookie",
    "x-stolen",
)


def test_every_parameter_of_the_installed_litellm_is_blocked_or_reviewed() -> None:
    """A new release's new names fail here until somebody has looked at them."""
    known = names()
    assert len(known) > 300
    new = {name: sorted(where) for name, where in known.items() if not acts(name) and name not in CHAT_FIELDS}
    assert {name: where for name, where in new.items() if name not in HARMLESS} == {}
    assert set(HARMLESS) <= set(new), "what is no longer a name of LiteLLM's needs no review"


def fields_of(listener: Listener) -> list[dict[str, Any]]:
    """All names in batches, each with a value that would lead to the listener."""
    known = attacks(listener.url)
    every = sorted((set(names()) | set(known)) - CHAT_FIELDS)
    filled = [(name, known.get(name, f"{listener.url}/v1")) for name in every]
    return [dict(filled[start : start + BATCH]) for start in range(0, len(filled), BATCH)]


def tools_with(fields: dict[str, Any]) -> list[dict[str, Any]]:
    parameters = {"type": "object", "properties": {"x": {"type": "string"}}, **{f"x-{n}": v for n, v in fields.items()}}
    function = {"name": "f", "description": "A tool.", "parameters": parameters}
    return [{"type": "function", "function": function, **{n: v for n, v in fields.items() if n != "type"}}]


def unharmed(upstream: UpstreamDouble, listener: Listener, fields: dict[str, Any]) -> None:
    assert listener.calls == []
    [request] = upstream.requests()
    headers = {name.lower(): value for name, value in request["headers"].items()}
    assert headers["authorization"] == f"Bearer {UPSTREAM_KEY}"
    assert not {"x-stolen", "openai-organization", "openai-project"} & set(headers)
    assert request["path"] == "/v1/chat/completions"
    assert request["body"]["model"] == "gpt-double"
    assert not {name for name in fields if acts(name)} & set(request["body"])
    upstream.reset()


PLACES = {
    "at the top": lambda fields: fields,
    "in extra_body": lambda fields: {"extra_body": fields, "extra_query": fields, "extra_headers": fields},
    "in metadata": lambda fields: {"metadata": {name: str(value) for name, value in fields.items()}},
    "in nested metadata": lambda fields: {"metadata": {"litellm_params": fields, "headers": fields, **fields}},
    "in the litellm_metadata": lambda fields: {"litellm_metadata": fields, "proxy_server_request": {"body": fields}},
    "in stream_options": lambda fields: {"stream": True, "stream_options": {"include_usage": True, **fields}},
}


@pytest.mark.parametrize("place", PLACES)
def test_no_field_of_a_body_acts(
    fort: Fort, upstream: UpstreamDouble, elsewhere: Listener, lane: str, place: str
) -> None:
    for fields in fields_of(elsewhere):
        answer = fort.ask(PLACES[place](fields), lane)
        assert answer.status_code == 200, answer.text
        assert "You" in answer.text
        assert UPSTREAM_KEY not in answer.text
        unharmed(upstream, elsewhere, fields)


def test_no_field_of_a_tool_or_a_message_acts(
    fort: Fort, upstream: UpstreamDouble, elsewhere: Listener, lane: str
) -> None:
    for fields in fields_of(elsewhere):
        told = {name: value for name, value in fields.items() if name not in ("role", "content", "name")}
        message = {**told, "role": "user", "content": [{**told, "type": "text", "text": "Hello"}]}
        answer = fort.ask({"messages": [message], "tools": tools_with(fields)}, lane)
        assert answer.status_code == 200, answer.text
        assert elsewhere.calls == []
        [request] = upstream.requests()
        assert request["headers"]["Authorization"] == f"Bearer {UPSTREAM_KEY}"
        upstream.reset()


def test_no_header_and_no_query_acts(fort: Fort, upstream: UpstreamDouble, elsewhere: Listener, lane: str) -> None:
    spelled = [f"x-{name.replace('_', '-')}" for name in sorted(attacks(""))]
    told = dict.fromkeys((*HEADERS, *spelled), elsewhere.url)
    body = {"model": lane, "messages": [{"role": "user", "content": "Hello"}]}
    query = f"?api_base={elsewhere.url}&base_url={elsewhere.url}&custom_llm_provider=ollama&model=ollama/x"
    answer = fort.send("POST", f"/v1/chat/completions{query}", body, headers=told)
    assert answer.status_code == 200, answer.text
    assert elsewhere.calls == []
    [request] = upstream.requests()
    assert elsewhere.url not in str(request["headers"])
    assert request["headers"]["Authorization"] == f"Bearer {UPSTREAM_KEY}"
    assert request["path"] == "/v1/chat/completions"


@pytest.mark.parametrize(
    "model",
    [
        "openai/gpt-double",
        "ollama/llama3",
        "anthropic/claude",
        "litellm_proxy/x",
        "native/../raw",
        "native?api_base=x",
        "native#x",
        "*",
        "azure/x;native",
        "NATIVE",
    ],
)
def test_no_name_of_a_model_reaches_another_than_the_configured_ones(
    fort: Fort, upstream: UpstreamDouble, model: str
) -> None:
    answer = fort.say(lane=model)
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "model_not_found")
    assert upstream.requests() == []


def test_embeddings_and_prompts_obey_no_field_either(
    fort: Fort, upstream: UpstreamDouble, elsewhere: Listener, lane: str
) -> None:
    for fields in fields_of(elsewhere):
        told = {name: value for name, value in fields.items() if name not in ("input", "prompt", *HARMLESS)}
        for path, own in (("/v1/embeddings", {"input": "x"}), ("/v1/completions", {"prompt": "x"})):
            answer = fort.send("POST", path, {**told, "extra_body": told, "model": lane, **own})
            assert answer.status_code == 200, answer.text
            assert elsewhere.calls == []
            [request] = upstream.requests()
            assert request["headers"]["Authorization"] == f"Bearer {UPSTREAM_KEY}"
            assert not {name for name in told if acts(name)} & set(request["body"])
            upstream.reset()


def test_an_answer_the_model_list_and_an_error_hold_no_key(fort: Fort, upstream: UpstreamDouble) -> None:
    for lane in LANES:
        upstream.script({"do": "status", "code": 401})
        assert UPSTREAM_KEY not in fort.say(lane=lane).text
    for path in ("/v1/models", "/v1/models/native", "/api/trees", "/schema/openapi.json"):
        assert UPSTREAM_KEY not in fort.send("GET", path).text
    assert UPSTREAM_KEY not in fort.graft.log()
