"""What is noted of one request for whoever operates the server, on its way through: never what was said.

Each request has one `Entry`, which is begun at the door and closed when the last byte is out. `current` finds it anywhere on the
request's way, also in the tasks that it leaves behind, so that every line of the log can name its request.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from proxy.operations.chance import Letters
from proxy.operations.usage import tokens_of

_SANE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/=+@-]{0,127}")
"""A client's own id that can stand in a log line and in a header: nothing that could end either."""


@dataclass(slots=True)
class Entry:
    """One request, as far as it is known by now."""

    id: str = ""
    """The client's `x-request-id`, or one of ours."""
    method: str = ""
    started: float = field(default_factory=time.perf_counter)
    began_at: float = 0.0
    """By the clock, in seconds."""
    status: int = 0
    """0 where no answer was begun."""
    route: str = ""
    """The route's pattern, such as `/api/trees/{tree_id}`: never an address that a client made up."""
    user: str = ""
    key: str = ""
    """The key's id, never the key."""
    model: str = ""
    """The configured model that was asked for."""
    answered_by: str = ""
    """The deployment that answered."""
    lane: str = ""
    placed: str = ""
    """The route of a turn: `continue`, `return`, ..."""
    scorer: str = ""
    degraded: bool = False
    aside: str = ""
    tree: str = ""
    node: str = ""
    stream: bool = False
    sent_tokens: int = 0
    """Estimated."""
    saved_tokens: int = 0
    stages_ms: Mapping[str, float] = field(default_factory=dict)
    usage: Mapping[str, Any] = field(default_factory=dict)
    """As the provider reported it."""
    first_byte_ms: float = 0.0
    failure: str = ""
    """The class of the error that was answered."""
    limit: str = ""
    """What there was too much of, where it was refused for that."""
    span: Any = None
    """Its span, where it is traced."""
    trace: str = ""
    """The id of its trace, in hexadecimal."""

    @property
    def spent_ms(self) -> float:
        """Since the request came."""
        return (time.perf_counter() - self.started) * 1000

    def tokens(self) -> tuple[int, int, int]:
        """Tokens of prompt, of them cached, and of the reply, as the provider reported them; 0 where it did not."""
        usage = self.usage
        if not usage:
            return 0, 0, 0
        details = usage.get("prompt_tokens_details")
        cached = details.get("cached_tokens") if isinstance(details, Mapping) else None
        return _whole(usage.get("prompt_tokens")), _whole(cached), _whole(usage.get("completion_tokens"))


NOBODY = Entry()
"""Stands where no request is on its way: in commands, and in tests of single parts. What is noted there is read by nobody."""

current: ContextVar[Entry] = ContextVar("graft_entry", default=NOBODY)
"""The request that this code runs for."""


_chance = Letters(24, lambda count: os.urandom(count // 2).hex())


def new_id() -> str:
    return "req_" + _chance.take()


def sane_id(named: str) -> str:
    """The client's own id of its request, or a new one where that is none that could be logged."""
    return named if _SANE.fullmatch(named) else new_id()


def _whole(value: object) -> int:
    return tokens_of(value) or 0
