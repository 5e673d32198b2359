"""How much may be asked: at once, in a minute and in a day, by one key, and at once by all.

Whoever asks too much is told so before anything is done, with the time after which asking makes sense again; what is running goes on.
Requests of a minute are counted smoothly (the generic cell rate algorithm): a key that rests may send its whole minute at once, and from
then on as fast as the minute fills again. Tokens are counted as the provider reports them, over a day in UTC, and kept in the database every
few seconds, so a limit holds over a restart and for several servers on one database within that time. What a key asks at once and in a
minute is counted by `operations.counts`, together for all processes of a server.

Source: OpenAI API, rate limits: the status, the types and the `x-ratelimit-` headers.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

from proxy.api.leaving import Departure
from proxy.chat.presence import Guest
from proxy.domain.turn import Caller, Limits
from proxy.errors import Overloaded, RateLimited, StoreError
from proxy.operations.counts import Count, Counts, OwnCounts
from proxy.operations.entry import current
from proxy.operations.usage import tokens_of

log = logging.getLogger(__name__)

KEPT_EVERY_S = 5.0
MINUTE_S = 60.0
_BUSY_RETRY_S = 1.0
_DAY_S = 86_400


class Ledger(Protocol):
    """Where tokens are kept."""

    async def spent(self, day: str) -> Mapping[str, int]:
        """Tokens of a day by key."""
        ...

    async def spend(self, day: str, tokens: Mapping[str, int]) -> Mapping[str, int]:
        """Add to what keys have spent in a day; returns the new sums."""
        ...


@dataclass(slots=True)
class _Account:
    """The tokens that one key has used."""

    tokens: int = 0
    """Of this day, as far as it is known here."""
    unkept: int = 0
    """Those of them that the database does not know."""


class Meter:
    """Lets requests in, and counts them."""

    def __init__(
        self,
        at_once: int,
        usual: Limits,
        now: Callable[[], float] = time.monotonic,
        clock: Callable[[], float] = time.time,
        counts: Counts | None = None,
    ) -> None:
        """Set the limits.

        Args:
            at_once: Requests that models may be asked at the same time, in all, by this process.
            usual: What holds for keys that carry no limits of their own.
            counts: Where keys' requests are counted; by default for this process alone.
        """
        self._at_once = at_once
        self._usual = usual
        self._counts = counts or OwnCounts()
        self._now = now
        self._clock = clock
        self._running = 0
        self._accounts: defaultdict[str, _Account] = defaultdict(_Account)
        self._day_number, self._day = -1, ""
        self._turn_day()

    def admit(self, caller: Caller) -> Permit:
        """Let a request in that will ask a model.

        Raises:
            Overloaded: The server answers as many requests as it can.
            RateLimited: This key has asked enough for now.
        """
        self.expect()
        self._turn_day()
        limits, account = caller.limits.over(self._usual), self._accounts[caller.key_id]
        with self._counts.held(caller.key_id) as count:
            if limits.at_once is not None and count.running >= limits.at_once:
                raise RateLimited(
                    f"This key may ask {limits.at_once} requests at once, and so many are being answered.",
                    kind="requests",
                    retry_after_s=_BUSY_RETRY_S,
                )
            told = {**self._tokens_left(limits, account), **self._requests_left(limits, count)}
            count.running += 1
        self._running += 1
        return Permit(self, caller.key_id, told)

    def expect(self) -> None:
        """Raises Overloaded where there is no room for one more request to a model."""
        if self._running >= self._at_once:
            raise Overloaded(
                "The server is answering as many requests as it can. Try again.", retry_after_s=_BUSY_RETRY_S
            )

    def limits(self, own: Limits) -> bool:
        """Whether a key with these limits of its own is limited in anything that is told."""
        limits = own.over(self._usual)
        return limits.requests_per_minute is not None or limits.tokens_per_day is not None

    def left(self, key_id: str, own: Limits) -> dict[str, str]:
        """What a key is told of its limits, whatever it asks; nothing is counted."""
        self._turn_day()
        limits, account = own.over(self._usual), self._accounts.get(key_id) or _Account()
        told: dict[str, str] = {}
        if (tokens := limits.tokens_per_day) is not None:
            told |= _told("tokens", tokens, max(0, tokens - account.tokens), self._until_tomorrow_s())
        if (requests := limits.requests_per_minute) is not None:
            with self._counts.held(key_id) as count:
                wait_s = max(count.full_at - self._now(), 0.0)
            told |= _told("requests", requests, _whole(requests, wait_s), wait_s)
        return told

    def spend(self, key_id: str, tokens: int) -> None:
        account = self._accounts[key_id]
        account.tokens += tokens
        account.unkept += tokens

    def release(self, key_id: str) -> None:
        with self._counts.held(key_id) as count:
            count.running -= 1
        self._running -= 1

    def forget(self, key_id: str) -> None:
        """A key was deleted: what it has used is forgotten; what is still being answered under it goes on counting."""
        self._accounts.pop(key_id, None)
        with self._counts.held(key_id) as count:
            count.full_at = 0.0

    @property
    def running(self) -> int:
        return self._running

    async def recall(self, ledger: Ledger) -> None:
        """Take in what was spent today before this process was there."""
        for key_id, tokens in (await ledger.spent(self._day)).items():
            self._accounts[key_id].tokens = tokens

    async def keep(self, ledger: Ledger) -> None:
        """Write down what was spent since the last time, and learn what other processes have written."""
        day, unkept = self._day, {key_id: one.unkept for key_id, one in self._accounts.items() if one.unkept}
        if not unkept:
            return
        for key_id, tokens in (await ledger.spend(day, unkept)).items():
            if day == self._day:
                account = self._accounts.setdefault(key_id, _Account(unkept=unkept[key_id]))
                account.unkept -= unkept[key_id]
                account.tokens = tokens + account.unkept

    async def keep_on(self, ledger: Ledger) -> None:
        """Do so every few seconds, until cancelled."""
        while True:
            await asyncio.sleep(KEPT_EVERY_S)
            try:
                await self.keep(ledger)
            except StoreError as exc:
                log.warning("What keys have spent could not be written down: %s", exc)

    def _requests_left(self, limits: Limits, count: Count) -> dict[str, str]:
        """Count a request; tells how many are left. Raises RateLimited."""
        if limits.requests_per_minute is None:
            return {}
        now, share_s = self._now(), MINUTE_S / limits.requests_per_minute
        full_at = max(count.full_at, now) + share_s
        wait_s = full_at - now - MINUTE_S
        if wait_s > share_s * 1e-6:
            told = _told("requests", limits.requests_per_minute, 0, count.full_at - now)
            raise RateLimited(
                f"This key may send {limits.requests_per_minute} requests in a minute.",
                kind="requests",
                retry_after_s=wait_s,
                headers=told,
            )
        count.full_at = full_at
        left = _whole(limits.requests_per_minute, full_at - now)
        return _told("requests", limits.requests_per_minute, left, full_at - now)

    def _tokens_left(self, limits: Limits, account: _Account) -> dict[str, str]:
        """How many tokens are left of the day. Raises RateLimited where none is."""
        if limits.tokens_per_day is None:
            return {}
        left, wait_s = limits.tokens_per_day - account.tokens, self._until_tomorrow_s()
        told = _told("tokens", limits.tokens_per_day, max(0, left), wait_s)
        if left <= 0:
            raise RateLimited(
                f"This key may use {limits.tokens_per_day} tokens in a day, and has used {account.tokens}. "
                "The next day begins at midnight UTC.",
                kind="tokens",
                retry_after_s=wait_s,
                headers=told,
            )
        return told

    def _turn_day(self) -> None:
        if (number := int(self._clock() // _DAY_S)) != self._day_number:
            self._day_number, self._day = number, datetime.fromtimestamp(number * _DAY_S, UTC).date().isoformat()
            for account in self._accounts.values():
                account.tokens = account.unkept = 0

    def _until_tomorrow_s(self) -> float:
        now = datetime.fromtimestamp(self._clock(), UTC)
        midnight = datetime(now.year, now.month, now.day, tzinfo=UTC) + timedelta(days=1)
        return (midnight - now).total_seconds()


class Permit:
    """One admitted request."""

    __slots__ = ("_given", "_key_id", "_meter", "_spent", "departure", "guest", "headers")

    def __init__(self, meter: Meter, key_id: str, headers: Mapping[str, str]) -> None:
        self._meter = meter
        self._key_id = key_id
        self._spent = 0
        self._given = True
        self.headers = headers
        """What the client is told of its limits, as OpenAI does."""
        self.guest = Guest()
        """Whoever answers the request learns through it that the client has left."""
        self.departure: Departure | None = None

    def spent(self, usage: object) -> None:
        """The tokens that the provider reports, in OpenAI's shape; of several reports the last counts."""
        if not isinstance(usage, Mapping):
            return
        current.get().usage = usage
        total = tokens_of(usage.get("total_tokens"))
        if total is not None and total != self._spent:
            self._meter.spend(self._key_id, total - self._spent)
            self._spent = total

    def release(self) -> None:
        """The request has been answered; a second call does nothing."""
        if self._given:
            self._given = False
            if self.departure is not None:
                self.departure.over()
            self._meter.release(self._key_id)


def _whole(requests_per_minute: int, until_full_s: float) -> int:
    """How many requests are left of a minute's allowance."""
    return int((MINUTE_S - until_full_s) / MINUTE_S * requests_per_minute + 1e-6)


def _told(kind: str, limit: int, left: int, reset_s: float) -> dict[str, str]:
    return {
        f"x-ratelimit-limit-{kind}": str(limit),
        f"x-ratelimit-remaining-{kind}": str(left),
        f"x-ratelimit-reset-{kind}": f"{max(0.0, reset_s):.3f}s",
    }
