"""The embedded scorer as it meets strangers: each labelled turn is placed by weights that never saw the dialogue it was taken from.

What is measured behind the gate, or about offers, is worth nothing on dialogues that the shipped weights were fitted on: there the
scorer is too often sure, and right. So here the weights of eight folds of dialogues are fitted, their trust settled on the
other folds, and every case goes through the real scorer with the weights of its own fold.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from proxy.domain.placement import Attachment
from proxy.routing import training
from proxy.routing.bench.cases import Case, played
from proxy.routing.decision import TRUST, Weights
from proxy.routing.embedded import EmbeddedScorer
from proxy.routing.embedder import Embedder
from proxy.routing.grove import TreeModel
from proxy.routing.learn.cache import Remembering
from proxy.routing.learn.verdicts import Verdicts, verdicts


@dataclass(frozen=True)
class Placed:
    """A case, the tree as it was, the scorer of its fold, and that scorer's answer."""

    case: Case
    model: TreeModel
    gate: EmbeddedScorer
    embedded: Attachment


@dataclass(frozen=True)
class Strangers:
    """Labelled core cases, and for each a scorer that never saw its dialogue."""

    cases: Sequence[Case]
    scorers: Mapping[int, EmbeddedScorer]
    folds: Mapping[str, int]
    """By the case's id."""

    @classmethod
    def of(cls, folder: Path, embedder: Embedder, kept: Path | None, without: Sequence[str] = ()) -> Strangers:
        """Fit the weights of each fold, which takes minutes."""
        corpus, _ = training.gather(folder, embedder, kept, without)
        known = Remembering(embedder, kept)
        scorers = {
            fold: EmbeddedScorer(known, weights) for fold, weights in fold_weights(corpus, embedder.name).items()
        }
        folds = {case.id: int(fold) for case, fold in zip(corpus.cases, corpus.judged.own, strict=True)}
        if len(folds) < len(corpus.cases):
            raise ValueError("two cases have one id")
        return cls(corpus.cases, scorers, folds)

    def placed(self, cases: Sequence[Case]) -> Iterator[Placed]:
        """Some cases, in the order of their histories; a tree is as it was until the next case is asked for."""
        for case, model in played(cases):
            gate = self.scorers[self.folds[case.id]]
            while gate.warm(model):
                pass
            yield Placed(case, model, gate, gate.attach(model, case.question))


def placed(folder: Path, embedder: Embedder, kept: Path | None, without: Sequence[str] = ()) -> Iterator[Placed]:
    """Every labelled core case of a folder."""
    strangers = Strangers.of(folder, embedder, kept, without)
    yield from strangers.placed(strangers.cases)


def fold_weights(corpus: training.Corpus, embedder: str) -> dict[int, Weights]:
    """Weights for the cases of each fold, fitted and settled without it."""
    folds = np.unique(corpus.judged.own).tolist()
    flats: dict[int, dict[str, Any]] = {}
    parts: list[tuple[Any, Verdicts]] = []
    for fold in folds:
        learned = np.flatnonzero((corpus.learned.own != fold) & (corpus.learned.active != fold))
        judged = np.flatnonzero(corpus.judged.own == fold)
        flats[fold] = training.fit(corpus, fold, learned) | {"embedder": embedder, "report": {}}
        held = Weights.read(flats[fold] | {"trust": [0] * TRUST})
        table = corpus.judged.table
        weighed = table.weigh(training._opens(table, held.opens), held.others, held.earlier)
        parts.append((judged, verdicts(table, weighed, held, judged)))
    told = Verdicts.joined(parts)
    away = {fold: told.of(corpus.judged.own != fold) for fold in folds}
    return {fold: Weights.read(flats[fold] | training.settle(away[fold])) for fold in folds}
