"""Answers in one piece: a completion as a provider wrote it, and one that came where a stream was asked for, as a stream."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from proxy.domain.turn import Chunk
from proxy.upstream import failures
from proxy.upstream.models import Model
from proxy.upstream.shapes import says, told_whole
from proxy.upstream.spelling import object_in


def completion(body: bytes, model: Model) -> Chunk:
    """The completion in a successful answer. Raises UpstreamError where it is none."""
    wire, body = object_in(body, model)
    if "choices" not in wire:
        raise failures.answered(model, 200, {}, body)
    if not says(wire):
        raise failures.wordless(model)
    if not told_whole(wire):
        raise failures.unreadable(model)
    return Chunk({"object": "chat.completion", **wire}, body)


def is_whole(begin: bytes, content_type: str) -> bool:
    """Whether a server that was asked to stream would not, whatever it calls its answer: no event begins with a brace."""
    begin = begin.lstrip()
    return begin.startswith(b"{") or (not begin and content_type == "application/json")


def as_stream(body: bytes, model: Model, *, usage_wanted: bool) -> list[Chunk]:
    """A whole answer as a stream: all of it at once, then its usage. Raises UpstreamError where it is none."""
    wire: Mapping[str, Any] = completion(body, model).wire
    frame = {**wire, "object": "chat.completion.chunk"}
    usage = frame.pop("usage", None)
    choices = [_as_delta(choice) for choice in wire.get("choices") or ()]
    answer = Chunk({**frame, "choices": choices} | ({"usage": None} if usage_wanted else {}))
    return [answer, Chunk({**frame, "choices": [], "usage": usage})] if usage else [answer]


def _as_delta(choice: Mapping[str, Any]) -> dict[str, Any]:
    delta = dict(choice.get("message") or {})
    if delta.get("tool_calls"):
        delta["tool_calls"] = [{"index": index, **call} for index, call in enumerate(delta["tool_calls"])]
    return {**{name: value for name, value in choice.items() if name != "message"}, "delta": delta}
