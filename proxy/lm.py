"""DSPy on our own upstream: one configured model behind `ports.Scorer`, and no other way out.

DSPy's own caches, histories, traces and retries are all off: its cache would give one user another's answer, its histories
and traces would keep their words. The model is bound per piece of work by `asking`; the ceiling on calls is kept at this door,
so nothing inside DSPy can pass it unseen.

Imports DSPy (seconds, no network, no LiteLLM): import it where it is used, once the port is open and off the event loop.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import anyio
import dspy
import json_repair
from dspy.lm15 import Message as LmMessage
from dspy.lm15 import Request, Response, TextPart, UnsupportedFeatureError, Usage

from proxy.domain.message import Message, Role, said, without_thinking
from proxy.domain.ports import Scorer, ScorerReply
from proxy.errors import ContextLengthExceeded, ScorerFailed, UpstreamError

MODEL = "graft/scorer"
"""DSPy's name for the model; the real one is known to the upstream alone."""

REFUSED = (400, 422)
"""How servers answer a field that they do not know, or cannot serve."""

log = logging.getLogger(__name__)


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

    schema: bool | None = False
    """Whether the upstream honours a JSON schema as `response_format`; `None` where that is not known: it is tried."""
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
    """The asynchronous half: one DSPy request is one call of the port.

    A server that refuses a JSON schema is asked again without it, and from then on without. Where nobody knows whether it takes one,
    the first call goes alone, so that a refusal costs one call and not one of every call at its side.
    """

    def __init__(self, scorer: Scorer, *, schema: bool | None = False) -> None:
        self._scorer = scorer
        self._schema = schema
        self._alone = anyio.Lock()

    async def complete(self, request: Request) -> Response:
        """Raises ScorerFailed at the ceiling, and the UpstreamError family."""
        if self._schema is None:
            async with self._alone:
                if self._schema is None:  # not settled by the call before
                    return await self._answered(request)
        return await self._answered(request)

    async def _answered(self, request: Request) -> Response:
        messages, options = _messages(request), _options(request)
        plain = {name: value for name, value in options.items() if name != "response_format"}
        try:
            reply = await self._ask(messages, plain if self._schema is False else options)
            self._schema = True if self._schema is None else self._schema
        except UpstreamError as exc:
            refused = exc.status in REFUSED and not isinstance(exc, ContextLengthExceeded)
            if not refused or self._schema is False or len(plain) == len(options):
                raise
            reply = await self._ask(messages, plain)
            self._schema = False
            log.info("The model %s takes no JSON schema; it is asked without one.", exc.model)
        return Response(
            id=None,
            model=MODEL,
            message=LmMessage.assistant([TextPart(without_thinking(reply.text))]),
            finish_reason="length" if reply.finish_reason == "length" else "stop",
            usage=Usage(input_tokens=reply.prompt_tokens, output_tokens=reply.completion_tokens),
        )

    async def _ask(self, messages: Sequence[Message], options: Mapping[str, object]) -> ScorerReply:
        tally = _tally.get()
        if tally.calls >= tally.most:
            raise ScorerFailed(f"it needed more than {tally.most} calls")
        tally.calls += 1
        reply = await self._scorer(messages, options)
        tally.prompt_tokens += reply.prompt_tokens
        tally.completion_tokens += reply.completion_tokens
        return reply


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
        engine=Capabilities(schema=options.schema is not False),
        async_engine=Engine(scorer, schema=options.schema),
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
