"""Boosted decision trees over flat arrays: all trees of a forest take one step at a time, together.

A library's predict call costs milliseconds for a single row; this costs about a tenth of one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Row = NDArray[np.floating[Any]]


class Forest:
    """Trees whose leaves add up to one score a class.

    Inner nodes of all trees share four arrays; a child below 0 is a leaf, counted from -1. Tree `t` speaks for class
    `t % classes` and starts at `roots[t]`; a tree of one leaf has a root below 0.
    """

    def __init__(self, flat: Mapping[str, Any]) -> None:
        """Take the arrays as they stand in the weights: `classes`, `roots`, `features`, `limits`, `left`, `right`, `leaves`."""
        self.classes = int(flat["classes"])
        self._roots = np.asarray(flat["roots"], np.int32)
        self._features = np.asarray(flat["features"], np.int32)
        self._limits = np.asarray(flat["limits"], np.float64)
        self._children = np.asarray([flat["left"], flat["right"]], np.int32)
        self._leaves = np.asarray(flat["leaves"], np.float64)

    def all_scores(self, rows: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
        """The scores of many rows, one row each."""
        at = np.tile(self._roots, (len(rows), 1))
        while len(walking := np.argwhere(at >= 0)):
            row, tree = walking.T
            node = at[row, tree]
            right = rows[row, self._features[node]] > self._limits[node]
            at[row, tree] = self._children[right.astype(np.int8), node]
        totals: NDArray[np.float64] = self._leaves[-1 - at].reshape(len(rows), -1, self.classes).sum(axis=1)
        return totals

    def scores(self, row: Row) -> NDArray[np.float64]:
        """One score a class; softmax makes them probabilities."""
        at = self._roots.copy()
        walking = np.flatnonzero(at >= 0)
        while len(walking):
            node = at[walking]
            right = row[self._features[node]] > self._limits[node]
            at[walking] = node = self._children[right.astype(np.int8), node]
            walking = walking[node >= 0]
        totals: NDArray[np.float64] = self._leaves[-1 - at].reshape(-1, self.classes).sum(axis=0)
        return totals


def flatten(trees: Sequence[Mapping[str, Any]], classes: int, digits: int = 5) -> dict[str, Any]:
    """Flat arrays of trees in LightGBM's `dump_model()["tree_info"]` form, as short JSON numbers.

    A value at most the limit goes left. Rounding moves no value that was seen, unless it lay within a few parts in `10**digits`.
    """
    flat: dict[str, Any] = {"classes": classes} | {
        key: [] for key in ("roots", "features", "limits", "left", "right", "leaves")
    }

    def place(node: Mapping[str, Any]) -> int:
        if "leaf_value" in node:
            flat["leaves"].append(_short(node["leaf_value"], digits))
            return -len(flat["leaves"])
        at = len(flat["features"])
        flat["features"].append(int(node["split_feature"]))
        flat["limits"].append(_short(node["threshold"], digits))
        for side in ("left", "right"):
            flat[side].append(0)
        for side in ("left", "right"):
            flat[side][at] = place(node[f"{side}_child"])
        return at

    for tree in trees:
        flat["roots"].append(place(tree["tree_structure"]))
    return flat


def _short(value: float, digits: int) -> float:
    return float(f"{value:.{digits}g}")
