"""A span around each question to a model, with the names that OpenTelemetry has for generative AI.

Source: OpenTelemetry, semantic conventions for generative client AI spans, "Inference".
"""

from __future__ import annotations

import json
import time
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from proxy.domain.message import Wire
from proxy.domain.turn import Asked, Chunk
from proxy.errors import UpstreamError, UpstreamTimeout
from proxy.operations.traces import Traces
from proxy.operations.usage import tokens_of
from proxy.upstream.models import Model

PROVIDERS: Mapping[str, str] = {
    "azure": "azure.ai.openai",
    "azure_ai": "azure.ai.inference",
    "bedrock": "aws.bedrock",
    "gemini": "gcp.gemini",
    "mistral": "mistral_ai",
    "moonshot": "moonshot_ai",
    "vertex_ai": "gcp.vertex_ai",
    "watsonx": "ibm.watsonx.ai",
    "xai": "x_ai",
}
"""The convention's names for providers, where LiteLLM has others."""

_OPTIONS = {
    "temperature": ("gen_ai.request.temperature", float),
    "top_p": ("gen_ai.request.top_p", float),
    "top_k": ("gen_ai.request.top_k", float),
    "frequency_penalty": ("gen_ai.request.frequency_penalty", float),
    "presence_penalty": ("gen_ai.request.presence_penalty", float),
    "max_tokens": ("gen_ai.request.max_tokens", int),
    "max_completion_tokens": ("gen_ai.request.max_tokens", int),
    "seed": ("gen_ai.request.seed", int),
}


async def asked(
    traces: Traces, model: Model, asked: Asked, ask: Callable[[Model, Asked], AsyncGenerator[Chunk, None]]
) -> AsyncGenerator[Chunk, None]:
    """The same answer, and a span of it; the model's server is told of the span."""
    name = model.target.partition("/")[2] or model.target
    span, headers = traces.question(f"chat {name}", _attributes(model, name, asked))
    if traces.content:
        span.set_attribute("gen_ai.input.messages", json.dumps([_message(one) for one in asked.messages]))
    heard, began = _Heard(content=traces.content), time.perf_counter()
    try:
        told = replace(asked, headers={**asked.headers, **headers})
        async with aclosing(ask(model, told)) as chunks:
            async for chunk in chunks:
                if asked.stream and not heard.first_s:
                    heard.first_s = time.perf_counter() - began
                heard.add(chunk.wire)
                yield chunk
    except UpstreamError as exc:
        traces.failed(span, "timeout" if isinstance(exc, UpstreamTimeout) else str(exc.status))
        raise
    finally:
        span.set_attributes(heard.attributes())
        span.end()


def _attributes(model: Model, name: str, asked: Asked) -> dict[str, Any]:
    provider = model.target.partition("/")[0]
    told: dict[str, Any] = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": PROVIDERS.get(provider, provider),
        "gen_ai.request.model": name,
        "graft.deployment": model.id,
        "graft.lane": model.lane,
    }
    if asked.stream:
        told["gen_ai.request.stream"] = True
    at = urlsplit(str(model.params.get("api_base") or ""))
    if at.hostname:
        told["server.address"] = at.hostname
        told["server.port"] = at.port or (443 if at.scheme == "https" else 80)
    for option, (attribute, kind) in _OPTIONS.items():
        if isinstance(value := asked.options.get(option), int | float):
            told[attribute] = kind(value)
    if isinstance(choices := asked.options.get("n"), int) and choices != 1:
        told["gen_ai.request.choice.count"] = choices
    return told


class _Heard:
    """What an answer says of itself."""

    def __init__(self, *, content: bool) -> None:
        self.first_s = 0.0
        self._content = content
        self._told: dict[str, Any] = {}
        self._ends: dict[int, str] = {}
        self._texts: dict[int, str] = {}

    def add(self, wire: Wire) -> None:
        for name, attribute in (("id", "gen_ai.response.id"), ("model", "gen_ai.response.model")):
            if isinstance(value := wire.get(name), str) and value:
                self._told[attribute] = value
        if isinstance(usage := wire.get("usage"), Mapping):
            self._told |= _usage(usage)
        for choice in wire.get("choices") or ():  # type: ignore[attr-defined]
            index = choice.get("index") or 0
            if end := choice.get("finish_reason"):
                self._ends[index] = end
            said = choice.get("message") or choice.get("delta") or {}
            if self._content and isinstance(text := said.get("content"), str):
                self._texts[index] = self._texts.get(index, "") + text

    def attributes(self) -> dict[str, Any]:
        told = dict(self._told)
        if self._ends:
            told["gen_ai.response.finish_reasons"] = [self._ends[index] for index in sorted(self._ends)]
        if self.first_s:
            told["gen_ai.response.time_to_first_chunk"] = self.first_s
        if self._texts:
            replies = [
                {**_parts("assistant", self._texts[index]), "finish_reason": self._ends.get(index, "")}
                for index in sorted(self._texts)
            ]
            told["gen_ai.output.messages"] = json.dumps(replies)
        return told


def _usage(usage: Mapping[str, Any]) -> dict[str, int]:
    cached = usage.get("prompt_tokens_details")
    spent = usage.get("completion_tokens_details")
    figures = {
        "gen_ai.usage.input_tokens": usage.get("prompt_tokens"),
        "gen_ai.usage.output_tokens": usage.get("completion_tokens"),
        "gen_ai.usage.cache_read.input_tokens": cached.get("cached_tokens") if isinstance(cached, Mapping) else None,
        "gen_ai.usage.reasoning.output_tokens": spent.get("reasoning_tokens") if isinstance(spent, Mapping) else None,
    }
    return {name: told for name, value in figures.items() if (told := tokens_of(value)) is not None}


def _message(wire: Wire) -> dict[str, Any]:
    content = wire.get("content")
    text = content if isinstance(content, str) else json.dumps(content, default=str)
    return _parts(str(wire.get("role")), text)


def _parts(role: str, text: str) -> dict[str, Any]:
    return {"role": role, "parts": [{"type": "text", "content": text}]}
