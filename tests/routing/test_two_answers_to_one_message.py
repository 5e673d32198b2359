"""A turn that forks behind a message with several answers joins the one that it speaks of."""

from __future__ import annotations

import numpy as np
import pytest

from proxy.domain.placement import FeedNode
from proxy.domain.tree import NodeId
from proxy.routing.evidence import best_answer
from proxy.routing.features import look
from proxy.routing.pairs import PairIndex
from proxy.routing.part import around
from tests.bench.invented import Vectors

VECTORS = Vectors()

SAID = (
    ("asked", None, "user", "Which bread keeps longest?"),
    ("rye", "asked", "assistant", "Rye with sourdough keeps for a week in a linen bag."),
    ("oat", "asked", "assistant", "Oat loaf with honey, wrapped in wax paper."),
    ("thanks", "oat", "user", "And which is quickest to make?"),
    ("soda", "thanks", "assistant", "Soda bread, in an hour."),
)


@pytest.fixture(scope="module")
def index() -> PairIndex:
    found = PairIndex(VECTORS.size, VECTORS.name)
    found.add([FeedNode(NodeId(one), above and NodeId(above), role, text, 0.0) for one, above, role, text in SAID])
    found.refresh(VECTORS)
    return found


@pytest.mark.parametrize(
    ("turn", "joined"),
    [
        ("Does the linen bag have to be dry?", "rye"),
        ("Can the honey be left out of the oat loaf?", "oat"),
        ("How much does that cost?", "oat"),
    ],
)
def test_the_answer_that_a_turn_speaks_of_is_joined_and_else_the_one_gone_on_from(
    index: PairIndex, turn: str, joined: str
):
    on_path = index.pair_of[NodeId("oat")]
    (vector,) = VECTORS.embed([turn])
    assert index.end(best_answer(look(index, turn, vector), on_path)) == joined
    part, _ = around(index, vector, np.arange(len(index), dtype=np.int32))
    assert index.end(best_answer(look(index, turn, vector, part), on_path)) == joined


def test_a_message_with_one_answer_has_no_other(index: PairIndex):
    pair = index.pair_of[NodeId("soda")]
    (vector,) = VECTORS.embed(["The linen bag?"])
    assert best_answer(look(index, "The linen bag?", vector), pair) == pair
