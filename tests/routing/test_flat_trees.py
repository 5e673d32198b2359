"""Flat trees say what the training library says."""

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
