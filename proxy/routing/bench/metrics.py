"""What placements are worth: the routing benchmark's metrics, so that figures can be set beside others.

    attach  the chosen parent is one of the right ones
    branch  the chosen conversation is the right one
    kept    share of the needed path's tokens that the chosen path holds
    sent    tokens sent against tokens needed

Each is a mean over cases of one kind; *macro* is the plain mean over kinds, *mix* weighs them by the traffic that chats are thought
to have. Tokens are characters by four. Intervals are 95 % bootstraps, drawn by history, since cases of one history hang together.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from proxy.domain.placement import FeedNode
from proxy.domain.tree import NodeId
from proxy.routing.bench.cases import Case

KINDS = ("continue", "return", "new", "fork")
MIX: Mapping[str, float] = {"continue": 0.60, "new": 0.20, "return": 0.15, "fork": 0.05}


@dataclass(frozen=True, slots=True)
class Prediction:
    """Where a router put the turn of one case; `None` is the root."""

    case_id: str
    parent_id: NodeId | None
    ms: float | None = None
    confidence: float | None = None
    """The chance that the place is right, in the router's own eyes."""


@dataclass(frozen=True, slots=True)
class Judged:
    """One case and what became of it. Token figures include the turn itself where they are sums."""

    case: Case
    attach: bool
    branch: bool
    sent: int
    linear: int
    gold: int
    need: int
    kept: int
    ms: float | None
    at_root: bool
    """Put at the root; so is none that is missing."""
    confidence: float | None = None


@dataclass(frozen=True, slots=True)
class Figure:
    """A share between 0 and 1, with its interval."""

    value: float
    low: float
    high: float


def tokens(text: str) -> int:
    return max(1, round(len(text) / 4))


def judge(case: Case, prediction: Prediction | None) -> Judged:
    """Judge one placement; a missing one, or one at a node that is not there, is wrong and sends everything."""
    nodes: dict[NodeId, FeedNode] = {node.id: node for node in case.history}
    size = {node_id: tokens(node.text) for node_id, node in nodes.items()}

    def path(node_id: NodeId | None) -> list[NodeId]:
        found: list[NodeId] = []
        while node_id is not None:
            found.append(node_id)
            node_id = nodes[node_id].parent_id
        return found

    parent = prediction.parent_id if prediction else None
    missing = prediction is None or (parent is not None and parent not in nodes)
    chosen = [] if missing else path(parent)
    needed = max((path(gold) for gold in case.gold), key=len)
    turn, everything = tokens(case.turn), sum(size.values())
    return Judged(
        case=case,
        attach=not missing and parent in case.gold,
        branch=not missing and (chosen[-1] if chosen else None) in case.gold_branch,
        sent=(everything if missing else sum(size[n] for n in chosen)) + turn,
        linear=everything + turn,
        gold=sum(size[n] for n in needed) + turn,
        need=sum(size[n] for n in needed),
        kept=sum(size[n] for n in set(needed) & set(chosen)),
        ms=prediction.ms if prediction else None,
        at_root=not missing and parent is None,
        confidence=prediction.confidence if prediction else None,
    )


def summary(judged: Sequence[Judged]) -> dict[str, float]:
    """All figures of a set of cases, by name: `attach_macro`, `branch_continue`, `context_kept`, ..."""
    figures: dict[str, float] = {}
    kinds = [kind for kind in KINDS if any(j.case.kind == kind for j in judged)]
    for name, hits in (("attach", [j.attach for j in judged]), ("branch", [j.branch for j in judged])):
        told = [(j.case.kind, hit) for j, hit in zip(judged, hits, strict=True)]
        by_kind = {kind: _mean([hit for of, hit in told if of == kind]) for kind in kinds}
        figures |= {f"{name}_{kind}": value for kind, value in by_kind.items()}
        figures[f"{name}_macro"] = _mean(list(by_kind.values()))
        weight = sum(MIX[kind] for kind in kinds)
        figures[f"{name}_mix"] = sum(MIX[kind] * value for kind, value in by_kind.items()) / weight if kinds else 0.0
        figures[f"{name}_micro"] = _mean(hits)
    linear, gold = sum(j.linear for j in judged), sum(j.gold for j in judged)
    sent = sum(j.sent for j in judged)
    figures["tokens_saved"] = 1 - sent / linear if linear else 0.0
    figures["context_kept"] = _mean([j.kept / j.need for j in judged if j.need])
    figures["sent_vs_gold"] = sent / gold if gold else 0.0
    took = sorted(j.ms for j in judged if j.ms is not None)
    if took:
        figures["ms_p50"] = took[len(took) // 2]
        figures["ms_p95"] = took[min(len(took) - 1, int(len(took) * 0.95))]
    return figures


def intervals(judged: Sequence[Judged], draws: int = 400, seed: int = 7) -> dict[str, Figure]:
    """The figures with their intervals, resampled by history; by turn where all are of one."""
    groups: dict[int, list[Judged]] = {}
    for j in judged:
        groups.setdefault(_history(j.case), []).append(j)
    pools = list(groups.values()) if len(groups) > 1 else [[j] for j in judged]
    rng = random.Random(seed)  # noqa: S311 - a bootstrap, no secret
    drawn: dict[str, list[float]] = {}
    for _ in range(draws):
        sample = [j for pool in rng.choices(pools, k=len(pools)) for j in pool]
        for name, value in summary(sample).items():
            drawn.setdefault(name, []).append(value)
    return {name: _figure(value, sorted(drawn.get(name, [value]))) for name, value in summary(judged).items()}


def groups(judged: Sequence[Judged]) -> dict[str, list[Judged]]:
    """The sets of cases that a report shows: each suite, and the core suite by size of the tree."""
    tests: dict[str, Callable[[Case], bool]] = {
        "core": lambda case: case.suite == "core",
        **{f"core {size}": _sized(size) for size in ("M4", "M16", "M64", "M256")},
        "core, elliptical": lambda case: case.suite == "core" and "elliptical" in case.tags and case.kind == "continue",
        "irc": lambda case: case.suite == "irc",
        "tiage": lambda case: case.suite == "tiage",
        "own turns": lambda case: case.suite == "own turns",
        "own turns, those that you corrected": lambda case: case.suite == "own turns" and "corrected" in case.tags,
    }
    found = {name: [j for j in judged if test(j.case)] for name, test in tests.items()}
    return {name: members for name, members in found.items() if members}


def _sized(size: str) -> Callable[[Case], bool]:
    return lambda case: case.suite == "core" and size in case.tags and case.kind != "fork"


def _history(case: Case) -> int:
    return id(getattr(case.history, "nodes", case.history))


def _figure(value: float, drawn: Sequence[float]) -> Figure:
    last = len(drawn) - 1
    return Figure(value, drawn[int(0.025 * len(drawn))], drawn[min(last, int(0.975 * len(drawn)))])


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0
