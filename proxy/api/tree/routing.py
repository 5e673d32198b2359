"""Why a turn stands where it stands, what it cost, where another would go, and what placement would have done in the shadow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from pydantic import Field

from proxy.api.tree.messages import MessageIn
from proxy.api.tree.wire import NODE_ID, TREE_ID, Body, Listed, Out, Parent
from proxy.domain.message import Wire
from proxy.domain.placement import Attachment, Candidate, Feature, Route
from proxy.domain.tree import NodeId
from proxy.domain.turn import Call
from proxy.routing.heard import in_words
from proxy.store.browse.reports import Move, Shadow
from proxy.store.records import Decision

CHARACTERS_A_TOKEN = 4
"""For the savings of a shadow report, which compares estimates with estimates."""


class CandidateOut(Out):
    """A place that was considered."""

    parent_id: str | None = Field(examples=[NODE_ID])
    route: Route = Field(examples=["return"])
    score: float = Field(description="How well the turn fits there, 0 to 1.", examples=[0.62])
    reason: str = Field(examples=["It goes on about the lock."])

    @classmethod
    def of(cls, candidate: Candidate) -> CandidateOut:
        return cls(parent_id=candidate.parent_id, route=candidate.route, score=candidate.score, reason=candidate.reason)


class FeatureOut(Out):
    """One thing that the scorer weighed."""

    name: str = Field(description="As the scorer knows it.", examples=["active: cos tail"])
    value: float = Field(examples=[0.62])
    weight: float = Field(
        description="What it added to the evidence for the chosen place, in log odds; below zero it spoke against it.",
        examples=[0.85],
    )
    words: str = Field(examples=["likeness in meaning to the end of the answer: the last exchange"])

    @classmethod
    def of(cls, feature: Feature) -> FeatureOut:
        return cls(name=feature.name, value=feature.value, weight=feature.weight, words=in_words(feature.name))


class DecisionOut(Out):
    """Where a turn was put, why, how sure, and what else was considered."""

    parent_id: str | None = Field(description="As decided; null is the root.", examples=[NODE_ID])
    route: Route = Field(examples=["continue"])
    reason: str = Field(examples=["A follow-up to what was just said."])
    confidence: float = Field(description="Chance that the place is right, 0 to 1.", examples=[0.93])
    scorer: str = Field(description="`embedded`, `llm`, or `none` where nothing had to be decided.", examples=["llm"])
    candidates: list[CandidateOut] = Field(description="Best first.")
    runner_up: CandidateOut | None = Field(description="The best candidate at another place.")
    calls: int = Field(description="Upstream calls of the scorer.", examples=[2])
    prompt_tokens: int = Field(examples=[812])
    completion_tokens: int = Field(examples=[64])
    spent_ms: float = Field(examples=[12.5])
    degraded: bool = Field(description="The scorer failed; the embedded one stood in.", examples=[False])
    unsure: bool = Field(description="Too little evidence, so the turn stayed at the cursor.", examples=[False])
    features: list[FeatureOut] = Field(
        description="What weighed most, the heaviest first: as the regression among the embedded scorer's parts weighs it."
    )

    @classmethod
    def of(cls, attachment: Attachment) -> DecisionOut:
        runner_up = attachment.runner_up
        return cls(
            parent_id=attachment.parent_id,
            route=attachment.route,
            reason=attachment.reason,
            confidence=attachment.confidence,
            scorer=attachment.scorer,
            candidates=[CandidateOut.of(candidate) for candidate in attachment.candidates],
            runner_up=CandidateOut.of(runner_up) if runner_up else None,
            calls=attachment.calls,
            prompt_tokens=attachment.prompt_tokens,
            completion_tokens=attachment.completion_tokens,
            spent_ms=attachment.spent_ms,
            degraded=attachment.degraded,
            unsure=attachment.unsure,
            features=[FeatureOut.of(feature) for feature in attachment.features],
        )


class MoveOut(Out):
    from_parent_id: str | None = Field(examples=[NODE_ID])
    to_parent_id: str | None = Field(examples=[None])
    at: float = Field(description="Seconds since 1970, UTC.", examples=[1763776800.5])
    why: str = Field(examples=["undo"])


class RouteOut(Out):
    """The decision behind a turn, and what became of it."""

    object: Literal["route"] = "route"
    turn_id: str = Field(description="The first message of the turn that the node belongs to.", examples=[NODE_ID])
    parent_id: str | None = Field(description="Where the turn hangs now.", examples=[NODE_ID])
    decision: DecisionOut | None = Field(description="Null for messages that were added by hand or adopted.")
    decided_at: float | None = Field(examples=[1763776800.5])
    moves: list[MoveOut] = Field(description="Corrections since, oldest first.")

    @classmethod
    def of(cls, turn_id: NodeId, parent_id: NodeId | None, decided: Decision | None, moves: list[Move]) -> RouteOut:
        return cls(
            turn_id=turn_id,
            parent_id=parent_id,
            decision=DecisionOut.of(decided.attachment) if decided else None,
            decided_at=decided.at if decided else None,
            moves=[
                MoveOut(from_parent_id=move.from_parent, to_parent_id=move.to_parent, at=move.at, why=move.why)
                for move in moves
            ],
        )


class RouteIn(Body):
    """A turn that nobody has sent yet."""

    messages: list[MessageIn] = Field(
        min_length=1,
        max_length=2_000,
        description="As a client would send them: the turn, before it any history, system text too.",
        examples=[[{"role": "user", "content": "Back to the lock: how deep is it?"}]],
    )
    tree_id: str | None = Field(
        default=None, max_length=200, description="The tree; `main` without it.", examples=[TREE_ID]
    )
    cursor: Parent = Field(default=None, description="Where the client is, if it should not be read from the history.")
    conversation: str | None = Field(default=None, max_length=500, description="The client's own id of the chat.")
    personality: str | None = Field(default=None, max_length=100, description="The one that the turn would name.")


class PreviewOut(Out):
    """Where the turn would go. Nothing was stored."""

    object: Literal["preview"] = "preview"
    tree_id: str | None = Field(description="Null while the caller has no such tree.", examples=[TREE_ID])
    cursor: str | None = Field(description="Where the client is believed to be.", examples=[NODE_ID])
    unknown: int = Field(
        description="Messages of the history that no node holds: they would be stored first, and were not weighed.",
        examples=[0],
    )
    decision: DecisionOut


class ReceiptOut(Out):
    """The account of the call behind a reply."""

    object: Literal["receipt"] = "receipt"
    node_id: str = Field(examples=[NODE_ID])
    call_id: str = Field(examples=["call_2aVd9sEoTqWmXc7LhRyUfJ"])
    turn_id: str = Field(description="The message that was answered.", examples=[NODE_ID])
    status: Literal["open", "done", "interrupted", "failed"] = Field(examples=["done"])
    model: str = Field(examples=["gpt-4o"])
    finish_reason: str | None = Field(examples=["stop"])
    usage: dict[str, Any] | None = Field(
        description="As the provider reported it.",
        examples=[{"prompt_tokens": 211, "completion_tokens": 40, "total_tokens": 251}],
    )
    receipt: dict[str, Any] = Field(
        description="What was sent and what it saved; empty where nothing came back.",
        examples=[{"route": "return", "sent_tokens": 208, "saved_tokens": 1904, "left_out": 0, "overhead_ms": 4.1}],
    )
    started_at: float = Field(description="Seconds since 1970, UTC.", examples=[1763776800.5])
    messages: list[dict[str, Any]] | None = Field(
        description="What was sent, as far as it was not deleted since; null where it was not kept. Under `follow`, messages that"
        " were recognised are told as stored.",
        examples=[[{"role": "user", "content": "How deep is the lock?"}]],
    )

    @classmethod
    def of(cls, node_id: str, call: Call, messages: Sequence[Wire] | None) -> ReceiptOut:
        return cls(
            node_id=node_id,
            call_id=call.id,
            turn_id=call.turn_id,
            status=call.status,
            model=call.model,
            finish_reason=call.finish_reason,
            usage=dict(call.usage) if call.usage is not None else None,
            receipt=dict(call.receipt),
            started_at=call.started_at,
            messages=None if messages is None else [dict(wire) for wire in messages],
        )


class ShadowTurn(Out):
    """One turn that followed its client, and what `auto` would have done."""

    turn_id: str = Field(examples=[NODE_ID])
    followed: str | None = Field(description="Where the client's own history put it.", examples=[None])
    agreed: bool = Field(description="Whether `auto` would have put it there too.", examples=[False])
    saved_tokens: int | None = Field(
        description="Estimated; below 0 where `auto` sends more; null where its place was deleted since.",
        examples=[1904],
    )
    decision: DecisionOut
    at: float = Field(examples=[1763776800.5])


class ShadowOut(Listed):
    """What `auto` would have done under `follow`: of the turns on this page."""

    last_id: str | None = Field(description="What to send as `before` for older turns.", examples=["412"])
    turns: int = Field(examples=[40])
    agreements: int = Field(examples=[33])
    disagreements: int = Field(examples=[7])
    joins: int = Field(description="Turns that `auto` would have joined to another branch.", examples=[5])
    new_topics: int = Field(description="Turns that `auto` would have begun at the root.", examples=[2])
    unsure: int = Field(examples=[3])
    saved_tokens: int = Field(description="Estimated, over all turns of the page.", examples=[5210])
    data: list[ShadowTurn] = Field(description="The newest first.")


def shadow_report(shadows: list[Shadow], lengths: Mapping[NodeId, tuple[int, int]], *, has_more: bool) -> ShadowOut:
    """Lay what was done beside what would have been done.

    Args:
        lengths: Messages and characters from the root to each place; those that are gone are missing.
    """
    data = [_shadow_turn(shadow, lengths) for shadow in shadows]
    differing = [shadow for shadow in shadows if shadow.attachment.parent_id != shadow.followed]
    return ShadowOut(
        has_more=has_more,
        last_id=str(shadows[-1].id) if shadows else None,
        turns=len(data),
        agreements=len(data) - len(differing),
        disagreements=len(differing),
        joins=sum(shadow.attachment.parent_id is not None for shadow in differing),
        new_topics=sum(shadow.attachment.parent_id is None for shadow in differing),
        unsure=sum(shadow.attachment.unsure for shadow in shadows),
        saved_tokens=sum(turn.saved_tokens or 0 for turn in data),
        data=data,
    )


def _shadow_turn(shadow: Shadow, lengths: Mapping[NodeId, tuple[int, int]]) -> ShadowTurn:
    attachment = shadow.attachment
    followed, auto = (_tokens(place, lengths) for place in (shadow.followed, attachment.parent_id))
    return ShadowTurn(
        turn_id=shadow.turn_id,
        followed=shadow.followed,
        agreed=attachment.parent_id == shadow.followed,
        saved_tokens=None if followed is None or auto is None else followed - auto,
        decision=DecisionOut.of(attachment),
        at=shadow.at,
    )


def _tokens(place: NodeId | None, lengths: Mapping[NodeId, tuple[int, int]]) -> int | None:
    """About how many tokens the path to a place takes; `None` for a place that is gone."""
    if place is None:
        return 0
    found = lengths.get(place)
    return None if found is None else found[1] // CHARACTERS_A_TOKEN
