"""What an LLM scorer would add, by simulated ones: `python -m tests.bench.scorers FOLDER`.

Simulated scorers (`simulated`) take the turns of which the real embedded scorer is unsure, through the real windows, tournament, exploration
and thresholds; each turn's embedded answer comes from weights that never saw its dialogue (`nested`). Large trees are crowds of other dialogues
around the benchmark's streams (`crowded`). A real model's noise is not of this kind: it knows some turns and misreads others, and a long list
may tire it. So this tells what the modes cost, and what they and the gate make of noise.
"""

from __future__ import annotations

import argparse
import asyncio
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean

from rich.console import Console
from rich.table import Table

from proxy.domain.placement import Attachment, Question
from proxy.domain.tree import NodeId
from proxy.routing.bench.cases import Case
from proxy.routing.bench.metrics import MIX
from proxy.routing.embedder import embedder
from proxy.routing.explore import place, place_listwise
from proxy.routing.learn.dialogues import collect
from proxy.routing.learn.errands import errands
from proxy.routing.learn.lessons import lessons
from proxy.routing.limits import MODES, Mode, RoutingLimits
from proxy.routing.scene import Scene, see
from proxy.routing.weighing import leaning, weighed
from tests.bench.crowded import crowded
from tests.bench.nested import Placed, Strangers
from tests.bench.simulated import Cost, Simulated

ACCURACIES = (0.7, 0.8, 0.9, 0.97, 1.0)
"""Share of comparisons between a right and a wrong place that are won by the right one."""
KINDS = ("continue", "return", "new", "fork")
GATE = RoutingLimits().gate
GATES = (0.5, 0.7, 0.8, 0.85, GATE, 0.95, 0.97, 0.99)
SIZES = (4, 16, 64, 256)
CROWDS = (1024, 4096)
"""Conversations of the trees that are put together here."""
CROWDED = 300
"""Cases that are measured in each crowd."""


@dataclass(frozen=True)
class Prepared:
    """A case with the embedded scorer's answer and what each mode would show."""

    case: Case
    embedded: Attachment
    scenes: Mapping[Mode, Scene | None]
    tips: frozenset[NodeId]


@dataclass(frozen=True)
class Judged:
    """What becomes of a case with each simulated scorer, if it is asked."""

    kind: str
    confidence: float
    unsure: bool
    embedded: bool
    """Its answer is right."""
    both: Mapping[tuple[Mode, float], bool]
    """Right, by the words of both scorers weighed together."""
    alone: Mapping[tuple[Mode, float], bool]
    """Right, by the LLM's word alone."""
    cost: Mapping[tuple[Mode, float], Cost]
    conversations: int

    def is_asked(self, gate: float) -> bool:
        return bool(self.cost) and (self.unsure or self.confidence < gate)


def prepared(one: Placed) -> Prepared:
    lean = leaning(one.embedded)
    scenes = {mode: see(one.model, one.case.question, one.gate, lean, RoutingLimits(mode=mode)) for mode in MODES}
    return Prepared(one.case, one.embedded, scenes, frozenset(one.model.tips()))


async def judged(one: Prepared, seed: int = 0) -> Judged:
    """Ask every simulated scorer in both modes."""
    both, alone, cost = {}, {}, {}
    question: Question = one.case.question
    for mode, scene in one.scenes.items():
        for accuracy in ACCURACIES if scene is not None else ():
            assert scene is not None
            scorer = Simulated(one.case, scene, accuracy, seed)
            limits = RoutingLimits(mode=mode)
            if mode == "listwise":
                found = await place_listwise(scene, limits, scorer.rank, scorer.find)
            else:
                found = await place(scene, limits, scorer.judge, scorer.find)
            right = weighed(found, question, one.embedded, limits, one.tips, scene.conversations)
            both[mode, accuracy] = right.parent_id in one.case.gold
            alone[mode, accuracy] = found.place.parent in one.case.gold
            cost[mode, accuracy] = scorer.cost
    return Judged(
        one.case.kind,
        one.embedded.confidence,
        one.embedded.unsure,
        one.embedded.parent_id in one.case.gold,
        both,
        alone,
        cost,
        sum(node.parent_id is None for node in one.case.history),
    )


async def all_judged(placed: Iterator[Placed], seeds: int) -> list[Judged]:
    return [await judged(one, seed) for one in map(prepared, placed) for seed in range(seeds)]


def right(found: Sequence[Judged], mode: Mode, accuracy: float, gate: float) -> list[bool]:
    """Which turns are put right where the LLM is asked below a gate."""
    return [one.both[mode, accuracy] if one.is_asked(gate) else one.embedded for one in found]


def right_alone(found: Sequence[Judged], mode: Mode, accuracy: float) -> list[bool]:
    """The same where the LLM is asked about every turn, and its word is the last."""
    return [one.alone.get((mode, accuracy), one.embedded) for one in found]


def shares(found: Sequence[Judged], hits: Sequence[bool]) -> tuple[float, float]:
    """Per cent: the plain mean over kinds, and by traffic."""
    by_kind = {
        kind: 100 * mean(hit for hit, one in zip(hits, found, strict=True) if one.kind == kind)
        for kind in KINDS
        if any(one.kind == kind for one in found)
    }
    weight = sum(MIX[kind] for kind in by_kind)
    return mean(by_kind.values()), sum(MIX[kind] * share for kind, share in by_kind.items()) / weight


def asked(found: Sequence[Judged], gate: float) -> float:
    """Per cent of the turns that are asked about, by traffic."""
    return shares(found, [one.is_asked(gate) for one in found])[1]


def costs(found: Sequence[Judged], mode: Mode, accuracy: float, gate: float) -> list[str]:
    """Of a turn that is asked about: calls (mean, most), tokens, rounds (mean, most)."""
    spent = [one.cost[mode, accuracy] for one in found if one.is_asked(gate)]
    if not spent:
        return ["-"] * 5
    calls, tokens, rounds = ([getattr(cost, name) for cost in spent] for name in ("calls", "tokens", "rounds"))
    return [f"{mean(calls):.1f}", str(max(calls)), f"{mean(tokens):.0f}", f"{mean(rounds):.1f}", str(max(rounds))]


def both_shares(found: Sequence[Judged], hits: Sequence[bool]) -> str:
    return " / ".join(f"{share:.1f}" for share in shares(found, hits))


def by_accuracy(found: Sequence[Judged]) -> Table:
    """What each mode makes of noise at the shipped gate, and what it costs."""
    told = table(f"Gate {GATE:g}: right nodes, mean over kinds / by traffic", "mode", *map(str, ACCURACIES), *COSTS)
    for mode in MODES:
        cells = [both_shares(found, right(found, mode, accuracy, GATE)) for accuracy in ACCURACIES]
        told.add_row(mode, *cells, *costs(found, mode, 0.9, GATE))
    for mode in MODES:
        cells = [both_shares(found, right_alone(found, mode, accuracy)) for accuracy in ACCURACIES]
        told.add_row(f"{mode}, every turn, alone", *cells, *costs(found, mode, 0.9, 2.0))
    return told


def by_gate(found: Sequence[Judged]) -> Table:
    """The curve from calls to accuracy."""
    names = [f"{mode} {accuracy:g}" for mode in MODES for accuracy in (0.9, 0.97, 1.0)]
    told = table("By gate: right nodes, mean over kinds / by traffic", "gate", "asked %", *names)
    for gate in GATES:
        cells = [
            both_shares(found, right(found, mode, accuracy, gate)) for mode in MODES for accuracy in (0.9, 0.97, 1.0)
        ]
        told.add_row(f"{gate:g}", f"{asked(found, gate):.1f}", *cells)
    return told


def by_size(groups: Mapping[str, Sequence[Judged]]) -> Table:
    """The same by size of the tree."""
    names = [f"{mode} {accuracy:g}" for mode in MODES for accuracy in ACCURACIES]
    told = table("By conversations: right nodes by traffic", "conversations", "cases", "embedded", "asked %", *names)
    for name, found in groups.items():
        cells = [f"{shares(found, right(found, mode, a, GATE))[1]:.1f}" for mode in MODES for a in ACCURACIES]
        alone = f"{shares(found, [one.embedded for one in found])[1]:.1f}"
        told.add_row(name, str(len(found)), alone, f"{asked(found, GATE):.0f}", *cells)
    return told


def costs_by_size(groups: Mapping[str, Sequence[Judged]]) -> Table:
    told = table("What a question costs, by conversations", "conversations", "mode", *COSTS)
    for name, found in groups.items():
        for mode in MODES:
            told.add_row(name, mode, *costs(found, mode, 0.9, GATE))
    return told


COSTS = ("calls", "most", "tokens", "rounds", "most")


def table(title: str, *columns: str) -> Table:
    told = Table(title=title, title_justify="left")
    for column in columns:
        told.add_column(column, justify="right")
    return told


def size_of(one: Judged) -> str:
    """The benchmark's size that a tree is nearest to."""
    return str(min(SIZES, key=lambda size: abs(size - one.conversations) / size))


async def report(console: Console, folder: Path, kept: Path | None, every: int, seeds: int) -> None:
    strangers = Strangers.of(folder, embedder("minilm"), kept, ["sgd"])
    cases = [case for case in strangers.cases if zlib.crc32(case.id.encode()) % every == 0]
    found = await all_judged(strangers.placed(cases), seeds)
    alone = both_shares(found, [one.embedded for one in found])
    console.print(f"{len(cases)} cases; embedded scorer alone {alone}")
    console.print(by_accuracy(found))
    console.print(by_gate(found))
    groups = {str(size): [one for one in found if size_of(one) == str(size)] for size in SIZES}
    dialogues = {**collect(strangers.cases), **errands(), **lessons()}
    for size in CROWDS:
        crowd = crowded(strangers.cases, dialogues, size, CROWDED)
        groups[str(size)] = await all_judged(strangers.placed(crowd), seeds)
    groups = {name: group for name, group in groups.items() if group}
    console.print(by_size(groups))
    console.print(costs_by_size(groups))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="of cases.jsonl and train/cases.jsonl")
    parser.add_argument("--cache", type=Path, help="keep what was measured here for the next time")
    parser.add_argument("--every", type=int, default=1, help="one case in so many")
    parser.add_argument("--seeds", type=int, default=1)
    options = parser.parse_args()
    asyncio.run(report(Console(width=220), options.folder, options.cache, options.every, options.seeds))
