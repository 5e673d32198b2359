"""The tournament: windows meet in small groups, the winners meet again, until one is left.

Every group is one scorer call, and the groups of a round are asked at the same time. A window without an opponent passes a
round unasked. What a judge is, and what it costs, is not known here.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import anyio

from proxy.domain.tree import NodeId
from proxy.routing.windows import Window

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a scorer says of one window."""

    window: Window
    relevance: float
    """0 to 1."""
    rank: int
    """1 is best within its group."""
    reason: str


Judge = Callable[[Sequence[Window]], Awaitable[Sequence[Verdict]]]
"""One verdict for every window of a group, in the group's order."""


@dataclass(frozen=True, slots=True)
class Final:
    """How a tournament ended."""

    winner: Window
    verdicts: tuple[Verdict, ...]
    """The last word on every window that was judged: those that came furthest first."""

    @property
    def relevance(self) -> float | None:
        """The winner's; `None` when it met nobody."""
        return next((verdict.relevance for verdict in self.verdicts if verdict.window == self.winner), None)

    @property
    def reason(self) -> str:
        return next((verdict.reason for verdict in self.verdicts if verdict.window == self.winner), "")


async def tournament(pool: Sequence[Window], judge: Judge, group: int) -> Final:
    """Let the windows of a pool, which is not empty, meet until one is left.

    Raises whatever a judge raises first; the calls beside it are then cancelled.
    """
    left = list(pool)
    last: dict[NodeId, tuple[int, Verdict]] = {}
    while len(left) > 1:
        groups = [left[at : at + group] for at in range(0, len(left), group)]
        unopposed = groups.pop() if len(groups[-1]) == 1 else []
        judged = await together([partial(judge, windows) for windows in groups])
        last |= {verdict.window.point: (len(left), verdict) for verdicts in judged for verdict in verdicts}
        left = [best(verdicts).window for verdicts in judged] + unopposed
    furthest = sorted(last.values(), key=lambda seen: (seen[0], -seen[1].relevance, seen[1].rank))
    return Final(left[0], tuple(verdict for _, verdict in furthest))


def best(verdicts: Sequence[Verdict]) -> Verdict:
    """The most relevant; among equals the better ranked, then the one shown first.

    Relevance goes first because small models mistake the direction of a rank more often than that of a share.
    """
    return min(verdicts, key=lambda verdict: (-verdict.relevance, verdict.rank))


async def together(calls: Sequence[Callable[[], Awaitable[T]]]) -> list[T]:
    """The results of calls made at the same time, in their order.

    Raises the first call's error that came, as it is; the others are cancelled.
    """
    if len(calls) == 1:
        return [await calls[0]()]
    results: dict[int, T] = {}

    async def run(at: int) -> None:
        results[at] = await calls[at]()

    failed: Exception | None = None
    try:
        async with anyio.create_task_group() as tasks:
            for at in range(len(calls)):
                tasks.start_soon(run, at)
    except ExceptionGroup as several:
        failed = _first(several)
    if failed is not None:  # raised out here, so that its own cause stays what it was
        raise failed
    return [results[at] for at in range(len(calls))]


def _first(group: ExceptionGroup[Exception]) -> Exception:
    error: Exception = group
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    return error
