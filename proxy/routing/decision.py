"""The decision: a turn goes on, goes back to another branch, forks from an earlier node, or opens a new topic.

First, whether it stays in the active conversation, goes to another, or opens one: the mean of a logistic regression and boosted trees
over one row of evidence. Then, if it stays, whether it forks: a regression of its own, for forks are rare and must not disturb the rest.
Then the place is taken whose mistakes are expected to cost least: a root where a return was meant is mended sooner than a turn in a
stranger's conversation. A small regression tells the chance that the place is right. All but the costs is fitted by `training.py`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from operator import mul
from typing import Any

import numpy as np
from numpy.typing import NDArray

from proxy.errors import ConfigError
from proxy.routing.evidence import COLUMNS, Evidence, Ranker
from proxy.routing.features import Row, Rows
from proxy.routing.trees import Forest

CLASSES = ("continue", "return", "new", "fork")
CONTINUE, RETURN, NEW, FORK = range(4)

CLIP = 5.0
"""Scaled columns are clipped here, in deviations."""

TORN, WRONG_JOIN, NEEDLESS_ROOT, NEEDLESS_FORK, MISSED_FORK = 5.0, 2.0, 1.2, 1.0, 6.0
"""What mistakes cost, against each other. A follow-up torn from its conversation is the worst. A turn at the root of its own lacks what
was said before; in another's conversation it misleads that one too. Chances understate forks, so one that is missed weighs more."""

COSTS = np.array(
    [
        [0, TORN, TORN, NEEDLESS_FORK],
        [WRONG_JOIN, 0, NEEDLESS_ROOT, WRONG_JOIN],
        [WRONG_JOIN, WRONG_JOIN, 0, WRONG_JOIN],
        [MISSED_FORK, TORN, TORN, 0],
    ]
)
"""One row a class that would be right, one column a class that is chosen."""

TRUST = 2 * len(CLASSES) + 3
"""Columns of `trust_row`."""


@dataclass(frozen=True, slots=True)
class Linear:
    """Weighted sums of scaled, clipped columns: one a class."""

    mean: Row
    scale: Row
    weights: NDArray[np.float32]
    """One row a class."""
    bias: Row

    @classmethod
    def read(cls, flat: Mapping[str, Any]) -> Linear:
        return cls(*(np.asarray(flat[name], np.float32) for name in ("mean", "scale", "weights", "bias")))

    def scaled(self, row: Row | Rows) -> Rows:
        """Columns in deviations from their mean, clipped."""
        return np.minimum(np.maximum((row - self.mean) / self.scale, -CLIP), CLIP)

    def scores(self, row: Row | Rows) -> Row:
        """One score a class, of one row or of each of many."""
        scores: Row = self.scaled(row) @ self.weights.T + self.bias
        return scores


@dataclass(frozen=True, slots=True)
class Regressions:
    """Both regressions over one row of evidence, which is scaled for both at once."""

    mean: Rows
    """One row a regression, here and below: the one over the conversations, then the one for forks."""
    scale: Rows
    weights: NDArray[np.float32]
    """One column a score: three conversations, then a fork; the rows of each regression stand below those of the other."""
    bias: Row
    leans: NDArray[np.float32]
    """What each scaled column adds to the log odds of each of `CLASSES` (first axis) against the others together: for one that stays, in
    the regression for forks (second axis) too."""

    @classmethod
    def of(cls, linear: Linear, forks: Linear) -> Regressions:
        count = len(linear.mean)
        weights = np.zeros((2 * count, 4), np.float32)
        weights[:count, :3], weights[count:, 3] = linear.weights.T, forks.weights[0]
        stays, goes, opens = linear.weights - (linear.weights.sum(axis=0) - linear.weights) / 2
        forked = forks.weights[0]
        leans = [(stays, -forked), (goes, 0 * forked), (opens, 0 * forked), (stays, forked)]
        return cls(
            mean=np.array([linear.mean, forks.mean], np.float32),
            scale=np.array([linear.scale, forks.scale], np.float32),
            weights=weights,
            bias=np.concatenate([linear.bias, forks.bias]),
            leans=np.array(leans, np.float32),
        )

    def scaled(self, row: Row) -> Rows:
        """Columns in deviations from their mean, clipped: one row a regression."""
        found: Rows = row - self.mean
        found /= self.scale
        np.minimum(np.maximum(found, -CLIP, out=found), CLIP, out=found)
        return found

    def scores(self, scaled: Rows) -> list[float]:
        """One score a conversation, and what speaks for a fork, of scaled columns."""
        scores: list[float] = (scaled.ravel() @ self.weights + self.bias).tolist()
        return scores

    def parts(self, scaled: Rows, kind: int, *, forks: bool) -> Row:
        """What each column adds to the evidence for a class; without `forks` there is no earlier node to stay at."""
        added = scaled * self.leans[kind]
        return np.asarray(added[0] + added[1] if forks else added[0])


@dataclass(frozen=True, slots=True)
class Weights:
    """All that was learned, for one embedder."""

    embedder: str
    opens: Linear
    """How much a turn reads like the first of a conversation: over its vector and its cues."""
    others: Ranker
    earlier: Ranker
    linear: Linear
    forest: Forest
    share: float
    """The forest's part in the mean."""
    forks: Linear
    regressions: Regressions
    """`linear` and `forks`."""
    trust: NDArray[np.float32]
    """One weight a column of `trust_row`."""
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
        linear, forks = Linear.read(flat["linear"]), Linear.read(flat["forks"])
        return cls(
            embedder=flat["embedder"],
            opens=Linear.read(flat["opens"]),
            others=Ranker.read(flat["others"]),
            earlier=Ranker.read(flat["earlier"]),
            linear=linear,
            forest=Forest(flat["forest"]),
            share=float(flat["share"]),
            forks=forks,
            regressions=Regressions.of(linear, forks),
            trust=np.asarray(flat["trust"], np.float32),
            report=flat["report"],
        )

    @classmethod
    def shipped(cls, embedder: str) -> Weights:
        """The weights that come with the package."""
        return cls.read(_shipped(embedder))

    def reads_like_a_first_turn(self, vector: Row, cues: Row) -> float:
        return float(self.opens.scores(np.concatenate([vector, cues]))[0])

    def chances(self, evidence: Evidence, scaled: Rows) -> list[float]:
        """One chance a class; a class without a place has none.

        Args:
            scaled: The evidence's row, as `regressions` scales it.
        """
        *flat, fork = self.regressions.scores(scaled)
        grown = _softmax(self.forest.scores(evidence.row).tolist())
        stays, goes, opens = (
            self.share * one + (1 - self.share) * other for one, other in zip(grown, _softmax(flat), strict=True)
        )
        forks = 1 / (1 + math.exp(-fork)) if len(evidence.earlier) else 0.0
        goes = goes if len(evidence.others) else 0.0
        total = stays + goes + opens
        return [stays * (1 - forks) / total, goes / total, opens / total, stays * forks / total]

    def confidence(self, chances: Row, kind: int, share: float) -> float:
        """The chance that a choice is right, from all chances and its share among the places of its kind."""
        row = trust_row(chances, kind, share)
        return 1 / (1 + math.exp(-sum(map(mul, row, self.trust.tolist()))))


def expected_costs(chances: Rows, share: Row | float) -> Rows:
    """What choosing each class would cost on average; one row of chances, or many.

    Args:
        share: Of the best other branch among all others: a return to a wrong one is a join of a stranger's conversation.
    """
    expected = np.asarray(chances @ COSTS)
    expected.T[RETURN] += chances.T[RETURN] * (1 - share) * WRONG_JOIN
    return expected


def shipped_report(embedder: str) -> Mapping[str, Any]:
    """What is reported of the weights that come with the package, also where they were fitted for other features."""
    report: Mapping[str, Any] = _shipped(embedder)["report"]
    return report


def _shipped(embedder: str) -> Mapping[str, Any]:
    flat: Mapping[str, Any] = json.loads((files("proxy.routing") / "weights" / f"{embedder}.json").read_text())
    return flat


def trust_row(chances: Row, kind: int, share: float) -> list[float]:
    """What confidence in a choice is told from: its class, its chance, its place's share among those of its class, and the doubt in all.

    One column a class, one a class with the chance's log odds, then the log odds of chance and share together, those of the share, and
    the negative entropy.
    """
    told: list[float] = chances.tolist()
    classes, odds = [0.0] * len(CLASSES), [0.0] * len(CLASSES)
    classes[kind], odds[kind] = 1.0, _odds(told[kind])
    certainty = sum(one * math.log(one + 1e-6) for one in told)
    return [*classes, *odds, _odds(told[kind] * share), _odds(share), certainty]


def _softmax(scores: Sequence[float]) -> list[float]:
    """Chances from a few scores."""
    most = max(scores)
    grown = [math.exp(score - most) for score in scores]
    total = sum(grown)
    return [one / total for one in grown]


def _odds(chance: float) -> float:
    held = min(max(chance, 0.005), 0.995)
    return math.log(held / (1 - held))
