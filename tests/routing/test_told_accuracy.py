"""What the README tells of accuracy is what the run that fitted the shipped weights reported."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from proxy.routing.decision import Weights

README = (Path(__file__).parents[2] / "README.md").read_text()
FIGURES = "per cent, cross-validated by source dialogue"


def row(figures: dict[str, Any]) -> str:
    kinds = figures["attach_and_branch"]
    value, low, high = figures["attach_by_traffic"]
    cells = [
        figures["attach_macro"],
        figures["branch_macro"],
        " / ".join(map(str, kinds["continue"])),
        kinds["return"][0],
        kinds["new"][0],
        " / ".join(map(str, kinds["fork"])),
        f"{value} [{low}-{high}]",
    ]
    return " | ".join(map(str, cells))


@pytest.mark.parametrize(
    ("embedder", "cases"),
    [("minilm", "dev"), ("minilm", "all"), ("minilm", "all, text only"), ("static", "dev"), ("static", "all")],
)
def test_a_row_of_the_table_is_a_row_of_the_report(embedder: str, cases: str):
    assert row(Weights.shipped(embedder).report[FIGURES][cases]) in README


def test_calibration_is_told_as_reported():
    figures = Weights.shipped("minilm").report[FIGURES]["all"]
    sure = figures["sure"]
    assert f"of {sure['share']} % of the turns and right on {sure['right']} % of those" in README
    for line in figures["reliability"]:
        assert f"| {line['from']:g} | {line['cases']} | {line['confidence']} | {line['right']} |" in README


@pytest.mark.parametrize("embedder", ["minilm", "static"])
def test_shipped_weights_name_what_they_were_not_learned_from(embedder: str):
    assert Weights.shipped(embedder).report["learned without"] == ["sgd"]
