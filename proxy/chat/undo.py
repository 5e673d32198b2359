"""Where a turn goes when its placement is undone.

A turn that was moved goes back to where it hung before, so undoing twice changes nothing. One that was only placed goes to
where it would have been without placement: behind what its client had sent before it. A client that sends no history says nothing
of that; then it is the branch that was active when the turn came, else the root.
"""

from __future__ import annotations

from typing import Final, Protocol

from proxy.domain.placement import Attachment
from proxy.domain.tree import Node, NodeId, UserId
from proxy.errors import InvalidRequest, NotFound

WHY: Final = "undo"
"""What the log of moves says."""


class History(Protocol):
    """What is known of how a turn came to its place."""

    async def node(self, user_id: UserId, node_id: NodeId) -> Node: ...

    async def moved_from(self, user_id: UserId, node_id: NodeId) -> tuple[NodeId | None] | None:
        """The parent before the last move, as a tuple of one; `None` for a node that was never moved."""
        ...

    async def moved_for(self, user_id: UserId, node_id: NodeId) -> str | None:
        """Why the last move was made; `None` for a node that was never moved."""
        ...

    async def before(self, user_id: UserId, node_id: NodeId) -> tuple[bool, NodeId | None]:
        """Whether a client sent something before this message, and the nearest stored node of that."""
        ...

    async def placed_as(self, user_id: UserId, node_id: NodeId) -> Attachment | None:
        """How the turn that begins with this node was placed when it came."""
        ...


async def origin(store: History, user_id: UserId, first: Node) -> NodeId | None:
    """The parent that an undo gives to a turn's first message.

    Raises InvalidRequest when there is nothing to undo.
    """
    moved = await store.moved_from(user_id, first.id)
    if moved is not None:
        return await _still_there(store, user_id, moved[0])
    parent = await _unplaced(store, user_id, first)
    if parent == first.parent_id:
        raise InvalidRequest("There is nothing to undo: the turn stands where its client would have put it. Move it.")
    return parent


async def _unplaced(store: History, user_id: UserId, first: Node) -> NodeId | None:
    has_history, parent = await store.before(user_id, first.id)
    if has_history:
        return parent
    decided = await store.placed_as(user_id, first.id)
    stay = next((one.parent_id for one in decided.candidates if one.route == "continue"), None) if decided else None
    if stay is None or stay == first.parent_id:
        return None
    return await _still_there(store, user_id, stay)


async def _still_there(store: History, user_id: UserId, parent: NodeId | None) -> NodeId | None:
    """Raises InvalidRequest for a place that was deleted."""
    if parent is not None:
        try:
            await store.node(user_id, parent)
        except NotFound as exc:
            raise InvalidRequest("Where the turn would go back to was deleted since. Move it.") from exc
    return parent
