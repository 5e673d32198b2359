"""Fitting the embedded scorer's weights on labelled cases, and saying honestly how good they are.

`train(cases_folder, out)` reads `cases.jsonl` and, where present, `train/cases.jsonl`, cross-validates by source dialogue, fits on
everything and writes one JSON file. It needs the dependency group `train` (LightGBM, scikit-learn); the scorer itself does not.

No case is ever judged by weights that saw its dialogues: see `folds.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from proxy.routing import fitting
from proxy.routing.bench.cases import Case, played
from proxy.routing.decision import CLASSES, FORK, RETURN
from proxy.routing.embedder import Embedder
from proxy.routing.evidence import COLUMNS, Ranker, earlier_nodes, earlier_rows, gather, other_rows, other_tips
from proxy.routing.features import Look, Row, Rows, look
from proxy.routing.pairs import PairIndex

KIND_WEIGHTS = np.array([1.0, 1.0, 1.0, 3.0])
"""Forks are rare in the cases; without this the model would never learn them."""

ROUNDS, LEAVES, SEEDS = 130, 8, 2
SHARE = 0.6
FOLDS = 8


@dataclass(frozen=True, slots=True)
class Example:
    """A case as numbers."""

    case: Case
    kind: int
    look: Look
    active: int
    others: NDArray[np.int32]
    other_gold: NDArray[np.bool_]
    other_rows: Rows
    earlier_gold: NDArray[np.bool_]
    earlier_rows: Rows


def examples(cases: Sequence[Case], embedder: Embedder) -> list[Example]:
    """Every case's features, from its tree as the router would see it."""
    found = []
    for case, model in played(cases):
        if not model.listeners:
            model.listen(PairIndex(embedder.size, embedder.name))
        index = model.listeners[0]
        assert isinstance(index, PairIndex)
        index.refresh(embedder)
        found.append(_example(case, index, embedder.embed([case.turn])[0]))
    return found


def _example(case: Case, index: PairIndex, vector: Row) -> Example:
    seen = look(index, case.turn, vector)
    assert case.active is not None
    active = index.pair_of[case.active]
    gold = {index.pair_of[node] for node in case.gold if node is not None}
    others, earlier = other_tips(index, active), earlier_nodes(index, active)
    return Example(
        case=case,
        kind=CLASSES.index(case.kind),
        look=seen,
        active=active,
        others=others,
        other_gold=np.isin(others, list(gold)),
        other_rows=other_rows(seen, others),
        earlier_gold=np.isin(earlier, list(gold)),
        earlier_rows=earlier_rows(seen, active, earlier),
    )


def fit(found: Sequence[Example]) -> fitting.Flat:
    """The learned parts, in their JSON form."""
    returns = [one for one in found if one.kind == RETURN and one.other_gold.any()]
    forks = [one for one in found if one.kind == FORK and one.earlier_gold.any()]
    others = fitting.ranker([one.other_rows for one in returns], [one.other_gold for one in returns], ridge=3)
    earlier = fitting.ranker([one.earlier_rows for one in forks], [one.earlier_gold for one in forks], ridge=10)
    rank_others, rank_earlier = Ranker.read(others), Ranker.read(earlier)
    rows = np.stack([gather(one.look, one.active, one.others, rank_others, rank_earlier).row for one in found])
    kinds = np.array([one.kind for one in found])
    weights = KIND_WEIGHTS[kinds]
    return {
        "columns": list(COLUMNS),
        "others": others,
        "earlier": earlier,
        "linear": fitting.regression(rows, kinds, weights),
        "forest": fitting.forest(rows, kinds, weights, classes=len(CLASSES), rounds=ROUNDS, leaves=LEAVES, seeds=SEEDS),
        "share": SHARE,
    }
