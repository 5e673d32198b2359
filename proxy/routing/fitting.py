"""Fitting each part of the weights: rankers, regression, trees, costs and calibration."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from proxy.routing.features import Row, Rows
from proxy.routing.trees import flatten

Flat = dict[str, Any]
"""Weights in their JSON form."""

DIGITS = 5


def ranker(groups: Sequence[Rows], golds: Sequence[NDArray[np.bool_]], ridge: float) -> Flat:
    """A conditional logit: the gold rows of each group against the rest of it. Newton's method, for the columns are few."""
    rows = np.concatenate(groups).astype(np.float64)
    mean, scale = rows.mean(axis=0), rows.std(axis=0) + 1e-6
    rows = (rows - mean) / scale
    starts = np.cumsum([0, *map(len, groups)])[:-1]
    group = np.repeat(np.arange(len(groups)), list(map(len, groups)))
    gold = np.concatenate(golds).astype(np.float64)
    gold /= np.add.reduceat(gold, starts)[group]
    weights = np.zeros(rows.shape[1])
    for _ in range(12):
        scores = rows @ weights
        grown = np.exp(scores - np.maximum.reduceat(scores, starts)[group])
        chance = grown / np.add.reduceat(grown, starts)[group]
        slope = rows.T @ (gold - chance) - ridge * weights
        means = np.add.reduceat(rows * chance[:, None], starts)
        curve = (rows * chance[:, None]).T @ rows - means.T @ means + ridge * np.eye(len(weights))
        weights += np.linalg.solve(curve, slope)
    return {"mean": short(mean), "scale": short(scale), "weights": short(weights)}


def regression(rows: Rows, kinds: NDArray[np.int64], weights: Row) -> Flat:
    """A logistic regression over scaled columns, clipped at five deviations."""
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415 - only fitting needs it

    mean, scale = rows.mean(axis=0), rows.std(axis=0) + 1e-6
    model = LogisticRegression(C=0.05, max_iter=500)
    model.fit(np.clip((rows - mean) / scale, -5, 5), kinds, sample_weight=weights)
    return {
        "mean": short(mean),
        "scale": short(scale),
        "weights": [short(row) for row in model.coef_],
        "bias": short(model.intercept_),
    }


def forest(
    rows: Rows, kinds: NDArray[np.int64], weights: Row, *, classes: int, rounds: int, leaves: int, seeds: int
) -> Flat:
    """The mean of small boosted models that differ by their seed."""
    import lightgbm  # noqa: PLC0415

    trees = []
    for seed in range(seeds):
        options = {
            "objective": "multiclass", "num_class": classes, "num_leaves": leaves, "learning_rate": 0.07, "min_data_in_leaf": 20,
            "feature_fraction": 0.4, "bagging_fraction": 0.7, "bagging_freq": 1, "lambda_l2": 5, "seed": seed, "verbose": -1,
            "deterministic": True, "force_row_wise": True, "num_threads": 2,
        }  # fmt: skip
        booster = lightgbm.train(options, lightgbm.Dataset(rows, kinds, weight=weights), rounds)
        trees += booster.dump_model()["tree_info"]
    flat = flatten(trees, classes, DIGITS)
    flat["leaves"] = short(np.array(flat["leaves"]) / seeds)
    return flat


def short(values: Any) -> list[float]:
    """Numbers with as many digits as they are worth."""
    return [float(f"{value:.{DIGITS}g}") for value in np.asarray(values).tolist()]
