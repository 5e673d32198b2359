"""Two scorers' words on one turn made one: a scorer's relevance is evidence beside the embedded scorer's chances, no last word.

An LLM that compares many conversations finds a wrong one among them sooner or later, the more so the more it is shown; the embedded scorer
hardly ever means a conversation that it ranks low. So conversations are weighed by both. Within a conversation the LLM says where.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from proxy.domain.placement import Attachment
from proxy.domain.tree import NodeId
from proxy.routing.explore import Place, Placed
from proxy.routing.limits import Mode

WEIGHT: Mapping[Mode, float] = {"tournament": 4.0, "listwise": 3.0}
"""Log odds that a whole unit of relevance is worth: less where one call compares all, for among many a wrong one is sooner taken for right."""

LEAST = 0.01
"""Chance of a conversation that the embedded scorer does not name beside others."""


def fused(
    placed: Placed, embedded: Attachment, conversations: Mapping[NodeId, NodeId], weight: float = WEIGHT["tournament"]
) -> Place:
    """The place that has most to be said for it.

    Args:
        weight: Log odds that a whole unit of relevance is worth.
        conversations: The first node of the conversation of each place that was shown.
    """
    said = _said(placed, conversations)
    chances = _chances(embedded, conversations)
    unnamed = LEAST if len(chances) > 1 else max(LEAST, 1 - embedded.confidence)
    choice, ours = _of(placed.place.parent, conversations), _of(embedded.parent_id, conversations)

    def worth(conversation: NodeId | None) -> float:
        relevance = said[conversation].confidence if conversation in said else 0.0
        return weight * relevance + math.log(max(chances.get(conversation, unnamed), LEAST))

    best = max((choice, *said, *chances), key=worth)
    if best == choice:
        return placed.place
    if best == ours:
        return Place(embedded.parent_id, embedded.confidence, embedded.reason)
    if best in said:
        return said[best]
    candidate = next(one for one in embedded.candidates if _of(one.parent_id, conversations) == best)
    return Place(candidate.parent_id, candidate.score, candidate.reason)


def _said(placed: Placed, conversations: Mapping[NodeId, NodeId]) -> dict[NodeId | None, Place]:
    """The LLM's best place in each conversation; in the one it chose, its choice."""
    found: dict[NodeId | None, Place] = {_of(placed.place.parent, conversations): placed.place}
    for place in sorted(placed.others, key=lambda place: -place.confidence):
        found.setdefault(_of(place.parent, conversations), place)
    return found


def _chances(embedded: Attachment, conversations: Mapping[NodeId, NodeId]) -> dict[NodeId | None, float]:
    """The embedded scorer's chance of each conversation; that of its choice is its confidence, which is calibrated."""
    scores: dict[NodeId | None, float] = {}
    for one in embedded.candidates:
        conversation = _of(one.parent_id, conversations)
        scores[conversation] = scores.get(conversation, 0.0) + max(one.score, LEAST)
    ours = _of(embedded.parent_id, conversations)
    scores.pop(ours, None)
    rest = sum(scores.values()) or 1.0
    chances = {name: (1 - embedded.confidence) * score / rest for name, score in scores.items()}
    return {**chances, ours: embedded.confidence}


def _of(place: NodeId | None, conversations: Mapping[NodeId, NodeId]) -> NodeId | None:
    """The conversation of a place; one that was not shown stands for itself, the root for a new one."""
    return None if place is None else conversations.get(place, place)
