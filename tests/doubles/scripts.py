"""What the scripted upstream says: behaviours, replies and errors, without any HTTP.

A behaviour is a small mapping with `do` and its arguments. A request gets the first one of: a behaviour queued through
`POST /_script`; a marker in the last user message such as `[[cut after=2]]`; its model's name where that is a behaviour's
name (`status-429` carries an argument). Everything else is answered plainly.

    say      text=                  the given text instead of the echo (also what a queued plain reply is called)
    tools                           two calls of the first tool in the request, then an answer to their results
    refusal                         a refusal in place of content
    reasoning                       `reasoning_content` before the answer
    slow     delay_s=0.05           waits before each chunk
    gate     name=                  sends each chunk only when `POST /_release` allows one more
    cut      after=2                sends so many chunks, then breaks the TCP connection
    eof      after=2                sends so many chunks, then ends the body without finish reason or [DONE]
    error    after=2                sends so many chunks, then an error chunk
    stall    after=2                sends so many chunks, then nothing until the client leaves
    flood    kb=64                  sends chunks of so many kilobytes until the client leaves; `_requests` tells how many were `sent`
    hang                            never answers
    status   code=, retry_after=    an error status with OpenAI's body
    chunks   chunks=                the given chunk objects, as they are; `whole=` for a plain request
    bytes    pieces=, headers=      the given bytes (as Latin-1 text), a write each; with `name=`, each waits for its gate
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from typing import Any

Json = dict[str, Any]

BEHAVIOURS = [
    "say",
    "tools",
    "refusal",
    "reasoning",
    "slow",
    "gate",
    "cut",
    "eof",
    "error",
    "stall",
    "flood",
    "hang",
    "status",
    "chunks",
    "bytes",
]
_MARKER = re.compile(r"\[\[(\w+)((?:\s+\w+=\S+)*)\s*\]\]")

ERRORS: dict[int, tuple[str, str | None, str | None, str]] = {
    400: (
        "invalid_request_error",
        "context_length_exceeded",
        "messages",
        "This model's maximum context length is 8 tokens.",
    ),
    401: ("invalid_request_error", "invalid_api_key", None, "Incorrect API key provided: {key}."),
    403: ("permission_error", "permission_denied", None, "You may not use this model."),
    404: ("invalid_request_error", "model_not_found", "model", "The model does not exist."),
    409: ("conflict_error", "conflict", None, "Another request changed this."),
    413: ("invalid_request_error", "request_too_large", None, "The request is too large."),
    422: ("invalid_request_error", "unprocessable", "tools", "The tools could not be read."),
    429: ("rate_limit_error", "rate_limit_exceeded", None, "Rate limit reached."),
    500: ("server_error", "internal", None, "The server had an error."),
    503: ("server_error", "unavailable", None, "The model is overloaded."),
    529: ("overloaded_error", "overloaded", None, "Overloaded."),
}
"""Status to `type`, `code`, `param` and message of OpenAI's error body."""


def behaviour_of(body: Json) -> Json:
    """The behaviour that a request itself asks for."""
    marked = _MARKER.search(last_user_text(body))
    if marked and marked[1] in BEHAVIOURS:
        return {"do": marked[1], **dict(pair.split("=", 1) for pair in marked[2].split())}
    name, _, code = str(body.get("model", "")).rpartition("/")[2].partition("-")
    if name == "status" and code.isdigit():
        return {"do": "status", "code": code}
    return {"do": name if name in BEHAVIOURS else "plain"}


def last_user_text(body: Json) -> str:
    said = [message for message in body.get("messages", []) if message.get("role") == "user"]
    return text_of(said[-1]) if said else ""


def text_of(message: Json) -> str:
    content = message.get("content") or ""
    return content if isinstance(content, str) else " ".join(part.get("text", "") for part in content)


def context_mark(messages: list[Json]) -> str:
    """Twelve hex digits that change with any change in the messages."""
    return hashlib.sha256(json.dumps(messages, sort_keys=True).encode()).hexdigest()[:12]


def error_body(status: int, key: str = "") -> Json:
    kind, code, param, message = ERRORS.get(status, ("server_error", None, None, f"Status {status}."))
    return {"error": {"message": message.format(key=key), "type": kind, "param": param, "code": code}}


def reply_message(body: Json, behaviour: Json) -> Json:
    """The assistant's message: every behaviour's answer before it is cut into chunks."""
    mark = context_mark(body.get("messages", []))
    echo = {"role": "assistant", "content": f"You said: {last_user_text(body)} (context {mark})", "refusal": None}
    match behaviour["do"]:
        case "say":
            return {**echo, "content": behaviour.get("text", "")}
        case "refusal":
            return {**echo, "content": None, "refusal": "I cannot help with that."}
        case "reasoning":
            return {**echo, "reasoning_content": "Let me think about that."}
        case "tools" if body.get("tools") and body["messages"][-1].get("role") != "tool":
            name = body["tools"][0]["function"]["name"]
            calls = [tool_call(f"call_{mark}_{i}", name, {"city": city}) for i, city in enumerate(("Oslo", "Lima"))]
            return {**echo, "content": None, "tool_calls": calls}
        case _:
            return echo


def tool_call(call_id: str, name: str, arguments: Json) -> Json:
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": json.dumps(arguments)}}


def finish_reason(message: Json) -> str:
    return "tool_calls" if message.get("tool_calls") else "stop"


def deltas(message: Json) -> Iterator[Json]:
    """A message as OpenAI cuts it: the role first, text word by word, tool arguments in two pieces."""
    first: Json = {"role": "assistant", "content": "" if message["content"] is not None else None}
    yield first if message.get("tool_calls") else {**first, "refusal": None}
    for field in ("reasoning_content", "content", "refusal"):
        for word in re.findall(r"\S+\s*|\s+", message.get(field) or ""):
            yield {field: word}
    for index, call in enumerate(message.get("tool_calls", [])):
        name, arguments = call["function"]["name"], call["function"]["arguments"]
        yield {"tool_calls": [{"index": index, **call, "function": {"name": name, "arguments": ""}}]}
        for piece in (arguments[:5], arguments[5:]):
            yield {"tool_calls": [{"index": index, "function": {"arguments": piece}}]}


def count(text: str) -> int:
    """Tokens, as far as a double needs them: one per four characters."""
    return -(-len(text) // 4)
