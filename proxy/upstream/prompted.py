"""A legacy completion of a model that only chats: the prompt is what a user says, the reply is the completion.

Source: OpenAI API reference, the completion object (legacy).
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any, cast

from proxy.domain.turn import Asked, Chunk
from proxy.errors import InvalidRequest
from proxy.upstream.spelling import encoded

_SHARED = frozenset(
    {
        "frequency_penalty",
        "logit_bias",
        "max_tokens",
        "n",
        "presence_penalty",
        "seed",
        "stop",
        "stream_options",
        "temperature",
        "top_p",
        "user",
    }
)
"""Fields that mean the same in a chat."""
_ENVELOPE = ("id", "created", "model", "system_fingerprint")


def chat(model: str, body: Mapping[str, Any], documented: frozenset[str]) -> tuple[Asked, list[str]]:
    """The chat that stands for a completion, and the names of the fields that it cannot carry.

    Raises InvalidRequest for several prompts, or prompts of token numbers.
    """
    prompt = body.get("prompt")
    if isinstance(prompt, list) and len(prompt) == 1:
        prompt = prompt[0]
    if not isinstance(prompt, str):
        raise InvalidRequest(f"The model {model!r} takes one prompt of text.", param="prompt")
    options = {name: value for name, value in body.items() if name in _SHARED and value is not None}
    told = body.get("stream_options")
    wanted = isinstance(told, Mapping) and bool(told.get("include_usage"))
    read = _SHARED | {"model", "prompt", "stream"}
    dropped = sorted(name for name, value in body.items() if name not in read and (value or name not in documented))
    messages = [{"role": "user", "content": prompt}]
    return Asked(model, messages, options, bool(body.get("stream")), usage_wanted=wanted), dropped


async def pieces(chunks: AsyncGenerator[Chunk, None]) -> AsyncGenerator[bytes, None]:
    """The chat's answer as completions, chunk by chunk."""
    async with aclosing(chunks):
        async for chunk in chunks:
            yield encoded(_completion(cast("Mapping[str, Any]", chunk.wire)))


def _completion(wire: Mapping[str, Any]) -> dict[str, Any]:
    envelope = {name: wire[name] for name in _ENVELOPE if wire.get(name) is not None}
    usage = {"usage": wire["usage"]} if wire.get("usage") else {}
    return {**envelope, "object": "text_completion", "choices": [*map(_choice, wire.get("choices") or ())], **usage}


def _choice(choice: Mapping[str, Any]) -> dict[str, Any]:
    said = choice.get("delta") or choice.get("message") or {}
    return {
        "text": said.get("content") or "",
        "index": choice.get("index", 0),
        "logprobs": None,
        "finish_reason": choice.get("finish_reason"),
    }
