"""Plays labelled cases and streams to a router.

`evaluate` asks one question a case, on the tree as it should be. `replay` lets the router build its own tree turn by turn, errors
and all, as a user would live with it. Both hand the router trees through its own feed, so it takes the same road as in the server.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, replace

from proxy.domain.placement import FeedNode, Fresh, Mark, Question, TreeSlice
from proxy.domain.ports import TurnRouter
from proxy.domain.tree import NodeId, TreeId, UserId
from proxy.routing.bench.cases import Case
from proxy.routing.bench.metrics import Prediction

USER = UserId("bench")

NEW_CHAT_S = 3600.0
"""Age of the active conversation when a client opens a new chat."""


class Shelf:
    """Implements `ports.TreeFeed` over lists of nodes; each tree shows as many as it is told to."""

    def __init__(self) -> None:
        self._trees: dict[TreeId, tuple[Sequence[FeedNode], int]] = {}

    def show(self, tree_id: TreeId, nodes: Sequence[FeedNode], count: int) -> None:
        """Let a tree have the first `count` of its nodes; never fewer than before."""
        self._trees[tree_id] = (nodes, count)

    async def slice(self, user_id: UserId, tree_id: TreeId, mark: Mark | None) -> TreeSlice:  # noqa: ARG002
        nodes, count = self._trees[tree_id]
        seen = mark.seen if mark else 0
        return TreeSlice(Mark(0, count), list(nodes[seen:count]), reset=mark is None)


async def evaluate(cases: Sequence[Case], shelf: Shelf, router: TurnRouter) -> AsyncIterator[Prediction]:
    """One prediction a case; cases that share a history are asked in its order, so that its tree only grows."""
    whole: dict[TreeId, Sequence[FeedNode]] = {}
    ordered: list[tuple[TreeId, Case]] = []
    for case in cases:
        nodes: Sequence[FeedNode] = getattr(case.history, "nodes", case.history)
        tree_id = TreeId(f"history-{id(nodes)}")
        whole[tree_id] = nodes
        ordered.append((tree_id, case))
    for tree_id, case in sorted(ordered, key=lambda pair: (pair[0], len(pair[1].history))):
        shelf.show(tree_id, whole[tree_id], len(case.history))
        await router.warm(USER, tree_id)
        started = time.perf_counter()
        asked = replace(case.question, user_id=USER, tree_id=tree_id)
        attachment = await router.attach(asked)
        took = (time.perf_counter() - started) * 1000
        yield Prediction(case.id, attachment.parent_id, took, attachment.confidence)


@dataclass(frozen=True, slots=True)
class Replay:
    """What a user of the router's own tree would have lived with; counts of turns unless said otherwise."""

    turns: int
    wrong_joins: int
    """Put into another conversation than its own."""
    torn: int
    """A follow-up on the answer just given that was put elsewhere than behind it."""
    needless_roots: int
    """Opened a new topic although its conversation was there."""
    conversations: int
    whole: int
    """Conversations of which no turn was joined wrongly, torn off or begun anew."""

    def per_100(self, count: int) -> float:
        return 100 * count / self.turns if self.turns else 0.0

    def __add__(self, other: Replay) -> Replay:
        return Replay(
            self.turns + other.turns,
            self.wrong_joins + other.wrong_joins,
            self.torn + other.torn,
            self.needless_roots + other.needless_roots,
            self.conversations + other.conversations,
            self.whole + other.whole,
        )


async def replay(
    stream: Sequence[FeedNode], shelf: Shelf, router: TurnRouter, name: str, fresh: Mapping[NodeId, Fresh] | None = None
) -> AsyncIterator[Replay]:
    """Play a stream turn by turn on a tree of the router's own; yields the account after every user turn.

    The stream's own parents are the truth. A turn's cursor is where the reply before it was stored, wherever that was right or wrong.

    Args:
        fresh: The turns that come without history. What a new chat was not `confident` enough to join is no needless root.
    """
    fresh = fresh or {}
    own: list[FeedNode] = []
    topic: dict[NodeId | None, NodeId] = {}
    hurt: set[NodeId] = set()
    tree_id = TreeId(f"replay-{name}")
    account = Replay(0, 0, 0, 0, 0, 0)
    last: NodeId | None = None
    for node in stream:
        topic[node.id] = topic[node.parent_id] if node.parent_id is not None else node.id
        if node.role != "user":
            own.append(FeedNode(node.id, node.parent_id, node.role, node.text, node.created_at, node.system))
            last = node.id
            continue
        shelf.show(tree_id, own, len(own))
        way = fresh.get(node.id)
        age = NEW_CHAT_S if way == "confident" else 0.0
        asked = Question(USER, tree_id, node.text, last, node.system, fresh=way, active_age_s=age)
        chosen = (await router.attach(asked)).parent_id
        wrong = chosen is not None and topic[chosen] != topic[node.id]
        needless = chosen is None and node.parent_id is not None and way != "confident"
        torn = node.parent_id is not None and node.parent_id == last and chosen != last
        if wrong or needless or torn:
            hurt.add(topic[node.id])
        own.append(FeedNode(node.id, chosen, node.role, node.text, node.created_at, node.system))
        conversations = len(set(topic.values()))
        account = Replay(
            account.turns + 1,
            account.wrong_joins + wrong,
            account.torn + torn,
            account.needless_roots + needless,
            conversations,
            conversations - len(hurt),
        )
        yield account
