"""The router's LLM as one DSPy program, and the way to run it within bounds.

`PlaceTurn` is a `dspy.Module`: its predictors can be compiled by DSPy's optimizers (`dspy.syncify` makes it synchronous
for them) and are saved and loaded as JSON. Its input is a `Scene`, a value.

Imports DSPy: only `router.build_llm` may lead here, after the port is open.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import dspy
from dspy.utils.exceptions import AdapterParseError, LMError

from proxy.errors import (
    ConfigError,
    ProxyError,
    ScorerFailed,
    UpstreamError,
    UpstreamResting,
    UpstreamTimeout,
    UpstreamUnreachable,
)
from proxy.lm import Tally, asking
from proxy.routing.answers import Choice, Ranked, read_places, read_ranks, read_scores
from proxy.routing.explore import Placed, opening, place, place_listwise
from proxy.routing.limits import RoutingLimits
from proxy.routing.program import PROMPT_VERSION, check_version
from proxy.routing.prompt import show_conversations, show_points, show_turn, show_windows
from proxy.routing.scene import Point, Scene
from proxy.routing.signatures import FindAttachment, RankConversations, ScoreWindows
from proxy.routing.tournament import Verdict
from proxy.routing.windows import Window

_NOTHING_USABLE = 502
"""The status of errors that a gateway answers, and of answers that are none of a model."""


class PlaceTurn(dspy.Module):  # type: ignore[misc]  # DSPy carries no types
    """Places one turn: the tournaments, then, where they do not settle it, the exploration; or one ranking of all conversations."""

    def __init__(self, limits: RoutingLimits) -> None:
        super().__init__()
        self.limits = limits
        # Not `score`: under that name MIPROv2 leaves its result on the program.
        self.compare = dspy.Predict(ScoreWindows)
        self.find = dspy.Predict(FindAttachment)
        self.rank = dspy.Predict(RankConversations)

    async def aforward(self, scene: Scene) -> dspy.Prediction:
        """The prediction's `parent` is the attachment point, `placed` the whole decision.

        Raises ScorerFailed for an answer that cannot be used, and whatever DSPy raises.
        """
        turn = show_turn(scene.new_turn, scene.system)

        async def judge(windows: Sequence[Window]) -> list[Verdict]:
            answer = await self.compare.acall(new_turn=turn, windows=show_windows(windows))
            return read_scores(windows, answer.scores)

        async def find(points: Sequence[Point]) -> list[Choice]:
            answer = await self.find.acall(new_turn=turn, points=show_points(points))
            return read_places(points, answer.places)

        async def rank(windows: Sequence[Window]) -> list[Ranked]:
            shown = show_conversations(windows, [opening(scene, window) for window in windows])
            answer = await self.rank.acall(new_turn=turn, windows=shown)
            return read_ranks(windows, answer.places)

        if self.limits.mode == "listwise":
            placed = await place_listwise(scene, self.limits, rank, find)
        else:
            placed = await place(scene, self.limits, judge, find)
        return dspy.Prediction(parent=placed.place.parent, placed=placed)

    def dump_state(self, json_mode: bool = True) -> dict[str, Any]:
        """The compiled prompts and examples, and the prompts' version; never a model."""
        return {**_without_models(super().dump_state(json_mode=json_mode)), "prompt_version": PROMPT_VERSION}

    def load_state(self, state: Mapping[str, Any], *, allow_unsafe_lm_state: bool = False) -> None:
        """Take in what `dump_state` gave. Models in it are left out: the scorer is the configured one and no other.

        Raises ConfigError for a program that was compiled for other prompts, or is not whole.
        """
        check_version(state.get("prompt_version", 0))
        if lacking := {name for name, _ in self.named_parameters()} - set(state):
            raise ConfigError(
                f"The routing program lacks {', '.join(sorted(lacking))}: run `graft optimize` again, or leave the program out."
            )
        super().load_state(_without_models(state), allow_unsafe_lm_state=allow_unsafe_lm_state)


@dataclass(frozen=True, slots=True)
class LlmPlacer:
    """A program bound to a model."""

    program: PlaceTurn
    lm: dspy.LM

    def tally(self, most: int) -> Tally:
        """An account of at most so many calls, for one decision."""
        return Tally(most)

    async def place(self, scene: Scene, tally: Tally) -> Placed:
        """The scene's place.

        Raises ScorerFailed for everything that a model or its provider can do wrong.
        """
        try:
            with asking(self.lm, tally):
                prediction = await self.program.acall(scene=scene)
        except AdapterParseError as exc:
            raise ScorerFailed("its answer could not be read") from exc
        except LMError as exc:
            raise ScorerFailed(_why(exc)) from exc
        placed: Placed = prediction.placed
        return placed


def _without_models(state: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: {**part, "lm": None} if isinstance(part, dict) and "lm" in part else part for name, part in state.items()
    }


def _why(error: LMError) -> str:
    """The reason in our own words, where our upstream gave one: DSPy wraps what its engine raises."""
    cause = error.__cause__
    if isinstance(cause, UpstreamResting):
        return "its model has failed lately and is left alone for a moment"
    if isinstance(cause, UpstreamTimeout):
        return "its model did not answer in time"
    if isinstance(cause, UpstreamUnreachable):
        return "its model cannot be reached"
    if isinstance(cause, UpstreamError) and cause.status == _NOTHING_USABLE:
        return "its model, or what stands before it, gave no answer that can be used (502)"
    if isinstance(cause, UpstreamError):
        return f"its model answered {cause.status}"
    return cause.message if isinstance(cause, ProxyError) else f"its call failed ({type(error).__name__})"
