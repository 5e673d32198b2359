"""A user's corrections as labelled cases: the tree as it was when the turn came, and where the user said that the turn belongs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from proxy.domain.placement import FeedNode
from proxy.domain.tree import NodeId
from proxy.routing.bench.cases import Case


@dataclass(frozen=True, slots=True)
class Corrected:
    """One correction."""

    node_id: NodeId
    """The first message of the turn."""
    to_parent: NodeId | None
    cursor: NodeId | None
    """Where the client was when the turn came."""


def cases(nodes: Sequence[FeedNode], corrected: Iterable[Corrected]) -> list[Case]:
    """One case a corrected turn, by its last correction; those whose places are gone are left out.

    Args:
        nodes: A whole tree as it is now, parents before children.
    """
    by_id = {node.id: node for node in nodes}
    made: dict[NodeId, Case] = {}
    for one in corrected:
        turn = by_id.get(one.node_id)
        if turn is None:
            continue
        history = sorted(_before(nodes, turn), key=lambda node: node.created_at)
        known = {node.id for node in history}
        if one.to_parent is not None and one.to_parent not in known:
            continue
        active = one.cursor if one.cursor in known else None
        first = one.to_parent
        while first is not None and (above := by_id[first].parent_id) is not None:
            first = above
        parents = {node.parent_id for node in history}
        kind = (
            "new"
            if one.to_parent is None
            else "continue"
            if one.to_parent == active
            else "fork"
            if one.to_parent in parents
            else "return"
        )
        made[turn.id] = Case(
            id=turn.id,
            suite="corrections",
            kind=kind,
            tags=(),
            turn=turn.text,
            active=active,
            gold=(one.to_parent,),
            gold_branch=frozenset([first]),
            history=history,
        )
    return list(made.values())


def _before(nodes: Sequence[FeedNode], turn: FeedNode) -> list[FeedNode]:
    """What had been said when a turn came, as far as it hangs together; nothing that hangs below the turn."""
    gone, kept = {turn.id}, []
    for node in nodes:
        if node.parent_id in gone or node.created_at >= turn.created_at:
            gone.add(node.id)
        elif node.id not in gone:
            kept.append(node)
    return kept
