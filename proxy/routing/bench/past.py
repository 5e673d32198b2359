"""A user's own past turns as labelled cases: each is held out in its time, on the tree as it was, and belongs where it stands today.

Where the user corrected a turn, that is the user's word. Elsewhere it is where a router, or the client's own history, put it and the user
let it stand: agreement with that is no proof, but disagreement is worth a look.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace

from proxy.domain.placement import FeedNode
from proxy.domain.tree import NodeId
from proxy.routing.bench.cases import Case, Prefix

SUITE = "own turns"
CORRECTED = "corrected"
"""Tag of the turns that the user moved."""


def turns(
    nodes: Sequence[FeedNode], cursors: Mapping[NodeId, NodeId | None], corrected: AbstractSet[NodeId] = frozenset()
) -> list[Case]:
    """One case a turn of the user's, oldest first.

    Turns that nobody has to place are left out: the first of a tree, and those that replace another at the client's own place (edits).

    Args:
        nodes: A whole tree as it is now.
        cursors: Where the client was, for turns that came with a history; `None` where nothing of it is left.
    """
    ordered = _in_time(nodes)
    answered: set[NodeId | None] = set()
    continued: set[NodeId | None] = set()
    by_id = {node.id: node for node in ordered}
    cases = []
    for at, node in enumerate(ordered):
        begins = node.role == "user" and (node.parent_id is None or by_id[node.parent_id].role != "user")
        if begins and at and (case := _case(ordered, at, cursors, answered, continued, by_id)) is not None:
            cases.append(replace(case, tags=(CORRECTED,)) if node.id in corrected else case)
        if node.role == "user":
            answered.add(node.parent_id)
        continued.add(node.parent_id)
    return cases


def _in_time(nodes: Sequence[FeedNode]) -> list[FeedNode]:
    """The nodes in the order of their times; those that hang from a later one are left out, with all below them."""
    kept: list[FeedNode] = []
    known: set[NodeId] = set()
    for node in sorted(nodes, key=lambda node: node.created_at):
        if node.parent_id is None or node.parent_id in known:
            kept.append(node)
            known.add(node.id)
    return kept


def _case(
    ordered: Sequence[FeedNode],
    at: int,
    cursors: Mapping[NodeId, NodeId | None],
    answered: AbstractSet[NodeId | None],
    continued: AbstractSet[NodeId | None],
    by_id: Mapping[NodeId, FeedNode],
) -> Case | None:
    turn, last = ordered[at], ordered[at - 1]
    gold = turn.parent_id
    followed = turn.id in cursors
    active = cursors[turn.id] if followed else last.id
    known = active is not None and active in by_id and by_id[active].created_at <= last.created_at
    if not known or not turn.text.strip() or (active == gold and gold in answered):
        return None
    assert active is not None
    return Case(
        id=turn.id,
        suite=SUITE,
        kind=kind_of(gold, active, ends=gold not in continued),
        tags=(),
        turn=turn.text,
        active=active,
        gold=(gold,),
        gold_branch=frozenset([_first(gold, by_id)]),
        history=Prefix(ordered, at),
        fresh=None if followed else "auto",
        active_age_s=0.0 if followed else max(0.0, turn.created_at - by_id[active].created_at),
        system=turn.system,
        personality=turn.personality,
    )


def kind_of(gold: NodeId | None, active: NodeId | None, *, ends: bool) -> str:
    """What kind of placement leads from where the client was to where the turn belongs.

    Args:
        ends: Nothing had been said behind that place yet.
    """
    if gold is None:
        return "new"
    if gold == active:
        return "continue"
    return "return" if ends else "fork"


def _first(node_id: NodeId | None, by_id: Mapping[NodeId, FeedNode]) -> NodeId | None:
    while node_id is not None and (above := by_id[node_id].parent_id) is not None:
        node_id = above
    return node_id
