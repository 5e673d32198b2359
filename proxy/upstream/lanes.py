"""The upstream as the rest of Graft sees it: one door, and behind it the lane that suits each model."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from typing import Any, assert_never, cast

import anyio

from proxy.domain.message import Message
from proxy.domain.ports import Scorer, ScorerReply
from proxy.domain.turn import Asked, Chunk, Price
from proxy.errors import ConfigError, UpstreamError
from proxy.operations.figures import Figures
from proxy.operations.traces import Traces
from proxy.operations.usage import tokens_of
from proxy.upstream import fields, library, mirror, spans, tokens
from proxy.upstream.care.attempts import Care, CareRules
from proxy.upstream.forwarding import Forwarding
from proxy.upstream.litellm_lane import LiteLLMLane
from proxy.upstream.models import MIRROR, Model, Models
from proxy.upstream.native_lane import NativeLane
from proxy.upstream.prices import price_of
from proxy.upstream.raw_lane import RawLane
from proxy.upstream.session import Session, Timeouts, trusted

DEFAULT_WINDOW_TOKENS = 128_000

ONE_SYSTEM = frozenset({"ollama", "ollama_chat", "hosted_vllm", "vllm", "lm_studio", "llamafile", "llama_cpp"})
"""Local servers, which apply the chat template of whatever model they run: many of these take one system message only."""

ASKED_AT_HOME = ("ollama/", "ollama_chat/")
"""Models of which LiteLLM knows nothing itself: it asks their server."""


class Lanes:
    """Implements `ports.Upstream`; its `count` is a `ports.TokenCounter`."""

    def __init__(
        self,
        models: Models,
        timeouts: Timeouts | None = None,
        default_window_tokens: int = DEFAULT_WINDOW_TOKENS,
        *,
        trust_env: bool = True,
        care: CareRules | None = None,
        figures: Figures | None = None,
        traces: Traces | None = None,
    ) -> None:
        self.models = models
        self.care = Care(models, care or CareRules(), figures)
        self._traces = traces
        timeouts = timeouts or Timeouts()
        self._trust_env = trust_env
        self._session = Session(timeouts, trust_env=trust_env)
        self._litellm = LiteLLMLane(timeouts)
        self._native = NativeLane(self._session, timeouts, self._litellm)
        self._raw = RawLane(self._session, timeouts)
        self.forwarding = Forwarding(models, self._session, timeouts, self._native, self.ask, self.care)
        self._default_window_tokens = default_window_tokens
        self._windows: dict[str, int] = {}
        """As LiteLLM knows them, by deployment."""
        self._narrowest: dict[str, int] = {}
        """Of all deployments of a model; forgotten when windows were learnt."""
        self._prices = {model.id: price_of(model, {}) for model in models.all()}

    def ask(self, asked: Asked) -> AsyncGenerator[Chunk, None]:
        """Chunks as they arrive, a chunk without choices but with usage last; or one whole completion.

        Usage is told whether or not the client wanted it; `choices` is then empty, so that the door can keep it back. Closing
        the generator closes the connection to the provider.

        Raises:
            ModelNotFound: At once.
            InvalidRequest: At once or before the first chunk: the request has a tool that would act on the server.
            UpstreamError: At once, before the first chunk or between chunks.
        """
        return self.care.ask(
            asked.model, asked.messages, lambda model: self._traced(model, asked), asked.served, asked.until
        )

    def _traced(self, model: Model, asked: Asked) -> AsyncGenerator[Chunk, None]:
        if self._traces is None:
            return self._asked(model, asked)
        return spans.asked(self._traces, model, asked, self._asked)

    def of(self, model: Model, asked: Asked) -> AsyncGenerator[Chunk, None]:
        """One deployment asked once, whatever became of it before. Raises as `ask` does."""
        return self._asked(model, asked)

    def _asked(self, model: Model, asked: Asked) -> AsyncGenerator[Chunk, None]:
        """One deployment, asked once."""
        match model.lane:
            case "mirror":
                return mirror.ask(asked)
            case "litellm":
                return self._litellm.ask(model, asked)
            case "native":
                return self._native.ask(model, asked)
            case "raw":
                return self._raw.ask(model, asked)
            case _:
                assert_never(model.lane)

    def dropped(self, name: str, options: Mapping[str, object], *, stream: bool) -> list[str]:
        """Names of the client's fields that are not forwarded, to be told to it. Raises as `ask` does before its first chunk."""
        model = self.models.get(name)
        match model.lane:
            case "native":
                return self._native.dropped(model, options, stream=stream)
            case "raw":
                return self._raw.dropped(options)
            case "litellm":
                return self._litellm.dropped(model, options)
            case "mirror":
                return fields.split(options)[1]
            case _:
                assert_never(model.lane)

    def window_tokens(self, model: str) -> int:
        """The model's input window: as configured, else as LiteLLM knows it once it is warm, else the default.

        Of several deployments the smallest: any of them may be asked.
        """
        narrowest = self._narrowest.get(model)
        if narrowest is None:
            narrowest = self._narrowest[model] = min(
                tokens.configured_window(one) or self._windows.get(one.id) or self._default_window_tokens
                for one in self.models.deployments(model)
            )
        return narrowest

    def takes_one_system(self, model: str) -> bool:
        """Whether the model's chat template refuses a second system message; `model_info.one_system` says otherwise."""
        return any(_one_system(one) for one in self.models.deployments(model))

    def honours_schema(self, model: str) -> bool | None:
        """Whether the model keeps to a JSON schema in `response_format`; asks LiteLLM once that is imported. `None`: not known."""
        told = [_honours_schema(one) for one in self.models.deployments(model)]
        return False if False in told else None if None in told else True

    def count(self, model: str, text: str) -> int:
        """Tokens of a text for a model; slow, so off the reply's path."""
        return tokens.count(self.models.get(model), text)

    def price(self, model: str) -> Price | None:
        """What the model costs: as configured, else as LiteLLM knows it once it is warm; `None` where nobody knows.

        Of several deployments the first.
        """
        return self._prices.get(self.models.get(model).id)

    def knows(self, model: str) -> bool:
        """Whether a model of this name is configured."""
        return model in self.models

    def scorer(self, model: str, setting: str = "routing.model") -> Scorer:
        """The way to one configured model and to no other; `setting` is where it was named.

        Raises ConfigError when the model is not configured or cannot judge anything.
        """
        if model not in self.models or self.models.get(model).lane == MIRROR:
            raise ConfigError(f"{setting} is {model!r}; it must name a language model from `model_list`.")
        return ModelScorer(self, model)

    async def warm(self) -> None:
        """Import what the configured models need; to be awaited when the port is open."""
        if any(model.lane in ("native", "raw") for model in self.models.all()):
            await asyncio.to_thread(trusted)
        if self.models.needs_litellm:
            litellm = await library.warm()
            litellm.disable_aiohttp_trust_env = not self._trust_env
            await asyncio.to_thread(self._learn)
            self._narrowest.clear()

    @property
    def ready(self) -> bool:
        return library.loaded() is not None or not self.models.needs_litellm

    def _learn(self) -> None:
        """Ask LiteLLM once what it knows of each model: for some providers it asks their server."""
        for model in self.models.all():
            if model.lane in ("litellm", "native"):
                if not (model.lane == "native" and self._native.learn(model)):
                    library.load(rehearsed=True)
                    self._litellm.learn(model)
                    tokens.count(model, "the first count loads the tokenizer")
                self._look_up(model)

    def _look_up(self, model: Model) -> None:
        """Window and price, where the configuration does not tell them."""
        asks = not tokens.configured_window(model)
        if not asks and (self._prices[model.id] or model.target.startswith(ASKED_AT_HOME)):
            return
        known = tokens.known(model)
        if asks and (window := known.get("max_input_tokens")):
            self._windows[model.id] = window
        self._prices[model.id] = price_of(model, known)

    async def close(self) -> None:
        await self._session.close()
        await library.close()


class ModelScorer:
    """Implements `ports.Scorer`: plain answers of one model."""

    def __init__(self, lanes: Lanes, model: str) -> None:
        self._lanes = lanes
        self.model = model

    async def __call__(self, messages: Sequence[Message], options: Mapping[str, object]) -> ScorerReply:
        until = anyio.current_effective_deadline()
        asked = Asked(self.model, [message.wire for message in messages], options, stream=False, until=until)
        async with aclosing(self._lanes.ask(asked)) as chunks:
            async for chunk in chunks:
                return _reply(cast("Mapping[str, Any]", chunk.wire))
        raise UpstreamError(f"The model {self.model!r} answered nothing.", model=self.model)


def _one_system(model: Model) -> bool:
    told = model.info.get("one_system")
    return bool(told) if told is not None else model.target.partition("/")[0] in ONE_SYSTEM


def _honours_schema(model: Model) -> bool | None:
    """As configured, else as LiteLLM knows it: it says no of models that it does not know, too."""
    told = model.info.get("supports_response_schema")
    if told is not None:
        return bool(told)
    litellm = library.loaded()
    return True if litellm is not None and litellm.supports_response_schema(model.target) else None


def _reply(wire: Mapping[str, Any]) -> ScorerReply:
    choice: Mapping[str, Any] = next(iter(wire.get("choices") or ()), {})
    usage = wire.get("usage") or {}
    return ScorerReply(
        text=(choice.get("message") or {}).get("content") or "",
        prompt_tokens=tokens_of(usage.get("prompt_tokens")) or 0,
        completion_tokens=tokens_of(usage.get("completion_tokens")) or 0,
        finish_reason=choice.get("finish_reason"),
    )
