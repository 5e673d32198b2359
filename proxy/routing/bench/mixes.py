"""Streams for replays: the same conversations, woven as people chat or as clients without history send them.

A benchmark's streams hop between conversations more often than people do. The mix `chats` weaves their longer conversations anew, so
that four turns of five follow on; `fresh-clients` sends some of those turns without history, as clients do that keep none or that open
a new chat for every change of subject. Parents stay as they are, for a turn's parent lies in its own conversation, whose order is kept.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from proxy.domain.placement import FeedNode, Fresh
from proxy.domain.tree import NodeId

Mix = Literal["stream", "chats", "fresh-clients"]
MIXES: tuple[Mix, ...] = ("stream", "chats", "fresh-clients")

GOES_ON = 0.95
"""Chance that a turn goes on with what was just said, as long as its conversation has more to say; with the ends, four turns of five."""

LEAST, TOGETHER = 5, 16
"""Exchanges that a conversation needs to be woven anew, and conversations in one stream."""

OPENINGS = 0.5
"""Share of the other turns that open a conversation, while there are any left; the rest return to one, the latest more often."""

WITHOUT_HISTORY = 0.2
"""Share of the follow-ups that a client sends alone."""

IN_A_NEW_CHAT = 0.7
"""Share of the changes of subject for which a client opens a new chat and says so."""

KINDS = ("follow-up", "return", "opening")

Exchange = list[FeedNode]
"""A user's turn and what answered it."""


@dataclass(frozen=True, slots=True)
class Played:
    """A stream to be played."""

    name: str
    nodes: Sequence[FeedNode]
    fresh: Mapping[NodeId, Fresh]
    """The user's turns that come without history, and in which way."""


def woven(streams: Mapping[str, Sequence[FeedNode]], mix: Mix, seed: int = 0) -> list[Played]:
    """Streams in one of the mixes: as they are, or their longer conversations woven together; the shorter ones if there are no others."""
    if mix == "stream":
        return [Played(name, nodes, {}) for name, nodes in streams.items()]
    longest: dict[str, list[Exchange]] = {}
    for number, nodes in enumerate(streams.values()):
        for exchanges in _conversations(_apart(nodes, number)):
            first = exchanges[0][0].text
            longest[first] = max(longest.get(first, []), exchanges, key=len)
    pool = [exchanges for exchanges in longest.values() if len(exchanges) >= LEAST] or list(longest.values())
    rng = random.Random(f"{seed}-{mix}")  # noqa: S311 - a draw, no secret
    rng.shuffle(pool)
    played = []
    for start in range(0, len(pool), TOGETHER):
        order = _chats(pool[start : start + TOGETHER], rng)
        fresh = _fresh_clients(order, rng) if mix == "fresh-clients" else {}
        played.append(
            Played(f"{mix} {start // TOGETHER + 1}", [node for exchange in order for node in exchange], fresh)
        )
    return played


def _apart(nodes: Sequence[FeedNode], stream: int) -> list[FeedNode]:
    """The nodes with ids that no other stream has."""

    def own(node_id: NodeId) -> NodeId:
        return NodeId(f"{stream}/{node_id}")

    return [
        replace(node, id=own(node.id), parent_id=None if node.parent_id is None else own(node.parent_id))
        for node in nodes
    ]


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
        if not (opened and opened[-1] and rng.random() < GOES_ON):
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
    return {kind: kinds.count(kind) / max(1, len(kinds)) for kind in KINDS}
