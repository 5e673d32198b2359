"""What exceptions of LiteLLM, the official client, httpx and aiohttp tell: what has happened, and what the provider had said.

LiteLLM keeps the provider's own error body on some exceptions only, yet the chain behind each always holds it; so facts are
taken from the whole chain, nearest first. Nothing is imported to recognise an exception: classes are told by their names and
the library they come from.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from proxy.errors import ProxyError

_LITELLM_PREFIX = re.compile(r"^(\s*(litellm\.)?\w*(Error|Exception|Timeout)\b\s*(:|-)\s*)+")
_INSIDES = re.compile(r"(This looks like a bug in LiteLLM|Traceback \(most recent call last\)|Handle with `litellm)")
"""Where LiteLLM begins to ask for a bug report, to show its stack frames, or to speak to whoever calls it."""
_DEEPEST = 8
_OF_ITSELF = re.compile(r"litellm|\bresponse object\b", re.IGNORECASE)
"""In what LiteLLM says where it cannot read an answer; no words of a provider's."""
_STUMBLED = (ValueError, TypeError, LookupError, AttributeError)
"""What Python raises, and pydantic, where an answer is none of what was expected: their words are about the program, not about the answer."""


def chain(exc: BaseException) -> Iterator[BaseException]:
    """An exception, what it wraps, and what it was raised for; nearest first."""
    seen: set[int] = set()
    links: list[BaseException | None] = [exc]
    while links and len(seen) < _DEEPEST:
        link = links.pop(0)
        if link is None or id(link) in seen or isinstance(link, ProxyError):
            continue  # behind an error of ours stands another request's story
        seen.add(id(link))
        yield link
        links += [getattr(link, "original_exception", None), link.__cause__, link.__context__]


def is_a(exc: BaseException, name: str, *, library: str = "") -> bool:
    """Whether it is of a class of this name."""
    return any(base.__name__ == name and base.__module__.startswith(library) for base in type(exc).__mro__)


def timed_out(exc: BaseException) -> bool:
    """LiteLLM's `Timeout` is OpenAI's `APITimeoutError` too; httpx and aiohttp have their own."""
    return is_a(exc, "APITimeoutError", library="openai") or is_a(exc, "TimeoutException", library="httpx")


def unconnected(exc: BaseException) -> bool:
    """LiteLLM's own `APIConnectionError` is its word for anything unexpected, so it proves nothing."""
    if type(exc).__module__.startswith("litellm"):
        return False
    return (
        is_a(exc, "APIConnectionError", library="openai")
        or is_a(exc, "TransportError", library="httpx")
        or is_a(exc, "ClientError", library="aiohttp")
        or isinstance(exc, ConnectionError)
    )


def cut_off(exc: BaseException) -> bool:
    """Whether there was a connection, and it ended before the answer did."""
    return (
        is_a(exc, "ServerDisconnectedError", library="aiohttp")
        or is_a(exc, "ClientPayloadError", library="aiohttp")
        or is_a(exc, "ReadError", library="httpx")
        or is_a(exc, "RemoteProtocolError", library="httpx")
        or isinstance(exc, ConnectionResetError | BrokenPipeError)
    )


def stumbled(links: Sequence[BaseException]) -> bool:
    """Whether LiteLLM, or Python beneath it, has failed to read an answer, and speaks about itself and not for the provider."""
    return bool(_OF_ITSELF.search(message(links[0]))) or any(isinstance(link, _STUMBLED) for link in links)


def body(exc: BaseException) -> Mapping[str, Any] | None:
    """The inside of OpenAI's `{"error": {...}}`, wherever the exception keeps it: as an object, or as the end of its message."""
    told = getattr(exc, "body", None)
    if not isinstance(told, Mapping):
        told = _json_in(message(exc))
    if isinstance(told.get("error"), Mapping):
        told = told["error"]
    return told if told.get("message") else None


def answer(exc: BaseException) -> tuple[int, Mapping[str, str], bytes] | None:
    """The provider's own error answer, where a client library has kept it: status, headers, body."""
    if not type(exc).__module__.startswith(("openai", "httpx")):  # LiteLLM makes up answers of its own
        return None
    response = getattr(exc, "response", None)
    if response is None or response.status_code < 300:
        return None
    try:
        return response.status_code, response.headers, response.content
    except RuntimeError:  # nobody has read it
        return None


def _json_in(text: str) -> Mapping[str, Any]:
    """The JSON object in a text that is nothing else behind its prefix; empty where there is none."""
    start = text.find("{")
    try:
        value = json.loads(text[start:]) if start >= 0 else {}
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, Mapping) else {}


def headers(links: Iterable[BaseException]) -> dict[str, str]:
    """The provider's, names in lower case."""
    for exc in links:
        response = getattr(exc, "response", None)
        for found in (getattr(exc, "litellm_response_headers", None), getattr(response, "headers", None)):
            if found:
                return {str(name).lower(): str(value) for name, value in dict(found).items()}
    return {}


def status(links: Iterable[BaseException], *, answered: bool) -> int:
    """The provider's status; a 500 that LiteLLM made up for its own trouble is a 502 of ours."""
    for exc in links:
        told = getattr(exc, "status_code", None)
        if isinstance(told, int) and 400 <= told <= 599:
            return 502 if told == 500 and not answered else told
    return 502


def message(exc: BaseException) -> str:
    """The words of an exception, without LiteLLM's prefixes, and without what is meant for whoever calls it."""
    text = _INSIDES.split(str(getattr(exc, "message", None) or exc), maxsplit=1)[0]
    return _LITELLM_PREFIX.sub("", text).strip() or type(exc).__name__
