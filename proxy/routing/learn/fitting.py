"""Fitting each learned part, to its JSON form."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from proxy.routing.decision import CLIP
from proxy.routing.features import Row, Rows
from proxy.routing.trees import flatten

Flat = dict[str, Any]
Labels = NDArray[np.int64]
Flags = NDArray[np.bool_]

DIGITS = 5

FOREST = {
    "objective": "multiclass", "num_class": 3, "num_leaves": 8, "learning_rate": 0.06, "min_data_in_leaf": 20, "feature_fraction": 0.15,
    "bagging_fraction": 0.7, "bagging_freq": 1, "lambda_l2": 5, "seed": 1, "verbose": -1, "deterministic": True, "force_row_wise": True,
    "num_threads": 1, "max_bin": 63,
}  # fmt: skip
ROUNDS = 250

OPENS_RIDGE = 200.0

FORK_SHARE = 0.1
"""Forks among the turns that stay, in the model's eyes; what mistakes cost says how readily one is chosen."""


def ranker(groups: Sequence[Rows], golds: Sequence[Flags], ridge: float) -> Flat:
    """A conditional logit: the gold rows of each group against the rest of it. Newton's method, for the columns are few."""
    rows = np.concatenate(groups).astype(np.float64)
    mean, scale = rows.mean(axis=0), rows.std(axis=0) + 1e-6
    rows = (rows - mean) / scale
    starts = np.cumsum([0, *map(len, groups)])[:-1]
    group = np.repeat(np.arange(len(groups)), list(map(len, groups)))
    gold = np.concatenate(golds).astype(np.float64)
    gold /= np.add.reduceat(gold, starts)[group]

    def chances(weights: Row) -> tuple[Row, float]:
        scores = rows @ weights
        grown = np.exp(scores - np.maximum.reduceat(scores, starts)[group])
        chance = grown / np.add.reduceat(grown, starts)[group]
        return chance, float(gold @ np.log(chance + 1e-12) - ridge / 2 * weights @ weights)

    weights = np.zeros(rows.shape[1])
    chance, worth = chances(weights)
    for _ in range(30):
        slope = rows.T @ (gold - chance) - ridge * weights
        means = np.add.reduceat(rows * chance[:, None], starts)
        curve = (rows * chance[:, None]).T @ rows - means.T @ means + ridge * np.eye(len(weights))
        step = np.linalg.solve(curve, slope)
        gained = -1.0
        while gained <= 0 and np.abs(step).max() > 1e-6:  # a whole step may overshoot
            chance, reached = chances(weights + step)
            gained = reached - worth
            if gained <= 0:
                step = step / 2
        if gained <= 1e-4:
            break
        weights, worth = weights + step, reached
    return {"mean": short(mean), "scale": short(scale), "weights": short(weights)}


def regression(rows: Rows, labels: Labels, weights: Row, ridge: float) -> Flat:
    """A logistic regression of three classes over scaled, clipped columns."""
    mean, scale = rows.mean(axis=0), rows.std(axis=0) + 1e-6
    coefficients, bias = _logistic(_scaled(rows, mean, scale), labels, weights, ridge)
    return _linear(mean, scale, coefficients, bias)


def forks(rows: Rows, forked: Flags, weights: Row) -> Flat:
    """Whether a turn that stays in its conversation forks; strictly held back, for the dialogues with forks are few."""
    mean, scale = rows.mean(axis=0), rows.std(axis=0) + 1e-6
    halves = np.where(forked, 0.5 / max(1, weights[forked].sum()), 0.5 / max(1, weights[~forked].sum()))
    even = halves * weights * len(forked)
    coefficients, bias = _logistic(_scaled(rows, mean, scale), forked.astype(np.int64), even, 0.003)
    return _linear(mean, scale, coefficients, bias + np.log(FORK_SHARE / (1 - FORK_SHARE)))


def opens(vectors: Rows, cues: Rows, first: Flags) -> Flat:
    """How much a turn reads like the first of a conversation, from its vector and its cues: a ridge regression on 1 and -1."""
    rows = np.concatenate([vectors, cues], axis=1).astype(np.float64)
    mean = np.concatenate([np.zeros(vectors.shape[1]), cues.mean(axis=0)])
    scale = np.concatenate([np.full(vectors.shape[1], 1 / 8), cues.std(axis=0) + 1e-6])
    rows = np.concatenate([_scaled(rows, mean, scale), np.ones((len(rows), 1))], axis=1)
    even = np.where(first, 0.5 / first.mean(), 0.5 / (1 - first.mean()))[:, None]
    curve = (rows * even).T @ rows + OPENS_RIDGE * np.eye(rows.shape[1])
    solved = np.linalg.solve(curve, (rows * even).T @ np.where(first, 1.0, -1.0))
    return _linear(mean, scale, solved[None, :-1], solved[-1:])


def forest(rows: Rows, labels: Labels, weights: Row) -> Flat:
    """Small boosted trees, one a class and round."""
    import lightgbm  # noqa: PLC0415 - only fitting needs it

    booster = lightgbm.train(
        FOREST, lightgbm.Dataset(rows, labels, weight=weights, params={"max_bin": FOREST["max_bin"]}), ROUNDS
    )
    return flatten(booster.dump_model()["tree_info"], int(FOREST["num_class"]), DIGITS)  # type: ignore[call-overload]


def trust(rows: Rows, right: Flags) -> list[float]:
    """Chance that a choice is right: a regression without a bias of its own, for each class has one."""
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415

    return short(LogisticRegression(C=1.0, fit_intercept=False, max_iter=500).fit(rows, right).coef_[0])


def short(values: Any) -> list[float]:
    """Numbers with as many digits as they are worth."""
    return [float(f"{value:.{DIGITS}g}") for value in np.asarray(values).tolist()]


def _scaled(rows: Rows, mean: Row, scale: Row) -> Rows:
    return np.clip((rows - mean) / scale, -CLIP, CLIP)


def _logistic(rows: Rows, labels: Labels, weights: Row, ridge: float) -> tuple[Rows, Row]:
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415

    model = LogisticRegression(C=ridge, max_iter=120, tol=1e-3).fit(rows, labels, sample_weight=weights)
    return model.coef_, model.intercept_


def _linear(mean: Row, scale: Row, coefficients: Rows, bias: Row) -> Flat:
    return {
        "mean": short(mean),
        "scale": short(scale),
        "weights": [short(row) for row in coefficients],
        "bias": short(bias),
    }
