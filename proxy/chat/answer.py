"""What becomes of a request: answered beside the tree, told a command, answered from what is stored, or sent down the road (`road.py`).

`Chat` knows no HTTP and no database, only the ports.
"""

from __future__ import annotations

import time
from collections.abc import Collection
from dataclasses import replace

from proxy.chat import collect, looking, place, record
from proxy.chat.beginning import each
from proxy.chat.clients import aside
from proxy.chat.history.again import Running, asked_before
from proxy.chat.history.cursor import Cursor
from proxy.chat.looking import Look, Looked
from proxy.chat.noting import noted
from proxy.chat.prepare import Preparation
from proxy.chat.prepared import receipt_of
from proxy.chat.presence import Guest
from proxy.chat.reanswer import AskAgain, reopen
from proxy.chat.request import Request, body_hash, read
from proxy.chat.road import Road
from proxy.chat.stages import Stages
from proxy.chat.tending import Prune, Pruning
from proxy.chat.terms import Answer, Rules, Stored
from proxy.chat.titling import Titling
from proxy.chat.typed import accept, commands, offer
from proxy.chat.typed.accept import Accepted, accepted
from proxy.chat.typed.commands import Command, Commands
from proxy.chat.typed.offer import without_lines
from proxy.context.compose import Window
from proxy.domain.fingerprint import Hash, Memo
from proxy.domain.message import Wire
from proxy.domain.placement import Attachment
from proxy.domain.ports import TurnRouter, Upstream, User
from proxy.domain.summary import Summary
from proxy.domain.tree import Tree, UserId, new_id
from proxy.domain.turn import Call, Caller, Completion, Served, Turn
from proxy.errors import InvalidRequest, NotFound, Overtaken
from proxy.operations.entry import current
from proxy.operations.figures import Figures


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
        figures: Figures | None = None,
    ) -> None:
        self._store = store
        self._upstream = upstream
        self._rules = rules
        self._prepare = Preparation(store, upstream, rules.zones_as, rules.recalling)
        self._road = Road(store, router, upstream, rules, self._prepare, pruning or Pruning(None), titling, figures)
        self.tasks = self._road.tasks
        self.titling = titling
        self._memo = Memo()
        self._commands = Commands(store, rules.commands or "")

    async def answer(self, turn: Turn, caller: Caller, guest: Guest | None = None) -> Answer:
        """Answer one turn.

        Args:
            guest: By whom it is told when the client has left.

        Raises:
            ClientLeft: The client has left meanwhile.
            NotFound: The model, the parent, the tree or the personality does not exist for this caller.
            ContextTooSmall: The turn alone does not fit the model.
            UpstreamError: The provider failed before the first byte; the turn stays stored as unanswered.
        """
        started, entry = time.perf_counter(), current.get()
        entry.model, entry.stream = turn.model, turn.stream
        turn, accepts = without_lines(turn)
        window = self._window(turn)
        asks = any(message.role != "assistant" for message in turn.said)
        helper, profile = self._rules.clients.known(turn) if asks else (aside.UNSAID, None)
        policy = place.policy_of(turn, caller, self._rules.policies, profile)
        user = await self._store.user(caller.user_id)
        if turn.personality is not None:
            await self._store.personality(user.id, turn.personality)
        request = Request(
            turn,
            caller,
            policy,
            user,
            read(turn, user, self._memo),
            window,
            started,
            stages=Stages(started),
            guest=self._road.presence.enter(user, guest),
        )
        command = commands.typed(request.transcript.said[-1], self._rules.commands) if asks else None
        if helper is not None or policy == "off":
            answer = await self._beside(request, helper or aside.OFF)
        elif command is not None and command.name != "undo":
            answer = await self._told(request, command)
        else:
            answer = await self._remembered(request, accepts=accepts, undoes=command)
        noted(entry, answer)
        return answer if profile is None else replace(answer, client=profile.name)

    async def _beside(self, request: Request, name: str) -> Answer:
        """Answer what is not to be remembered, from what it sent."""
        served = Served()
        chunks = request.guest.kept(aside.answer(self._store, self._upstream, request, name, served))
        answer = await self._road.begun(request.turn, chunks)
        return replace(answer, aside=name, served=served)

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
        cursor = await self._road.placing.cursor(request)
        tree = await place.tree_for(self._store, request.user.id, request.turn, cursor, None)
        conversation = request.turn.hint or cursor.conversation or new_id("c")
        if cursor.new_from <= request.transcript.turn_from:
            cursor = await self._prepare.adopt(request, tree, cursor, None, conversation)
        return tree, cursor, conversation

    async def _remembered(self, request: Request, *, accepts: bool, undoes: Command | None) -> Answer:
        """Answer a turn once, however often the same request comes; it may say yes to an offer, or undo the turn before."""
        turn, user = request.turn, request.user
        body = body_hash(turn, user, request.transcript.told)
        mark = turn.idempotency_key or body
        while await self._road.retries.join(user.id, mark):
            if earlier := await self._replay(request, body):
                return earlier
        request.guest.check()
        running = request.guest.answering = self._road.retries.begin(user.id, mark)
        is_again = turn.retried or bool(turn.idempotency_key)
        try:
            while True:
                before, waited = await asked_before(self._store, request, body)
                if (is_again or waited) and (earlier := await self._replay(request, body)):
                    self._road.retries.end(running, whole=True)
                    return earlier
                try:
                    if before.number != request.after:
                        request = replace(request, after=before.number)
                    return await self._anew(request, body, running, accepts=accepts, undoes=undoes)
                except Overtaken:
                    is_again = True
        except BaseException:
            self._road.retries.end(running, whole=False)
            raise

    async def _anew(
        self, request: Request, body: Hash, running: Running, *, accepts: bool, undoes: Command | None
    ) -> Answer:
        """Answer a request that nobody is answering yet. Raises Overtaken."""
        if undoes is not None:
            return await self._undo(request, undoes, body, running)
        if accepts and (answer := await self._accept(request, body, running)):
            return answer
        return await self._road.walk(request, body, running)

    def forget(self, users: Collection[UserId], *, everything: bool = False) -> None:
        """Users were deleted: their answers end, and no text that was seen lately is held in memory."""
        self._road.presence.end(users)
        if users or everything:
            self._memo = Memo()
            self._prepare.counting.forget()

    def being_answered(self) -> list[User]:
        """Whose requests are being answered."""
        return self._road.presence.users()

    async def answer_again(self, wish: AskAgain, caller: Caller, guest: Guest | None = None) -> Answer:
        """Answer a stored turn once more, from where it hangs now.

        Raises:
            ContextTooSmall: The turn alone does not fit the model.
            UpstreamError: The provider failed before the first byte; what is stored stays as it was.
        """
        started, entry = time.perf_counter(), current.get()
        entry.model, entry.stream = wish.model, wish.stream
        window = self._window(Turn(wish.model, (), wish.options))
        again = await reopen(self._store, self._prepare, wish, caller, window, started)
        answer = await self._road.again(again, wish, caller, started, guest=guest)
        noted(entry, answer)
        return answer

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
        return await self._road.tending.prune(wish)

    async def _accept(self, request: Request, body: Hash, running: Running) -> Answer | None:
        """Answer a yes to an offer: the turn that it is about, from the place that was offered."""
        cursor = await self._road.placing.cursor(request)
        said = await accepted(self._store, request, cursor)
        return None if said is None else await self._moved(request, cursor, said, body, running)

    async def _undo(self, request: Request, command: Command, body: Hash, running: Running) -> Answer:
        """Take the last placement back and answer its turn again; what cannot be undone is told."""
        tree, cursor, _ = await self._typed_at(request)
        try:
            said = await commands.undone(self._store, request, tree, cursor)
        except (InvalidRequest, NotFound) as exc:
            self._road.retries.end(running, whole=False)
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
        return await self._road.again(
            again, wish, caller, request.started, running, hint=turn.hint, guest=request.guest
        )

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
        passed_on = offer.appended(chunks, receipt.offer_line) if receipt.offer_line else chunks
        return Answer(passed_on, receipt, served=Served(turn.model, receipt.answered_by or ""))

    def _window(self, turn: Turn) -> Window:
        limit = turn.options.get("max_completion_tokens") or turn.options.get("max_tokens")
        reply = limit if isinstance(limit, int) else self._rules.reply_tokens
        return Window(self._upstream.window_tokens(turn.model), reply, self._rules.margin)
