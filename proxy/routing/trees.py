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
        self._roots_up, self._children_up = self._upwards(self._roots), self._upwards(self._children)
        self._ends = len(self._features) + np.arange(len(self._leaves), dtype=np.int32)
        self._deepest = self._depth()

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
        """One score a class; softmax makes them probabilities.

        Every node is asked at once which child it would take, leaves take themselves, and the trees walk as far as the deepest goes.
        """
        right = row[self._features] > self._limits
        following = np.concatenate([np.where(right, *self._children_up[::-1]), self._ends])
        at = self._roots_up
        for _ in range(self._deepest):
            at = following[at]
        totals: NDArray[np.float64] = self._leaves[at - len(right)].reshape(-1, self.classes).sum(axis=0)
        return totals

    def _upwards(self, children: NDArray[np.int32]) -> NDArray[np.int32]:
        """Children with the leaves numbered after the inner nodes."""
        return np.where(children < 0, len(self._features) - 1 - children, children).astype(np.int32)

    def _depth(self) -> int:
        """Steps from a root to the farthest leaf."""
        at, steps = self._roots[self._roots >= 0], 0
        while len(at):  # no node is the child of two
            below = self._children[:, at].ravel()
            at, steps = below[below >= 0], steps + 1
        return steps


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
