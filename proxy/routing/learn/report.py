"""Cross-validated figures, as they stand in the weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from proxy.routing.bench.cases import Case
from proxy.routing.decision import CLASSES, trust_row
from proxy.routing.features import Row

SURE = 0.8


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was said of one case by weights that never saw its dialogues; four values are one a class."""

    case: Case
    kind: int
    chances: Row
    shares: tuple[float, float, float, float]
    """Of the best place among those of its kind."""
    right: tuple[bool, bool, bool, bool]
    """Whether choosing this class would be right."""
    branch: tuple[bool, bool, bool, bool]
    """Whether it would be the right conversation."""


def figures(verdicts: Sequence[Verdict], judged: int, costs: Sequence[float], trust: Sequence[float]) -> dict[str, Any]:
    """Per cent: attach and branch by kind and on average, for the judged cases (`dev`) and for all labelled ones."""
    return {
        "per cent, cross-validated by source dialogue": {
            "dev": _figures(verdicts[:judged], costs, trust),
            "all": _figures(verdicts, costs, trust),
        }
    }


def _figures(verdicts: Sequence[Verdict], costs: Sequence[float], trust: Sequence[float]) -> dict[str, Any]:
    weights, learned = np.array(costs), np.array(trust)
    chosen = [int((one.chances * weights).argmax()) for one in verdicts]
    attach = np.array([one.right[kind] for one, kind in zip(verdicts, chosen, strict=True)])
    branch = np.array([one.branch[kind] for one, kind in zip(verdicts, chosen, strict=True)])
    rows = np.array(
        [trust_row(one.chances, weights, kind, one.shares[kind]) for one, kind in zip(verdicts, chosen, strict=True)]
    )
    confidence = 1 / (1 + np.exp(-rows @ learned))
    kinds = np.array([one.kind for one in verdicts])
    by_kind = {
        name: [_per_cent(hits[kinds == kind]) for hits in (attach, branch)]
        for kind, name in enumerate(CLASSES)
        if (kinds == kind).any()
    }
    sure = confidence >= SURE
    return {
        "cases": len(verdicts),
        "attach_macro": round(float(np.mean([attach for attach, _ in by_kind.values()])), 1),
        "branch_macro": round(float(np.mean([branch for _, branch in by_kind.values()])), 1),
        "attach_and_branch": by_kind,
        "sure": {"share": _per_cent(sure), "right": _per_cent(attach[sure]), "unsure_right": _per_cent(attach[~sure])},
    }


def _per_cent(hits: Any) -> float:
    return round(100 * float(np.mean(hits)), 1) if len(hits) else 0.0
