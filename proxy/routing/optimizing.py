"""Compiling the LLM scorer's program with DSPy's optimizers, on labelled turns, within a budget of calls.

An optimizer works on threads of its own and makes event loops as it likes; the model's connections belong to the main one. So it runs on a
worker thread, and every question goes back over a `Bridge` to the loop that owns them. There is one model: the scorer's own, for
judging as well as for whatever an optimizer wants written.

Imports DSPy: only a command that was asked for it may lead here.
"""

from __future__ import annotations

import asyncio
import importlib.util
import logging
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self

import dspy
from dspy.lm15 import Request, Response

from proxy.domain.message import Message
from proxy.domain.ports import Scorer, ScorerReply
from proxy.errors import ConfigError, InvalidRequest
from proxy.lm import MODEL, Capabilities, Engine, ListAdapter, Tally, metered
from proxy.routing.bench.cases import Case, played
from proxy.routing.bench.metrics import Prediction
from proxy.routing.learn.dialogues import concerned
from proxy.routing.limits import RoutingLimits
from proxy.routing.place_turn import PlaceTurn
from proxy.routing.scene import Gate, Scene, see
from proxy.routing.weighing import leaning

log = logging.getLogger(__name__)

Optimizer = Literal["bootstrap", "gepa", "simba", "mipro"]
OPTIMIZERS: tuple[Optimizer, ...] = ("bootstrap", "gepa", "simba", "mipro")
_NEEDS: Mapping[Optimizer, str] = {"gepa": "gepa", "mipro": "optuna"}

HELD_OUT = 0.3
"""Share of the dialogues on which the program is judged before and after, and never compiled."""


@dataclass(frozen=True, slots=True)
class Posed:
    """A labelled turn as the LLM is asked about it."""

    case: Case
    scene: Scene


class Bridge:
    """A scorer that may be asked from any thread and loop; the question is put on the loop that made it."""

    def __init__(self, scorer: Scorer, asked: Callable[[int], None]) -> None:
        """`asked` hears the number of calls after each."""
        self._scorer = scorer
        self._asked = asked
        self._loop = asyncio.get_running_loop()
        self.calls = 0

    async def __call__(self, messages: Sequence[Message], options: Mapping[str, object]) -> ScorerReply:
        self.calls += 1
        self._asked(self.calls)
        asking = asyncio.run_coroutine_threadsafe(self._ask(messages, options), self._loop)
        return await asyncio.wrap_future(asking)

    async def _ask(self, messages: Sequence[Message], options: Mapping[str, object]) -> ScorerReply:
        return await self._scorer(messages, options)

    def __deepcopy__(self, _: dict[int, Any]) -> Self:
        """Optimizers copy models to vary their temperature; the way out stays this one."""
        return self


class Student(PlaceTurn):
    """The program as optimizers call it: without awaiting."""

    def forward(self, scene: Scene) -> dspy.Prediction:
        return asyncio.run(self.aforward(scene))


class _Blocking(Capabilities):
    """A synchronous way to the model, for the words that an optimizer has written."""

    def __init__(self, engine: Engine, *, schema: bool) -> None:
        super().__init__(schema=schema)
        self._engine = engine

    def complete(self, request: Request) -> Response:
        return asyncio.run(self._engine.complete(request))


def posed(cases: Sequence[Case], gate: Gate, limits: RoutingLimits) -> list[Posed]:
    """The cases that an LLM can be asked about, in the order of their histories. Computes vectors: not for the event loop."""
    found = []
    for case, model in played(cases):
        scene = see(model, case.question, gate, leaning(gate.attach(model, case.question)), limits)
        if scene is not None:
            found.append(Posed(case, scene))
    return found


def split(turns: Sequence[Posed], seed: int = 0) -> tuple[list[Posed], list[Posed]]:
    """Turns to compile on, and turns to judge by. No dialogue that concerns the one concerns the other.

    Raises InvalidRequest where there are too few dialogues for that.
    """
    names = sorted({concerned(turn.case)[0] for turn in turns})
    random.Random(seed).shuffle(names)  # noqa: S311 - a deal, not a secret
    kept_back = set(names[: max(1, round(len(names) * HELD_OUT))])
    train, judge = [], []
    for turn in turns:
        own, active = concerned(turn.case)
        if own in kept_back:
            judge.append(turn)
        elif active not in kept_back:
            train.append(turn)
    if not train or not judge:
        raise InvalidRequest(
            f"{len(turns)} labelled turns of {len(names)} dialogues cannot be split into dialogues to compile on and others to "
            "judge by: correct more turns, or add cases with --cases."
        )
    return train, judge


def grade(example: Any, prediction: Any, *_: object) -> float:
    """1 for a right place, a half for the right conversation, else 0."""
    if prediction.parent in example.gold:
        return 1.0
    return 0.5 if example.conversation(prediction.parent) in example.branch else 0.0


def told(example: Any, prediction: Any, trace: Any = None, *_: object) -> dspy.Prediction:  # noqa: ARG001 - GEPA's contract
    """The grade with a word on it, for optimizers that read."""
    score = grade(example, prediction)
    right = "the root, as a new topic" if None in example.gold else "an earlier conversation"
    reasons = {1.0: "The right place.", 0.5: "The right conversation, at the wrong point."}
    return dspy.Prediction(score=score, feedback=reasons.get(score, f"Wrong: the turn belongs to {right}."))


class Compiling:
    """One run: a model, and the calls that it took."""

    def __init__(self, scorer: Scorer, limits: RoutingLimits, asked: Callable[[int], None]) -> None:
        self.limits = limits
        self._bridge = Bridge(scorer, asked)
        self._engine = Engine(self._bridge)

    @property
    def calls(self) -> int:
        return self._bridge.calls

    def judge(self, program: PlaceTurn, turns: Sequence[Posed], most: int) -> list[Prediction]:
        """Where a program puts some turns; those that its model fails on go nowhere."""
        student = Student(self.limits)
        student.load_state(program.dump_state())
        made = []
        with self._asking(most):
            for turn in turns:
                try:
                    made.append(Prediction(turn.case.id, student(scene=turn.scene).parent))
                except Exception as exc:  # noqa: BLE001 - whatever a model does wrong, the case was not placed
                    log.info("A turn was not placed: %s", exc)
        return made

    def compile(self, optimizer: Optimizer, turns: Sequence[Posed], most: int, seed: int = 0) -> PlaceTurn:
        """The program after at most so many calls.

        Raises ConfigError for an optimizer whose library is not installed.
        """
        check(optimizer)
        examples = [_example(turn) for turn in turns]
        with self._asking(most):
            compiled: PlaceTurn = _run(optimizer, Student(self.limits), examples, self._lm(), most, seed)
        return compiled

    def _asking(self, most: int) -> Any:
        return metered(self._lm(), Tally(most), adapter=ListAdapter())

    def _lm(self) -> dspy.LM:
        blocking = _Blocking(self._engine, schema=False)
        return dspy.LM(MODEL, engine=blocking, async_engine=self._engine, temperature=0.0, cache=False, num_retries=0)


def check(optimizer: Optimizer) -> None:
    """Raises ConfigError for an optimizer whose library is not installed."""
    needs = _NEEDS.get(optimizer)
    if needs is not None and importlib.util.find_spec(needs) is None:
        raise ConfigError(f"The optimizer {optimizer!r} needs the package {needs!r}: pip install {needs}")


def save(program: PlaceTurn, file: Path) -> None:
    """Write a program as JSON, without a model, for `routing.program`."""
    file.parent.mkdir(parents=True, exist_ok=True)
    program.save(str(file))


def _example(turn: Posed) -> dspy.Example:
    parents = {node.id: node.parent_id for node in turn.case.history}

    def conversation(node_id: Any) -> Any:
        while node_id is not None and parents.get(node_id) is not None:
            node_id = parents[node_id]
        return node_id

    case = turn.case
    return dspy.Example(
        scene=turn.scene, gold=case.gold, branch=case.gold_branch, conversation=conversation
    ).with_inputs("scene")


def _run(
    optimizer: Optimizer, student: Student, examples: list[dspy.Example], lm: dspy.LM, most: int, seed: int
) -> Any:
    rounds = max(1, most // 4)
    match optimizer:
        case "bootstrap":
            return dspy.BootstrapFewShot(
                metric=lambda example, made, trace=None: grade(example, made) == 1.0,  # noqa: ARG005 - DSPy's contract
                max_bootstrapped_demos=3,
                max_labeled_demos=0,
                max_errors=len(examples) + 1,
            ).compile(student, trainset=examples)
        case "gepa":
            return dspy.GEPA(
                metric=told, max_metric_calls=rounds, reflection_lm=lm, num_threads=1, seed=seed, use_merge=False
            ).compile(student, trainset=examples, valset=examples)
        case "simba":
            size = min(8, len(examples))
            steps = max(1, rounds // (4 * size))
            return dspy.SIMBA(metric=grade, bsize=size, num_candidates=2, max_steps=steps, num_threads=1).compile(
                student, trainset=examples, seed=seed
            )
        case "mipro":
            return dspy.MIPROv2(
                metric=grade,
                prompt_model=lm,
                task_model=lm,
                auto=None,
                num_candidates=3,
                max_bootstrapped_demos=3,
                max_labeled_demos=0,  # a labelled scene is no example of what the model is shown
                num_threads=1,
                seed=seed,
            ).compile(
                student, trainset=examples, valset=examples, num_trials=max(1, rounds // len(examples)), minibatch=False
            )
