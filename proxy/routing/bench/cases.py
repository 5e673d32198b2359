"""Labelled placements: one case is a tree of the past, a new turn, and the nodes that it may join.

The format is the routing benchmark's: `cases.jsonl` with one case a line; its history is the first `history_len` lines of
`history_file`, which is relative to the folder of the cases, or stands in the case as `history`.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from proxy.domain.placement import FeedNode, Fresh, Mark, Question, TreeSlice
from proxy.domain.tree import NodeId, TreeId, UserId
from proxy.errors import InvalidRequest
from proxy.routing.grove import TreeModel


@dataclass(frozen=True, slots=True)
class Case:
    """One labelled placement."""

    id: str
    suite: str
    kind: str
    """`continue`, `return`, `new` or `fork`: for reports, never for routers."""
    tags: tuple[str, ...]
    turn: str
    active: NodeId | None
    """Where the previous turn ended."""
    gold: tuple[NodeId | None, ...]
    """Acceptable parents; `None` is the root."""
    gold_branch: frozenset[NodeId | None]
    """First node of the right conversation; `None` for a new one."""
    history: Sequence[FeedNode]
    fresh: Fresh | None = None
    """Set where the turn comes without history."""
    active_age_s: float = 0.0
    source: str = ""
    """The data set that the turn was taken from: for reports and folds, never for routers."""
    system: str | None = None
    """The system text that came with the turn."""
    personality: str | None = None

    @property
    def question(self) -> Question:
        """What a router may know."""
        return Question(
            UserId("bench"),
            TreeId("bench"),
            self.turn,
            self.active,
            self.system,
            fresh=self.fresh,
            active_age_s=self.active_age_s,
            personality=self.personality,
        )


def read_cases(path: Path, suite: str | None = None) -> list[Case]:
    """The cases of a file, in order; histories that several cases share are read once.

    Raises:
        InvalidRequest: It is not text, or a line is not a case, or names a history that is not there.
    """
    streams: dict[Path, list[FeedNode]] = {}
    cases = []
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except ValueError as exc:
        raise InvalidRequest(f"{path.name!r} is no file of cases: it is not text in UTF-8.") from exc
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            case = _case(json.loads(line), path.parent, streams)
        except KeyError as exc:
            raise InvalidRequest(f"Line {number} of {path.name!r} is not a case: it has no {exc.args[0]!r}.") from exc
        except (TypeError, ValueError, OSError) as exc:
            raise InvalidRequest(f"Line {number} of {path.name!r} is not a case: {exc}.") from exc
        if suite is None or case.suite == suite:
            cases.append(case)
    return cases


def read_stream(path: Path) -> list[FeedNode]:
    """The turns of a stream in arrival order.

    Raises:
        OSError: It is not there.
        ValueError: A line is not a turn.
    """
    lines = path.read_text(encoding="utf-8").splitlines()
    return [_node(json.loads(line), at) for at, line in enumerate(lines) if line.strip()]


def played(cases: Iterable[Case]) -> Iterator[tuple[Case, TreeModel]]:
    """Every case beside the tree of its history. Cases that share a history share one tree, which grows from case to case."""
    by_history: dict[int, list[Case]] = defaultdict(list)
    for case in cases:
        by_history[id(case.history.nodes) if isinstance(case.history, Prefix) else id(case.history)].append(case)
    for group in by_history.values():
        model, shown = TreeModel(), 0
        for case in sorted(group, key=lambda case: len(case.history)):
            news, shown = case.history[shown:], len(case.history)
            model.apply(TreeSlice(Mark(0, shown), list(news), reset=False))
            yield case, model


@dataclass(frozen=True, slots=True)
class Prefix(Sequence[FeedNode]):
    """The first nodes of a shared list, without a copy."""

    nodes: Sequence[FeedNode]
    shown: int

    def __len__(self) -> int:
        return self.shown

    def __getitem__(self, at: Any) -> Any:
        if isinstance(at, slice):
            return [self.nodes[i] for i in range(*at.indices(self.shown))]
        return self.nodes[range(self.shown)[at]]


def _case(line: Mapping[str, Any], folder: Path, streams: dict[Path, list[FeedNode]]) -> Case:
    history: Sequence[FeedNode]
    if not isinstance(line, Mapping):
        raise TypeError("it is no JSON object")
    if "history" in line:
        history = [_node(turn, at) for at, turn in enumerate(line["history"])]
    else:
        if "history_file" not in line:
            raise ValueError("it has neither 'history' nor 'history_file'")
        file = folder / line["history_file"]
        if file not in streams:
            streams[file] = read_stream(file)
        history = Prefix(streams[file], min(int(line["history_len"]), len(streams[file])))
    return Case(
        id=str(line["id"]),
        suite=str(line.get("suite", "core")),
        kind=str(line["kind"]),
        tags=tuple(line.get("tags", ())),
        turn=str(line["turn"]),
        active=line["active"],
        gold=tuple(line["gold"]),
        gold_branch=frozenset(line["gold_branch"]),
        history=history,
        source=str(line.get("source", "")),
    )


def _node(turn: Mapping[str, Any], at: int) -> FeedNode:
    return FeedNode(turn["id"], turn["parent"], turn["role"], turn["content"], float(at))
