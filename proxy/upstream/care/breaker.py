"""Whether a server that has failed is asked again yet.

A breaker is closed while its server answers. After so many failures in a row it opens, and nobody is sent there for a while; then one
request tries, and its outcome closes the breaker or opens it for twice as long. A provider that says when to come back
(`Retry-After`) is left alone until then, whatever came before.

Source: M. Nygard, Release It!, "Circuit Breaker".
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from proxy.errors import UpstreamError

_LONGEST = 16
"""A server that stays away is tried again after this many times the first rest, at the latest."""


@dataclass(frozen=True, slots=True)
class Rest:
    """How much failure is borne, and what follows."""

    failures: int = 5
    """Failures in a row that open a breaker."""
    rest_s: float = 10.0
    """How long a server is then left alone at first."""
    asked_for_s: float = 60.0
    """The longest rest that a provider's `Retry-After` is granted."""


class Breaker:
    """One server's record."""

    __slots__ = ("_failed", "_now", "_rest", "_rests", "_trying", "_until", "error")

    def __init__(self, rest: Rest, now: Callable[[], float] = time.monotonic) -> None:
        self._rest = rest
        self._now = now
        self._failed = 0
        self._rests = 0
        self._until = 0.0
        self._trying = False
        self.error: UpstreamError | None = None
        """What went wrong last."""

    @property
    def resting_s(self) -> float:
        """Seconds until the server may be asked again; 0 where it may be now."""
        return max(0.0, self._until - self._now())

    @property
    def closed(self) -> bool:
        return self._until == 0.0

    def admits(self) -> bool:
        """Whether a request may go there now; whoever asks goes, for an open breaker lets one through at a time."""
        if self.closed:
            return True
        if self._trying or self.resting_s:
            return False
        self._trying = True
        return True

    def answered(self) -> None:
        """The server did its part, if only by saying what is wrong with the request."""
        self._failed = self._rests = 0
        self._until = 0.0
        self._trying = False

    def failed(self, error: UpstreamError) -> None:
        """The server did not."""
        self._failed += 1
        self.error = error
        if error.retry_after_s:
            self._until = self._now() + min(error.retry_after_s, self._rest.asked_for_s)
        elif self._trying or self._failed >= self._rest.failures:
            self._until = self._now() + self._rest.rest_s * min(2**self._rests, _LONGEST)
            self._rests += 1
        self._trying = False

    def spared(self) -> None:
        """What happened says nothing about the server: its client went, or asked for what cannot be answered."""
        self._trying = False
