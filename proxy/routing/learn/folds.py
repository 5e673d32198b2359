"""Cross-validation by source dialogue.

A case concerns two dialogues: the one that its turn was taken from (the gold branch's, or the turn itself where it opens a
conversation) and the active branch's. Dialogues are dealt to folds. A case is judged by weights that were fitted without every case
that concerns, in either role, any dialogue of the fold of its own dialogue. A detour and the conversation that it left are one dialogue.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

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
