"""A user's yes to an offer: the turn moves, and is answered again from its new place.

The yes itself is a command: it becomes no node, and is skipped when it comes back. Only the first thing said after the offer counts;
after anything else the offer has lapsed, and "yes" is a turn like any other.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

from proxy.chat import undo
from proxy.chat.history.cursor import Cursor
from proxy.chat.reanswer import Reopened, StoredTurn, StoredTurns, turn_around
from proxy.chat.request import Request
from proxy.domain import fingerprint
from proxy.domain.fingerprint import Hash
from proxy.domain.ports import OpenTurn
from proxy.domain.transcript import Seen, Strand
from proxy.domain.tree import ROOT, CallId, Node, NodeId, UserId
from proxy.domain.turn import Call
from proxy.errors import InvalidRequest, NotFound

WHY = "ask"
"""What the log of moves and the label say."""


class MovableTurns(StoredTurns, undo.History, Protocol):
    """What a yes needs of a store beyond answering again."""

    async def call(self, user_id: UserId, call_id: CallId) -> Call: ...

    async def move(
        self, user_id: UserId, node_id: NodeId, new_parent: NodeId | None, why: str, *, who: str = "user"
    ) -> None:
        """Hang a turn elsewhere, and keep that as a label where it had been placed. Raises NotFound, InvalidRequest."""
        ...


@dataclass(frozen=True, slots=True)
class Accepted:
    """A turn at the place that was offered."""

    turn: StoredTurn
    moved: bool
    """False when the same yes came before: then another reply is wanted."""


async def accepted(store: MovableTurns, request: Request, cursor: Cursor) -> Accepted | None:
    """Move the turn that the client says yes to; `None` where no offer stands."""
    user_id, last = request.user.id, len(request.transcript.said) - 1
    reply_id = cursor.nodes.get(last - 1)
    if reply_id is None or cursor.edited is not None or request.pinned:
        return None
    reply = await store.node(user_id, reply_id)
    offered = await _offered(store, user_id, reply)
    if offered is None or await store.children(user_id, reply.tree_id, reply_id):
        return None
    if cursor.new_from != last and last not in cursor.skipped:
        return None
    turn = await turn_around(store, user_id, reply_id)
    # The same chat may stand in another tree, and the yes be known from there.
    if last in cursor.skipped and await store.moved_for(user_id, turn.first.id) is not None:
        return Accepted(turn, moved=False)
    try:
        await store.move(user_id, turn.first.id, None if offered == ROOT else NodeId(offered), WHY)
    except (NotFound, InvalidRequest):  # the place was deleted since, or hangs below the turn now
        return None
    return Accepted(await turn_around(store, user_id, reply_id), moved=True)


def opened(again: Reopened, request: Request, cursor: Cursor, body: Hash) -> OpenTurn:
    """The same opening, with the client's yes as what was asked: it is remembered as a command, and its retry finds the answer."""
    link = request.transcript.links[-1]
    prev = cursor.at(len(request.transcript.said) - 1).prev
    row = Seen(link.chain, prev, link.folded, None, "user", "command", None, None, again.conversation)
    key = request.turn.idempotency_key
    return replace(again.opening, seen=[row], request_hash=body, idempotency_key=key, after=request.after)


def strand(again: Reopened, request: Request) -> Strand:
    """The client's chat behind the yes."""
    links = request.transcript.links
    return Strand(links[-1], links[-1].chain, fingerprint.last_assistants(links), again.conversation)


async def _offered(store: MovableTurns, user_id: UserId, reply: Node) -> str | None:
    if reply.call_id is None:
        return None
    try:
        place = (await store.call(user_id, reply.call_id)).receipt.get("offered")
    except NotFound:
        return None
    return place if isinstance(place, str) else None
