"""Flat trees say what the training library says."""

import json
from importlib.resources import files
from typing import Any

import numpy as np
import pytest

from proxy.routing.trees import Forest, flatten


def test_a_small_tree_is_walked_by_hand():
    tree = {
        "tree_structure": {
            "split_feature": 1,
            "threshold": 0.5,
            "left_child": {"leaf_value": -1.0},
            "right_child": {"leaf_value": 2.0},
        }
    }
    forest = Forest(flatten([tree, {"tree_structure": {"leaf_value": 0.25}}], 2))
    assert forest.scores(np.array([9.0, 0.5])).tolist() == [-1.0, 0.25]
    assert forest.scores(np.array([9.0, 0.6])).tolist() == [2.0, 0.25]


@pytest.mark.parametrize("embedder", ["minilm", "static"])
def test_every_shipped_tree_ends_where_a_walk_through_it_ends(embedder: str):
    flat = json.loads((files("proxy.routing") / "weights" / f"{embedder}.json").read_text())["forest"]
    rows = np.random.default_rng(5).normal(scale=3, size=(20, max(flat["features"]) + 1)).astype(np.float32)
    assert np.allclose(Forest(flat).all_scores(rows), [walked(flat, row) for row in rows])


def test_a_value_of_32_bits_beside_a_limit_of_64_goes_where_an_exact_comparison_sends_it():
    for limit in (0.1, 0.7, -0.3, 1e-9, 0.5):
        tree = {
            "split_feature": 0,
            "threshold": limit,
            "left_child": {"leaf_value": 0},
            "right_child": {"leaf_value": 1},
        }
        forest = Forest(flatten([{"tree_structure": tree}, {"tree_structure": {"leaf_value": 0}}], 2))
        near = np.float32(limit)
        for value in (near, np.nextafter(near, np.float32(9)), np.nextafter(near, np.float32(-9))):
            assert forest.scores(np.array([value], np.float32))[0] == (float(value) > limit)


def walked(flat: dict[str, Any], row: np.ndarray) -> list[float]:
    """What the forest says, one step after the other."""

    def end(node: int) -> int:
        if node < 0:
            return -1 - node
        return end(flat["right" if row[flat["features"][node]] > flat["limits"][node] else "left"][node])

    leaves = [flat["leaves"][end(root)] for root in flat["roots"]]
    return [sum(leaves[at :: flat["classes"]]) for at in range(flat["classes"])]


def test_trees_of_many_leaves_are_told_apart():
    """Each split of a comb takes one leaf off on the left."""
    tree: dict[str, Any] = {"leaf_value": 40.0}
    for at in reversed(range(40)):
        tree = {"split_feature": 0, "threshold": at, "left_child": {"leaf_value": float(at)}, "right_child": tree}
    forest = Forest(flatten([{"tree_structure": tree}, {"tree_structure": {"leaf_value": 0.5}}], 2))
    found = forest.all_scores(np.array([[-1.0], [0.5], [38.5], [39.5]]))
    assert found.tolist() == [[0.0, 0.5], [1.0, 0.5], [39.0, 0.5], [40.0, 0.5]]


def test_flat_trees_equal_the_librarys_predictions():
    lightgbm = pytest.importorskip("lightgbm")
    rng = np.random.default_rng(3)
    rows = rng.normal(size=(300, 6))
    labels = (rows[:, 0] + rows[:, 1] > 0).astype(int) + (rows[:, 2] > 1)
    options = {"objective": "multiclass", "num_class": 3, "num_leaves": 6, "verbose": -1, "num_threads": 1}
    booster = lightgbm.train(options, lightgbm.Dataset(rows, labels), 10)
    forest = Forest(flatten(booster.dump_model()["tree_info"], 3, digits=17))
    walked = np.array([forest.scores(row) for row in rows[:50]])
    assert np.allclose(walked, booster.predict(rows[:50], raw_score=True))
