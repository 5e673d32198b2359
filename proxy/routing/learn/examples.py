"""Labelled placements as numbers, measured on trees as the router would see them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from proxy.routing.bench.cases import Case, played
from proxy.routing.decision import CLASSES
from proxy.routing.embedder import Embedder
from proxy.routing.evidence import Observed, observe, other_tips
from proxy.routing.features import Row, look
from proxy.routing.pairs import PairIndex


@dataclass(frozen=True, slots=True)
class Example:
    """A case as numbers."""

    case: Case
    kind: int
    """Index in `CLASSES`."""
    vector: Row
    seen: Observed
    other_gold: NDArray[np.bool_]
    earlier_gold: NDArray[np.bool_]
    other_branch: NDArray[np.bool_]
    """Other tips in the right conversation."""


def measure(cases: Sequence[Case], embedder: Embedder) -> list[Example]:
    """One example a case, in the cases' order."""
    found: dict[int, Example] = {}
    for case, model in played(cases):
        if not model.listeners:
            model.listen(PairIndex(embedder.size, embedder.name))
        index = model.listeners[0]
        assert isinstance(index, PairIndex)
        index.refresh(embedder)
        found[id(case)] = _example(case, index, embedder.embed([case.turn])[0])
    return [found[id(case)] for case in cases]


def _example(case: Case, index: PairIndex, vector: Row) -> Example:
    assert case.active is not None
    active = index.pair_of[case.active]
    others = other_tips(index, active)
    seen = observe(look(index, case.turn, vector), active, others)
    gold = [index.pair_of[node] for node in case.gold if node is not None]
    return Example(
        case=case,
        kind=CLASSES.index(case.kind),
        vector=vector,
        seen=seen,
        other_gold=np.isin(others, gold),
        earlier_gold=np.isin(seen.earlier, gold),
        other_branch=np.isin(index.root[others], index.root[gold]) if gold else np.zeros(len(others), bool),
    )
