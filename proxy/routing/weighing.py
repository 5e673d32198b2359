"""Both scorers' answers weighed against each other: where a turn goes once the LLM was asked."""

from __future__ import annotations

from collections.abc import Mapping

from proxy.domain.placement import Attachment, Candidate, Feature, Question, Route
from proxy.domain.tree import NodeId
from proxy.routing.explore import Place, Placed
from proxy.routing.fused import WEIGHT, fused
from proxy.routing.limits import RoutingLimits

_SHOWN = 5
"""Candidates kept with a decision."""


def weighed(
    placed: Placed,
    question: Question,
    embedded: Attachment,
    limits: RoutingLimits,
    tips: frozenset[NodeId],
    conversations: Mapping[NodeId, NodeId],
) -> Attachment:
    """A decision with its evidence weighed: leaving the cursor takes more of it than staying, unless both scorers agree.

    With a gate of 1 the LLM's word stands alone: it was asked about turns of which the embedded scorer is sure too.
    """

    def candidate(place: Place) -> Candidate:
        route = _route(place.parent, question.cursor, tips)
        return Candidate(place.parent, route, round(place.confidence, 3), place.reason)

    chosen = placed.place if limits.gate >= 1 else fused(placed, embedded, conversations, WEIGHT[limits.mode])
    evidence = chosen.confidence
    others = [place for place in (placed.place, *placed.others) if place.parent != chosen.parent]
    considered = tuple(candidate(place) for place in [chosen, *others][:_SHOWN])
    stays = chosen.parent == question.cursor or question.cursor is None
    if question.fresh == "confident" and chosen.parent is not None and evidence < limits.strong:
        place = Place(None, 1 - evidence, f"Not sure enough to join an earlier conversation: {chosen.reason}")
    elif not stays and evidence < limits.sure and chosen.parent != leaning(embedded):
        confidence = next((other.confidence for other in others if other.parent == question.cursor), 1 - evidence)
        place = Place(question.cursor, confidence, f"Not sure enough to leave the conversation: {chosen.reason}")
    else:
        place = chosen
    told = embedded.features if place.parent == embedded.parent_id else ()
    return Attachment(
        place.parent,
        _route(place.parent, question.cursor, tips),
        place.reason,
        round(place.confidence, 3),
        "llm",
        considered,
        unsure=place.parent != chosen.parent,
        features=(Feature("llm: relevance", round(evidence, 3), round(WEIGHT[limits.mode] * evidence, 2)), *told),
    )


def leaning(embedded: Attachment) -> NodeId | None:
    """Where the embedded scorer leans, also when it was too unsure to go there."""
    if embedded.unsure and embedded.runner_up is not None:
        return embedded.runner_up.parent_id
    return embedded.parent_id


def _route(parent: NodeId | None, cursor: NodeId | None, tips: frozenset[NodeId]) -> Route:
    if parent is None:
        return "root"
    if parent == cursor:
        return "continue"
    return "return" if parent in tips else "fork"
