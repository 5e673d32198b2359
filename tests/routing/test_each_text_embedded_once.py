"""A turn's vector is computed when it is placed, and not again when the turn is part of the tree."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from proxy.domain.placement import FeedNode, Mark, Question, TreeSlice
from proxy.domain.tree import NodeId, TreeId, UserId
from proxy.routing.embedded import EmbeddedScorer
from proxy.routing.embedder import Vectors
from proxy.routing.grove import TreeModel
from proxy.routing.pairs import PairIndex
from proxy.routing.supply import TURNS
from proxy.routing.vectors import ASKED
from tests.bench.invented import Vectors as Invented
from tests.routing.test_places_stay_the_same import weights


class Counting(Invented):
    """Counts what it embeds."""

    def __init__(self) -> None:
        super().__init__()
        self.embedded: list[str] = []

    def embed(self, texts: Sequence[str]) -> Vectors:
        self.embedded += texts
        return super().embed(texts)


def said(number: int, parent: str | None, role: str, text: str) -> FeedNode:
    return FeedNode(NodeId(f"n{number}"), parent and NodeId(parent), role, text, 0.0)


def test_a_turn_that_is_placed_asked_about_again_and_answered_is_embedded_once():
    counting = Counting()
    scorer, model = EmbeddedScorer(counting, weights()), TreeModel()
    first = [said(0, None, "user", "Which train goes?"), said(1, "n0", "assistant", "The one at nine.")]
    model.apply(TreeSlice(Mark(0, 2), first, reset=True))
    scorer.warm(model)
    turn = "And is there a later one?"
    question = Question(UserId("u"), TreeId("t"), turn, NodeId("n1"))
    scorer.attach(model, question)
    scorer.shortlist(model, question, [NodeId("n1")], 1)
    model.apply(
        TreeSlice(Mark(0, 4), [said(2, "n1", "user", turn), said(3, "n2", "assistant", "At ten.")], reset=False)
    )
    scorer.warm(model)
    assert counting.embedded.count(turn) == 1
    assert len(counting.embedded) == len(set(counting.embedded))


def test_the_vector_of_a_placed_turn_is_that_of_the_pair():
    counting, plain = Counting(), Invented()
    for turns in (1, TURNS + 3):  # the first ones are let go, and embedded again
        index = PairIndex(counting.size, counting.name)
        for number in range(turns):
            index.vector_of(f"Which harbour is number {number}?", counting)
        index.add([said(number, None, "user", f"Which harbour is number {number}?") for number in range(turns)])
        index.refresh(counting)
        told = [
            index.vectors.similarities(plain.embed([index.texts(at)[0]])[0], turns)[0][ASKED, at] for at in range(turns)
        ]
        assert np.allclose(told, 1, atol=0.02)
