"""Cross-validated figures, as they stand in the weights: per cent, unless said otherwise."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from proxy.routing.bench.cases import Case
from proxy.routing.bench.metrics import MIX
from proxy.routing.decision import CLASSES
from proxy.routing.features import Row
from proxy.routing.learn.table import Flags
from proxy.routing.learn.verdicts import Ints, Verdicts, choices

SURE = 0.8

LARGE = "M256"
"""Tag of the cases in trees of 256 conversations."""

BINS = (0.0, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1.0)

DRAWS = 1000


def figures(cases: Sequence[Case], told: Verdicts, confidence: Row) -> dict[str, Any]:
    """What choices are worth; `confidence` was settled without the cases that it is applied to."""
    chosen = choices(told)
    at = np.arange(len(told))
    attach, branch = told.right[at, chosen], told.branch[at, chosen]
    sure = confidence >= SURE
    of_kind = _by_kind(told.kinds, attach, branch)
    large = np.array([LARGE in case.tags and case.kind != "fork" for case in cases])
    streams = _streams(cases)
    return {
        "cases": len(told),
        "attach_macro": _mean(pair[0] for pair in of_kind.values()),
        "branch_macro": _mean(pair[1] for pair in of_kind.values()),
        "attach_and_branch": of_kind,
        "attach_by_traffic": _by_traffic(told.kinds, attach, streams),
        "branch_by_traffic": _by_traffic(told.kinds, branch, streams),
        "attach_macro_in_trees_of_256": _mean(
            pair[0] for pair in _by_kind(told.kinds[large], attach[large], branch[large]).values()
        ),
        "sure": {"share": _per_cent(sure), "right": _per_cent(attach[sure]), "unsure_right": _per_cent(attach[~sure])},
        "expected_calibration_error": calibration_error(confidence, attach),
        "reliability": reliability(confidence, attach),
    }


def calibration_error(confidence: Row, right: Flags) -> float:
    """The mean distance between confidence and share right, over the bins of `reliability`, weighed by their cases."""
    rows = reliability(confidence, right)
    far = sum(abs(row["confidence"] - row["right"]) * row["cases"] for row in rows)
    return round(float(far) / max(1, len(right)), 1)


def reliability(confidence: Row, right: Flags) -> list[dict[str, Any]]:
    """Cases, mean confidence and share right, by confidence."""
    found = []
    for low, high in pairwise(BINS):
        held = (confidence >= low) & ((confidence < high) | (high == BINS[-1]))
        if held.any():
            found.append(
                {
                    "from": low,
                    "cases": int(held.sum()),
                    "confidence": _per_cent(confidence[held]),
                    "right": _per_cent(right[held]),
                }
            )
    return found


def _by_kind(kinds: Ints, attach: Flags, branch: Flags) -> dict[str, list[float]]:
    return {
        name: [_per_cent(hits[kinds == kind]) for hits in (attach, branch)]
        for kind, name in enumerate(CLASSES)
        if (kinds == kind).any()
    }


def _by_traffic(kinds: Ints, hits: Flags, streams: Ints) -> list[float]:
    """Weighed by the traffic that chats are thought to have, with its 95 % interval: whole streams are drawn anew."""
    known = [kind for kind in range(len(CLASSES)) if (kinds == kind).any()]
    weights = np.array([MIX[CLASSES[kind]] for kind in known])
    count = int(streams.max()) + 1
    right = np.array([np.bincount(streams[kinds == kind], hits[kinds == kind], count) for kind in known])
    cases = np.array([np.bincount(streams[kinds == kind], minlength=count) for kind in known])
    drawn = np.random.default_rng(7).multinomial(count, np.full(count, 1 / count), DRAWS).T
    shares = weights @ ((right @ drawn) / np.maximum(1, cases @ drawn)) / weights.sum()
    value = weights @ (right.sum(axis=1) / cases.sum(axis=1)) / weights.sum()
    return [round(100 * float(figure), 1) for figure in (value, *np.quantile(shares, (0.025, 0.975)))]


def _streams(cases: Sequence[Case]) -> Ints:
    """The number of each case's stream, in the order in which streams occur."""
    numbers: dict[int, int] = {}
    histories = [id(getattr(case.history, "nodes", case.history)) for case in cases]
    return np.array([numbers.setdefault(history, len(numbers)) for history in histories])


def _mean(values: Any) -> float:
    held = list(values)
    return round(float(np.mean(held)), 1) if held else 0.0


def _per_cent(hits: Any) -> float:
    return round(100 * float(np.mean(hits)), 1) if len(hits) else 0.0
