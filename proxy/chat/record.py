"""What is written down of an answer while it passes to the client.

The reply is durable before the client is told that it is complete; a long one is made durable every few seconds. Whoever leaves
in the middle (the client, the upstream, this process), what was received until then is kept as an interrupted reply and never
finished with `stop`.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncGenerator, Callable, Coroutine, Sequence
from typing import Any, Literal, TypeVar

from proxy.chat.collect import Fold
from proxy.chat.presence import departed
from proxy.domain import fingerprint
from proxy.domain.fingerprint import Memo
from proxy.domain.message import Message, Wire
from proxy.domain.ports import CloseTurn, TreeStore, User
from proxy.domain.transcript import Seen, Strand
from proxy.domain.tree import CallId, Node, NodeId, TreeId, new_id
from proxy.domain.turn import Chunk, Completion
from proxy.domain.values import value
from proxy.errors import NotFound, ProxyError, StoreError, StoreUnavailable, UpstreamError
from proxy.operations.figures import Figures

T = TypeVar("T")

log = logging.getLogger(__name__)

FIRST_PAUSE_S, LAST_PAUSE_S = 0.25, 15.0
"""Between two tries to store a reply that could not be stored."""

Outcome = Literal["done", "interrupted", "failed"]


@value(frozen=True, slots=True)
class Recording:
    """Where an answer will be stored."""

    user: User
    tree_id: TreeId
    call_id: CallId
    turn_id: NodeId
    reply_id: NodeId
    """The first choice's node, known before the first byte."""
    strands: Sequence[Strand]
    """The chats in which the reply is said, and will be recognised; none for a turn that no client has sent."""
    conversation: str
    prefill: Message | None
    receipt: Callable[[Wire | None], Wire]
    """Drawn up last, from the usage that the provider reported: a context may have been cut once more."""
    sent: Callable[[], bytes]
    """What was sent, drawn up last too."""
    model: str
    active_key: str
    hint: str | None
    started: float
    """`time.perf_counter()` when the request came in."""
    closed: Callable[[bool], None]
    """Called when the answer is stored, with whether it is whole."""
    behind: asyncio.Task[Any] | None = None
    """Work that must find the tree as it was before the reply, which is stored behind it."""
    supersedes: Sequence[NodeId] = ()
    """Earlier replies that this one takes the place of."""
    memo: Memo | None = None
    """Where the reply's fingerprints are remembered: the client will send it again with its next turn."""


class Tasks:
    """Work that outlives its request: kept until it ends, awaited before the server stops."""

    def __init__(self, figures: Figures | None = None) -> None:
        self.figures = figures or Figures()
        self._running: set[asyncio.Task[Any]] = set()
        self._storing: set[asyncio.Task[Any]] = set()
        self._stopping = asyncio.Event()

    def start(self, work: Coroutine[Any, Any, T], *, stores: bool = False) -> asyncio.Task[T]:
        """Begin some work.

        Args:
            stores: What was received of a reply depends on it, so a server that stops waits for it, however long it takes.
        """
        task = asyncio.get_running_loop().create_task(work)
        self._running.add(task)
        if stores:
            self._storing.add(task)
        task.add_done_callback(self._done)
        return task

    async def finish(self, patience_s: float | None = None) -> None:
        """Wait for all that runs; what stores nothing of a reply is ended when `patience_s` is over."""
        self._stopping.set()
        if self._running and patience_s is not None:
            await asyncio.wait(self._running, timeout=patience_s)
            for task in self._running - self._storing:
                task.cancel()
        while self._running:
            await asyncio.gather(*self._running, return_exceptions=True)

    async def stops_within(self, seconds: float) -> bool:
        """Wait, though no longer than until the server stops; whether it does."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), seconds)
        return self._stopping.is_set()

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._running.discard(task)
        self._storing.discard(task)
        error = None if task.cancelled() else task.exception()
        if isinstance(error, NotFound):
            log.info("Work behind a request found nothing left to do: %s", error)
        elif isinstance(error, StoreUnavailable):
            log.warning("Work behind a request could not be stored: %s", error)
        elif error is not None:
            log.error("Work behind a request failed: %s", error, exc_info=error)


async def relay(
    store: TreeStore, tasks: Tasks, recording: Recording, chunks: AsyncGenerator[Chunk, None], checkpoint_s: float
) -> AsyncGenerator[Chunk, None]:
    """Pass an answer on, chunk by chunk, and store it before its end is told."""
    fold = Fold()
    error: str | None = None
    kept_at = time.monotonic()
    held: Chunk | None = None
    try:
        async for chunk in chunks:
            fold.add(chunk)
            if chunk.texts is None and chunk.is_whole:  # nothing comes behind it
                held = chunk
                break
            yield chunk
            if time.monotonic() - kept_at >= checkpoint_s and fold.started:
                kept_at = time.monotonic()
                await _keep(store, recording, fold.completion())
        check_ended(fold, recording.model)
    except ProxyError as exc:
        error = exc.message
        raise
    finally:
        # Whoever left after the last word has missed nothing of the answer.
        outcome: Outcome = "done" if fold.ended else "interrupted" if fold.started else "failed"
        closing = tasks.start(_close(store, tasks, recording, fold.completion(), outcome, error), stores=True)
        with contextlib.suppress(BaseException):
            await chunks.aclose()
        # The task is kept whatever becomes of this wait: a client that leaves cancels every await in here.
        await asyncio.shield(closing)
    if held is not None:
        yield held


async def _close(
    store: TreeStore,
    tasks: Tasks,
    recording: Recording,
    completion: Completion,
    status: Outcome,
    error: str | None,
) -> None:
    whole = False
    try:
        if recording.behind is not None:
            await asyncio.wait((recording.behind,))
        closing = _outcome(recording, completion, status, error)
        try:
            await store.close_turn(closing)
        except StoreUnavailable:
            tasks.start(_close_later(store, tasks, closing), stores=True)
            raise
        except NotFound as exc:  # deleted trees keep their calls: only a user takes those along
            raise departed() from exc
        tasks.figures.count("graft_replies_total", status)
        whole = status == "done"
    finally:
        recording.closed(whole)


async def _close_later(store: TreeStore, tasks: Tasks, closing: CloseTurn) -> None:
    """Store a reply once the store can be used again. Its client was told of the failure; what it had received is kept all the same.

    Where the server stops before, the call stays open, and the next start ends it.
    """
    pause_s, stops = FIRST_PAUSE_S, False
    while not stops:
        stops = await tasks.stops_within(pause_s)
        pause_s = min(2 * pause_s, LAST_PAUSE_S)
        with contextlib.suppress(StoreUnavailable):
            await store.close_turn(closing)
            return
    log.warning("The reply %s could not be stored: the store cannot be used", closing.call_id)


async def _keep(store: TreeStore, recording: Recording, completion: Completion) -> None:
    """Make a reply durable as far as it has come; the answer goes on where that fails."""
    try:
        await store.checkpoint(recording.call_id, _replies(recording, completion, done=False))
    except StoreError as exc:
        log.warning("A long reply could not be kept on the way: %s", exc)


def _outcome(recording: Recording, completion: Completion, status: Outcome, error: str | None) -> CloseTurn:
    replies = [] if status == "failed" else _replies(recording, completion, done=status == "done")
    return CloseTurn(
        user_id=recording.user.id,
        tree_id=recording.tree_id,
        call_id=recording.call_id,
        turn_id=recording.turn_id,
        replies=replies,
        exacts=[fingerprint.exact(node.message, recording.user.secret) for node in replies],
        seen=[_row(recording, strand, node) for strand in recording.strands for node in replies],
        status=status,
        finish_reason=next(iter(completion.finish_reasons), None),
        usage=completion.usage,
        envelope=completion.envelope,
        receipt=recording.receipt(completion.usage),
        sent=recording.sent(),
        error=error,
        duration_ms=(time.perf_counter() - recording.started) * 1000,
        active_key=recording.active_key if replies else None,
        hint=recording.hint,
        supersedes=recording.supersedes,
    )


def _replies(recording: Recording, completion: Completion, *, done: bool) -> list[Node]:
    """The reply's nodes, one a choice."""
    now = time.time()
    return [
        Node(
            id=recording.reply_id if index == 0 else NodeId(new_id("n")),
            tree_id=recording.tree_id,
            parent_id=recording.turn_id,
            message=continued(recording.prefill, message),
            state="whole" if done else "interrupted",
            created_at=now,
            conversation=recording.conversation,
            call_id=recording.call_id,
        )
        for index, message in enumerate(completion.messages)
    ]


def check_ended(fold: Fold, model: str) -> None:
    """Raises UpstreamError for an answer whose end was never said."""
    if not fold.ended:
        raise UpstreamError("The upstream ended the answer before it was complete.", model=model)


def continued(prefill: Message | None, message: Message) -> Message:
    """A reply that the client began and the model went on with, as one message."""
    if prefill is None or not isinstance(message.wire.get("content"), str):
        return message
    begun = prefill.text
    return message if message.text.startswith(begun) else Message({**message.wire, "content": begun + message.text})


def continuation(prefill: Message | None, message: Message) -> Message:
    """A stored reply as the client was answered that had begun it: what the model added, since the client has the rest."""
    if prefill is None or not message.text.startswith(prefill.text) or not isinstance(message.wire.get("content"), str):
        return message
    return Message({**message.wire, "content": message.text.removeprefix(prefill.text)})


def _row(recording: Recording, strand: Strand, node: Node) -> Seen:
    extend = fingerprint.extend if recording.memo is None else recording.memo.extend
    link = extend(strand.link, strand.assistants, node.message, recording.user.secret)
    return Seen(
        chain=link.chain,
        prev=strand.prev,
        folded=link.folded,
        assistants=link.assistants,
        role="assistant",
        meaning="node",
        node_id=node.id,
        tree_id=recording.tree_id,
        conversation=strand.conversation,
    )
