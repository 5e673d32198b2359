"""A scorer's relevance and the embedded scorer's chances make one decision."""

from proxy.domain.placement import Attachment, Candidate
from proxy.domain.tree import NodeId
from proxy.routing.explore import Place, Placed
from proxy.routing.fused import fused

TALKS = {NodeId(f"{talk}{at}"): NodeId(f"{talk}1") for talk in "abcd" for at in (1, 2, 3)}


def embedded(sure: float, *others: tuple[str | None, float]) -> Attachment:
    """Stays at `a3`; the others share what is left."""
    places = [Candidate(None if name is None else NodeId(name), "return", score, name or "") for name, score in others]
    here = Candidate(NodeId("a3"), "continue", sure, "follows on")
    return Attachment(NodeId("a3"), "continue", "follows on", sure, "embedded", (here, *places))


def placed(chosen: tuple[str | None, float], *others: tuple[str | None, float]) -> Placed:
    first, *rest = (Place(None if n is None else NodeId(n), relevance, n or "") for n, relevance in (chosen, *others))
    return Placed(first, tuple(rest), explored=True)


def test_a_clear_word_of_the_scorer_wins_over_a_doubtful_place():
    found = fused(placed(("b3", 0.9), ("a3", 0.1)), embedded(0.6, ("b3", 0.3)), TALKS)
    assert found.parent == "b3"


def test_a_weak_preference_for_an_unlikely_conversation_does_not():
    found = fused(placed(("d3", 0.9), ("a3", 0.7), ("b3", 0.2)), embedded(0.8, ("b3", 0.2)), TALKS)
    assert (found.parent, found.confidence) == ("a3", 0.8)


def test_within_a_conversation_the_scorer_says_where():
    found = fused(placed(("a2", 0.9), ("a3", 0.9)), embedded(0.8, ("b3", 0.2)), TALKS)
    assert found.parent == "a2"


def test_what_both_find_likely_wins_over_the_first_choice_of_either():
    found = fused(placed(("d3", 0.9), ("b3", 0.85), ("a3", 0.0)), embedded(0.55, ("b3", 0.45)), TALKS)
    assert (found.parent, found.confidence) == ("b3", 0.85)


def test_the_root_is_weighed_like_a_conversation():
    assert fused(placed((None, 0.9), ("a3", 0.1)), embedded(0.6, (None, 0.4)), TALKS).parent is None


def test_a_likely_place_that_the_scorer_did_not_name_may_win():
    found = fused(placed(("d3", 0.4)), embedded(0.3, ("b2", 0.7)), TALKS)
    assert found.parent == "b2"


def test_where_the_embedded_scorer_names_no_other_place_its_doubt_is_everybodys():
    assert fused(placed(("c3", 0.6), ("a3", 0.2)), embedded(0.5), TALKS).parent == "c3"
