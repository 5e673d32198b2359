"""Which fields of a client's request may reach an upstream.

LiteLLM takes 354 parameters beside OpenAI's, and many of them act: they name another host for the server's key, a mock answer,
a fallback, a header. So only what OpenAI documents for chat completions passes into LiteLLM; on its lane every other name is
dropped and told to the client. On the native and raw lanes, where the body is ours, a foreign field passes as the provider's own
unless it would act (`acting.py`). The values of allowed fields travel unopened, as data.

Source: OpenAI API reference, `POST /v1/chat/completions`; a test compares the list with the installed `openai` package.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from proxy.errors import InvalidRequest
from proxy.upstream.acting import acts

CHAT_FIELDS = frozenset(
    {
        "audio",
        "frequency_penalty",
        "function_call",
        "functions",
        "logit_bias",
        "logprobs",
        "max_completion_tokens",
        "max_tokens",
        "messages",
        "metadata",
        "modalities",
        "model",
        "moderation",
        "n",
        "parallel_tool_calls",
        "prediction",
        "presence_penalty",
        "prompt_cache_key",
        "prompt_cache_options",
        "prompt_cache_retention",
        "reasoning_effort",
        "response_format",
        "safety_identifier",
        "seed",
        "service_tier",
        "stop",
        "store",
        "stream",
        "stream_options",
        "temperature",
        "tool_choice",
        "tools",
        "top_logprobs",
        "top_p",
        "user",
        "verbosity",
        "web_search_options",
    }
)
"""Every documented field of a chat completion request."""

OURS = frozenset({"model", "messages", "stream"})
"""Fields that Graft sets itself, whatever the client sent."""


def split(options: Mapping[str, object]) -> tuple[dict[str, Any], list[str]]:
    """The fields that pass, and the names of those that do not, sorted.

    Raises:
        InvalidRequest: A tool would make the server, not the client, call somebody.
    """
    refuse_server_tools(options.get("tools"))
    passed = {name: value for name, value in options.items() if name in CHAT_FIELDS and name not in OURS}
    dropped = sorted(name for name in options if name not in CHAT_FIELDS)
    return passed, dropped


def foreign(options: Mapping[str, object]) -> tuple[dict[str, Any], list[str]]:
    """Of the fields that OpenAI does not document: those that are the provider's own, and the names of those that would act."""
    others = {name: value for name, value in options.items() if name not in CHAT_FIELDS}
    return {name: value for name, value in others.items() if not acts(name)}, sorted(filter(acts, others))


def refuse_server_tools(tools: object) -> None:
    """An `mcp` tool names a host and headers for LiteLLM to call with; OpenAI's chat completions know no such tool."""
    if not isinstance(tools, Sequence) or isinstance(tools, str):
        return
    for index, tool in enumerate(tools):
        if isinstance(tool, Mapping) and tool.get("type") == "mcp":
            raise InvalidRequest(
                "Tools of type 'mcp' cannot be used with chat completions. Use 'function' or 'custom'.",
                param=f"tools[{index}].type",
                code="unsupported_tool_type",
            )
