"""The road of one turn: find the client, place the turn, rebuild the context, make it durable, ask, record.

Streaming and plain answers are one road: a plain reply is the one whole chunk that the upstream yields. A stored turn that is answered
once more joins the road at its last stretch.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from dataclasses import replace
from functools import partial

from proxy.chat import place, record
from proxy.chat.ask import Asking
from proxy.chat.beginning import begun
from proxy.chat.bill import Prices, bill
from proxy.chat.clients import ids as client_ids
from proxy.chat.history.again import KnownTurn, Retries, Running, known_turn
from proxy.chat.history.cursor import Cursor
from proxy.chat.manifest import manifest, new_messages
from proxy.chat.placing import Placing
from proxy.chat.prepare import Preparation
from proxy.chat.prepared import Prepared, kept
from proxy.chat.presence import Guest, Presence
from proxy.chat.reanswer import AskAgain, Reopened
from proxy.chat.record import Recording, Tasks
from proxy.chat.request import Request, new_nodes, noted, rows, turn_messages
from proxy.chat.tending import Pruning, Tending
from proxy.chat.terms import Answer, Rules, Stored
from proxy.chat.titling import Titling
from proxy.chat.typed import offer
from proxy.context.tokens import estimate_all
from proxy.domain import fingerprint
from proxy.domain.fingerprint import Hash
from proxy.domain.message import Message, Wire
from proxy.domain.ports import OpenTurn, TurnRouter, Upstream
from proxy.domain.transcript import Strand
from proxy.domain.tree import CallId, NodeId, Tree, new_id
from proxy.domain.turn import Caller, Chunk, Turn
from proxy.operations.figures import Figures


class Road:
    """Walks turns from their client to the model and back."""

    def __init__(
        self,
        store: Stored,
        router: TurnRouter,
        upstream: Upstream,
        rules: Rules,
        preparation: Preparation,
        pruning: Pruning,
        titling: Titling | None,
        figures: Figures | None = None,
    ) -> None:
        self._store = store
        self._router = router
        self._upstream = upstream
        self._rules = rules
        self._prepare = preparation
        self.tasks = Tasks(figures)
        self.retries = Retries()
        self.presence = Presence()
        self.tending = Tending(store, preparation.counting, pruning)
        self.titling = titling
        self.placing = Placing(store, router, self.tasks, rules.policies.fresh, rules.ask_between)

    async def walk(self, request: Request, body: Hash, running: Running) -> Answer:
        """Answer a turn that nobody has answered yet. Raises as `Chat.answer`."""
        store, turn, user = self._store, request.turn, request.user
        pin = await place.pin_of(store, user.id, turn)
        cursor = await self.placing.cursor(request)
        if cursor.known and not request.pinned:
            pin = None
        tree = await place.tree_for(store, user.id, turn, cursor, pin)
        known, cursor = await known_turn(store, request, tree, cursor)
        conversation = turn.hint or cursor.conversation or new_id("c")
        cursor = await self._prepare.adopt(request, tree, cursor, pin.id if pin else None, conversation)
        request.stages.end("find")
        attachment, offered = await self.placing.attach(request, tree, cursor, known)
        request.stages.end("place")
        prepared = await self._prepare.context(request, tree, cursor, attachment, known.asked_again)
        request.stages.end("context")
        call_id = CallId(new_id("call"))
        shadow = self.placing.shadow(request, tree, cursor, known)
        turn_id = await self._open(request, tree, cursor, prepared, known, conversation, body, call_id)
        request.stages.end("store")
        if shadow is not None:
            self.tasks.start(self.placing.note_shadow(shadow, tree, turn_id, call_id))
        receipt = prepared.receipt(request, tree, NodeId(new_id("n")))
        if offered is not None:
            receipt = replace(receipt, offered=offered.place, offer_line=offered.line)
        asking = Asking(self._upstream, turn, prepared, receipt)
        if names := client_ids.names(request, turn_id, asking.receipt.node_id):
            await store.name_messages(user.id, turn.hint or "", names)
        recording = Recording(
            user=user,
            tree_id=tree.id,
            call_id=call_id,
            turn_id=turn_id,
            reply_id=asking.receipt.node_id,
            strands=[_strand(request, cursor, known, conversation)],
            conversation=conversation,
            prefill=request.transcript.prefill,
            receipt=partial(self._account, request, asking),
            sent=partial(
                _sent, request, asking, _said_now(request, cursor, known), with_system=known.asked_again is None
            ),
            model=turn.model,
            active_key=request.caller.key_id,
            hint=turn.hint,
            started=request.started,
            closed=partial(self._closed, request, tree, asking, running),
            behind=shadow,
            memo=request.transcript.memo,
        )
        chunks = request.guest.kept(asking)
        relayed = record.relay(store, self.tasks, recording, chunks, self._rules.checkpoint_s)
        if offered is not None:
            relayed = offer.appended(relayed, offered.line)
        return await self.begun(turn, relayed, asking)

    async def _open(
        self,
        request: Request,
        tree: Tree,
        cursor: Cursor,
        prepared: Prepared,
        known: KnownTurn,
        conversation: str,
        body: Hash,
        call_id: CallId,
    ) -> NodeId:
        """Make the turn durable; returns the node that the reply answers."""
        transcript = request.transcript
        first, last = cursor.new_from, len(transcript.said)
        parent_id = prepared.attachment.parent_id
        under = request.turn.personality
        said, system = transcript.said[first:last], request.system_text
        nodes = new_nodes(said, tree.id, parent_id, conversation, system, under, "unanswered")
        if nodes and request.turn.sender is not None:
            nodes[-1] = nodes[-1]._replace(sender=request.turn.sender)
        request.guest.check()
        opened = await self._store.open_turn(
            OpenTurn(
                user_id=tree.user_id,
                tree_id=tree.id,
                call_id=call_id,
                nodes=nodes,
                exacts=[transcript.memo.exact(node.message, request.user.secret) for node in nodes],
                seen=rows(transcript, first, last, cursor.prev, nodes, conversation),
                turn_id=known.asked_again.id if known.asked_again else nodes[-1].id,
                model=request.turn.model,
                request_hash=body,
                idempotency_key=request.turn.idempotency_key,
                decision=prepared.attachment,
                policy=request.policy,
                kept=[message.wire for message in prepared.loose],
                compacted_from=cursor.compacted_from,
                metadata=noted(request.turn),
                after=request.after,
            )
        )
        draft = prepared.draft
        if self._rules.recalling is not None and draft is not None and any(one.role == "user" for one in draft.turn):
            await self._store.keep_turn_pieces(tree.user_id, opened.turn_id, draft.per_turn)
        return opened.turn_id

    async def again(
        self,
        reopened: Reopened,
        wish: AskAgain,
        caller: Caller,
        started: float,
        running: Running | None = None,
        hint: str | None = None,
        guest: Guest | None = None,
    ) -> Answer:
        """Ask for another reply to a stored turn, and record it."""
        await self._store.open_turn(reopened.opening)
        receipt = reopened.prepared.receipt(reopened.request, reopened.tree, NodeId(new_id("n")))
        asking = Asking(self._upstream, reopened.request.turn, reopened.prepared, receipt)
        recording = Recording(
            user=reopened.request.user,
            tree_id=reopened.tree.id,
            call_id=reopened.opening.call_id,
            turn_id=reopened.opening.turn_id,
            reply_id=receipt.node_id,
            strands=reopened.strands,
            conversation=reopened.conversation,
            prefill=None,
            receipt=partial(self._account, reopened.request, asking),
            sent=partial(_sent, reopened.request, asking, [node.message for node in wish.turn.asked], with_system=True),
            model=wish.model,
            active_key=caller.key_id,
            hint=hint,
            started=started,
            closed=partial(self._closed, reopened.request, reopened.tree, asking, running),
            supersedes=[node.id for node in wish.turn.replies] if wish.supersedes else (),
        )
        chunks = self.presence.enter(reopened.request.user, guest).kept(asking)
        relayed = record.relay(self._store, self.tasks, recording, chunks, self._rules.checkpoint_s)
        return await self.begun(reopened.request.turn, relayed, asking)

    def _closed(self, request: Request, tree: Tree, asking: Asking, running: Running | None, whole: bool) -> None:
        if running is not None:
            self.retries.end(running, whole=whole)
        self._warm(request, tree)
        if whole and self.tending.wanted(asking.prepared):
            self.tasks.start(self.tending.tend(request, tree, asking.prepared, asking.receipt.node_id))
        if whole and self.titling is not None and self.titling.wanted(tree):
            self.tasks.start(self.titling.behind(tree, asking.receipt.node_id, request.turn.model))

    def _account(self, request: Request, asking: Asking, usage: Wire | None) -> Wire:
        """The receipt as it is kept."""
        scorer = self._upstream.price(self._rules.scorer_model) if self._rules.scorer_model else None
        newest = estimate_all(turn_messages(request.turn, request.transcript.turn_from))
        asked = asking.served.model or request.turn.model  # another model may have stood in, at its own price
        prices = Prices(self._upstream.price(asked), scorer, asking.prepared.attachment, newest)
        learnt = {"answered_by": asking.served.deployment or None, **bill(asking.receipt, usage, prices)}
        return kept(asking.receipt, learnt)

    def _warm(self, request: Request, tree: Tree) -> None:
        """What the router derives from text costs far more than a request: not for those who always follow."""
        if place.ever_placed(request.turn, request.caller, self._rules.policies):
            self.tasks.start(self._router.warm(tree.user_id, tree.id))

    async def begun(self, turn: Turn, chunks: AsyncGenerator[Chunk, None], asking: Asking | None = None) -> Answer:
        """The answer, once it has begun or its client has heard nothing for too long."""
        silence_s = self._rules.silence_s
        started = await begun(chunks, waits_s=silence_s if turn.stream else None)
        if asking is None:
            return Answer(started, None, silence_s)
        return Answer(started, asking.receipt, silence_s, served=asking.served, attachment=asking.prepared.attachment)


def _said_now(request: Request, cursor: Cursor, known: KnownTurn) -> list[Message]:
    """What of the new turn stands in the tree word for word, up to its end."""
    said = request.transcript.said
    if known.asked_again is None:
        return list(said[cursor.new_from :])
    return [said[-1]] if said[-1].wire == known.asked_again.message.wire else []


def _sent(request: Request, asking: Asking, turn: Sequence[Message], *, with_system: bool) -> bytes:
    """What was sent, as it is kept; system text is stored with what a user said."""
    with_system = with_system and bool(turn) and turn[-1].role == "user"
    return manifest(request, asking.prepared, new_messages(turn), with_system=with_system)


def _strand(request: Request, cursor: Cursor, known: KnownTurn, conversation: str) -> Strand:
    """The client's chat, which the reply goes on."""
    links = request.transcript.links
    prev = cursor.prev if known.asked_again else links[-1].chain
    return Strand(links[-1], prev, fingerprint.last_assistants(links), conversation)
