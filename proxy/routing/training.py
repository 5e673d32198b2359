"""Fitting the embedded scorer's weights on labelled cases, and saying honestly how good they are.

`train(folder, out, embedder)` reads `cases.jsonl` and, where present, `train/cases.jsonl`, draws further decisions from the same
dialogues, cross-validates by source dialogue (`learn/folds.py`), fits on everything and writes one JSON file with the figures in its
`report`. The same data give the same file. It needs the dependency group `train` (LightGBM, scikit-learn); the scorer does not.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from proxy.routing import text
from proxy.routing.bench.cases import Case, read_cases
from proxy.routing.decision import CONTINUE, FORK, NEW, RETURN, Linear, Weights, trust_row
from proxy.routing.embedder import Embedder
from proxy.routing.evidence import COLUMNS, Evidence, Ranker, softmax, weigh
from proxy.routing.features import Row, Rows
from proxy.routing.learn import fitting
from proxy.routing.learn.dialogues import Dialogue, collect, concerned
from proxy.routing.learn.draws import draw
from proxy.routing.learn.examples import Example, measure
from proxy.routing.learn.fitting import Flat
from proxy.routing.learn.folds import deal, rounds
from proxy.routing.learn.report import Verdict, figures

FOLDS = 8
SHARE = 0.6
DRAWN_WEIGHT = 0.4
LEAST_CONTINUE = 0.955
"""Of `continue` turns that must stay right in cross-validation: a follow-up torn from its conversation is the worst error."""

STAYS, GOES, OPENS = range(3)
STEP = np.array([STAYS, GOES, OPENS, STAYS])
"""What each class is in the first step of the decision."""


@dataclass(frozen=True, slots=True)
class Corpus:
    """All that is learned from."""

    found: Sequence[Example]
    real: int
    """The first examples are the benchmark's, the others drawn."""
    own: Sequence[int]
    """Fold of each example's own dialogue."""
    folds: Sequence[frozenset[int]]
    """Folds that each example concerns."""
    turns: Rows
    """Vectors of all distinct turns of the dialogues."""
    cues: Rows
    first: fitting.Flags
    turn_folds: fitting.Labels


def train(
    folder: Path, out: Path, embedder: Embedder, say: Callable[[str], None] = lambda _: None
) -> Mapping[str, Any]:
    """Fit weights on the cases of a folder and write them; gives the report that stands in them.

    Raises:
        InvalidRequest: A line of the cases is not a case.
        OSError: There are no cases, or `out` cannot be written.
    """
    cases = read_cases(folder / "cases.jsonl", "core")
    judged = len(cases)
    more = folder / "train" / "cases.jsonl"
    if more.exists():
        cases += read_cases(more, "core")
    corpus = gather(cases, embedder)
    say(f"{len(cases)} labelled and {len(corpus.found) - len(cases)} drawn decisions measured")
    verdicts = cross_validate(corpus, say)
    flat: Flat = {"embedder": embedder.name} | fit(corpus, frozenset(), range(len(corpus.found))) | settle(verdicts)
    flat["report"] = figures(verdicts, judged, flat["costs"], flat["trust"]) | {"drawn": len(corpus.found) - len(cases)}
    Weights.read(flat)
    out.write_text(json.dumps(flat, separators=(",", ":")) + "\n")
    report: Mapping[str, Any] = flat["report"]
    return report


def gather(cases: Sequence[Case], embedder: Embedder) -> Corpus:
    """Measure the cases and as many drawn ones."""
    dialogues = collect(cases)
    drawn = draw(dialogues)
    fold = deal(cases, list(dialogues), FOLDS)
    names = [concerned(case) for case in [*cases, *drawn]]
    turns = _turns(dialogues)
    said = [turn for _, turn, _ in turns]
    return Corpus(
        found=measure([*cases, *drawn], embedder),
        real=len(cases),
        own=[fold[own] for own, _ in names],
        folds=[frozenset((fold[own], fold[active])) for own, active in names],
        turns=embedder.embed(said),
        cues=np.array([text.cues(turn) for turn in said], np.float32),
        first=np.array([first for _, _, first in turns]),
        turn_folds=np.array([fold[name] for name, _, _ in turns]),
    )


def cross_validate(corpus: Corpus, say: Callable[[str], None]) -> list[Verdict]:
    """What weights that never saw a case's dialogues say of it; one verdict a labelled case, in order."""
    told: dict[int, Verdict] = {}
    for pair, fitted, judged in rounds(corpus.folds, corpus.real):
        weights = Weights.read(
            {"embedder": "", "costs": [1] * 4, "trust": [0] * 7, "report": {}} | fit(corpus, pair, fitted)
        )
        for at in judged:
            one = corpus.found[at]
            opens = weights.reads_like_a_first_turn(one.vector, one.seen.cues)
            told[at] = _verdict(one, weigh(one.seen, opens, weights.others, weights.earlier), weights)
        say(f"folds {sorted(pair)}: fitted on {len(fitted)}, judged {len(judged)}")
    return [told[at] for at in range(corpus.real)]


def fit(corpus: Corpus, away: frozenset[int], chosen: Sequence[int]) -> Flat:
    """All learned parts from the chosen examples, none of which touches the folds that are kept away."""
    found = [corpus.found[at] for at in chosen]
    real = np.array([at < corpus.real for at in chosen])
    opener = {fold: _opener(corpus, away | {fold}) for fold in {corpus.own[at] for at in chosen}}
    opens = [_opens(opener[corpus.own[at]], corpus.found[at]) for at in chosen]
    others, earlier = _rankers([one for one, labelled in zip(found, real, strict=True) if labelled])
    ranks = Ranker.read(others), Ranker.read(earlier)
    rows = np.stack([weigh(one.seen, first, *ranks).row for one, first in zip(found, opens, strict=True)])
    kinds = np.array([one.kind for one in found])
    weights = np.where(real, 1.0, DRAWN_WEIGHT)
    staying = real & (STEP[kinds] == STAYS) & np.array([len(one.seen.earlier) > 0 for one in found])
    return {
        "columns": list(COLUMNS),
        "opens": _opener_flat(corpus, away),
        "others": others,
        "earlier": earlier,
        "linear": fitting.regression(rows, STEP[kinds], weights, 0.05),
        "forest": fitting.forest(rows, STEP[kinds], weights),
        "share": SHARE,
        "forks": fitting.forks(rows[staying], kinds[staying] == FORK),
    }


def settle(verdicts: Sequence[Verdict]) -> Flat:
    """What each mistake costs, and how far a choice can be trusted: from cross-validated verdicts alone."""
    chances = np.array([one.chances for one in verdicts])
    right = np.array([one.right for one in verdicts])
    costs = fitting.costs(chances, right, np.array([one.kind for one in verdicts]), LEAST_CONTINUE)
    weights = np.array(costs)
    chosen = (chances * weights).argmax(axis=1)
    rows = [trust_row(one.chances, weights, kind, one.shares[kind]) for one, kind in zip(verdicts, chosen, strict=True)]
    return {"costs": costs, "trust": fitting.trust(np.array(rows), right[np.arange(len(chosen)), chosen])}


def _verdict(one: Example, evidence: Evidence, weights: Weights) -> Verdict:
    """Whether each class, with the place it would choose, is right: as a node, and as a conversation."""
    of_other = dict(
        zip(one.seen.others.tolist(), zip(one.other_gold, one.other_branch, one.seen.same, strict=True), strict=True)
    )
    of_earlier = dict(zip(one.seen.earlier.tolist(), one.earlier_gold, strict=True))
    gold, branch, same = of_other[int(evidence.others[0])] if len(evidence.others) else (False, False, False)
    inside = one.kind in (CONTINUE, FORK)
    forks = len(evidence.earlier) > 0 and bool(of_earlier[int(evidence.earlier[0])])
    return Verdict(
        case=one.case,
        kind=one.kind,
        chances=weights.chances(evidence),
        shares=(1.0, _share(evidence.other_scores), 1.0, _share(evidence.earlier_scores)),
        right=(one.kind == CONTINUE, bool(gold), one.kind == NEW, forks),
        branch=(inside, bool(same) if inside else bool(branch), one.kind == NEW, inside),
    )


def _share(scores: Row) -> float:
    return float(softmax(scores)[0]) if len(scores) else 1.0


def _rankers(found: Sequence[Example]) -> tuple[Flat, Flat]:
    returns = [one for one in found if one.kind == RETURN and one.other_gold.any()]
    forks = [one for one in found if one.kind == FORK and one.earlier_gold.any()]
    return (
        fitting.ranker([one.seen.other_rows for one in returns], [one.other_gold for one in returns], ridge=3),
        fitting.ranker([one.seen.earlier_rows for one in forks], [one.earlier_gold for one in forks], ridge=10),
    )


_OPENERS: dict[tuple[int, frozenset[int]], Flat] = {}


def _opener_flat(corpus: Corpus, away: frozenset[int]) -> Flat:
    """The reading of first turns, learned from the dialogues outside some folds; learned once for each set of folds."""
    key = (id(corpus), away)
    if key not in _OPENERS:
        kept = ~np.isin(corpus.turn_folds, list(away))
        _OPENERS[key] = fitting.opens(corpus.turns[kept], corpus.cues[kept], corpus.first[kept])
    return _OPENERS[key]


def _opener(corpus: Corpus, away: frozenset[int]) -> Linear:
    return Linear.read(_opener_flat(corpus, away))


def _opens(opener: Linear, one: Example) -> float:
    return float(opener.scores(np.concatenate([one.vector, one.seen.cues]))[0])


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
