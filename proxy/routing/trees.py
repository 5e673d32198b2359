"""Boosted decision trees over flat arrays: all trees of a forest are asked at once, and none is walked.

Every inner node is asked whether its value is beyond its limit; one that says so rules out the leaves on its left. Of what is left of each
tree, the first leaf is the one where a walk would end. Source: Lucchese and others, QuickScorer (2015).

A library's predict call costs milliseconds for a single row; this costs a few hundredths of one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

_KINDS = (np.uint8, np.uint16, np.uint32, np.uint64)


class Forest:
    """Trees whose leaves add up to one score a class; tree `t` speaks for class `t % classes`."""

    def __init__(self, flat: Mapping[str, Any]) -> None:
        """Take the arrays as they stand in the weights: `classes`, `roots`, `features`, `limits`, `left`, `right`, `leaves`.

        Inner nodes of all trees share four arrays; a child below 0 is a leaf, counted from -1. A tree of one leaf has a root below 0. No
        tree has more than 64 leaves.
        """
        self.classes = int(flat["classes"])
        trees = [_Tree(flat, root) for at in range(self.classes) for root in flat["roots"][at :: self.classes]]
        most = max(len(tree.features) for tree in trees)
        shape = most, len(trees)
        self._features, limits = np.zeros(shape, np.intp), np.full(shape, np.inf)
        """One column a tree, one row a node; where there is none, nothing is ruled out."""
        self._left = np.zeros(shape, next(kind for kind in _KINDS if most < np.iinfo(kind).bits))
        """The leaves on each node's left, one bit a leaf."""
        for column, tree in enumerate(trees):
            held = slice(0, len(tree.features)), column
            self._features[held], limits[held], self._left[held] = tree.features, tree.limits, tree.left
        self._limits = _floor(limits)
        self._leaves = np.array([leaf for tree in trees for leaf in tree.leaves], np.float64)
        counts = np.array([len(tree.leaves) for tree in trees])
        self._before = np.cumsum(counts) - counts - 1
        """What stands before the first leaf of each tree."""

    def all_scores(self, rows: NDArray[np.float32]) -> NDArray[np.float64]:
        """The scores of many rows, one row each."""
        return np.array([self.scores(row) for row in rows]).reshape(len(rows), self.classes)

    def scores(self, row: NDArray[np.float32]) -> NDArray[np.float64]:
        """One score a class; softmax makes them probabilities."""
        beyond = row.take(self._features, mode="clip") > self._limits
        out = np.bitwise_or.reduce(beyond.view(np.uint8) * self._left, axis=0)
        ends = np.bitwise_count(
            out ^ (out + 1)
        )  # one more than the number of bits below the lowest one that is not set
        leaves = self._leaves.take(self._before + ends).reshape(self.classes, -1)
        totals: NDArray[np.float64] = np.add.reduce(leaves, axis=1)
        return totals


def _floor(limits: NDArray[np.float64]) -> NDArray[np.float32]:
    """The nearest numbers of 32 bits that are no larger: the same numbers of 32 bits lie beyond them."""
    near = limits.astype(np.float32)
    return np.where(near > limits, np.nextafter(near, np.float32(-np.inf)), near)


class _Tree:
    """One tree from left to right."""

    def __init__(self, flat: Mapping[str, Any], root: int) -> None:
        self._flat = flat
        self.features: list[int] = []
        self.limits: list[float] = []
        self.left: list[int] = []
        self.leaves: list[float] = []
        self._take(root)

    def _take(self, node: int) -> None:
        if node < 0:
            self.leaves.append(self._flat["leaves"][-1 - node])
            return
        before = len(self.leaves)
        self._take(self._flat["left"][node])
        self.features.append(self._flat["features"][node])
        self.limits.append(self._flat["limits"][node])
        self.left.append((1 << len(self.leaves)) - (1 << before))
        self._take(self._flat["right"][node])


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
