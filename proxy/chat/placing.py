"""Where one turn goes: the cursor, then whoever may decide, and where the router doubts, an offer of the other place."""

from __future__ import annotations

import asyncio

from proxy.chat import place
from proxy.chat.clients import ids as client_ids
from proxy.chat.history.again import KnownTurn
from proxy.chat.history.cursor import Cursor, locate
from proxy.chat.record import Tasks
from proxy.chat.request import Request
from proxy.chat.typed import commands, offer
from proxy.chat.typed.offer import Between, Offer
from proxy.chat.typed.steering import Steered, may_be_sent, waypoint
from proxy.domain.placement import Attachment, Fresh, Route
from proxy.domain.ports import TurnRouter
from proxy.domain.tree import DEFAULT_TREE, CallId, NodeId, Tree


class Placing:
    """Asks the store and the router about one turn; stores nothing but what the router would have done."""

    def __init__(
        self,
        store: Steered,
        router: TurnRouter,
        tasks: Tasks,
        fresh: Fresh | None,
        ask_between: Between | None,
    ) -> None:
        self._store = store
        self._router = router
        self._tasks = tasks
        self._fresh = fresh
        self._ask_between = ask_between

    async def cursor(self, request: Request) -> Cursor:
        """Where the client believes it is."""
        if (named := await client_ids.by_ids(self._store, request)) is not None:
            return named
        user_id, turn, transcript = request.user.id, request.turn, request.transcript
        within = turn.tree
        if within is None and transcript.fresh and not turn.hint and not request.pinned:
            within = DEFAULT_TREE  # without a history nothing says that the chat is in another tree
        tree_id = (await self._store.tree(user_id, within)).id if within is not None else None
        sighting = await self._store.recognise(user_id, transcript.links, tree_id=tree_id, conversation=turn.hint)
        return locate(transcript.said, transcript.links, sighting)

    async def attach(
        self, request: Request, tree: Tree, cursor: Cursor, known: KnownTurn
    ) -> tuple[Attachment, Offer | None]:
        """The place; where the router is unsure, and may ask, the client's place with an offer of the other one."""
        attachment = await self._attachment(request, tree, cursor, known)
        between, at = self._ask_between, cursor.node_id
        if between is None or request.policy != "auto" or attachment.scorer == "none" or at is None:
            return attachment, None
        if not offer.may_ask(request.turn) or (weighed := offer.weigh(attachment, at, between)) is None:
            return attachment, None
        placed, other = weighed
        return placed, await offer.offer(self._store, request.user.id, other, at)

    def shadow(self, request: Request, tree: Tree, cursor: Cursor, known: KnownTurn) -> asyncio.Task[Attachment] | None:
        """What the router would do with a turn that follows its client, found out while that is answered."""
        if request.policy != "shadow" or not place.undecided(request, cursor, known):
            return None
        return self._tasks.start(self._routed(request, tree, cursor))

    async def note_shadow(self, shadow: asyncio.Task[Attachment], tree: Tree, turn_id: NodeId, call_id: CallId) -> None:
        """Keep it, once it is known."""
        await self._store.note_shadow(tree.user_id, tree.id, turn_id, call_id, await shadow)

    async def _attachment(self, request: Request, tree: Tree, cursor: Cursor, known: KnownTurn) -> Attachment:
        if known.asked_again is not None:
            first = await self._first_of_turn(request, cursor, known.asked_again.id)
            route: Route = "follow" if request.policy in ("follow", "shadow") else "continue"
            return Attachment(first, route, "the same turn again: another reply", confidence=1.0, scorer="none")
        steered = may_be_sent(request, cursor) and place.undecided(request, cursor, known)
        if steered and (to := await waypoint(self._store, request, tree, cursor)):
            await self._store.reached(request.user.id, request.caller.key_id, request.turn.hint)
            return commands.pinned(to)
        if (attachment := place.settled(request, cursor, known)) is not None:
            return attachment
        return await self._routed(request, tree, cursor)

    async def _routed(self, request: Request, tree: Tree, cursor: Cursor) -> Attachment:
        asked = await place.question(self._store, request, cursor, tree, self._fresh)
        return place.under_greeting(request, cursor, await place.routed(self._router, asked))

    async def _first_of_turn(self, request: Request, cursor: Cursor, turn_id: NodeId) -> NodeId | None:
        """What the stored turn hangs from: the parent of its first message."""
        first = cursor.nodes.get(request.transcript.turn_from, turn_id)
        return (await self._store.node(request.user.id, first)).parent_id
