"""Cross-validation by source dialogue, strictly.

A dialogue is known by the text of its first turn. A case concerns two: the one that its turn was taken from (the gold branch's, or the
turn itself where it opens a conversation) and the active branch's. Dialogues are dealt to folds; a case is judged by weights that were
fitted without every case that concerns any dialogue of either of its two folds. So no dialogue that the case concerns, in any role,
was ever seen, at the price of fitting once for every pair of folds. A detour and the conversation that it left are one dialogue.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

from proxy.domain.tree import NodeId
from proxy.routing.bench.cases import Case


def dialogues(case: Case) -> tuple[str, str]:
    """The dialogue of the turn, and that of the active branch."""
    parents = {node.id: node.parent_id for node in case.history}
    texts = {node.id: node.text for node in case.history}

    def first(node: NodeId) -> str:
        while (parent := parents[node]) is not None:
            node = parent
        return _folded(texts[node])

    active = first(case.active) if case.active is not None else ""
    known = [node for node in case.gold if node is not None]
    return (first(min(known)) if known else _folded(case.turn)), active


def deal(cases: Sequence[Case], folds: int, seed: int = 0) -> list[frozenset[int]]:
    """The one or two folds that each case concerns."""
    concerned = [dialogues(case) for case in cases]
    same = {name: name for names in concerned for name in names}

    def find(name: str) -> str:
        while same[name] != name:
            same[name] = same[same[name]]
            name = same[name]
        return name

    for case, (own, active) in zip(cases, concerned, strict=True):
        if case.kind != "continue" and "ts" in case.tags:
            same[find(own)] = find(active)
    groups = sorted({find(name) for name in same})
    random.Random(seed).shuffle(groups)  # noqa: S311 - a deal, not a secret
    fold = {group: at % folds for at, group in enumerate(groups)}
    return [frozenset((fold[find(own)], fold[find(active)])) for own, active in concerned]


def rounds(concerned: Sequence[frozenset[int]]) -> Iterator[tuple[list[int], list[int]]]:
    """For each pair of folds: the cases to fit on, and the cases to judge."""
    for pair in sorted(set(concerned), key=sorted):
        fit = [at for at, folds in enumerate(concerned) if not folds & pair]
        judge = [at for at, folds in enumerate(concerned) if folds == pair]
        yield fit, judge


def _folded(said: str) -> str:
    return " ".join(said.lower().split())
