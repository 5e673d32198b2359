r"""The log: lines of text or of JSON on standard error, each with the request that it belongs to.

Whatever a client, a provider or a library puts into a line stays inside that line: control characters, line ends of every alphabet and
marks that turn text around are written out (`\x1b`), and a traceback is indented in text. Keys are taken out of every line: those of the
configuration by their very text, others by their shape. What was said is not logged unless the operator asked for it.

All libraries write here: their own handlers are taken away once they are imported (`adopt`).
"""

from __future__ import annotations

import json
import logging
import re
import sys
import time
import traceback
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, Final, Literal

import msgspec

from proxy.operations.entry import NOBODY, Entry, current

Format = Literal["text", "json"]

REDACTED: Final = "[redacted]"
REQUESTS: Final = logging.getLogger("graft.requests")
"""One line a request."""
CONTENT: Final = logging.getLogger("graft.content")
"""What was said; written to only where the operator asked for it."""

_CHATTY: Final = ("httpx", "httpcore", "LiteLLM", "LiteLLM Router", "LiteLLM Proxy", "aiosqlite", "asyncio", "openai")
_SILENT: Final = "uvicorn.access"
"""Has no handlers on purpose: requests have lines of ours."""
_PROBES: Final = frozenset({"/health", "/ready", "/metrics"})
"""Routes that machines ask every few seconds; their lines are of level debug."""
_KEYS: Final = re.compile(
    r"\b(sk|pk|rk|gsk|xai|key|ghp|hf|AKIA|AIza)[-_][A-Za-z0-9_-]{8,}"
    r"|\b(Bearer|Basic)\s+[\w.~+/=-]{8,}"
    r"|(?<=[?&])(key|api[-_]?key|token|access_token|sig|signature)=[^&\s'\"]+"
    r"|(?<=://)[^/\s:@]+:[^/\s@]+(?=@)"
    r"|\b(api[-_]?key|x-api-key|authorization|password|secret)\b['\"]?\s*[:=]\s*['\"]?((Bearer|Basic)\s+)?(?=[\w.~+/=-]*\d)[\w.~+/=-]{6,}"
    r"|\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]{8,}",
    re.IGNORECASE,
)
"""Keys of providers and of ours, tokens in headers and addresses, names and passwords in addresses, signed tokens."""

_encode = msgspec.json.Encoder().encode


class Redaction:
    """Takes secrets out of text."""

    def __init__(self) -> None:
        self._known: re.Pattern[str] | None = None

    def learn(self, secrets: Iterable[str]) -> None:
        """Texts that must never stand in a line."""
        if known := sorted((one for one in secrets if one), key=len, reverse=True):
            self._known = re.compile("|".join(map(re.escape, known)))
            _name.cache_clear()

    def __call__(self, text: str) -> str:
        if self._known is not None:
            text = self._known.sub(REDACTED, text)
        return _KEYS.sub(REDACTED, text)


redact = Redaction()
"""Of this process, as its log is."""


def start(level: str, shape: Format = "text", who: str | None = None) -> None:
    """Send all lines of this process to standard error.

    Args:
        who: Which of several processes this is.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines(who) if shape == "json" else TextLines(who))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    logging.captureWarnings(capture=True)
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False  # no line tells them
    adopt()


def adopt() -> None:
    """Let libraries that brought handlers of their own write to ours."""
    for name, logger in list(logging.root.manager.loggerDict.items()):
        if isinstance(logger, logging.Logger) and (logger.handlers or not logger.propagate):
            if name == _SILENT or name.partition(".")[0] in ("graft", "proxy"):
                continue
            logger.handlers = []
            logger.propagate = True
    for name in _CHATTY:
        logging.getLogger(name).setLevel(logging.WARNING)


def request_line(entry: Entry) -> None:
    """Write the line of a request that has been answered, unless such lines are not wanted.

    The record is made by hand: looking for the caller, as `logging` does, costs more than the line.
    """
    level = logging.DEBUG if entry.route in _PROBES else logging.INFO
    if REQUESTS.isEnabledFor(level):
        said = (entry.method, entry.route, entry.status)
        record = logging.LogRecord(REQUESTS.name, level, "", 0, "%s %s %d", said, None)
        record.__dict__["entry"] = entry
        REQUESTS.handle(record)


def facts_of(entry: Entry) -> dict[str, Any]:
    """What the line of a request says; what is not known is left out."""
    prompt, cached, completion = entry.tokens()
    told: dict[str, Any] = {
        "request_id": entry.id,
        "method": entry.method,
        "route": entry.route,
        "status": entry.status,
        "ms": round(entry.spent_ms, 1),
        "first_byte_ms": round(entry.first_byte_ms, 1),
        "user": _name(entry.user),
        "key": entry.key,
        "model": entry.model,
        "answered_by": entry.answered_by,
        "lane": entry.lane,
        "placed": entry.placed,
        "scorer": entry.scorer if entry.scorer != "none" else "",
        "degraded": entry.degraded,
        "aside": _name(entry.aside),
        "tree": _name(entry.tree),
        "node": entry.node,
        "stream": entry.stream,
        "prompt_tokens": prompt,
        "cached_tokens": cached,
        "completion_tokens": completion,
        "saved_tokens": entry.saved_tokens,
        "stages_ms": entry.stages_ms,
        "error": entry.failure,
        "trace_id": entry.trace,
    }
    return {name: value for name, value in told.items() if value or name == "status"}


@lru_cache(4096)
def _name(name: str) -> str:
    """A name that a client may have chosen, without keys. Looking for keys costs more than the rest of a line."""
    return redact(name)


@lru_cache(4)
def _second(at: int, form: str, *, here: bool) -> str:
    """A moment as lines tell it, up to the second."""
    return time.strftime(form, time.localtime(at) if here else time.gmtime(at))


class TextLines(logging.Formatter):
    """Lines for people: time, level, logger, request, message."""

    def __init__(self, who: str | None = None) -> None:
        super().__init__()
        self._who = f" [{who}]" if who else ""

    def format(self, record: logging.LogRecord) -> str:
        entry: Entry | None = record.__dict__.get("entry")
        known = entry or current.get()
        request = "" if known is NOBODY else f" {known.id}"
        at = f"{_second(int(record.created), '%Y-%m-%d %H:%M:%S', here=True)},{int(record.msecs):03d}"
        line = f"{at} {record.levelname} {record.name}{self._who}{request}: {_safe(_message(record))}"
        if entry is not None:  # made of what is known here, but for names, which are looked through one by one
            return line + _safe(
                "".join([f" {n}={_short(v)}" for n, v in facts_of(entry).items() if n not in _IN_FRONT])
            )
        if content := record.__dict__.get("content"):
            line += f" {_safe(content)}"
        for extra in _beneath(record):
            line += f"\n    | {_safe(extra)}"
        return redact(line)


class JsonLines(logging.Formatter):
    """One JSON object a line, all of it ASCII."""

    def __init__(self, who: str | None = None) -> None:
        super().__init__()
        self._who = who

    def format(self, record: logging.LogRecord) -> str:
        entry: Entry | None = record.__dict__.get("entry")
        told: dict[str, Any] = {
            "time": f"{_second(int(record.created), '%Y-%m-%dT%H:%M:%S', here=False)}.{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
        }
        if self._who:
            told["process"] = self._who
        if entry is not None:
            told |= facts_of(entry)
        else:
            told["message"] = redact(_message(record))
            if (known := current.get()) is not NOBODY:
                told["request_id"] = known.id
            if content := record.__dict__.get("content"):
                told["content"] = redact(content)
            if beneath := _beneath(record):
                told["traceback"] = redact("\n".join(beneath))
        return _as_ascii(told)


_IN_FRONT = frozenset({"request_id", "method", "route", "status"})
"""Facts of a request that its line of text says before the others."""


def _as_ascii(told: Mapping[str, Any]) -> str:
    try:
        line = _encode(told)
    except (TypeError, UnicodeEncodeError, msgspec.MsgspecError):
        line = b"\xff"
    text = line.decode() if line.isascii() else json.dumps(told, default=str)
    return text.replace("\x7f", "\\u007f")


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except (
        TypeError,
        ValueError,
    ):  # a library that counted its arguments wrongly; its line is worth more than its form
        return f"{record.msg} {record.args!r}"


def _beneath(record: logging.LogRecord) -> list[str]:
    """The lines of a traceback."""
    if not record.exc_info or record.exc_info[0] is None:
        return []
    return "".join(traceback.format_exception(*record.exc_info)).splitlines()


def _safe(text: str) -> str:
    """Text on one line that no terminal acts upon."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)


def _short(value: object) -> str:
    if isinstance(value, str):
        is_plain = value and value.isascii() and value.isprintable() and " " not in value
        return value if is_plain else repr(value)
    if isinstance(value, dict):
        return ",".join([f"{name}:{one}" for name, one in value.items()])
    return str(value)
