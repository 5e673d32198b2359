"""What went wrong upstream, in our words: every exception of LiteLLM, the OpenAI client, httpx and aiohttp becomes an
`UpstreamError`.

What stands in an exception is told in `raised.py`; an error that came whole is told as on every lane. A provider may repeat the key in
its message, and a URL may carry one: texts are redacted here, and the chain is cut when the error is raised, so that no log shows it either.
"""

from __future__ import annotations

import email.utils
import json
import logging
import re
import time
from collections.abc import Iterable, Mapping
from typing import Any

from proxy.errors import ContextLengthExceeded, UpstreamError, UpstreamTimeout, UpstreamUnreachable
from proxy.upstream import raised
from proxy.upstream.guarded import Redirected, TooLarge
from proxy.upstream.models import Model
from proxy.upstream.passed_on import passed_on

log = logging.getLogger(__name__)

REDACTED = "[redacted]"

_REFUSED = re.compile(r"Invalid (user )?message at index \d+\. Please ensure [\w ]+\.")
"""What LiteLLM says of a message that it does not send."""

_URL_SECRET = re.compile(r"([?&](?:key|api[-_]?key|token|access_token|sig|signature)=)[^&\s'\"]+", re.IGNORECASE)
_URL_USER = re.compile(r"((?<!\w)\w+://)[^/\s:@]+:[^/\s@]+@")
_BEARER = re.compile(r"\b(Bearer\s+)[\w.~+/=-]{8,}", re.IGNORECASE)
_TOO_LONG = re.compile(
    r"maximum (context|prompt|input|model) length|context[ _](length|window|size|limit)|prompt is too long"
    r"|tokens exceed the configured limit|must be <= \d+ tokens|reduce the length of the (messages|prompt|input)",
    re.IGNORECASE,
)
"""How OpenAI, vLLM, llama.cpp, Groq, Mistral, xAI, Together and LM Studio say that a context does not fit."""
_TOO_LONG_STATUSES = frozenset({200, 400, 413, 422, 500})
_LONGEST_S = 86_400.0
"""Providers whose quota is one of a day say so in `Retry-After`; none has a longer one, and what is later is taken for this."""
_LAST_STATUS = 599
"""Numbers above it are no statuses (RFC 9110, 15), and are not passed on."""
_STATUS = re.compile(r"[45][0-9]{2}")
_SHOWN = 500
"""Characters of an error page that are shown."""


def redact(text: str, secrets: Iterable[str]) -> str:
    """Text without keys: the given ones, those in URLs and those behind `Bearer`."""
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, REDACTED)
    text = _URL_SECRET.sub(rf"\1{REDACTED}", text)
    text = _URL_USER.sub(rf"\1{REDACTED}@", text)
    return _BEARER.sub(rf"\1{REDACTED}", text)


def translate(exc: BaseException, model: Model, *, is_answered: bool = False) -> UpstreamError:
    """The error to raise for a foreign exception; raise it `from None`.

    Args:
        is_answered: A provider had begun to answer with a status of 200, so what has failed is the reading of its answer.
    """
    chain = list(raised.chain(exc))
    headers = raised.headers(chain)
    body = next((body for link in chain if (body := raised.body(link))), None)
    message = redact(str(body["message"]) if body else raised.message(exc)[:_SHOWN], model.secrets)
    if (found := next(filter(None, (_stopped(link, model) for link in chain)), None)) is not None:
        return found
    too_long = any(raised.is_a(link, "ContextWindowExceededError") for link in chain)
    if not too_long and (told := next(filter(None, map(raised.answer, chain)), None)) is not None:
        return answered(model, *told)
    facts: dict[str, Any] = {
        "model": model.name,
        "code": _text(body, "code"),
        "type": _text(body, "type"),
        "param": _text(body, "param"),
        "retry_after_s": retry_after_s(headers),
        "headers": passed_on(headers.items()),
    }
    if body is None and any(raised.timed_out(link) for link in chain):
        return UpstreamTimeout(f"The model {model.name!r} did not answer in time.", **facts, status=504)
    if garbled(exc) or any(raised.is_a(link, "ClientResponseError", library="aiohttp") for link in chain):
        return UpstreamError(
            f"The answer of model {model.name!r} cannot be unpacked, or is no HTTP. Check its api_base.",
            model=model.name,
        )
    if body is None and any(raised.cut_off(link) for link in chain):
        return cut(model, code="answer_cut")
    if body is None and not headers and any(raised.unconnected(link) for link in chain):
        cause = redact(f"{model.params.get('api_base') or 'the address of its provider'}: {chain[-1]}", model.secrets)
        log.warning("Model %r cannot be reached at %s", model.name, cause)
        return UpstreamUnreachable(f"The provider of model {model.name!r} cannot be reached.", **facts, status=502)
    if body is None and is_answered and raised.stumbled(chain):
        log.warning("The answer of model %r cannot be read: %s", model.name, message)
        return unreadable(model)
    if facts["code"] == "context_length_exceeded" or too_long:
        return ContextLengthExceeded(message, **{**facts, "code": "context_length_exceeded"}, status=400)
    return UpstreamError(message, **facts, status=raised.status(chain, answered=body is not None or bool(headers)))


def unreadable(model: Model) -> UpstreamError:
    """An answer whose parts are of other types than OpenAI's."""
    return UpstreamError(f"The model {model.name!r} answered in a shape that cannot be read.", model=model.name)


def wordless(model: Model) -> UpstreamError:
    """An answer without any choice, or a stream that ended before the first."""
    return UpstreamError(f"The model {model.name!r} ended its answer before it began.", model=model.name)


def answered(model: Model, status: int, headers: Mapping[str, str], body: bytes) -> UpstreamError:
    """The error in a provider's own answer: an error status, or an error where an answer should be (a status of 200)."""
    told = {name.lower(): value for name, value in headers.items()}
    error = _error_in(body)
    message = redact(
        str(error.get("message") or f"The model {model.name!r} answered with status {status}."), model.secrets
    )
    facts: dict[str, Any] = {
        "model": model.name,
        "code": _text(error, "code"),
        "type": _text(error, "type"),
        "param": _text(error, "param"),
        "retry_after_s": retry_after_s(told),
        "headers": passed_on(told.items()),
    }
    too_long = status in _TOO_LONG_STATUSES and (_TOO_LONG.search(message) or _TOO_LONG.search(facts["type"] or ""))
    if facts["code"] == "context_length_exceeded" or too_long:
        return ContextLengthExceeded(message, **{**facts, "code": "context_length_exceeded"}, status=400)
    if 300 <= status < 400:
        message = (
            f"The provider of model {model.name!r} answered with a redirect, which is not followed. Check its api_base."
        )
    return UpstreamError(message, **facts, status=status if 400 <= status <= _LAST_STATUS else _status_told(error))


def timed_out(model: Model, waited_for: str, after_s: float) -> UpstreamTimeout:
    return UpstreamTimeout(
        f"The model {model.name!r} sent no {waited_for} within {after_s:g} seconds.", model=model.name, status=504
    )


def too_large(model: Model, most_bytes: int) -> UpstreamError:
    return UpstreamError(
        f"The answer of model {model.name!r} is larger than {most_bytes / 2**20:g} MB (upstream.answer_mb).",
        model=model.name,
        status=502,
        code="answer_too_large",
    )


def url_not_fetched(model: Model) -> UpstreamError:
    return UpstreamError(
        f"The model {model.name!r} takes no URLs, and the server does not fetch them. Send the content as a data URL.",
        model=model.name,
        status=400,
        type="invalid_request_error",
        code="url_not_fetched",
        param="messages",
    )


def cut(model: Model, code: str = "stream_cut") -> UpstreamUnreachable:
    return UpstreamUnreachable(
        f"The connection to the model {model.name!r} was cut before its answer was complete.",
        model=model.name,
        status=502,
        code=code,
    )


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait, a day at most, from `retry-after-ms` or `retry-after` in either of its forms (RFC 9110, 10.2.3)."""
    for name, scale in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        try:
            return _bounded(float(headers[name]) / scale)
        except (KeyError, ValueError):
            continue
    try:
        at = email.utils.parsedate_to_datetime(headers["retry-after"])
    except (KeyError, ValueError):
        return None
    return _bounded(at.timestamp() - time.time())


def _bounded(seconds: float) -> float:
    return min(max(0.0, seconds), _LONGEST_S)


def connecting(exc: BaseException) -> bool:
    """Whether the time ran out before there was a connection."""
    return raised.is_a(exc, "ServerTimeoutError", library="aiohttp")


def _stopped(link: BaseException, model: Model) -> UpstreamError | None:
    """What the guard of LiteLLM's connections has stopped, what LiteLLM itself would not send, and JSON of absurd depth."""
    if isinstance(link, TooLarge):
        return too_large(model, link.most_bytes)
    if isinstance(link, Redirected):
        return answered(model, link.status, {}, b"")
    if isinstance(link, RecursionError):
        return unreadable(model)
    if raised.is_a(link, "ImageFetchError") or raised.is_a(link, "SSRFError"):
        return url_not_fetched(model)
    if refused := _REFUSED.search(raised.message(link)):
        return UpstreamError(refused[0], model=model.name, status=400, type="invalid_request_error", param="messages")
    return None


def garbled(exc: BaseException) -> bool:
    """Whether an answer was packed, and not as it says."""
    return any(raised.is_a(link, "ContentEncodingError", library="aiohttp") for link in raised.chain(exc))


def broke(exc: BaseException) -> bool:
    """Whether the connection itself failed."""
    return any(raised.unconnected(link) for link in raised.chain(exc))


def _error_in(body: bytes) -> Mapping[str, Any]:
    """`message`, `type`, `code` and `param` of an error answer: OpenAI's shape, the flat one of vLLM and Mistral, FastAPI's
    `detail`, or a page of text.
    """
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        text = " ".join(body.decode("utf-8", "replace").split())
        return {"message": "" if text.startswith("<") else text[:_SHOWN]}
    value = value[0] if isinstance(value, list) and value else value
    if not isinstance(value, Mapping):
        return {"message": value[:_SHOWN] if isinstance(value, str) else ""}
    inner = value.get("error")
    if isinstance(inner, Mapping):
        return inner if inner.get("message") else {**inner, "message": _shown(inner)}
    if isinstance(inner, str):
        return {**value, "message": value.get("message") or inner}
    detail = value.get("message") or value.get("detail") or value
    return {**value, "message": detail if isinstance(detail, str) else _shown(detail)}


def _shown(value: object) -> str:
    """A body that has no message, as it is; empty where it says nothing, as `{}` and `{"error": null}` do."""
    says = any(value.values()) if isinstance(value, Mapping) else isinstance(value, list) and any(value)
    return json.dumps(value)[:_SHOWN] if says else ""


def _status_told(error: Mapping[str, Any]) -> int:
    """The status that an error names although its answer had another; 502 where it names none."""
    for name in ("code", "status", "status_code"):
        if _STATUS.fullmatch(told := str(error.get(name))):
            return int(told)
    return 502


def _text(body: Mapping[str, Any] | None, name: str) -> str | None:
    value = (body or {}).get(name)
    return None if value is None else str(value)
