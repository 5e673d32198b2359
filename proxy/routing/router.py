"""The router: decides where a new turn joins the tree.

The embedded scorer answers first. Where it is sure, or no LLM is configured, its answer stands. Otherwise the windows go to
the LLM, under a ceiling on calls and a deadline; whatever goes wrong there, the embedded answer stands, marked `degraded`. A
failing or slow scorer never fails a request.

Importing this module is cheap. DSPy is imported by `build_llm` alone, on a worker thread, once the port is open.
"""

from __future__ import annotations

import asyncio
import logging
import math
import re
import time
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar
from weakref import WeakValueDictionary

import anyio
import anyio.to_thread

from proxy.domain.placement import Attachment, Question
from proxy.domain.ports import Scorer
from proxy.domain.tree import NodeId, TreeId, UserId
from proxy.errors import ProxyError, ScorerFailed, UpstreamError
from proxy.routing.grove import Grove, TreeModel
from proxy.routing.keeping import Keeping
from proxy.routing.limits import OutOfTime, RoutingLimits
from proxy.routing.scene import Gate, Scene, see
from proxy.routing.weighing import leaning, weighed

if TYPE_CHECKING:
    from proxy.lm import Tally
    from proxy.routing.place_turn import LlmPlacer

log = logging.getLogger(__name__)

T = TypeVar("T")

UNREAD = "The tree is still being read after a start"
LATE = "There was no time to compare the turn with what was said"

TOLD_EVERY_S = 60.0
"""How often the same failure of the LLM scorer is told in the log."""
_NUMBERS = re.compile(r"[-\d.]+")


class GraftRouter:
    """`ports.TurnRouter` over the embedded scorer and, if there is one, an LLM."""

    def __init__(
        self,
        grove: Grove,
        gate: Gate,
        limits: RoutingLimits | None = None,
        llm: Callable[[], LlmPlacer] | None = None,
        keeping: Keeping | None = None,
    ) -> None:
        """Decide for the trees of a grove.

        Args:
            llm: Builds the LLM scorer; it is called once, on a worker thread, by `start` or by the first turn that needs it.
            keeping: What keeps the gate's vectors for the next process.
        """
        self._grove = grove
        self._keeping = keeping
        self._gate = gate
        self._limits = limits or RoutingLimits()
        self._build_llm = llm
        self._llm: LlmPlacer | None = None
        self._unbuilt = ""
        """Why there is no LLM scorer; it is not built twice, for it would fail again, and each time a turn would wait for it."""
        self._told_at: dict[str, float] = {}
        """When which of its failures were told last; without their numbers they are few."""
        self._building = anyio.Lock()
        self._one_thread = anyio.CapacityLimiter(1)
        self._computing = anyio.Lock()
        self._ahead = anyio.CapacityLimiter(1)
        """Work that nobody waits for: of all trees together, a request waits for none of it."""
        self._locks: WeakValueDictionary[tuple[UserId, TreeId], asyncio.Lock] = WeakValueDictionary()
        self._warming: dict[tuple[UserId, TreeId], bool] = {}
        """Trees for which something is derived ahead, and whether there is more to derive."""

    @property
    def scorer(self) -> str:
        """Who decides, for the start-up log."""
        return "embedded" if self._build_llm is None else "llm"

    async def start(self) -> None:
        """Load the LLM scorer ahead of the first turn. Where that fails, the embedded scorer decides alone, which is told in the log."""
        if self._build_llm is not None:
            with suppress(ScorerFailed):
                await self._placer(self._build_llm)

    async def load(self) -> None:
        """Load the embedder ahead of the first turn; a turn that comes meanwhile waits for the same loading. Raises what that raises."""
        async with self._ahead:
            await anyio.to_thread.run_sync(self._gate.load, abandon_on_cancel=True)

    async def warm(self, user_id: UserId, tree_id: TreeId) -> None:
        """Derive ahead of time what the next turn of a tree will need.

        Once for a tree at a time: a request would wait behind every other that is at it. Who is at it takes in what came meanwhile.
        Where the next turn takes in what is new in less time than it takes to ask for it beforehand, nothing is done.
        """
        key = (user_id, tree_id)
        if self._is_at_hand(user_id, tree_id):
            return
        is_at_it = key in self._warming
        self._warming[key] = True
        if is_at_it:
            return
        try:
            while self._warming[key]:  # a little at a time, so that a request never waits for a whole imported history
                self._warming[key] = False
                async with self._ahead, self._lock(user_id, tree_id):
                    model = await self._follow(user_id, tree_id)
                    work = partial(self._gate.warm, model)
                    if work() if self._gate.is_quick(model) else await anyio.to_thread.run_sync(work):
                        self._warming[key] = True
                    if self._keeping is not None:
                        await self._keeping.keep(user_id, model)
        finally:
            del self._warming[key]

    def _is_at_hand(self, user_id: UserId, tree_id: TreeId) -> bool:
        held = self._grove.held(user_id, tree_id)
        if held is None or not self._gate.is_quick(held):
            return False
        return self._keeping is None or not self._keeping.is_due(held)

    def forget(self, users: Collection[str], trees: Collection[str]) -> None:
        """Hold nothing of users and trees that were deleted any more, nor words that were looked at lately."""
        self._grove.forget(users, trees)
        self._gate.forget(users)

    def clear(self) -> None:
        """Hold no tree any more; all are read again when they are used."""
        self._grove.clear()
        self._gate.forget(())

    async def attach(self, question: Question) -> Attachment:
        """The place of a new turn.

        Raises the StoreError family; nothing that a scorer does.
        """
        if question.fresh == "root":
            return _undisputed(None, "A chat without history opens a new topic here.")
        started = time.perf_counter()
        until = time.monotonic() + self._limits.deadline_s
        judged: tuple[Attachment, Scene | None, frozenset[NodeId]] | None = None
        why = UNREAD
        with anyio.move_on_after(self._limits.deadline_s):
            async with self._lock(question.user_id, question.tree_id):
                model = await self._follow(question.user_id, question.tree_id)
                if not model.nodes and question.cursor is None:
                    return _undisputed(None, "The tree is empty.")
                why = LATE
                embedded, scene = await self._compute(model, lambda: self._judged(model, question, until))
                judged = embedded, scene, frozenset(model.tips() if scene is not None else ())
        if judged is None:
            attachment = _without(question, why)
        else:
            attachment, scene, tips = judged
            left_s = self._limits.deadline_s - (time.perf_counter() - started)
            if scene is not None and self._build_llm is not None:
                attachment = await self._ask(self._build_llm, scene, question, attachment, tips, max(0.0, left_s))
        return replace(attachment, spent_ms=(time.perf_counter() - started) * 1000)

    async def _follow(self, user_id: UserId, tree_id: TreeId) -> TreeModel:
        """The tree's model, up to date, with the vectors that are stored; few that are quickly computed are not asked for."""
        model = await self._grove.follow(user_id, tree_id)
        if self._keeping is not None and not self._gate.is_quick(model):
            await self._keeping.recall(user_id, model)
        return model

    def _judged(self, model: TreeModel, question: Question, until: float) -> tuple[Attachment, Scene | None]:
        """The embedded scorer's answer, and what to ask the LLM about it."""
        try:
            embedded = self._embedded(model, question, until)
        except OutOfTime:
            return _without(question, LATE), None
        return embedded, self._scene(model, question, embedded)

    def _embedded(self, model: TreeModel, question: Question, until: float) -> Attachment:
        try:
            return self._gate.attach(model, question, until)
        except OutOfTime:
            raise
        except Exception:
            log.exception("The embedded scorer failed; the turn stays at the cursor")
            stay = _undisputed(question.cursor, "The scorer failed, so the turn stays where it is.")
            return replace(stay, confidence=0.0, degraded=True)

    def _scene(self, model: TreeModel, question: Question, embedded: Attachment) -> Scene | None:
        """What to ask the LLM; `None` where the embedded answer stands."""
        limits = self._limits
        sure = not embedded.unsure and limits.gate < 1 and embedded.confidence >= limits.gate
        if self._build_llm is None or limits.max_calls < 1 or sure or not question.new_turn.strip():
            return None
        try:
            return see(model, question, self._gate, leaning(embedded), limits)
        except Exception:
            log.exception("The windows could not be built; the embedded answer stands")
            return None

    async def _ask(
        self,
        build: Callable[[], LlmPlacer],
        scene: Scene,
        question: Question,
        embedded: Attachment,
        tips: frozenset[NodeId],
        left_s: float,
    ) -> Attachment:
        tally: Tally | None = None
        try:
            with anyio.fail_after(left_s):
                placer = await self._placer(build)
                tally = placer.tally(self._limits.max_calls)
                placed = await placer.place(scene, tally)
            attachment = weighed(placed, question, embedded, self._limits, tips, scene.conversations)
        except TimeoutError:
            attachment = self._degraded(embedded, f"it took longer than {self._limits.deadline_s:g} s")
        except ScorerFailed as exc:
            attachment = self._degraded(embedded, exc.message, exc.__cause__)
        except Exception as exc:
            log.exception("The LLM scorer failed in a way of its own; the embedded answer stands")
            attachment = _degraded(embedded, type(exc).__name__)
        if tally is None:
            return attachment
        return replace(
            attachment,
            calls=tally.calls,
            prompt_tokens=tally.prompt_tokens,
            completion_tokens=tally.completion_tokens,
        )

    def _degraded(self, embedded: Attachment, why: str, cause: BaseException | None = None) -> Attachment:
        """The embedded answer, for want of the LLM's; the log tells why, once in a while."""
        kind, now = _NUMBERS.sub("", why), time.monotonic()
        if why != self._unbuilt and now - self._told_at.get(kind, -math.inf) >= TOLD_EVERY_S:
            self._told_at[kind] = now
            said = f": {innermost}" if (innermost := _root(cause)) else ""
            log.warning("The LLM scorer was of no help, the embedded answers stand: %s%s", why, said)
        return _degraded(embedded, why)

    async def _placer(self, build: Callable[[], LlmPlacer]) -> LlmPlacer:
        """Raises ScorerFailed where it cannot be built."""
        async with self._building:
            if self._unbuilt:
                raise ScorerFailed(self._unbuilt)
            if self._llm is None:
                try:
                    # Left behind at the deadline, the thread still finishes its imports: the next turn's build is quick.
                    self._llm = await anyio.to_thread.run_sync(build, abandon_on_cancel=True)
                except Exception as exc:
                    told = exc.message if isinstance(exc, ProxyError) else f"{type(exc).__name__}: {exc}"
                    log.warning("The LLM scorer cannot be built, the embedded one decides alone: %s", told)
                    self._unbuilt = "it cannot be built, which the server's log tells"
                    raise ScorerFailed(self._unbuilt) from exc
            return self._llm

    def _lock(self, user_id: UserId, tree_id: TreeId) -> asyncio.Lock:
        """A tree's model is read on a worker thread: meanwhile nobody may follow that tree further."""
        key = (user_id, tree_id)
        lock = self._locks.get(key)
        if lock is None:
            lock = self._locks[key] = asyncio.Lock()
        return lock

    async def _compute(self, model: TreeModel, work: Callable[[], T]) -> T:
        """What the gate computes about a tree, on the event loop where it takes less than the way to a thread and back."""
        if self._build_llm is None and self._gate.is_quick(model):
            return work()
        async with self._computing:  # waited for no longer than the deadline
            return await self._on_thread(work)

    async def _on_thread(self, work: Callable[[], T]) -> T:
        """One question at a time. A thread is not broken off, so its answer may as well be taken."""
        answer: list[T] = []
        with anyio.CancelScope(shield=True):
            answer.append(await anyio.to_thread.run_sync(work, limiter=self._one_thread))
        return answer[0]


def build_llm(
    scorer: Scorer,
    limits: RoutingLimits,
    *,
    schema: bool | None = False,
    temperature: float | None = 0.0,
    max_tokens: int | None = None,
    program: Path | None = None,
) -> LlmPlacer:
    """The LLM scorer over one configured model. Imports DSPy: takes seconds, so call it off the event loop.

    Args:
        schema: Whether the upstream honours a JSON schema as `response_format`; `None` tries it.
        program: A compiled `PlaceTurn`, as JSON.

    Raises ConfigError for a program that does not fit these prompts.
    """
    from proxy.lm import ScorerOptions, language_model  # noqa: PLC0415 - see the module's docstring
    from proxy.routing.place_turn import LlmPlacer, PlaceTurn  # noqa: PLC0415

    place_turn = PlaceTurn(limits)
    if program is not None:
        place_turn.load(str(program))
    return LlmPlacer(place_turn, language_model(scorer, ScorerOptions(schema, temperature, max_tokens)))


def _undisputed(parent: NodeId | None, reason: str) -> Attachment:
    return Attachment(parent, "root" if parent is None else "continue", reason, 1.0, "none")


def _without(question: Question, why: str) -> Attachment:
    """Where a turn goes that could not be judged in time: a follow-up stays, a new chat opens a topic."""
    parent = question.cursor if question.fresh is None else None
    goes = "the turn stays where it is" if parent is not None else "a new chat opens a topic"
    return replace(_undisputed(parent, f"{why}; {goes}."), confidence=0.5, degraded=True)


def _root(error: BaseException | None) -> str:
    """What an upstream said in the first place; DSPy's words would hold the prompt."""
    while error is not None and not isinstance(error, UpstreamError):
        error = error.__cause__
    return "" if error is None else error.message


def _degraded(embedded: Attachment, why: str) -> Attachment:
    return replace(embedded, degraded=True, reason=f"{embedded.reason} (The LLM scorer was of no help: {why}.)")
