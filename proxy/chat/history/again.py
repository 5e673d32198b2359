"""The same turn again: a regeneration, an edit, or a retry.

A retry joins or replays the first answer (`Retries`; `asked_before` where another process answers it). A turn that is asked again without being a retry wants another reply, which
becomes a sibling of the first. A turn that stands where another stood is an edit, and becomes a sibling of that one; where the other one
failed and was never answered, it is a new turn like any.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace

from proxy.chat.history.cursor import Cursor
from proxy.chat.request import Request
from proxy.domain.fingerprint import Hash
from proxy.domain.ports import AskedBefore, TreeStore
from proxy.domain.tree import Node, Tree

FIRST_LOOK_S, LAST_LOOK_S = 0.02, 0.25
"""How often it is looked whether another process has answered a request: processes share nothing but the database."""


@dataclass(frozen=True, slots=True)
class KnownTurn:
    """What the store holds of the client's new turn."""

    asked_again: Node | None = None
    """The stored turn, word for word; or the reply that the client wants gone on with, as its system text says."""
    edited: Node | None = None
    """The stored turn in whose place the client puts a new one."""


NEW = KnownTurn()


async def asked_before(store: TreeStore, request: Request, body: Hash) -> tuple[AskedBefore, bool]:
    """What is known of the same request once no other process is answering it, and whether one did so until now."""
    waited, pause_s = False, FIRST_LOOK_S
    while True:
        found = await store.asked_before(
            request.user.id, request_hash=body, idempotency_key=request.turn.idempotency_key
        )
        if not found.is_elsewhere:
            return found, waited
        waited = True
        await asyncio.sleep(pause_s)
        pause_s = min(2 * pause_s, LAST_LOOK_S)


@dataclass(slots=True, eq=False)
class Running:
    """A request that is being answered."""

    user_id: str
    mark: str
    whole: asyncio.Future[bool]
    """Whether it ended in a whole answer."""
    waiting: int = 0
    """The same requests that wait for it."""


async def known_turn(store: TreeStore, request: Request, tree: Tree, cursor: Cursor) -> tuple[KnownTurn, Cursor]:
    """Tell a regeneration or an edit from a new turn; the cursor returned stands before what is new."""
    transcript = request.transcript
    last = len(transcript.said) - 1
    if request.pinned:
        return NEW, cursor.at(transcript.turn_from)
    if cursor.edited is not None:
        edited = await store.node(tree.user_id, cursor.edited)
        # What was never answered may have been about anything: the client took it back, and asks something else.
        return KnownTurn(edited=None if edited.state == "unanswered" else edited), cursor
    if cursor.new_from <= last:
        return NEW, cursor
    if last not in cursor.nodes:  # it was an aside, or was deleted: said again, it is new
        return NEW, cursor.at(last)
    node = await store.node(tree.user_id, cursor.nodes[last])
    if request.turn.personality not in (None, node.personality):  # said to somebody else: the same words are a new turn
        return NEW, Cursor() if transcript.fresh else cursor.at(last)
    named = cursor.found_by == "ids"
    if (
        not named
        and transcript.fresh
        and request.policy == "auto"
        and not request.is_retry
        and not await _just_asked(store, request, tree, node)
    ):
        return NEW, Cursor()
    if node.message.role == "assistant" or node.message.wire == transcript.said[last].wire:
        return KnownTurn(asked_again=node), cursor
    return KnownTurn(edited=node), replace(cursor.at(last), node_id=node.parent_id)


async def _just_asked(store: TreeStore, request: Request, tree: Tree, node: Node) -> bool:
    """Whether a chat that sends no history asks its first turn again; otherwise the same words are a new turn."""
    if node.parent_id is not None:
        return False
    if node.state == "unanswered":
        return True
    active = await store.active(tree.user_id, tree.id, request.caller.key_id, request.turn.hint)
    return active is not None and (await store.node(tree.user_id, active.node_id)).parent_id == node.id


class Retries:
    """Requests that are being answered, so that the same one again waits for the first answer instead of asking twice.

    What makes two requests the same is the caller's to say: an idempotency key, or the whole body.
    """

    def __init__(self) -> None:
        self._running: dict[tuple[str, str], Running] = {}

    async def join(self, user_id: str, mark: str) -> bool:
        """Wait while the same request is being answered; whether that ended in a whole answer.

        When it returns False the caller must `begin` before its next await.
        """
        while (running := self._running.get((user_id, mark))) is not None:
            running.waiting += 1
            try:
                if await asyncio.shield(running.whole):
                    return True
            finally:
                running.waiting -= 1
        return False

    def begin(self, user_id: str, mark: str) -> Running:
        running = Running(user_id, mark, asyncio.get_running_loop().create_future())
        self._running[user_id, mark] = running
        return running

    def end(self, running: Running, *, whole: bool) -> None:
        """Let those that wait go on; nothing happens the second time."""
        if running.whole.done():
            return
        del self._running[running.user_id, running.mark]
        running.whole.set_result(whole)
