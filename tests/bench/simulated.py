"""A simulated LLM scorer: it knows the right places, and is wrong at a chosen rate.

Of two places, a right one and a wrong one, it prefers the right one in so many per cent of comparisons: noise of equal strength lies on
every place that it is shown. It counts what it is asked, as a real one would be billed.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import NormalDist

from proxy.domain.tree import NodeId
from proxy.routing.answers import Choice, Ranked
from proxy.routing.bench.cases import Case
from proxy.routing.explore import opening
from proxy.routing.prompt import show_conversations, show_points, show_turn, show_windows
from proxy.routing.scene import Point, Scene
from proxy.routing.signatures import FindAttachment, RankConversations, ScoreWindows
from proxy.routing.tournament import Verdict
from proxy.routing.windows import Window

OTHER_POINT = 0.5
"""How right the right conversation is at the wrong point."""


@dataclass
class Cost:
    """What one decision took."""

    calls: int = 0
    tokens: int = 0
    rounds: int = 0


class Simulated:
    """A scorer of known accuracy for one case."""

    def __init__(self, case: Case, scene: Scene, accuracy: float, seed: int) -> None:
        self._case = case
        self._scene = scene
        self._random = random.Random(f"{case.id} {accuracy} {seed}")
        self._noise = 0.0 if accuracy == 1 else 1 / (2**0.5 * NormalDist().inv_cdf(accuracy))
        parents = {node.id: node.parent_id for node in case.history}
        self._first: dict[NodeId, NodeId] = {}
        for node_id, above in parents.items():
            self._first[node_id] = node_id if above is None else self._first[above]
        self.cost = Cost()
        self._ended = True

    async def judge(self, windows: Sequence[Window]) -> list[Verdict]:
        await self._asked(ScoreWindows, show_windows(windows))
        verdicts = [Verdict(window, self._seen(self._window(window)), 0, "") for window in windows]
        order = sorted(verdicts, key=lambda verdict: -verdict.relevance)
        return [replace(verdict, rank=order.index(verdict) + 1) for verdict in verdicts]

    async def find(self, points: Sequence[Point]) -> list[Choice]:
        await self._asked(FindAttachment, show_points(points))
        choices = [Choice(point, self._seen(self._right(point.node)), "") for point in points]
        return sorted([*choices, Choice(None, self._seen(self._root()), "")], key=lambda one: -one.relevance)[:3]

    async def rank(self, windows: Sequence[Window]) -> list[Ranked]:
        await self._asked(RankConversations, show_conversations(windows, [opening(self._scene, w) for w in windows]))
        ranks = [Ranked(window, self._seen(self._window(window)), "") for window in windows]
        return sorted([*ranks, Ranked(None, self._seen(self._root()), "")], key=lambda one: -one.relevance)[:3]

    async def _asked(self, signature: type, shown: str) -> None:
        if self._ended:
            self.cost.rounds += 1
            self._ended = False
        self.cost.calls += 1
        turn = show_turn(self._scene.new_turn, self._scene.system)
        self.cost.tokens += (len(signature.__doc__ or "") + len(shown) + len(turn)) // 4
        await asyncio.sleep(0)  # the calls of a round begin before one of them ends
        self._ended = True

    def _seen(self, truth: float) -> float:
        return min(1.0, max(0.0, 0.1 + 0.8 * (truth + self._random.gauss(0, self._noise))))

    def _window(self, window: Window) -> float:
        gold = [node for node in self._case.gold if node is not None]
        if any(node in window.trail or node == window.end for node in gold):
            return 1.0
        return self._right(window.end)

    def _right(self, node: NodeId) -> float:
        if node in self._case.gold:
            return 1.0
        return OTHER_POINT if self._first[node] in self._case.gold_branch else 0.0

    def _root(self) -> float:
        return 1.0 if None in self._case.gold else 0.0
