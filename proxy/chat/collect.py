"""Folds chunks into a completion as they pass, and dresses a stored completion as chunks again.

Source: OpenAI API reference, the chat completion chunk object: deltas of text fields are joined, tool calls are joined by
their `index`, the last `finish_reason` and the usage chunk stand.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from proxy.domain.message import Message, Wire
from proxy.domain.turn import Chunk, Completion

_JOINED = frozenset({"content", "refusal", "reasoning_content", "reasoning", "arguments", "transcript"})
"""Text that arrives in pieces."""
_ENVELOPE = ("id", "created", "model", "system_fingerprint", "service_tier")


class Fold:
    """What has been received of one answer so far."""

    def __init__(self) -> None:
        self._choices: dict[int, dict[str, Any]] = {}
        self._reasons: dict[int, str | None] = {}
        self._usage: Wire | None = None
        self._envelope: dict[str, object] = {}
        self._unnamed: Sequence[str] = _ENVELOPE
        """Names of the envelope that no chunk has told yet."""
        self._pieces: list[str] = []
        """Text of the first choice, not yet joined: most chunks hold nothing else."""

    def add(self, chunk: Chunk) -> None:
        if chunk.texts is not None and 0 in self._reasons:
            self._pieces += chunk.texts
            return
        wire = chunk.wire
        if self._unnamed:
            self._note_envelope(wire)
        if isinstance(wire.get("usage"), dict):
            self._usage = cast("Wire", wire["usage"])
        for choice in cast("Sequence[Mapping[str, Any]]", wire.get("choices") or ()):
            index = int(choice.get("index") or 0)
            if index == 0 and 0 in self._reasons and (text := _text_alone(choice)) is not None:
                self._pieces.append(text)
                continue
            self._join()
            if choice.get("message") is not None:
                self._choices[index] = dict(choice["message"])
            else:
                _merge(self._choices.setdefault(index, {}), choice.get("delta") or {})
            if choice.get("finish_reason") is not None or index not in self._reasons:
                self._reasons[index] = choice.get("finish_reason")

    def _note_envelope(self, wire: Wire) -> None:
        for name in self._unnamed:
            if wire.get(name) is not None:
                self._envelope[name] = wire[name]
        self._unnamed = [name for name in self._unnamed if name not in self._envelope]

    def _join(self) -> None:
        """Join the text that came in pieces, once: joined piece by piece, a long reply would be copied with every chunk."""
        if self._pieces:
            text, self._pieces = "".join(self._pieces), []
            _merge(self._choices[0], {"content": text})

    @property
    def ended(self) -> bool:
        """Whether the upstream said that it was done, for every choice."""
        return bool(self._reasons) and None not in self._reasons.values()

    @property
    def started(self) -> bool:
        """Whether anything was said yet."""
        self._join()
        return any(_says_something(message) for message in self._choices.values())

    def completion(self) -> Completion:
        """The answer as it stands."""
        self._join()
        order = sorted(self._choices)
        return Completion(
            messages=[Message(_finished(self._choices[i])) for i in order],
            finish_reasons=[self._reasons.get(i) for i in order],
            usage=self._usage,
            envelope=dict(self._envelope),
        )


def whole(completion: Completion) -> Chunk:
    """A stored answer as one `chat.completion`."""
    choices = [
        {
            "index": i,
            "message": {"content": None, "refusal": None, **message.wire},
            "finish_reason": reason,
            "logprobs": None,
        }
        for i, (message, reason) in enumerate(zip(completion.messages, completion.finish_reasons, strict=True))
    ]
    body: dict[str, object] = {**completion.envelope, "object": "chat.completion", "choices": choices}
    if completion.usage is not None:
        body["usage"] = completion.usage
    return Chunk(body)


def pieces(completion: Completion) -> list[Chunk]:
    """A stored answer as a stream: its text at once, then the end, then usage if it is known."""
    chunks: list[Chunk] = []
    frame = {**completion.envelope, "object": "chat.completion.chunk"}
    for i, (message, reason) in enumerate(zip(completion.messages, completion.finish_reasons, strict=True)):
        delta = dict(message.wire)
        if message.tool_calls:
            delta["tool_calls"] = [{**call, "index": n} for n, call in enumerate(message.tool_calls)]
        chunks.append(Chunk({**frame, "choices": [{"index": i, "delta": delta, "finish_reason": None}]}))
        chunks.append(Chunk({**frame, "choices": [{"index": i, "delta": {}, "finish_reason": reason}]}))
    if completion.usage is not None:
        chunks.append(Chunk({**frame, "choices": [], "usage": completion.usage}))
    return chunks


def _text_alone(choice: Mapping[str, Any]) -> str | None:
    """The text of a choice that holds nothing else."""
    delta = choice.get("delta")
    if not delta or len(delta) != 1 or choice.get("finish_reason") is not None or "message" in choice:
        return None
    text = delta.get("content")
    return text if isinstance(text, str) else None


def _merge(into: dict[str, Any], delta: Mapping[str, Any]) -> None:
    for name, value in delta.items():
        if value is None or name == "index":
            continue
        present = into.get(name)
        if name == "tool_calls":
            _merge_calls(into.setdefault(name, []), value)
        elif isinstance(value, dict):
            _merge(into.setdefault(name, {}), value)
        elif isinstance(value, str) and isinstance(present, str) and name in _JOINED:
            into[name] = present + value
        elif isinstance(value, list) and isinstance(present, list):
            into[name] = [*present, *value]
        else:
            into[name] = value


def _merge_calls(calls: list[dict[str, Any]], deltas: Sequence[Mapping[str, Any]]) -> None:
    """Join tool call deltas by `index`; the slot's own index is kept until the answer is read.

    Some servers leave the index out or always send 0: then another id is another call.
    """
    for position, delta in enumerate(deltas):
        index, call_id = delta.get("index", position), delta.get("id")
        slot = next((call for call in reversed(calls) if call["index"] == index), None)
        if slot is None or (call_id and slot.get("id") and slot["id"] != call_id):
            calls.append(slot := {"index": index})
        _merge(slot, delta)


def _finished(message: Mapping[str, Any]) -> dict[str, Any]:
    """The message without stream-only fields, in the shape of a whole answer."""
    done = dict(message)
    calls = done.get("tool_calls")
    if isinstance(calls, list):
        ordered = sorted(calls, key=lambda call: call.get("index", 0))
        done["tool_calls"] = [{name: value for name, value in call.items() if name != "index"} for call in ordered]
    done.setdefault("content", None)
    done["role"] = "assistant"
    return done


def _says_something(message: Mapping[str, Any]) -> bool:
    return any(value for name, value in message.items() if name != "role")
