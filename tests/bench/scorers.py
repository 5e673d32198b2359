"""What an LLM scorer would add, by simulated ones: `python -m tests.bench.scorers FOLDER`.

A simulated scorer knows the right places and is wrong at a chosen rate: of two places, a right one and a wrong one, it prefers the right
one in so many per cent of comparisons (noise of equal strength on every place it is shown). It takes the turns of which the real
embedded scorer is unsure, through the real windows, tournament, exploration and thresholds; each turn's embedded answer comes from weights that
never saw its dialogue (`nested`). A real model's noise is not of this kind: it
knows some turns and misreads others, and a long list may tire it. So this tells what the modes cost, and what they make of noise.
"""

from __future__ import annotations

import argparse
import asyncio
import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import NormalDist, mean

from rich.console import Console
from rich.table import Table

from proxy.domain.placement import Attachment, Question
from proxy.domain.tree import NodeId
from proxy.routing.answers import Choice, Ranked
from proxy.routing.bench.cases import Case
from proxy.routing.bench.metrics import MIX
from proxy.routing.embedder import embedder
from proxy.routing.explore import opening, place, place_listwise
from proxy.routing.limits import MODES, Mode, RoutingLimits
from proxy.routing.prompt import show_conversations, show_points, show_turn, show_windows
from proxy.routing.router import leaning, weighed
from proxy.routing.scene import Point, Scene, see
from proxy.routing.signatures import FindAttachment, RankConversations, ScoreWindows
from proxy.routing.tournament import Verdict
from proxy.routing.windows import Window
from tests.bench.nested import placed
from tests.doubles.scenery import FakeGate, Planting

ACCURACIES = (0.7, 0.8, 0.9, 0.97, 1.0)
"""Share of comparisons between a right and a wrong place that are won by the right one."""
KINDS = ("continue", "return", "new", "fork")
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


@dataclass(frozen=True)
class Prepared:
    """A case with the embedded scorer's answer and what each mode would show."""

    case: Case
    embedded: Attachment
    scenes: dict[Mode, Scene | None]
    tips: frozenset[NodeId]


def prepared(folder: Path, kept: Path | None) -> list[Prepared]:
    """The labelled cases of a folder, each with the answer of weights that never saw its dialogue."""
    found = []
    for one in placed(folder, embedder("minilm"), kept, ["sgd"]):
        case, lean = one.case, leaning(one.embedded)
        scenes = {mode: see(one.model, case.question, one.gate, lean, RoutingLimits(mode=mode)) for mode in MODES}
        found.append(Prepared(case, one.embedded, scenes, frozenset(one.model.tips())))
    return found


async def asked(scene: Scene, scorer: Simulated, limits: RoutingLimits, one: Prepared) -> NodeId | None:
    """Where a turn goes that the LLM is asked about."""
    if limits.mode == "listwise":
        found = await place_listwise(scene, limits, scorer.rank, scorer.find)
    else:
        found = await place(scene, limits, scorer.judge, scorer.find)
    question: Question = one.case.question
    return weighed(found, question, one.embedded, limits, one.tips, scene.conversations).parent_id


async def measure(found: Sequence[Prepared], mode: Mode, accuracy: float, gate: float, seeds: int) -> list[str]:
    """Right nodes (mean over kinds, and by traffic), the share of turns asked about by traffic, and the cost of asking."""
    limits = RoutingLimits(mode=mode, gate=gate)
    hits: defaultdict[str, list[bool]] = defaultdict(list)
    shown: defaultdict[str, list[bool]] = defaultdict(list)
    costs: list[Cost] = []
    for seed in range(seeds):
        for one in found:
            scene = one.scenes[mode]
            sure = gate < 1 and not one.embedded.unsure and one.embedded.confidence >= gate
            parent = one.embedded.parent_id
            if scene is not None and not sure:
                scorer = Simulated(one.case, scene, accuracy, seed)
                parent = await asked(scene, scorer, limits, one)
                costs.append(scorer.cost)
            hits[one.case.kind].append(parent in one.case.gold)
            shown[one.case.kind].append(scene is not None and not sure)
    right = mean(mean(hits[kind]) for kind in KINDS if hits[kind])
    return [*(f"{100 * share:.1f}" for share in (right, by_traffic(hits), by_traffic(shown))), *told(costs)]


def by_traffic(hits: Mapping[str, Sequence[bool]]) -> float:
    known = [kind for kind in KINDS if hits[kind]]
    return sum(MIX[kind] * mean(hits[kind]) for kind in known) / sum(MIX[kind] for kind in known)


def told(costs: Sequence[Cost]) -> list[str]:
    if not costs:
        return ["-"] * 5
    calls, tokens, rounds = ([getattr(cost, name) for cost in costs] for name in ("calls", "tokens", "rounds"))
    return [f"{mean(calls):.1f}", str(max(calls)), f"{mean(tokens):.0f}", f"{mean(rounds):.1f}", str(max(rounds))]


async def grown(branches: int, mode: Mode, seeds: int, accuracy: float = 0.9) -> list[str]:
    """The cost in a tree of so many branches, where the shortlist holds the right one."""
    planting = Planting()
    for number in range(branches):
        planting.talk(f"topic{number}", pairs=4)
    model = planting.model()
    costs, right = [], 0
    for seed in range(seeds):
        chosen = random.Random(seed).randrange(branches)
        end, last = NodeId(f"topic{chosen}-4a"), NodeId(f"topic{branches - 1}-4a")
        case = Case(
            "case", "grown", "return", (), "?", last, (end,), frozenset([NodeId(f"topic{chosen}-1u")]), planting.nodes
        )
        limits = RoutingLimits(mode=mode)
        gate = FakeGate(favourites=[end, f"topic{chosen}-2a"])
        scene = see(model, case.question, gate, None, limits)
        assert scene is not None
        scorer = Simulated(case, scene, accuracy, seed)
        embedded = Attachment(last, "continue", "", 0.5, "embedded", unsure=True)
        one = Prepared(case, embedded, {mode: scene}, frozenset(model.tips()))
        right += await asked(scene, scorer, limits, one) == end
        costs.append(scorer.cost)
    return [f"{100 * right / seeds:.0f}", *told(costs)]


async def report(console: Console, folder: Path | None, kept: Path | None, seeds: int) -> None:
    costs = ("calls", "most", "tokens", "rounds", "most")
    if folder is not None:
        found = prepared(folder, kept)
        right = {
            kind: [one.embedded.parent_id in one.case.gold for one in found if one.case.kind == kind] for kind in KINDS
        }
        alone = f"{100 * mean(mean(right[kind]) for kind in KINDS):.1f}, by traffic {100 * by_traffic(right):.1f}"
        table = Table(title=f"{len(found)} cases; embedded scorer alone {alone}", title_justify="left")
        for column in ("mode", "pairs right", "gate", "right node", "by traffic", "asked", *costs):
            table.add_column(column, justify="right")
        for mode in MODES:
            for accuracy in ACCURACIES:
                for gate in (0.8, 0.9, 1.0):
                    row = await measure(found, mode, accuracy, gate, seeds)
                    table.add_row(mode, f"{accuracy:.0%}", f"{gate:g}", *row)
        console.print(table)
    table = Table(title="By size of the tree, pairs right 90 %, right branch in the shortlist", title_justify="left")
    for column in ("branches", "mode", "right", *costs):
        table.add_column(column, justify="right")
    for branches in (4, 16, 64, 256, 1024, 4096):
        for mode in MODES:
            table.add_row(str(branches), mode, *await grown(branches, mode, 20 * seeds))
    console.print(table)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?", help="of cases.jsonl and train/cases.jsonl")
    parser.add_argument("--cache", type=Path, help="keep what was measured here for the next time")
    parser.add_argument("--seeds", type=int, default=1)
    options = parser.parse_args()
    asyncio.run(report(Console(width=140), options.folder, options.cache, options.seeds))
