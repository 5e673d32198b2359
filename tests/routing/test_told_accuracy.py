"""What the README tells of accuracy is what the runs that fitted the shipped weights reported."""

from __future__ import annotations

from pathlib import Path

import pytest

from proxy.routing.decision import Weights
from proxy.routing.learn.telling import retold

README = (Path(__file__).parents[2] / "README.md").read_text()


def test_the_account_of_accuracy_is_the_one_written_from_the_reports():
    assert retold(README) == README


@pytest.mark.parametrize("embedder", ["minilm", "static"])
def test_shipped_weights_name_what_they_were_not_learned_from(embedder: str):
    assert Weights.shipped(embedder).report["learned without"] == ["sgd"]
