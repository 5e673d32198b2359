"""Cross-validation by source dialogue, strictly.

A case concerns two dialogues: the one that its turn was taken from (the gold branch's, or the turn itself where it opens a
conversation) and the active branch's. Dialogues are dealt to folds; a case is judged by weights that were fitted without every case
that concerns any dialogue of either of its two folds. So no dialogue that the case concerns, in any role, was ever learned from, at
the price of fitting once for every pair of folds. A detour and the conversation that it left are one dialogue.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

from proxy.routing.bench.cases import Case
from proxy.routing.learn.dialogues import concerned


def deal(cases: Sequence[Case], names: Sequence[str], folds: int, seed: int = 0) -> dict[str, int]:
    """The fold of every dialogue."""
    pairs = [concerned(case) for case in cases]
    same = {name: name for name in [*names, *(name for pair in pairs for name in pair)]}

    def find(name: str) -> str:
        while same[name] != name:
            same[name] = same[same[name]]
            name = same[name]
        return name

    for case, (own, active) in zip(cases, pairs, strict=True):
        if case.kind != "continue" and "ts" in case.tags:
            same[find(own)] = find(active)
    groups = sorted({find(name) for name in same})
    random.Random(seed).shuffle(groups)  # noqa: S311 - a deal, not a secret
    fold = {group: at % folds for at, group in enumerate(groups)}
    return {name: fold[find(name)] for name in same}


def rounds(folds: Sequence[frozenset[int]], judged: int) -> Iterator[tuple[frozenset[int], list[int], list[int]]]:
    """For each pair of folds: the cases to fit on, and those of the first `judged` cases to judge."""
    for pair in sorted(set(folds[:judged]), key=sorted):
        fit = [at for at, concerned in enumerate(folds) if not concerned & pair]
        judge = [at for at, concerned in enumerate(folds[:judged]) if concerned == pair]
        yield pair, fit, judge
