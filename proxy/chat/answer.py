"""The story of one turn: find the client, place the turn, rebuild the context, ask, record.

`Chat` knows no HTTP and no database, only the ports. Streaming and plain answers are one road: a plain reply is the one whole
chunk that the upstream yields.
"""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Protocol

from proxy.chat import collect, looking, place, record
from proxy.chat.ask import Asking
from proxy.chat.beginning import begun, each
from proxy.chat.bill import Prices, bill
from proxy.chat.clients import aside
from proxy.chat.clients import ids as client_ids
from proxy.chat.clients.rules import Clients
from proxy.chat.history.again import KnownTurn, Retries, Running, asked_before, known_turn
from proxy.chat.history.cursor import Cursor
from proxy.chat.looking import Look, Looked, SentStore
from proxy.chat.manifest import manifest, new_messages
from proxy.chat.place import Policies
from proxy.chat.placing import Placing
from proxy.chat.prepare import Preparation, ZonesRule
from proxy.chat.prepared import Prepared, kept, receipt_of
from proxy.chat.reanswer import AskAgain, Reopened, reopen
from proxy.chat.recalling import Recalling
from proxy.chat.record import Recording, Tasks
from proxy.chat.request import Request, body_hash, new_nodes, noted, read, rows, turn_messages
from proxy.chat.stages import Stages
from proxy.chat.tending import Prune, Pruning, Tending
from proxy.chat.titling import Titling
from proxy.chat.typed import accept, commands, offer
from proxy.chat.typed.accept import Accepted, accepted
from proxy.chat.typed.commands import Command, Commands
from proxy.chat.typed.offer import Between, without_lines
from proxy.chat.typed.steering import Steered
from proxy.context.compose import Window
from proxy.context.tokens import estimate_all
from proxy.domain import fingerprint
from proxy.domain.fingerprint import Hash, Memo
from proxy.domain.message import Message, Wire
from proxy.domain.placement import Attachment
from proxy.domain.ports import OpenTurn, TurnRouter, Upstream
from proxy.domain.summary import Summary
from proxy.domain.transcript import Strand
from proxy.domain.tree import CallId, NodeId, Tree, UserId, new_id
from proxy.domain.turn import Call, Caller, Chunk, Completion, Receipt, Turn
from proxy.errors import InvalidRequest, NotFound, Overtaken


@dataclass(frozen=True, slots=True)
class Rules:
    """What the operator chose for the road."""

    policies: Policies = field(default_factory=Policies)
    zones_as: ZonesRule = "auto"
    reply_tokens: int = 4_096
    margin: float = 0.05
    checkpoint_s: float = 3.0
    silence_s: float = 15.0
    """How long the client of a stream may hear nothing."""
    clients: Clients = field(default_factory=Clients)
    ask_between: Between | None = None
    """Where an unsure turn is asked about; `None` asks nobody."""
    commands: str | None = "/graft"
    """What a command that is typed in a chat begins with; `None` knows no commands."""
    recalling: Recalling | None = None
    """Which memories are placed with each turn; `None` places none unasked."""
    scorer_model: str | None = None
    """The router's LLM, for the bill."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the door passes on."""

    chunks: AsyncGenerator[Chunk, None]
    """Ends only when the reply is stored; closing it early stores what was received."""
    receipt: Receipt | None
    """`None` for an aside, which is not stored."""
    silence_s: float = 15.0
    """How long the client of a stream may hear nothing; then it is told that the answer is still to come."""
    aside: str | None = None
    """What an aside was taken for."""
    client: str | None = None
    """The client, if it is a known one."""


class Stored(Steered, SentStore, Protocol):
    """All that the road needs of a store."""


class Chat:
    """Answers turns and remembers them."""

    def __init__(
        self,
        store: Stored,
        router: TurnRouter,
        upstream: Upstream,
        rules: Rules,
        pruning: Pruning | None = None,
        titling: Titling | None = None,
    ) -> None:
        self._store = store
        self._router = router
        self._upstream = upstream
        self._rules = rules
        self._prepare = Preparation(store, upstream, rules.zones_as, rules.recalling)
        self._tending = Tending(store, self._prepare.counting, pruning or Pruning(None))
        self.tasks = Tasks()
        self.titling = titling
        self._placing = Placing(store, router, self.tasks, rules.policies.fresh, rules.ask_between)
        self._retries = Retries()
        self._memo = Memo()
        self._commands = Commands(store, rules.commands or "")

    async def answer(self, turn: Turn, caller: Caller) -> Answer:
        """Answer one turn.

        Raises:
            NotFound: The model, the parent, the tree or the personality does not exist for this caller.
            ContextTooSmall: The turn alone does not fit the model.
            UpstreamError: The provider failed before the first byte; the turn stays stored as unanswered.
        """
        started = time.perf_counter()
        turn, accepts = without_lines(turn)
        window = self._window(turn)
        asks = any(message.role not in ("system", "developer", "assistant") for message in turn.messages)
        helper, profile = self._rules.clients.known(turn) if asks else (aside.UNSAID, None)
        policy = place.policy_of(turn, caller, self._rules.policies, profile)
        user = await self._store.user(caller.user_id)
        if turn.personality is not None:
            await self._store.personality(user.id, turn.personality)
        request = Request(
            turn, caller, policy, user, read(turn, user, self._memo), window, started, stages=Stages(started)
        )
        command = commands.typed(request.transcript.said[-1], self._rules.commands) if asks else None
        if helper is not None or policy == "off":
            answer = await self._beside(request, helper or aside.OFF)
        elif command is not None and command.name != "undo":
            answer = await self._told(request, command)
        else:
            answer = await self._remembered(request, accepts=accepts, undoes=command)
        return answer if profile is None else replace(answer, client=profile.name)

    async def _beside(self, request: Request, name: str) -> Answer:
        """Answer what is not to be remembered, from what it sent."""
        answer = await self._begun(request.turn, aside.answer(self._store, self._upstream, request, name))
        return replace(answer, aside=name)

    async def _told(self, request: Request, command: Command, why_not: str | None = None) -> Answer:
        """Answer a command."""
        tree, cursor, conversation = await self._typed_at(request)
        told = await self._commands.answer(command, request, tree, cursor, why_not)
        await self._commands.remember(command, told, request, cursor, conversation)
        completion = commands.completion(told, request.turn.model)
        chunks = each(collect.pieces(completion) if request.turn.stream else [collect.whole(completion)])
        return Answer(chunks, None, self._rules.silence_s, aside=f"command {command.name}")

    async def _typed_at(self, request: Request) -> tuple[Tree, Cursor, str]:
        """The tree, the place and the chat in which a command was typed; history that no node holds is taken in first."""
        cursor = await self._placing.cursor(request)
        tree = await place.tree_for(self._store, request.user.id, request.turn, cursor, None)
        conversation = request.turn.hint or cursor.conversation or new_id("c")
        if cursor.new_from <= request.transcript.turn_from:
            cursor = await self._prepare.adopt(request, tree, cursor, None, conversation)
        return tree, cursor, conversation

    async def _remembered(self, request: Request, *, accepts: bool, undoes: Command | None) -> Answer:
        """Answer a turn once, however often the same request comes; it may say yes to an offer, or undo the turn before."""
        turn, user = request.turn, request.user
        body = body_hash(turn, user)
        mark = turn.idempotency_key or body
        while await self._retries.join(user.id, mark):
            if earlier := await self._replay(request, body):
                return earlier
        running = self._retries.begin(user.id, mark)
        is_again = turn.retried or bool(turn.idempotency_key)
        try:
            while True:
                before, waited = await asked_before(self._store, request, body)
                if (is_again or waited) and (earlier := await self._replay(request, body)):
                    self._retries.end(running, whole=True)
                    return earlier
                try:
                    request = replace(request, after=before.number)
                    return await self._anew(request, body, running, accepts=accepts, undoes=undoes)
                except Overtaken:
                    is_again = True
        except BaseException:
            self._retries.end(running, whole=False)
            raise

    async def _anew(
        self, request: Request, body: Hash, running: Running, *, accepts: bool, undoes: Command | None
    ) -> Answer:
        """Answer a request that nobody is answering yet. Raises Overtaken."""
        if undoes is not None:
            return await self._undo(request, undoes, body, running)
        if accepts and (answer := await self._accept(request, body, running)):
            return answer
        return await self._answer(request, body, running)

    async def answer_again(self, wish: AskAgain, caller: Caller) -> Answer:
        """Answer a stored turn once more, from where it hangs now.

        Raises:
            ContextTooSmall: The turn alone does not fit the model.
            UpstreamError: The provider failed before the first byte; what is stored stays as it was.
        """
        started = time.perf_counter()
        window = self._window(Turn(wish.model, (), wish.options))
        again = await reopen(self._store, self._prepare, wish, caller, window, started)
        return await self._reopened(again, wish, caller, started)

    async def look(self, wish: Look, caller: Caller) -> Looked:
        """What would be sent for the next turn at a place, put together as for a request. Nothing is stored.

        Raises NotFound, and ContextTooSmall where not even that would fit.
        """
        started = time.perf_counter()
        turn = wish.turn()
        user = await self._store.user(caller.user_id)
        request = Request(turn, caller, "auto", user, read(turn, user), self._window(turn), started)
        attachment = Attachment(wish.node_id, "pinned", "only looked at", 1.0, "none")
        return Looked(await self._prepare.context(request, wish.tree, Cursor(), attachment, None), request.window)

    async def sent(self, user_id: UserId, call: Call) -> list[Wire] | None:
        """The messages that were sent with a call, as far as they are still there; `None` where they were not kept."""
        return await looking.sent(self._store, user_id, call)

    async def prune(self, wish: Prune) -> Summary | None:
        """Have the beginning of a path told in short from now on; `None` where there is nothing to be told."""
        return await self._tending.prune(wish)

    async def _accept(self, request: Request, body: Hash, running: Running) -> Answer | None:
        """Answer a yes to an offer: the turn that it is about, from the place that was offered."""
        cursor = await self._placing.cursor(request)
        said = await accepted(self._store, request, cursor)
        return None if said is None else await self._moved(request, cursor, said, body, running)

    async def _undo(self, request: Request, command: Command, body: Hash, running: Running) -> Answer:
        """Take the last placement back and answer its turn again; what cannot be undone is told."""
        tree, cursor, _ = await self._typed_at(request)
        try:
            said = await commands.undone(self._store, request, tree, cursor)
        except (InvalidRequest, NotFound) as exc:
            self._retries.end(running, whole=False)
            return await self._told(request, command, exc.message)
        return await self._moved(request, cursor, said, body, running)

    async def _moved(self, request: Request, cursor: Cursor, said: Accepted, body: Hash, running: Running) -> Answer:
        """Answer a turn that was moved at its client's word, from where it stands now."""
        turn, caller = request.turn, request.caller
        wish = AskAgain(
            turn=said.turn,
            model=turn.model,
            options=turn.options,
            stream=turn.stream,
            supersedes=said.moved,
            usage_wanted=turn.usage_wanted,
            pass_on=turn.client.pass_on,
        )
        again = await reopen(self._store, self._prepare, wish, caller, request.window, request.started)
        strands = [*again.strands, accept.strand(again, request)]
        again = replace(again, opening=accept.opened(again, request, cursor, body), strands=strands)
        return await self._reopened(again, wish, caller, request.started, running, hint=turn.hint)

    async def _reopened(
        self,
        again: Reopened,
        wish: AskAgain,
        caller: Caller,
        started: float,
        running: Running | None = None,
        hint: str | None = None,
    ) -> Answer:
        """Ask for another reply to a stored turn, and record it."""
        await self._store.open_turn(again.opening)
        receipt = again.prepared.receipt(again.request, again.tree, NodeId(new_id("n")))
        asking = Asking(self._upstream, again.request.turn, again.prepared, receipt)
        recording = Recording(
            user=again.request.user,
            tree_id=again.tree.id,
            call_id=again.opening.call_id,
            turn_id=again.opening.turn_id,
            reply_id=receipt.node_id,
            strands=again.strands,
            conversation=again.conversation,
            prefill=None,
            receipt=partial(self._account, again.request, asking),
            sent=partial(_sent, again.request, asking, [node.message for node in wish.turn.asked], with_system=True),
            model=wish.model,
            active_key=caller.key_id,
            hint=hint,
            started=started,
            closed=partial(self._closed, again.request, again.tree, asking, running),
            supersedes=[node.id for node in wish.turn.replies] if wish.supersedes else (),
        )
        relayed = record.relay(self._store, self.tasks, recording, asking.chunks(), self._rules.checkpoint_s)
        return await self._begun(again.request.turn, relayed, asking)

    async def _answer(self, request: Request, body: Hash, running: Running) -> Answer:
        """The road: cursor, placement, context, the turn made durable, the upstream asked."""
        store, turn, user = self._store, request.turn, request.user
        pin = await place.pin_of(store, user.id, turn)
        cursor = await self._placing.cursor(request)
        if cursor.known and not request.pinned:
            pin = None
        tree = await place.tree_for(store, user.id, turn, cursor, pin)
        known, cursor = await known_turn(store, request, tree, cursor)
        conversation = turn.hint or cursor.conversation or new_id("c")
        cursor = await self._prepare.adopt(request, tree, cursor, pin.id if pin else None, conversation)
        request.stages.end("find")
        attachment, offered = await self._placing.attach(request, tree, cursor, known)
        request.stages.end("place")
        prepared = await self._prepare.context(request, tree, cursor, attachment, known.asked_again)
        request.stages.end("context")
        call_id = CallId(new_id("call"))
        shadow = self._placing.shadow(request, tree, cursor, known)
        turn_id = await self._open(request, tree, cursor, prepared, known, conversation, body, call_id)
        request.stages.end("store")
        if shadow is not None:
            self.tasks.start(self._placing.note_shadow(shadow, tree, turn_id, call_id))
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
        )
        relayed = record.relay(store, self.tasks, recording, asking.chunks(), self._rules.checkpoint_s)
        if offered is not None:
            relayed = offer.appended(relayed, offered.line)
        return await self._begun(turn, relayed, asking)

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
        nodes = new_nodes(transcript.said[first:last], tree.id, parent_id, conversation, request.system_text, under)
        nodes = [replace(node, state="unanswered") for node in nodes]
        if nodes and request.turn.sender is not None:
            nodes[-1] = replace(nodes[-1], sender=request.turn.sender)
        opened = await self._store.open_turn(
            OpenTurn(
                user_id=tree.user_id,
                tree_id=tree.id,
                call_id=call_id,
                nodes=nodes,
                exacts=[fingerprint.exact(node.message, request.user.secret) for node in nodes],
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

    async def _replay(self, request: Request, body: Hash) -> Answer | None:
        """The stored answer to the same request, dressed as the client asked for it."""
        turn = request.turn
        found = await self._store.earlier(request.user.id, request_hash=body, idempotency_key=turn.idempotency_key)
        if found is None:
            return None
        call, replies = found
        messages = [record.continuation(request.transcript.prefill, node.message) for node in replies]
        completion = Completion(messages, [call.finish_reason] * len(messages), call.usage, call.envelope)
        receipt = receipt_of(call.receipt)
        chunks = each(collect.pieces(completion) if turn.stream else [collect.whole(completion)])
        return Answer(offer.appended(chunks, receipt.offer_line) if receipt.offer_line else chunks, receipt)

    def _closed(self, request: Request, tree: Tree, asking: Asking, running: Running | None, whole: bool) -> None:
        if running is not None:
            self._retries.end(running, whole=whole)
        self._warm(request, tree)
        if whole and self._tending.wanted(asking.prepared):
            self.tasks.start(self._tending.tend(request, tree, asking.prepared, asking.receipt.node_id))
        if whole and self.titling is not None and self.titling.wanted(tree):
            self.tasks.start(self.titling.behind(tree, asking.receipt.node_id, request.turn.model))

    def _account(self, request: Request, asking: Asking, usage: Wire | None) -> Wire:
        """The receipt as it is kept."""
        scorer = self._upstream.price(self._rules.scorer_model) if self._rules.scorer_model else None
        newest = estimate_all(turn_messages(request.turn, request.transcript.turn_from))
        prices = Prices(self._upstream.price(request.turn.model), scorer, asking.prepared.attachment, newest)
        return kept(asking.receipt, bill(asking.receipt, usage, prices))

    def _warm(self, request: Request, tree: Tree) -> None:
        """What the router derives from text costs far more than a request: not for those who always follow."""
        if place.ever_placed(request.turn, request.caller, self._rules.policies):
            self.tasks.start(self._router.warm(tree.user_id, tree.id))

    async def _begun(self, turn: Turn, chunks: AsyncGenerator[Chunk, None], asking: Asking | None = None) -> Answer:
        """The answer, once it has begun or its client has heard nothing for too long."""
        silence_s = self._rules.silence_s
        started = await begun(chunks, waits_s=silence_s if turn.stream else None)
        return Answer(started, asking.receipt if asking else None, silence_s)

    def _window(self, turn: Turn) -> Window:
        limit = turn.options.get("max_completion_tokens") or turn.options.get("max_tokens")
        reply = limit if isinstance(limit, int) else self._rules.reply_tokens
        return Window(self._upstream.window_tokens(turn.model), reply, self._rules.margin)


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
