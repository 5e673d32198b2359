"""The embedded scorer: places a turn without a network and without an LLM, in milliseconds.

Vectors, shared words and cues are compared for every pair of the tree (`features`), other branches and earlier nodes are ranked
(`evidence`), and a small trained model chooses (`decision`). It is the router's default, its gate and its fallback.

Some rules stand above what was learned (`adjusting`).
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from proxy.domain.placement import Attachment, Candidate, Question, Route
from proxy.domain.tree import NodeId, UserId
from proxy.domain.values import value
from proxy.routing import reasons
from proxy.routing.adjusting import Correction, adjustments, is_walled, pull
from proxy.routing.decision import CONTINUE, FORK, NEW, RETURN, Weights, expected_costs
from proxy.routing.embedder import Embedder, forget, is_quick
from proxy.routing.evidence import Evidence, best_answer, observe, other_rows, other_tips, weigh
from proxy.routing.features import Look, Row, Rows, look
from proxy.routing.grove import TreeModel
from proxy.routing.heard import heard
from proxy.routing.limits import check_time
from proxy.routing.pairs import PairIndex
from proxy.routing.part import WHOLE, around, near
from proxy.routing.personal import Personal
from proxy.routing.reading import cues, text

SURE = 0.8
"""Confidence from which no LLM is asked."""

CONFIDENT = 0.9
"""Chance of a join that a fresh chat needs under `fresh: confident`."""

UNSURE = 0.6
"""Confidence below which a turn that stays does so for want of better evidence: the alternative is worth offering."""

AT_ONCE = 48
"""Most pairs whose vectors are computed while a request waits."""

AHEAD = 12
"""Pairs whose vectors are computed at a time where nobody waits: a request that comes meanwhile waits for these."""

HURRIED = 3
"""Pairs whose vectors are computed at a time where a request waits: a third of a second, for texts of any length."""

AT_HAND = 8_192
"""Pairs of a tree in which a turn is placed within about a millisecond, where embedding it takes next to nothing."""

SHOWN = 3
"""Other branches named among the candidates."""


ROUTES: tuple[Route, ...] = ("continue", "return", "root", "fork")
"""In the order of `decision.CLASSES`."""


@value(frozen=True, slots=True)
class Place:
    """A candidate, with its class and its share among the places of that class."""

    kind: int
    share: float
    candidate: Candidate


class EmbeddedScorer:
    """Places turns by what was learned from labelled conversations. Works on the CPU, and may be called from any thread."""

    def __init__(
        self,
        embedder: Embedder,
        weights: Weights,
        personal: Mapping[UserId, Personal] | None = None,
        *,
        sure: float = SURE,
        waits_s: float | None = None,
    ) -> None:
        """Take weights that were fitted for the embedder.

        Args:
            personal: What was learned from single users' corrections.
            waits_s: How long a request waits for vectors that are lacking; without it, until `AT_ONCE` of them are there.
        """
        self.sure = sure
        self._waits_s = waits_s
        self._personal = dict(personal or {})
        self._embedder = embedder
        self._weights = weights

    def forget(self, users: Iterable[str]) -> None:
        """Users were deleted: what was learned from them is no longer used, and no words that were read lately are held."""
        for user_id in users:
            self._personal.pop(UserId(user_id), None)
        cues.forget()
        forget(self._embedder)

    def load(self) -> None:
        """Load the embedder's model, by embedding a word."""
        self._embedder.embed(["warm"])

    def is_quick(self, model: TreeModel) -> bool:
        index = self._index(model)
        return is_quick(self._embedder) and len(index) <= AT_HAND and index.supply.lacking <= HURRIED

    def warm(self, model: TreeModel) -> int:
        """Compute some of the vectors that the tree still lacks, off a request's path; gives how many it lacks then."""
        index = self._index(model)
        index.refresh(self._embedder, AHEAD)
        return index.supply.lacking

    def model(self, folder: Path | None) -> TreeModel:
        """An empty tree model in which pairs are counted from the first node on."""
        model = TreeModel(folder)
        self._index(model)
        return model

    def look_up(self, model: TreeModel, most: int) -> list[NodeId]:
        return self._index(model).look_up(most)

    def new(self, model: TreeModel) -> int:
        return self._index(model).supply.new

    def recall(self, model: TreeModel, stored: Mapping[NodeId, bytes]) -> int:
        return self._index(model).recall(stored)

    def take_new(self, model: TreeModel, most: int) -> tuple[Mapping[NodeId, bytes], Sequence[NodeId]]:
        return self._index(model).take_new(most)

    def attach(self, model: TreeModel, question: Question, until: float = math.inf) -> Attachment:
        """Where the turn belongs. Raises OutOfTime, between two stages, once `time.monotonic()` is past `until`."""
        index = self._index(model)
        if question.fresh == "root":
            return _alone(None, "root", "a new chat starts at the root")
        if not len(index):
            return _first(model, question)
        self._refresh(index, until)
        check_time(until)
        vector = index.vector_of(question.new_turn, self._embedder)
        with index.lock:
            check_time(until)
            if question.cursor is not None and question.cursor not in index.pair_of:
                return _out_of_sight(model, question.cursor)
            return self._attach(index, question, vector, model.system_prompt, until)

    def shortlist(self, model: TreeModel, question: Question, points: Sequence[NodeId], keep: int) -> list[NodeId]:
        """The points that the turn fits best, best first; the cursor's own branch is always among them.

        It is asked about a turn that `attach` has just judged, so vectors that are lacking still are not computed here.
        """
        index = self._index(model)
        vector = index.vector_of(question.new_turn, self._embedder)
        with index.lock:
            of = {point: pair for point in points if (pair := index.pair_of.get(point)) is not None}
            if not of:
                return list(points[:keep])
            cursor = None if question.cursor is None else index.pair_of.get(question.cursor)
            ours = [point for point, pair in of.items() if cursor is not None and index.is_above(pair, cursor)]
            pairs, part = np.unique(list(of.values())).astype(np.int32), None
            if len(index) > WHOLE:
                part, pairs = around(index, vector, pairs)
            found = look(index, question.new_turn, vector, part)
            scores = dict(
                zip(pairs.tolist(), self._weights.others.scores(other_rows(found.places(pairs))).tolist(), strict=True)
            )
        order = sorted(of, key=lambda point: -scores.get(of[point], -np.inf))
        best = order[:keep]
        cursors = [point for point in order if point in ours]
        if keep and cursors and not any(point in ours for point in best):
            best[-1] = cursors[0]
        return best

    def _refresh(self, index: PairIndex, until: float) -> None:
        """Compute what is lacking of the pairs said last, as far as a request may wait for it."""
        if self._waits_s is None:
            index.refresh(self._embedder, AT_ONCE)
            return
        until = min(until, time.monotonic() + self._waits_s)
        for _ in range(AT_ONCE // HURRIED):
            if not index.refresh(self._embedder, HURRIED) or time.monotonic() > until:
                return

    def _index(self, model: TreeModel) -> PairIndex:
        """The model's pairs, made at first use and kept in step from then on."""
        for listener in model.listeners:
            if isinstance(listener, PairIndex) and listener.embedder == self._embedder.name:
                return listener
        index = PairIndex(self._embedder.size, self._embedder.name, model.folder)
        model.listen(index)
        return index

    def _attach(
        self, index: PairIndex, question: Question, vector: Row, system: str | None, until: float
    ) -> Attachment:
        active = len(index) - 1 if question.cursor is None else index.pair_of[question.cursor]
        # A chat that names no personality goes on under the one it has.
        own = question.personality or (index.personalities[active] if question.fresh is None else None)
        others, part = index.personalities.among(other_tips(index, active), own), None
        tips = len(others)
        if len(index) > WHOLE:
            part, others = near(index, text.read(question.new_turn).stems, vector, active, others)
        check_time(until)
        found = look(index, question.new_turn, vector, part)
        check_time(until)
        seen = observe(found, active, others, tips)
        opens = self._weights.reads_like_a_first_turn(vector, found.cues)
        pulls = (
            np.array([pull(index, pair, vector) for pair in others.tolist()], np.float32)
            if index.has_speakers
            else None
        )
        evidence = weigh(seen, opens, self._weights.others, self._weights.earlier, pulls)
        scaled = self._weights.regressions.scaled(evidence.row)
        told = self._weights.chances(evidence, scaled)
        if (shift := self._personal.get(question.user_id)) is not None:
            told = shift.adjusted(np.array(told), evidence.row, self._weights).tolist()
        best = int(evidence.others[0]) if len(evidence.others) else None
        said = question.system if question.system is not None else system
        chances = _corrected(told, adjustments(index, active, best, question, said, vector))
        places = _candidates(found, active, evidence, chances, question)
        if is_walled(index, active, question):
            places = [place for place in places if place.kind in (NEW, RETURN)]
        return self._decide(places, chances, question, evidence, scaled)

    def _decide(
        self, places: list[Place], chances: Row, question: Question, evidence: Evidence, scaled: Rows
    ) -> Attachment:
        share = next((place.share for place in places if place.kind == RETURN), 1.0)
        order = np.argsort(expected_costs(chances, share), kind="stable")
        chosen = next(place for kind in order.tolist() for place in places if place.kind == kind)
        confidence = self._weights.confidence(chances, chosen.kind, chosen.share)
        if question.fresh == "confident" and chosen.kind != NEW and confidence < CONFIDENT:
            root = next(place for place in places if place.kind == NEW)
            chosen = replace(root, candidate=replace(root.candidate, reason=reasons.apart(chosen.candidate.reason)))
            places = [place for place in places if place is not root]
            confidence = (
                chosen.candidate.score
            )  # what confidence is told from otherwise was settled on likeliest places
        forks = bool(len(evidence.earlier))
        rest = sorted((place.candidate for place in places if place is not chosen), key=lambda one: -one.score)
        return Attachment(
            parent_id=chosen.candidate.parent_id,
            route=chosen.candidate.route,
            reason=chosen.candidate.reason,
            confidence=confidence,
            scorer="embedded",
            candidates=(chosen.candidate, *rest),
            unsure=chosen.kind == CONTINUE and question.fresh is None and confidence < UNSURE,
            features=heard(evidence.row, self._weights.regressions.parts(scaled, chosen.kind, forks=forks)),
        )


def _corrected(told: list[float], corrections: Iterable[Correction]) -> Row:
    """What was learned, corrected by what the data did not hold: system texts, age, personality."""
    for factor, kinds in corrections:
        for kind in kinds:
            told[kind] *= factor
    total = sum(told) + 1e-9 * len(told)
    return np.array([(chance + 1e-9) / total for chance in told], np.float32)


def _candidates(found: Look, active: int, evidence: Evidence, chances: Row, question: Question) -> list[Place]:
    """The active node, the root, the best other branches and the best earlier node."""
    index = found.index

    def place(kind: int, share: float, parent_id: NodeId | None, reason: str) -> Place:
        return Place(kind, share, Candidate(parent_id, ROUTES[kind], float(chances[kind]) * share, reason))

    words = reasons.convincing(found)
    goes_on = index.end(active) if question.cursor is None else question.cursor
    places = [
        place(CONTINUE, 1.0, goes_on, reasons.goes_on(found, active, words)),
        place(NEW, 1.0, None, reasons.opens(found)),
    ]
    shares = evidence.other_shares[:SHOWN].tolist()
    for pair, share in zip(evidence.others[:SHOWN].tolist(), shares, strict=True):
        places.append(place(RETURN, share, index.end(pair), reasons.returns(found, pair, words)))
    if len(evidence.earlier):
        pair = best_answer(found, int(evidence.earlier[0]))
        share = float(evidence.earlier_shares[0])
        places.append(place(FORK, share, index.end(pair), reasons.forks(found, pair, words)))
    return places


def _alone(
    parent_id: NodeId | None, route: Route, reason: str, confidence: float = 1.0, *, unsure: bool = False
) -> Attachment:
    """An answer that had no rival."""
    candidate = Candidate(parent_id, route, confidence, reason)
    return Attachment(parent_id, route, reason, confidence, "embedded", (candidate,), unsure=unsure)


def _first(model: TreeModel, question: Question) -> Attachment:
    """The first turn of a tree: at the root, or below the system message that waits for it."""
    if question.cursor is not None:
        return _alone(question.cursor, "continue", "opens the conversation at the cursor")
    tips = model.tips()
    if tips:
        return _alone(tips[-1], "continue", "opens the conversation under its system message")
    return _alone(None, "root", "the first turn of the tree")


def _out_of_sight(model: TreeModel, cursor: NodeId) -> Attachment:
    """The cursor has no pair: a system message that waits for its first turn, or a node that is not visible yet."""
    if cursor in model.nodes:
        return _alone(cursor, "continue", "opens the conversation under its system message")
    return _alone(
        cursor, "continue", "stays where the client is: what was said there is not known yet", 0.5, unsure=True
    )
