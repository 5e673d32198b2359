"""The benchmark of placement runs, on small trees: what it measures is not judged here."""

from __future__ import annotations

import json
import sys
from itertools import islice, pairwise
from pathlib import Path

import numpy as np
import pytest

from tests.bench import placement
from tests.bench.invented import Vectors, exchanges

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads the memory of a process as Linux tells it")


@pytest.mark.parametrize("more", [[], ["--store", "--users", "2"]])
def test_small_trees_are_measured_in_every_figure(tmp_path: Path, more: list[str]) -> None:
    told = tmp_path / "told.json"
    placement.main(["--sizes", "60", "--rounds", "2", "--json", str(told), *more])
    (cost,) = json.loads(told.read_text())
    assert cost["nodes"] == 60
    assert cost["users"] == (2 if more else 1)
    assert all(cost[name] > 0 for name in ("build_ms", "first_ms", "place_ms", "place_p95_ms", "long_ms", "add_ms"))


def test_a_tree_begins_alike_whatever_its_size() -> None:
    assert list(islice(exchanges("seed"), 5)) == list(islice(exchanges("seed"), 30))[:5]
    chain = [node for pair in islice(exchanges("seed", chain=True), 30) for node in pair]
    assert all(node.parent_id == before.id for before, node in pairwise(chain))


def test_texts_that_share_words_have_near_vectors() -> None:
    near, other, nothing = Vectors().embed(["dibek nafuk labek", "dibek nafuk rotok", "vipuk sagek"])
    assert near @ other > 0.5 > abs(near @ nothing)
    assert np.isclose(np.linalg.norm(near), 1)
