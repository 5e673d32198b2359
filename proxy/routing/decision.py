"""The four-way choice: a turn goes on, goes back to another branch, forks from an earlier node, or opens a new topic.

The mean of a logistic regression and boosted trees over one row of evidence, both fitted by `training.py`. One weight a class then
says how much each mistake costs, and a table turns the score of the winner into the chance that it is right.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray

from proxy.errors import ConfigError
from proxy.routing.evidence import COLUMNS, Evidence, Ranker, softmax
from proxy.routing.features import Row
from proxy.routing.trees import Forest

CLASSES = ("continue", "return", "new", "fork")
CONTINUE, RETURN, NEW, FORK = range(4)


@dataclass(frozen=True, slots=True)
class Linear:
    """A logistic regression over scaled, clipped columns."""

    mean: Row
    scale: Row
    weights: NDArray[np.float32]
    """One row a class."""
    bias: Row

    @classmethod
    def read(cls, flat: Mapping[str, Any]) -> Linear:
        return cls(*(np.asarray(flat[name], np.float32) for name in ("mean", "scale", "weights", "bias")))

    def chances(self, row: Row) -> Row:
        return softmax(self.weights @ np.clip((row - self.mean) / self.scale, -5, 5) + self.bias)


@dataclass(frozen=True, slots=True)
class Weights:
    """All that was learned, for one embedder."""

    embedder: str
    others: Ranker
    earlier: Ranker
    linear: Linear
    forest: Forest
    share: float
    """The forest's part in the mean."""
    costs: Row
    """One weight a class: `continue` needs the least evidence."""
    calibration: NDArray[np.float32]
    """Two rows: score of the winner, ascending; chance that it is right."""
    stay_below: float
    """A turn that stays although its chance is below this stays unsure."""
    report: Mapping[str, Any]
    """Cross-validated figures, and what the weights were fitted on."""

    @classmethod
    def read(cls, flat: Mapping[str, Any]) -> Weights:
        """Take weights from their JSON form.

        Raises:
            ConfigError: They were fitted for other features.
        """
        if tuple(flat["columns"]) != COLUMNS:
            raise ConfigError(
                "The router's weights were fitted for other features. Run `graft optimize --embedded` again."
            )
        return cls(
            embedder=flat["embedder"],
            others=Ranker.read(flat["others"]),
            earlier=Ranker.read(flat["earlier"]),
            linear=Linear.read(flat["linear"]),
            forest=Forest(flat["forest"]),
            share=float(flat["share"]),
            costs=np.asarray(flat["costs"], np.float32),
            calibration=np.asarray(flat["calibration"], np.float32),
            stay_below=float(flat["stay_below"]),
            report=flat["report"],
        )

    @classmethod
    def shipped(cls, embedder: str) -> Weights:
        """The weights that come with the package."""
        return cls.read(json.loads((files("proxy.routing") / "weights" / f"{embedder}.json").read_text()))

    def chances(self, evidence: Evidence) -> Row:
        """One chance a class; a class without a place has none."""
        grown = softmax(self.forest.scores(evidence.row))
        chances = self.share * grown + (1 - self.share) * self.linear.chances(evidence.row)
        if not len(evidence.others):
            chances[RETURN] = 0
        if not len(evidence.earlier):
            chances[FORK] = 0
        return np.asarray(chances / chances.sum(), np.float32)

    def confidence(self, score: float) -> float:
        """The chance that a winner with this score is right."""
        return float(np.interp(score, self.calibration[0], self.calibration[1]))
