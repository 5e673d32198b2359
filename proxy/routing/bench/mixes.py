"""Streams for replays: the same conversations, woven as people chat or as clients without history send them.

A benchmark's stream hops between conversations more often than people do. `chats` weaves its conversations anew, so that most turns
follow on; `fresh_clients` marks some of those turns as sent without history, by clients that keep none or that open a new chat for
every change of subject. Parents stay as they are, for a turn's parent lies in its own conversation, whose order is kept.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Literal

from proxy.domain.placement import FeedNode, Fresh
from proxy.domain.tree import NodeId

Mix = Literal["stream", "chats", "fresh-clients"]
MIXES: tuple[Mix, ...] = ("stream", "chats", "fresh-clients")

FOLLOW_UPS = 0.8
"""Share of the turns that go on with what was just said, as long as their conversation has more to say."""

OPENINGS = 0.5
"""Share of the other turns that open a conversation, while there are any left; the rest return to one, the latest more often."""

WITHOUT_HISTORY = 0.2
"""Share of the follow-ups that a client sends alone."""

IN_A_NEW_CHAT = 0.7
"""Share of the changes of subject for which a client opens a new chat and says so."""

Exchange = list[FeedNode]
"""A user's turn and what answered it."""


def woven(stream: Sequence[FeedNode], mix: Mix, seed: int = 0) -> tuple[list[FeedNode], dict[NodeId, Fresh]]:
    """A stream in one of the mixes, and which of its user's turns come without history, in which way."""
    if mix == "stream":
        return list(stream), {}
    rng = random.Random(f"{seed}-{mix}")  # noqa: S311 - a draw, no secret
    order = _chats(_conversations(stream), rng)
    again = [node for exchange in order for node in exchange]
    return again, _fresh_clients(order, rng) if mix == "fresh-clients" else {}


def _conversations(stream: Sequence[FeedNode]) -> list[list[Exchange]]:
    """Each conversation's exchanges in their order; conversations in the order in which they began."""
    topic: dict[NodeId, NodeId] = {}
    found: dict[NodeId, list[Exchange]] = {}
    for node in stream:
        topic[node.id] = of = node.id if node.parent_id is None else topic[node.parent_id]
        exchanges = found.setdefault(of, [])
        if node.role == "user" or not exchanges:
            exchanges.append([])
        exchanges[-1].append(node)
    return list(found.values())


def _chats(conversations: Sequence[Sequence[Exchange]], rng: random.Random) -> list[Exchange]:
    unopened = [list(reversed(exchanges)) for exchanges in reversed(conversations)]
    opened: list[list[Exchange]] = []
    """What is left of each conversation that was begun; the one used last stands last."""
    order: list[Exchange] = []
    while unopened or any(opened):
        if not (opened and opened[-1] and rng.random() < FOLLOW_UPS):
            waiting = [left for left in opened[:-1] if left]
            if unopened and (not waiting or rng.random() < OPENINGS):
                opened.append(unopened.pop())
            elif waiting:
                again = rng.choices(waiting, [1 / (len(waiting) - at) for at in range(len(waiting))])[0]
                opened = [left for left in opened if left is not again] + [again]
        if opened[-1]:
            order.append(opened[-1].pop())
    return order


def _fresh_clients(order: Sequence[Exchange], rng: random.Random) -> dict[NodeId, Fresh]:
    fresh: dict[NodeId, Fresh] = {}
    last: NodeId | None = None
    for exchange in order:
        turn = exchange[0]
        follows = turn.parent_id is not None and turn.parent_id == last
        if rng.random() < (WITHOUT_HISTORY if follows else IN_A_NEW_CHAT):
            fresh[turn.id] = "auto" if follows else "confident"
        last = exchange[-1].id
    return fresh


def shares(stream: Sequence[FeedNode]) -> Mapping[str, float]:
    """How a stream's turns divide, between 0 and 1: into follow-ups, returns and openings."""
    kinds: list[str] = []
    last: NodeId | None = None
    for node in stream:
        if node.role == "user":
            kinds.append("opening" if node.parent_id is None else "follow-up" if node.parent_id == last else "return")
        last = node.id
    return {kind: kinds.count(kind) / max(1, len(kinds)) for kind in ("follow-up", "return", "opening")}
