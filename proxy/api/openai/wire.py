"""The chat completion request: checked here, once, and turned into a `Turn`.

The types below name the fields that Graft reads. They are used to check a body, not to carry it: messages and options travel on as
they came, so nothing is lost that they do not name.

Source: OpenAI API reference, create chat completion; the refusals follow the answers of OpenAI's own server.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, cast

import msgspec

from proxy.domain.message import Message, Wire
from proxy.domain.turn import Turn
from proxy.errors import InvalidRequest

READ = frozenset({"model", "messages", "stream"})
"""Fields that a `Turn` holds apart; all others are its options."""
MAX_DEPTH = 100
"""Levels of lists and objects; deeper JSON only ever tries the libraries behind this door."""

_PATH = re.compile(r" - at `\$\.?(?P<path>[^`]*)`$")
_HOLDING = frozenset({dict, list})
"""What decoded JSON is nested in."""
_SAID = frozenset({"text", "refusal", "thinking"})
"""Parts of a message that are words, and neither images nor files."""
_FilledText = Annotated[str, msgspec.Meta(min_length=1)]


@dataclass(frozen=True, slots=True)
class Most:
    """How many things one request may hold."""

    messages: int = 20_000
    tools: int = 1_000
    images: int = 1_000
    """Images and files, in all messages."""


MOST = Most()


class Function(msgspec.Struct):
    name: _FilledText
    arguments: str = ""


class ToolCall(msgspec.Struct):
    id: _FilledText
    function: Function | msgspec.UnsetType = msgspec.UNSET
    type: str = "function"


class Part(msgspec.Struct):
    type: _FilledText
    text: str | msgspec.UnsetType = msgspec.UNSET


class InMessage(msgspec.Struct):
    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: str | list[Part] | None = None
    tool_calls: list[ToolCall] | None = None
    tool_call_id: str | None = None
    name: str | None = None


class StreamOptions(msgspec.Struct):
    include_usage: bool | None = None


class ChatRequest(msgspec.Struct):
    model: _FilledText
    messages: Annotated[list[InMessage], msgspec.Meta(min_length=1)]
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    metadata: dict[str, Any] | None = None
    tools: list[dict[str, Any]] | None = None
    response_format: dict[str, Any] | None = None
    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    n: Annotated[int, msgspec.Meta(ge=1, le=128)] | None = None


def decode(body: bytes) -> dict[str, Any]:
    """The JSON object in a body.

    Raises:
        InvalidRequest: It is not JSON, or not an object.
    """
    try:
        decoded = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as exc:
        raise InvalidRequest(f"The body is not JSON: {_half(body) or exc}") from exc
    except RecursionError:
        raise _too_deep() from None
    if _is_deep(decoded):
        raise _too_deep()
    if not isinstance(decoded, dict):
        raise InvalidRequest("The body must be a JSON object with `model` and `messages`.")
    return decoded


def _too_deep() -> InvalidRequest:
    return InvalidRequest(f"The body is nested more than {MAX_DEPTH} levels deep.")


def check(body: Mapping[str, Any], most: Most = MOST) -> ChatRequest:
    """The fields that Graft reads, by their types.

    Raises:
        InvalidRequest: Naming the field, as in `messages[2].role`.
    """
    _count("messages", body.get("messages"), most.messages)
    _count("tools", body.get("tools"), most.tools)
    try:
        request = msgspec.convert(body, ChatRequest)
    except (msgspec.ValidationError, RecursionError) as exc:
        fault = str(exc)
        found = _PATH.search(fault)
        param = _located(body, found["path"]) if found else _missing(fault)
        raise InvalidRequest(f"{_PATH.sub('', fault)}: {param!r}." if param else fault, param=param) from exc
    images = 0
    for index, message in enumerate(request.messages):
        if type(message.content) is not str or message.tool_calls or message.role == "tool":  # most are plain text
            _check_message(index, message)
            images += _images(message)
    if images > most.images:
        raise _too_many("messages", f"{images} images and files", most.images)
    _check_last(request.messages)
    return request


def check_tool_pairs(messages: Sequence[Wire], *, parent_named: bool) -> None:
    """Every tool result answers a call before it, and every call is answered before something else is said.

    Args:
        messages: The client's list.
        parent_named: The client names a parent node, so that the first results may answer a call up there.

    Raises:
        InvalidRequest
    """
    for message in messages:
        if "tool_calls" in message or message["role"] == "tool":
            break
    else:
        return
    open_calls: list[str] | None = [] if not parent_named else None
    for index, message in enumerate(messages):
        role = message["role"]
        if role == "tool":
            call_id = message.get("tool_call_id")
            if open_calls is not None and call_id not in open_calls:
                raise InvalidRequest(
                    f"messages[{index}] with role 'tool' must answer a tool call of the assistant message before it; "
                    f"no call there has the id {call_id!r}.",
                    param=f"messages[{index}].tool_call_id",
                )
            if open_calls is not None:
                open_calls = [call for call in open_calls if call != call_id]
            continue
        if open_calls:
            raise InvalidRequest(
                "An assistant message with 'tool_calls' must be followed by tool messages that answer each "
                f"'tool_call_id'. Without an answer: {', '.join(open_calls)}.",
                param=f"messages[{index}].role",
            )
        calls = cast("Sequence[Mapping[str, Any]]", message.get("tool_calls") or ())
        if open_calls is not None or role == "assistant":
            open_calls = [str(call["id"]) for call in calls]
    if open_calls:
        raise InvalidRequest(
            f"The last message has tool calls that nothing answers: {', '.join(open_calls)}.", param="messages"
        )


def turn_of(body: Mapping[str, Any], request: ChatRequest, **context: Any) -> Turn:
    """The turn that a checked body is; `context` holds what the headers said."""
    messages = [Message(message) for message in body["messages"]]
    options = {name: value for name, value in body.items() if name not in READ and value is not None}
    usage_wanted = bool(request.stream_options and request.stream_options.include_usage)
    return Turn(messages=messages, options=options, stream=bool(request.stream), usage_wanted=usage_wanted, **context)


def _count(name: str, sent: object, most: int) -> None:
    if isinstance(sent, list) and len(sent) > most:
        raise _too_many(name, f"{len(sent)} {name}", most)


def _images(message: InMessage) -> int:
    """How many images and files it holds."""
    parts = message.content if isinstance(message.content, list) else ()
    return sum(part.type not in _SAID for part in parts)


def _too_many(param: str, what: str, most: int) -> InvalidRequest:
    return InvalidRequest(
        f"The request has {what}; this server takes {most} at most.", param=param, code="array_above_max_length"
    )


def _check_message(index: int, message: InMessage) -> None:
    where = f"messages[{index}]"
    if message.role in ("user", "system", "developer", "tool") and message.content is None:
        raise InvalidRequest(f"A message with role {message.role!r} needs `content`.", param=f"{where}.content")
    if message.role == "tool" and not message.tool_call_id:
        raise InvalidRequest("A message with role 'tool' needs `tool_call_id`.", param=f"{where}.tool_call_id")
    if message.tool_calls and message.role != "assistant":
        raise InvalidRequest("Only an assistant message may have `tool_calls`.", param=f"{where}.tool_calls")
    if isinstance(message.content, list):
        for number, part in enumerate(message.content):
            if part.type == "text" and part.text is msgspec.UNSET:
                raise InvalidRequest("A text part needs `text`.", param=f"{where}.content[{number}].text")


def _check_last(messages: Sequence[InMessage]) -> None:
    last = next((m for m in reversed(messages) if m.role not in ("system", "developer")), None)
    if last is not None and last.role == "user" and _is_empty(last.content):
        raise InvalidRequest("The user's message is empty.", param=f"messages[{len(messages) - 1}].content")


def _half(body: bytes) -> str | None:
    """What to say of a body that is JSON but for half a character: the decoder calls it cut off, wherever it stands."""
    try:
        json.dumps(json.loads(body), ensure_ascii=False).encode()
    except UnicodeEncodeError as exc:
        half = exc.object[exc.start : exc.start + 1].encode("unicode_escape").decode()
        return f"it holds half a character ({half}), one of a pair of surrogates without the other."
    except (ValueError, RecursionError):
        return None
    return None


def _is_deep(value: Any) -> bool:
    """Whether decoded JSON is nested too deeply, looked at level by level."""
    level = [value] if type(value) in _HOLDING else []
    for _ in range(MAX_DEPTH):
        deeper = []
        for one in level:
            for held in one.values() if type(one) is dict else one:
                if type(held) in _HOLDING:
                    deeper.append(held)  # noqa: PERF401  # one loop in another reads better
        if not deeper:
            return False
        level = deeper
    return True


def _is_empty(content: str | list[Part] | None) -> bool:
    if isinstance(content, list):
        return all(part.type == "text" and not str(part.text).strip() for part in content)
    return not (content or "").strip()


def _located(body: Mapping[str, Any], path: str) -> str:
    """A path with the index that msgspec writes as `[...]` filled in, by trying the items one by one."""
    if path.startswith("messages[...]") and isinstance(body.get("messages"), list):
        for index, message in enumerate(body["messages"]):
            try:
                msgspec.convert(message, InMessage)
            except msgspec.ValidationError:
                return path.replace("[...]", f"[{index}]", 1)
    return path


def _missing(message: str) -> str | None:
    found = re.search(r"missing required field `(\w+)`", message)
    return found[1] if found else None
