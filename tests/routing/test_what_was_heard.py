"""What weighed in a decision is told feature by feature, and every feature has words."""

import pytest

from proxy.domain.placement import FeedNode, Mark, Question, TreeSlice
from proxy.domain.tree import NodeId, TreeId, UserId
from proxy.routing.decision import Weights
from proxy.routing.embedded import EmbeddedScorer
from proxy.routing.embedder import embedder
from proxy.routing.evidence import COLUMNS
from proxy.routing.grove import TreeModel
from proxy.routing.heard import TOLD, in_words
from proxy.routing.learn.cache import Remembering

SAID = [
    ("u1", None, "user", "How do I knead sourdough by hand?"),
    ("a1", "u1", "assistant", "Fold it over itself for ten minutes, then let it rest."),
    ("u2", "a1", "user", "How long should it rest?"),
    ("a2", "u2", "assistant", "Four hours at room temperature."),
    ("u3", None, "user", "Plan a weekend in Lisbon for us."),
    ("a3", "u3", "assistant", "Day one: Alfama and tram 28. Day two: the tower of Belém."),
]


@pytest.fixture(scope="module")
def scorer() -> EmbeddedScorer:
    return EmbeddedScorer(Remembering(embedder("minilm")), Weights.shipped("minilm"))


def placed(scorer: EmbeddedScorer, turn: str, cursor: str = "a2"):
    nodes = [
        FeedNode(NodeId(id_), NodeId(above) if above else None, role, text, float(at))
        for at, (id_, above, role, text) in enumerate(SAID)
    ]
    model = TreeModel()
    model.apply(TreeSlice(Mark(0, len(nodes)), nodes, reset=False))
    return scorer.attach(model, Question(UserId("u"), TreeId("t"), turn, NodeId(cursor)))


def test_every_column_of_the_evidence_has_words_of_its_own():
    words = [in_words(name) for name in COLUMNS]
    assert not [name for name, told in zip(COLUMNS, words, strict=True) if told == name]
    assert len(set(words)) == len(COLUMNS)


def test_a_feature_that_is_not_known_any_more_is_called_by_its_name():
    assert in_words("active: phase of the moon") == "active: phase of the moon"


def test_a_decision_tells_what_weighed_most_the_heaviest_first(scorer: EmbeddedScorer):
    found = placed(scorer, "How long does tram 28 take from Alfama to Belém?")
    assert (found.route, found.parent_id) == ("return", "a3")
    weights = [abs(feature.weight) for feature in found.features]
    assert len(weights) == TOLD
    assert weights == sorted(weights, reverse=True)
    assert sum(feature.weight for feature in found.features) > 0


def test_the_same_feature_speaks_for_staying_and_against_leaving(scorer: EmbeddedScorer):
    stays = placed(scorer, "And how long if it is cold in the kitchen?")
    leaves = placed(scorer, "Who won the football world cup in 1998?")
    assert (stays.route, leaves.route) == ("continue", "root")
    assert {one.name for one in stays.features} != {one.name for one in leaves.features}
    assert max(one.weight for one in stays.features) > 0
    assert max(one.weight for one in leaves.features) > 0


def test_where_nothing_had_to_be_decided_nothing_was_weighed(scorer: EmbeddedScorer):
    assert scorer.attach(TreeModel(), Question(UserId("u"), TreeId("t"), "Hello", None)).features == ()
