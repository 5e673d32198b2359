"""DSPy on our own upstream: one configured model behind `ports.Scorer`, and no other way out.

DSPy's own caches, histories, traces and retries are all off: its cache would give one user another's answer, its histories
and traces would keep their words. The model is bound per piece of work by `asking`; the ceiling on calls is kept at this door,
so nothing inside DSPy can pass it unseen.

Imports DSPy (seconds, no network, no LiteLLM): import it where it is used, once the port is open and off the event loop.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import dspy
import json_repair
from dspy.lm15 import Message as LmMessage
from dspy.lm15 import Request, Response, TextPart, UnsupportedFeatureError, Usage

from proxy.domain.message import Message, Role, said, without_thinking
from proxy.domain.ports import Scorer
from proxy.errors import ScorerFailed

MODEL = "graft/scorer"
"""DSPy's name for the model; the real one is known to the upstream alone."""


@dataclass
class Tally:
    """What one piece of work has asked for so far."""

    most: int
    calls: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0


_tally: ContextVar[Tally] = ContextVar("tally")


@dataclass(frozen=True)
class ScorerOptions:
    """How the scorer's model is asked."""

    schema: bool = False
    """The upstream is known to honour a JSON schema as `response_format`."""
    temperature: float | None = 0.0
    max_tokens: int | None = None
    """No cap by default: models that think first spend it before they answer, and the deadline bounds the rest."""


class Capabilities:
    """The synchronous half of the engine: DSPy reads from it what the model can do. Nothing is asked through it."""

    def __init__(self, *, schema: bool) -> None:
        self.supports_function_calling = False
        self.supports_reasoning = False
        self.supports_response_schema = schema
        self.supported_params = frozenset({"temperature", "max_tokens"} | ({"response_format"} if schema else set()))

    def complete(self, request: Request) -> Response:  # noqa: ARG002 - DSPy's engine contract
        """Raises UnsupportedFeatureError: a program over this model is awaited, or made synchronous by `dspy.syncify`."""
        raise UnsupportedFeatureError("The scorer is asked asynchronously: await the program, or use dspy.syncify.")


class Engine:
    """The asynchronous half: one DSPy request is one call of the port."""

    def __init__(self, scorer: Scorer) -> None:
        self._scorer = scorer

    async def complete(self, request: Request) -> Response:
        """Raises ScorerFailed at the ceiling, and the UpstreamError family."""
        tally = _tally.get()
        if tally.calls >= tally.most:
            raise ScorerFailed(f"it needed more than {tally.most} calls")
        tally.calls += 1
        reply = await self._scorer(_messages(request), _options(request))
        tally.prompt_tokens += reply.prompt_tokens
        tally.completion_tokens += reply.completion_tokens
        return Response(
            id=None,
            model=MODEL,
            message=LmMessage.assistant([TextPart(without_thinking(reply.text))]),
            finish_reason="length" if reply.finish_reason == "length" else "stop",
            usage=Usage(input_tokens=reply.prompt_tokens, output_tokens=reply.completion_tokens),
        )


class ListAdapter(dspy.JSONAdapter):  # type: ignore[misc]  # DSPy carries no types
    """JSON answers, a bare list included: small models often leave out the object around a single field.

    Unlike DSPy's default adapter it never asks a second time on its own.
    """

    def parse(self, signature: Any, completion: str) -> dict[str, Any]:
        names = list(signature.output_fields)
        if len(names) == 1 and isinstance(answer := json_repair.loads(completion), list) and answer:
            completion = json.dumps({names[0]: answer})
        parsed: dict[str, Any] = super().parse(signature, completion)
        return parsed


def language_model(scorer: Scorer, options: ScorerOptions) -> dspy.LM:
    """The DSPy model that asks `scorer` and nobody else."""
    return dspy.LM(
        MODEL,
        engine=Capabilities(schema=options.schema),
        async_engine=Engine(scorer),
        temperature=options.temperature,
        max_tokens=options.max_tokens,
        cache=False,
        num_retries=0,
    )


@contextmanager
def asking(lm: dspy.LM, tally: Tally) -> Iterator[None]:
    """Bind the model for one piece of work, in this task and those it starts."""
    token = _tally.set(tally)
    try:
        with dspy.context(lm=lm, adapter=ListAdapter(), disable_history=True, trace=None, track_usage=False):
            yield
    finally:
        _tally.reset(token)


@contextmanager
def metered(lm: dspy.LM, tally: Tally, adapter: ListAdapter) -> Iterator[None]:
    """Bind the model for a whole run under one account. DSPy may trace here: an optimizer learns from what was answered."""
    token = _tally.set(tally)
    try:
        with dspy.context(lm=lm, adapter=adapter, disable_history=True, track_usage=False):
            yield
    finally:
        _tally.reset(token)


def _messages(request: Request) -> list[Message]:
    system = request.system if isinstance(request.system, str) else "".join(part.text for part in request.system or ())
    head = [said("system", system)] if system else []
    return head + [said(_role(message.role), message.text or "") for message in request.messages]


def _role(role: str) -> Role:
    return "assistant" if role == "assistant" else "user"


def _options(request: Request) -> Mapping[str, object]:
    """OpenAI request fields; what DSPy leaves unset is left out."""
    config = request.config
    options: dict[str, object] = {"temperature": config.temperature, "max_tokens": config.max_tokens}
    if config.response_format is not None:
        options["response_format"] = _response_format(config.response_format)
    return {name: value for name, value in options.items() if value is not None}


def _response_format(wanted: Mapping[str, Any]) -> Mapping[str, object]:
    """DSPy's flat form in OpenAI's nested one. Source: OpenAI API, chat completions, `response_format`."""
    if wanted["type"] != "json_schema":
        return dict(wanted)
    inner = {name: value for name, value in wanted.items() if name != "type"}
    return {"type": "json_schema", "json_schema": {"name": "answer", **inner}}
