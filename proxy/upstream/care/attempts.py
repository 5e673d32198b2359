"""Asking until somebody answers: a model's deployments, then its fallbacks, then all of them again after a pause.

Only before the first byte: what a client has seen of an answer is never begun again. And only where asking again is safe and may help:
nobody could be reached, the provider was busy or broken, or it does not know this server. What is wrong with the request itself is told
at once. A time-out is not repeated at the same server, since it may still be working on the answer.
"""

from __future__ import annotations

import logging
import math
import random
from asyncio import CancelledError, get_running_loop, sleep
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from proxy.domain.beginning import Beginning
from proxy.domain.message import Wire
from proxy.domain.turn import Served
from proxy.errors import ContextLengthExceeded, UpstreamError, UpstreamResting, UpstreamTimeout, UpstreamUnreachable
from proxy.operations.figures import Figures
from proxy.upstream import failures
from proxy.upstream.care.breaker import Breaker, Rest
from proxy.upstream.care.choice import ranked
from proxy.upstream.models import Model, Models

T = TypeVar("T")

log = logging.getLogger(__name__)

_FIRST_PAUSE_S = 0.5
_LONGEST_PAUSE_S = 8.0
_TICK_S = 0.01
"""A loop's clock may call a little early."""
_SLOW = "timeout"
_ELSEWHERE = frozenset({401, 402, 403, 404, 408, 425, 429})
"""Client errors that are this server's business: another one may do."""
_SAME_AGAIN = frozenset({408, 425, 429})
"""Those that may be over when the same server is asked once more."""


@dataclass(frozen=True, slots=True)
class CareRules:
    """What the operator chose."""

    retries: int = 0
    """How often all that failed are asked once more."""
    fallbacks: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Models that are asked where a model cannot answer, in this order."""
    rest: Rest = field(default_factory=Rest)


class Care:
    """Knows how each server has done lately."""

    def __init__(self, models: Models, rules: CareRules, figures: Figures | None = None) -> None:
        self._models = models
        self._rules = rules
        self.figures = figures or Figures()
        self._breakers = {model.id: Breaker(rules.rest) for model in models.all()}
        self._hurried = {model.id: Breaker(rules.rest) for model in models.all()}

    def breaker(self, model: Model) -> Breaker:
        return self._breakers[model.id]

    def hurried(self, model: Model) -> Breaker:
        """How a server does for those that wait for a time of their own only: too slow for them, it may be well for all others."""
        return self._hurried[model.id]

    def open(self) -> dict[tuple[str, ...], float]:
        """Deployments that are left alone for now."""
        return {
            (name,): 0.0 if breaker.closed and self._hurried[name].closed else 1.0
            for name, breaker in self._breakers.items()
        }

    @property
    def retries(self) -> int:
        return self._rules.retries

    def candidates(self, name: str, messages: Sequence[Wire]) -> list[Model]:
        """Whom to ask for a model, in order. Raises ModelNotFound."""
        names = [name, *self._rules.fallbacks.get(name, ())]
        return [model for each in names for model in ranked(self._models.deployments(each), messages)]

    def ask(
        self,
        name: str,
        messages: Sequence[Wire],
        ask: Callable[[Model], AsyncGenerator[T, None]],
        served: Served | None = None,
        until: float = math.inf,
    ) -> AsyncGenerator[T, None]:
        """What the first server that answers says. Raises ModelNotFound at once, and the UpstreamError family as `ask` does.

        Args:
            served: Is told who answered, before the first piece.
            until: When the caller breaks off, by the event loop's clock. A server that has not answered by then has failed.
        """
        return Attempts(self, name, self.candidates(name, messages), ask, served or Served(), until)


class Attempts(Beginning[T]):
    """An answer whose first piece may take several tries."""

    def __init__(
        self,
        care: Care,
        name: str,
        candidates: Sequence[Model],
        ask: Callable[[Model], AsyncGenerator[T, None]],
        served: Served,
        until: float,
    ) -> None:
        self._care = care
        self._name = name
        self._candidates = candidates
        self._ask = ask
        self._served = served
        self._until = until

    async def _first(self) -> T:
        """The first piece of the first answer. Raises what the last server raised that was asked."""
        left = list(self._candidates)
        error: UpstreamError | None = None
        for tried in range(self._care.retries + 1):
            if tried:
                if not left or error is None or (pause_s := _pause_s(tried, error)) is None:
                    break
                self._care.figures.count("graft_upstream_retries_total", self._name)
                await sleep(pause_s)
            for model in list(left):
                if not self._admitted(model):
                    continue
                try:
                    return await self._try(model)
                except UpstreamError as exc:
                    error = exc
                    if not _elsewhere(exc):
                        raise
                    if not _same_again(exc):
                        left.remove(model)
                    if len(self._candidates) > 1 or self._care.retries:
                        log.warning("Model %r failed with %d: %s", model.id, exc.status, exc.message)
        raise error or self._nobody()

    async def _try(self, model: Model) -> T:
        breaker = self._care.breaker(model)
        answer: AsyncGenerator[T, None] | None = None
        try:
            answer = self._ask(model)
            first = await _first_of(answer, model)
        except BaseException as exc:
            if isinstance(exc, UpstreamError) and self._counts(exc):
                breaker.failed(exc)
            else:
                breaker.spared()
            if isinstance(exc, CancelledError) and get_running_loop().time() >= self._until - _TICK_S:
                self._too_slow(model)
            if isinstance(exc, UpstreamError):
                exc.lane = model.lane
                self._care.figures.count("graft_upstream_errors_total", model.id, _kind(exc))
            if answer is not None:
                await answer.aclose()
            raise
        breaker.answered()
        if self._until < math.inf:
            self._care.hurried(model).answered()
        served = self._served
        served.model, served.deployment, served.lane = model.name, model.id, model.lane
        if model.name != self._name:
            self._care.figures.count("graft_upstream_fallbacks_total", self._name, model.name)
        self._rest = answer
        return first

    def _admitted(self, model: Model) -> bool:
        """Whether a server may be asked now.

        Those in a hurry ask at the same time, and where one gives up so do the others: no single one of them tries for all.
        """
        if self._until < math.inf and self._care.hurried(model).resting_s:
            return False
        return self._care.breaker(model).admits()

    def _too_slow(self, model: Model) -> None:
        """The caller's time is over, and the server has said nothing."""
        self._care.figures.count("graft_upstream_errors_total", model.id, _SLOW)
        hurried = self._care.hurried(model)
        if not hurried.resting_s:
            hurried.failed(
                UpstreamTimeout(f"The model {model.name!r} did not answer in time.", model=model.name, status=504)
            )

    def _counts(self, exc: UpstreamError) -> bool:
        """Whether an error says that the server is not well.

        Where nobody else can be asked, an error that a provider has answered is its client's to read: it comes as fast as any answer,
        and one request that a provider always stumbles over must not shut out all others.
        """
        if len(self._candidates) == 1:
            return isinstance(exc, UpstreamUnreachable | UpstreamTimeout)
        return exc.status >= 500 or exc.status == 429

    def _nobody(self) -> UpstreamError:
        """What is said where every server rests: the error of the one that is back first."""
        resting = [self._care.breaker(model) for model in self._candidates]
        if self._until < math.inf:
            both = [(one, self._care.hurried(model)) for one, model in zip(resting, self._candidates, strict=True)]
            resting = [max(pair, key=lambda breaker: breaker.resting_s) for pair in both]
        first = min(resting, key=lambda breaker: breaker.resting_s)
        last = first.error
        said = last.message if last else "none"
        return UpstreamResting(
            f"The model {self._name!r} has failed and is left alone for a moment. The last error was: {said}",
            model=self._name,
            status=last.status if last else 503,
            code=last.code if last else None,
            type=last.type if last else None,
            retry_after_s=max(first.resting_s, 1.0),
        )


def _kind(exc: UpstreamError) -> str:
    """What went wrong, in one of a few words."""
    match exc:
        case UpstreamTimeout():
            return _SLOW
        case UpstreamUnreachable():
            return "unreachable"
        case ContextLengthExceeded():
            return "context_length"
        case _:
            return f"{exc.status // 100}xx" if exc.status != 429 else "429"


async def _first_of(answer: AsyncGenerator[T, None], model: Model) -> T:
    """The first piece of an answer. Raises what the answer raises, and UpstreamError where it has none."""
    try:
        return await answer.__anext__()
    except StopAsyncIteration:
        raise failures.wordless(model) from None


def _elsewhere(exc: UpstreamError) -> bool:
    """Whether another server may do better."""
    if isinstance(exc, ContextLengthExceeded):
        return False
    return exc.status >= 500 or exc.status in _ELSEWHERE


def _same_again(exc: UpstreamError) -> bool:
    """Whether the same server may be asked once more."""
    return not isinstance(exc, UpstreamTimeout) and (exc.status >= 500 or exc.status in _SAME_AGAIN)


def _pause_s(tried: int, error: UpstreamError) -> float | None:
    """How long to wait before another round; `None` where the provider wants to be left alone for longer than a client waits."""
    asked_for = error.retry_after_s or 0.0
    if asked_for > _LONGEST_PAUSE_S:
        return None
    pause_s: float = min(_FIRST_PAUSE_S * 2 ** (tried - 1), _LONGEST_PAUSE_S) * random.uniform(0.5, 1.0)  # noqa: S311
    return max(asked_for, pause_s)
