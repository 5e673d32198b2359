"""Source dialogues: what the streams are woven from, known by the text of their first turn."""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from dataclasses import replace

from proxy.domain.placement import FeedNode
from proxy.domain.tree import NodeId
from proxy.routing.bench.cases import Case, Prefix

Dialogue = tuple[str, ...]
"""Messages of one path, the user's first, ending with an answer."""


def named(text: str) -> str:
    """A dialogue's name: its first turn, folded."""
    return " ".join(text.lower().split())


def concerned(case: Case) -> tuple[str, str]:
    """The dialogue of a case's turn, and that of its active branch."""
    nodes = {node.id: node for node in case.history}

    def first(node_id: NodeId) -> str:
        node = nodes[node_id]
        while node.parent_id is not None:
            node = nodes[node.parent_id]
        return named(node.text)

    active = first(case.active) if case.active is not None else ""
    known = [node_id for node_id in case.gold if node_id is not None]
    return (first(known[0]) if known else named(case.turn)), active


def collect(cases: Iterable[Case]) -> dict[str, list[Dialogue]]:
    """Every dialogue of the cases' streams, each as the longest paths by which it occurs."""
    streams = {id(nodes): nodes for case in cases for nodes in [stream_of(case)]}
    paths: dict[str, set[Dialogue]] = {}
    for nodes in streams.values():
        for path in _paths(nodes):
            paths.setdefault(named(path[0]), set()).add(path)
    return {name: _longest(found) for name, found in sorted(paths.items())}


def confined(cases: Sequence[Case], names: Container[str]) -> list[Case]:
    """The cases that concern only these dialogues, in trees that hold no others."""
    streams: dict[int, tuple[list[FeedNode], list[int]]] = {}
    found = []
    for case in cases:
        if not all(name in names for name in concerned(case)):
            continue
        nodes = stream_of(case)
        if id(nodes) not in streams:
            streams[id(nodes)] = _stripped(nodes, names)
        kept, known = streams[id(nodes)]
        found.append(replace(case, history=Prefix(kept, known[len(case.history)])))
    return found


def _stripped(nodes: Sequence[FeedNode], names: Container[str]) -> tuple[list[FeedNode], list[int]]:
    """The nodes of these dialogues, and how many of them stand before each place of the whole stream."""
    stays: dict[NodeId, bool] = {}
    kept, known = [], [0]
    for node in nodes:
        stays[node.id] = stays[node.parent_id] if node.parent_id is not None else named(node.text) in names
        if stays[node.id]:
            kept.append(node)
        known.append(len(kept))
    return kept, known


def stream_of(case: Case) -> Sequence[FeedNode]:
    """The whole stream that a case was taken from, its future too."""
    return case.history.nodes if isinstance(case.history, Prefix) else case.history


def _paths(nodes: Sequence[FeedNode]) -> Iterable[Dialogue]:
    by_id = {node.id: node for node in nodes}
    parents = {node.parent_id for node in nodes}
    for node in nodes:
        if node.id in parents or node.role != "assistant":
            continue
        path, at = [node.text], node
        while at.parent_id is not None:
            at = by_id[at.parent_id]
            path.append(at.text)
        yield tuple(path[::-1])


def _longest(paths: set[Dialogue]) -> list[Dialogue]:
    whole = [path[: len(path) // 2 * 2] for path in paths]
    longest = max(map(len, whole))
    return sorted({path for path in whole if len(path) >= max(2, longest - 2)})
