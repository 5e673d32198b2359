"""Fitting the embedded scorer's weights on labelled cases, and saying honestly how good they are.

`train(folder, out, embedder)` reads `cases.jsonl` and, where present, `train/cases.jsonl`, draws further decisions from the same
dialogues and from some of our own making, cross-validates by source dialogue (`learn/folds.py`), fits on everything and writes one JSON file with the figures in its
`report`. The same data give the same file. It needs the dependency group `train` (LightGBM, scikit-learn); the scorer does not.

The trust in choices is settled on cross-validated verdicts; so that no figure in the report profits from that, the trust applied to a
case there was settled on the other folds' verdicts alone. What mistakes cost is not fitted (`decision.COSTS`).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from proxy.routing.bench.cases import Case, read_cases
from proxy.routing.decision import FORK, RETURN, TRUST, Linear, Weights
from proxy.routing.embedded import EmbeddedScorer
from proxy.routing.embedder import Embedder
from proxy.routing.evidence import COLUMNS, Ranker
from proxy.routing.features import Row, Rows
from proxy.routing.learn import cache, fitting
from proxy.routing.learn.dialogues import Dialogue, collect, concerned, confined
from proxy.routing.learn.draws import draw_all
from proxy.routing.learn.errands import errands
from proxy.routing.learn.examples import measure
from proxy.routing.learn.fitting import Flat
from proxy.routing.learn.folds import deal
from proxy.routing.learn.lessons import lessons
from proxy.routing.learn.lived import Scorers, lived_with
from proxy.routing.learn.report import figures
from proxy.routing.learn.shape import text_only
from proxy.routing.learn.table import Flags, Table
from proxy.routing.learn.verdicts import Ints, Verdicts, choices, trust_rows, verdicts
from proxy.routing.reading.cues import read_cues

FOLDS = 8
SHARE = 0.6
DRAWN_WEIGHT, MIXED_WEIGHT = 0.4, 0.25
"""Of decisions drawn from the dialogues alone, and of those that hold dialogues of our own making, where a labelled one weighs 1."""

STAYS_WEIGHT = 0.15
"""Of the follow-ups drawn in small trees and in chats where forks are learned: no labelled tree is as small as those."""

OURS = -1
"""The fold of dialogues of our own making, which are in every fit."""

STAYS, GOES, OPENS = range(3)
STEP = np.array([STAYS, GOES, OPENS, STAYS])
"""What each class is in the first step of the decision."""

Say = Callable[[str, int, int], None]
"""Told of each step that is done: what it is, how many are done, how many there are."""


@dataclass(frozen=True, slots=True)
class Measured:
    """Decisions as numbers, with the folds of the dialogues that they concern."""

    table: Table
    own: Ints
    """Fold of the dialogue that each turn was taken from."""
    active: Ints
    """Fold of the active dialogue."""


@dataclass(frozen=True, slots=True)
class Corpus:
    """All that is learned from and judged on."""

    cases: Sequence[Case]
    """The labelled ones, which are judged."""
    judged: Measured
    learned: Measured
    """Labelled decisions first, then drawn ones; nothing here has met a source that is left out."""
    labelled: int
    """How many of those learned from are labelled."""
    mixed: int
    """Where among them the decisions begin that hold dialogues of our own making."""
    turns: Rows
    """Vectors of all distinct turns of the dialogues that are learned from."""
    cues: Rows
    first: Flags
    turn_folds: Ints
    fold: Mapping[str, int]
    """Of every dialogue, by name."""
    embedder: cache.Remembering


@dataclass(frozen=True, slots=True)
class Told:
    """What weights say of decisions that they never saw, and the fold of each."""

    verdicts: Verdicts
    folds: Ints

    def without(self, fold: int) -> Verdicts:
        return self.verdicts.of(self.folds != fold)


def train(
    folder: Path,
    out: Path,
    embedder: Embedder,
    say: Say = lambda *_: None,
    kept: Path | None = None,
    without: Sequence[str] = (),
) -> Mapping[str, Any]:
    """Fit weights on the cases of a folder and write them; gives the report that stands in them.

    Args:
        kept: A folder for vectors and measured decisions, so that the next run need not make them again.
        without: Sources that are not learned from, nor any dialogue whose source no case tells.

    Raises:
        InvalidRequest: A line of the cases is not a case.
        OSError: There are no cases, or `out` cannot be written.
    """
    steps = 2 * FOLDS + 3
    corpus, first = gather(folder, embedder, kept, without)
    say("measured", 1, steps)
    fitted = by_fold(corpus, lambda done: say("cross-validated", 1 + done, steps))
    told = Told(judge(corpus.judged, fitted), corpus.judged.own)
    blind_corpus = _blind(corpus)
    unshaped = by_fold(blind_corpus, lambda done: say("without the tree's shape", 1 + FOLDS + done, steps))
    blind = Told(judge(blind_corpus.judged, unshaped), corpus.judged.own)
    flat: Flat = {"embedder": embedder.name} | fit(corpus, None, np.arange(len(corpus.learned.table)))
    flat |= settle(told.verdicts)
    flat["report"] = report(corpus, told, blind, first) | {"learned without": sorted(without)}
    flat["report"] |= lived_with(corpus.cases[:first], _apart_scorers(corpus, fitted, told))
    corpus.embedder.keep()
    say("replayed", 2 + 2 * FOLDS, steps)
    Weights.read(flat)
    out.write_text(json.dumps(flat, separators=(",", ":")) + "\n")
    say("fitted", steps, steps)
    return dict(flat["report"])


def gather(folder: Path, embedder: Embedder, kept: Path | None, without: Sequence[str] = ()) -> tuple[Corpus, int]:
    """Measure the labelled cases and as many drawn ones; gives also how many of the first cases are the benchmark's own."""
    more = folder / "train" / "cases.jsonl"
    files = [folder / "cases.jsonl", *([more] if more.exists() else [])]
    each = [read_cases(file, "core") for file in files]
    cases = [case for found in each for case in found]
    dialogues = collect(cases)
    fold = deal(cases, list(dialogues), FOLDS)
    open_to = _open(cases, dialogues, without)
    labelled = confined(cases, open_to) if without else cases
    alone, mixed = draw_all(open_to, {**errands(), **lessons()})
    remembering = cache.Remembering(embedder, kept)
    data = [file.read_bytes() for file in files]

    def measured(name: str, found: Sequence[Case]) -> Measured:
        told = cache.table(kept, f"{embedder.name}-{name}", data, lambda: Table.of(measure(found, remembering)))
        names = [concerned(case) for case in found]
        own, active = (np.array([fold.get(pair[at], OURS) for pair in names]) for at in (0, 1))
        return Measured(told, own, active)

    turns = _turns(open_to)
    said = [turn for _, turn, _ in turns]
    corpus = Corpus(
        cases=cases,
        judged=measured("judged", cases),
        learned=measured("-".join(["learned", *sorted(without)]), [*labelled, *alone, *mixed]),
        labelled=len(labelled),
        mixed=len(labelled) + len(alone),
        turns=remembering.embed(said),
        cues=np.array([read_cues(turn) for turn in said], np.float32),
        first=np.array([first for _, _, first in turns]),
        turn_folds=np.array([fold[name] for name, _, _ in turns]),
        fold=fold,
        embedder=remembering,
    )
    remembering.keep()
    return corpus, len(each[0])


def by_fold(corpus: Corpus, say: Callable[[int], None] = lambda _: None) -> dict[int, Flat]:
    """For each fold, what is learned without every case that concerns one of its dialogues; trust is to be settled yet."""
    fitted: dict[int, Flat] = {}
    for fold in np.unique(corpus.judged.own).tolist():
        learned = np.flatnonzero((corpus.learned.own != fold) & (corpus.learned.active != fold))
        fitted[fold] = {"embedder": "", "trust": [0] * TRUST, "report": {}} | fit(corpus, fold, learned)
        say(len(fitted))
    return fitted


def judge(asked: Measured, fitted: Mapping[int, Flat]) -> Verdicts:
    """What the weights that never saw a decision's dialogue say of it; one verdict each, in order."""
    parts: list[tuple[Ints, Verdicts]] = []
    for fold, flat in fitted.items():
        judged, weights = np.flatnonzero(asked.own == fold), Weights.read(flat)
        weighed = asked.table.weigh(_opens(asked.table, weights.opens), weights.others, weights.earlier)
        parts.append((judged, verdicts(asked.table, weighed, weights, judged)))
    return Verdicts.joined(parts)


def _apart_scorers(corpus: Corpus, fitted: Mapping[int, Flat], told: Told) -> Scorers:
    """For each dialogue the scorer that never saw it, with trust settled on the other folds."""
    scorers = {}
    for fold, flat in fitted.items():
        settled = settle(told.without(fold))
        scorers[fold] = EmbeddedScorer(corpus.embedder, Weights.read(flat | settled))
    return lambda name: scorers[corpus.fold[name]]


def fit(corpus: Corpus, away: int | None, chosen: Ints) -> Flat:
    """All learned parts from the chosen examples, none of which concerns the fold that is kept away."""
    table = corpus.learned.table
    labelled = chosen[chosen < corpus.labelled]
    others = fitting.ranker(*table.others_of(labelled[table.kinds[labelled] == RETURN]), ridge=3)
    earlier = fitting.ranker(*table.earlier_of(labelled[table.kinds[labelled] == FORK]), ridge=10)
    weighed = table.weigh(_opens_unseen(corpus, away), Ranker.read(others), Ranker.read(earlier))
    rows, steps = weighed.rows[chosen], STEP[table.kinds[chosen]]
    weights = np.select([chosen < corpus.labelled, chosen < corpus.mixed], [1.0, DRAWN_WEIGHT], MIXED_WEIGHT)
    told_apart = chosen[(chosen < corpus.labelled) | (chosen >= corpus.mixed)]
    staying = told_apart[(STEP[table.kinds[told_apart]] == STAYS) & (table.earlier_counts[told_apart] > 0)]
    return {
        "columns": list(COLUMNS),
        "opens": _opener(corpus, [away]),
        "others": others,
        "earlier": earlier,
        "linear": fitting.regression(rows, steps, weights, 0.05),
        "forest": fitting.forest(rows, steps, weights),
        "share": SHARE,
        "forks": fitting.forks(
            weighed.rows[staying],
            table.kinds[staying] == FORK,
            np.where(staying < corpus.labelled, 1.0, STAYS_WEIGHT),
        ),
    }


def settle(told: Verdicts) -> Flat:
    """How far a choice can be trusted: from cross-validated verdicts alone."""
    chosen = choices(told)
    right = told.right[np.arange(len(told)), chosen]
    return {"trust": fitting.trust(trust_rows(told, chosen), right)}


def report(corpus: Corpus, told: Told, blind: Told, judged: int) -> Flat:
    """The figures, with trust settled for each fold on the others."""
    cases, dev = corpus.cases, np.arange(judged)
    seen, hidden = _apart(told), _apart(blind)
    return {
        "per cent, cross-validated by source dialogue": {
            "dev": figures(cases[:judged], told.verdicts.of(dev), seen[dev]),
            "all": figures(cases, told.verdicts, seen),
            "dev, text only": figures(cases[:judged], blind.verdicts.of(dev), hidden[dev]),
            "all, text only": figures(cases, blind.verdicts, hidden),
        },
        "labelled": corpus.labelled,
        "drawn": len(corpus.learned.table) - corpus.labelled,
        "how": HOW,
    }


HOW = (
    f"{FOLDS} folds of source dialogues; a case is judged by weights fitted without every case that concerns, in any role, a dialogue of "
    "its own dialogue's fold, and with trust settled on the other folds; intervals are drawn by stream"
)


def _apart(told: Told) -> Row:
    """Confidence, one value a case, settled without the case's own fold."""
    confidence = np.zeros(len(told.verdicts))
    for fold in np.unique(told.folds).tolist():
        settled = settle(told.without(fold))
        held = np.flatnonzero(told.folds == fold)
        of_fold = told.verdicts.of(held)
        confidence[held] = 1 / (1 + np.exp(-trust_rows(of_fold, choices(of_fold)) @ np.array(settled["trust"])))
    return confidence


def _opener(corpus: Corpus, away: Sequence[int | None]) -> Flat:
    """The reading of first turns, learned from the dialogues outside some folds."""
    kept = ~np.isin(corpus.turn_folds, [fold for fold in away if fold is not None])
    return fitting.opens(corpus.turns[kept], corpus.cues[kept], corpus.first[kept])


def _opens(table: Table, opener: Linear) -> Row:
    said = np.concatenate([table.vectors, table.cues], axis=1)
    return np.asarray(opener.scores(said)[:, 0], np.float32)


def _opens_unseen(corpus: Corpus, away: int | None) -> Row:
    """How each turn reads to an opener that never saw its dialogue, as it will be for turns to come."""
    told = np.zeros(len(corpus.learned.table), np.float32)
    for fold in np.unique(corpus.learned.own).tolist():
        held = corpus.learned.own == fold
        told[held] = _opens(corpus.learned.table, Linear.read(_opener(corpus, [away, fold])))[held]
    return told


def _blind(corpus: Corpus) -> Corpus:
    """The same corpus with the trees' shape hidden."""
    judged, learned = (replace(one, table=text_only(one.table)) for one in (corpus.judged, corpus.learned))
    return replace(corpus, judged=judged, learned=learned)


def _open(
    cases: Sequence[Case], dialogues: Mapping[str, Sequence[Dialogue]], without: Sequence[str]
) -> dict[str, Sequence[Dialogue]]:
    """The dialogues that may be learned from: where sources are left out, only those that a case tells to be of another."""
    if not without:
        return dict(dialogues)
    sources: dict[str, set[str]] = {}
    for case in cases:
        sources.setdefault(concerned(case)[0], set()).add(case.source)
    left_out = set(without)
    return {name: paths for name, paths in dialogues.items() if name in sources and not sources[name] & left_out}


def _turns(dialogues: Mapping[str, Sequence[Dialogue]]) -> list[tuple[str, str, bool]]:
    """Every distinct turn of every dialogue, and whether it is the first."""
    return list(
        dict.fromkeys(
            (name, path[at], at == 0)
            for name, paths in dialogues.items()
            for path in paths
            for at in range(0, len(path), 2)
        )
    )
