"""Where a turn would go, and why: the road up to placement, with nothing stored."""

from __future__ import annotations

from dataclasses import dataclass

from proxy.chat import place
from proxy.chat.history.again import KnownTurn
from proxy.chat.history.cursor import Cursor, locate
from proxy.chat.request import Request, read
from proxy.context.compose import Window
from proxy.domain.placement import Attachment, Fresh
from proxy.domain.ports import TreeStore, TurnRouter
from proxy.domain.tree import NodeId, Tree
from proxy.domain.turn import Caller, Turn


@dataclass(frozen=True, slots=True)
class Preview:
    """An answer that was not acted on."""

    attachment: Attachment
    cursor: NodeId | None
    """Where the client is believed to be."""
    unknown: int
    """Messages of the history that no node holds: they would be stored first, and the turn is weighed as if they were not there."""


async def preview(
    store: TreeStore,
    router: TurnRouter,
    turn: Turn,
    caller: Caller,
    tree: Tree,
    at: NodeId | None = None,
    fresh_rule: Fresh | None = None,
) -> Preview:
    """Place a turn under policy `auto` in a tree that is there.

    Args:
        at: Where the client says that it is; without it, what the turn's history says.

    Raises NotFound for an unknown `at`.
    """
    user = await store.user(caller.user_id)
    request = Request(turn, caller, "auto", user, read(turn, user), Window(0, 0, 0), started=0.0)
    transcript = request.transcript
    if at is not None:
        cursor = Cursor(node_id=(await store.node(user.id, at)).id, tree_id=tree.id, found_by="named")
    else:
        sighting = await store.recognise(user.id, transcript.links, tree_id=tree.id, conversation=turn.hint)
        cursor = locate(transcript.said, transcript.links, sighting)
    unknown = 0 if at is not None else max(0, transcript.turn_from - cursor.new_from)
    if (settled := place.settled(request, cursor, KnownTurn())) is not None:
        return Preview(settled, cursor.node_id, unknown)
    asked = await place.question(store, request, cursor, tree, fresh_rule)
    return Preview(await place.routed(router, asked), asked.cursor, unknown)
