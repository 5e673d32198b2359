"""What an answer may be, whatever was asked: no failure of ours, in time, in the described shape, and nothing of anybody else's."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

PROVIDERS = frozenset({500, 502, 503, 504})
"""What an answer may be where the provider fails."""
NO_HTTP = b"Invalid HTTP request received."
"""What the HTTP server says to what it cannot parse, before the application sees it."""
SHOWN = 1500
"""Characters of a request, and as many of its answer."""
_IDS = re.compile(r"\b[a-z]{1,12}_[0-9A-Za-z]{20,}|\d+|'[^']*'|\"[^\"]*\"")


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer as it came."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def holds(self, text: str) -> bool:
        """Whether a text stands anywhere in it."""
        return text.encode() in self.body or any(text in f"{name}: {value}" for name, value in self.headers.items())


@dataclass
class Book:
    """How many requests of which outcome there were, and what was found."""

    sent: Counter[str] = field(default_factory=Counter)
    found: dict[tuple[str, str, str], list[str]] = field(default_factory=dict)
    """What is wrong, at which address, in which words: the requests."""

    @property
    def requests(self) -> int:
        return self.sent.total()

    def note(self, wrong: str, label: str, words: str, request: str) -> None:
        self.found.setdefault((wrong, label, _IDS.sub("*", words)[:160]), []).append(
            f"{request[:SHOWN]}\n    {words[:SHOWN]}"
        )

    def told(self) -> str:
        """Every finding once, with its shortest request."""
        lines = []
        for (wrong, label, _), requests in sorted(self.found.items()):
            lines.append(f"{wrong}, {len(requests)} times: {label}\n    {min(requests, key=len)}")
        return "\n".join(lines)


def judge(book: Book, label: str, request: str, answer: Answer, foreign: str, *, may_fail: bool) -> None:
    """Note what is wrong with an answer.

    Args:
        foreign: The marker of somebody else.
        may_fail: Whether a provider was asked that fails.
    """
    book.sent[f"{answer.status // 100}xx"] += 1
    words = answer.body.decode("utf-8", "replace")
    if answer.holds(foreign):
        book.note("A leak", label, words, request)
    if answer.status >= 500 and not (may_fail and answer.status in PROVIDERS):
        book.note(f"{answer.status}", label, words, request)
    if answer.status >= 400:
        if not _is_openais_error(answer):
            book.note("An error in a shape of its own", label, words, request)
    elif label.startswith("POST /v1/") and not _is_whole(answer):
        book.note("An answer that is none", label, words, request)


def _is_openais_error(answer: Answer) -> bool:
    if answer.status == 400 and answer.body == NO_HTTP:
        return True
    try:
        error = json.loads(answer.body)["error"]
    except (ValueError, KeyError, TypeError):
        return False
    return isinstance(error, dict) and set(error) >= {"message", "type", "param", "code"}


def _is_whole(answer: Answer) -> bool:
    """A stream that ends as it should, or a JSON object."""
    if answer.headers.get("content-type", "").startswith("text/event-stream"):
        events = [line for line in answer.body.split(b"\n\n") if line.startswith(b"data: ")]
        return bool(events) and (events[-1] == b"data: [DONE]" or b'"error"' in events[-1])
    try:
        return isinstance(json.loads(answer.body), dict)
    except ValueError:
        return False
