"""LiteLLM's answers in OpenAI's exact shape: required keys present, and none that OpenAI never sends.

LiteLLM fills its objects with nulls of its own, moves what it does not know into `provider_specific_fields`, and gives the usage
chunk a choice. Here that is undone. Everything works on plain dictionaries.

`readable` and what stands below it is for whatever comes from a provider as it wrote it.

Source: OpenAI API reference, the chat completion object and the chat completion chunk object.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Json = dict[str, Any]

_ENVELOPE = ("id", "object", "created", "model", "service_tier", "system_fingerprint", "citations")


def whole(dumped: Mapping[str, Any]) -> Json:
    """A `chat.completion` from LiteLLM's dumped `ModelResponse`."""
    mended = _envelope(dumped, "chat.completion")
    mended["choices"] = [_choice(choice, index) for index, choice in enumerate(dumped.get("choices") or ())]
    if dumped.get("usage"):
        mended["usage"] = without_nulls(dumped["usage"])
    return mended


def chunk(dumped: Mapping[str, Any]) -> Json:
    """A `chat.completion.chunk` from a dumped chunk of LiteLLM's; usage stays where it is."""
    mended = _envelope(dumped, "chat.completion.chunk")
    mended["choices"] = [_chunk_choice(choice, index) for index, choice in enumerate(dumped.get("choices") or ())]
    if dumped.get("usage"):
        mended["usage"] = without_nulls(dumped["usage"])
    return mended


def without_nulls(value: Any) -> Any:
    """A JSON value without the object members that are null."""
    if isinstance(value, Mapping):
        return {name: without_nulls(inner) for name, inner in value.items() if inner is not None}
    return [without_nulls(inner) for inner in value] if isinstance(value, list) else value


def _envelope(dumped: Mapping[str, Any], kind: str) -> Json:
    mended = {name: dumped[name] for name in _ENVELOPE if dumped.get(name) is not None}
    return {**mended, "object": kind}


def _choice(choice: Mapping[str, Any], index: int) -> Json:
    message = choice.get("message") or {}
    said = without_nulls({name: value for name, value in message.items() if name != "provider_specific_fields"})
    for name in ("refusal", "annotations"):
        said.setdefault(name, (message.get("provider_specific_fields") or {}).get(name))
    mended = {"role": "assistant", "content": None, **said}
    if mended["annotations"] is None:
        del mended["annotations"]
    return {
        "index": choice.get("index", index),
        "message": mended,
        "logprobs": choice.get("logprobs"),
        "finish_reason": choice.get("finish_reason"),
    }


def _chunk_choice(choice: Mapping[str, Any], index: int) -> Json:
    delta = without_nulls(choice.get("delta") or {})
    delta.pop("provider_specific_fields", None)
    for call in delta.get("tool_calls", ()):
        if "id" not in call:
            call.pop("type", None)
    mended: Json = {"index": choice.get("index", index), "delta": delta}
    if choice.get("logprobs") is not None:
        mended["logprobs"] = choice["logprobs"]
    mended["finish_reason"] = choice.get("finish_reason")
    return mended


def readable(choices: object) -> bool:
    """Whether what an answer says has the shapes that are folded and stored: texts or lists of parts, calls that are objects."""
    if choices is None:
        return True
    return isinstance(choices, list) and all(
        isinstance(choice, dict)
        and (isinstance(index := choice.get("index") or 0, int) or str(index).isdigit())
        and _is_said(choice.get("delta"))
        and _is_said(choice.get("message"))
        for choice in choices
    )


def says(wire: Mapping[str, Any]) -> bool:
    """Whether an answer or a chunk holds any choice at all."""
    return bool(wire.get("choices"))


def told_whole(wire: Mapping[str, Any]) -> bool:
    """Whether each choice of an answer that is not streamed has a message, or a text, as those of a prompt have."""
    return all(isinstance(choice.get("message"), dict) or "text" in choice for choice in wire["choices"])


def with_deltas(wire: Json) -> bool:
    """Give each choice of a chunk a delta, which some servers leave out of the last one or call null; whether one was missing."""
    bare = [choice for choice in wire.get("choices") or () if choice.get("delta") is None and not _says_whole(choice)]
    for choice in bare:
        choice["delta"] = {}
    return bool(bare)


def _says_whole(choice: Json) -> bool:
    return choice.get("message") is not None or "text" in choice


def _is_said(message: object) -> bool:
    if message is None:
        return True
    if not isinstance(message, dict):
        return False
    content = message.get("content")
    return (content is None or isinstance(content, str) or _objects(content)) and _objects(message.get("tool_calls"))


def _objects(values: object) -> bool:
    return values is None or (isinstance(values, list) and all(isinstance(value, dict) for value in values))
