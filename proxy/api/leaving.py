"""A client that leaves before it is answered: nobody pays for an answer that nobody reads.

The connection knows first, so it is asked, and not read: to wait for its end beside each answer would cost every request. What a
client leaves behind is waited for a little while, for one that ran out of patience sends the same request again, and joins the
first. Then the model's server is left too.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Final

from proxy.chat.presence import Guest

EXTENSION: Final = "graft"
LINE: Final = "line"
"""Where a request finds its connection, in that extension of its scope."""


class Line:
    """One client's connection, as far as its requests are concerned."""

    __slots__ = ("_told", "has_body", "is_lost")

    def __init__(self) -> None:
        self._told: set[Callable[[], None]] = set()
        self.is_lost = False
        self.has_body = False
        """Whether all has come of the request that came last, and so of those before it."""

    def add(self, told: Callable[[], None]) -> None:
        """Whom to tell when the connection is lost; at once, where it is."""
        self._told.add(told)
        if self.is_lost:
            told()

    def discard(self, told: Callable[[], None]) -> None:
        self._told.discard(told)

    def lose(self) -> None:
        self.is_lost = True
        for told in list(self._told):
            told()


class Departure:
    """What becomes of a request whose client leaves."""

    __slots__ = ("_due", "_guest", "_line", "_patience_s")

    def __init__(self, line: Line, guest: Guest, patience_s: float) -> None:
        self._line = line
        self._guest = guest
        self._patience_s = patience_s
        self._due: asyncio.TimerHandle | None = None
        line.add(self._left)

    def over(self) -> None:
        """The request has been answered."""
        self._line.discard(self._left)
        if self._due is not None:
            self._due.cancel()

    def _left(self) -> None:
        self._due = asyncio.get_running_loop().call_later(self._patience_s, self._guest.leave)


def line_of(scope: Mapping[str, Any]) -> Line | None:
    """A request's connection; `None` where the server does not tell."""
    line: Line | None = (scope.get("extensions") or {}).get(EXTENSION, {}).get(LINE)
    return line


def expected(scope: Mapping[str, Any], guest: Guest, patience_s: float | None) -> Departure | None:
    """Look out for a client's leaving; `None` where that is not wanted, or the server does not tell."""
    line = line_of(scope)
    return None if line is None or patience_s is None else Departure(line, guest, patience_s)
