"""Embeddings and legacy completions: asked of a model's server as they are, and passed on. Nothing of them is a conversation.

The native and raw lanes post to the neighbour of the model's chat address (`.../chat/completions` -> `.../embeddings`), with the same
headers, and the server's own bytes come back. Elsewhere embeddings go through LiteLLM, and a legacy completion becomes a chat of one
message, as its prompt would be typed (`prompted.py`).

The fields are checked as those of a chat are: what OpenAI documents passes, a provider's own passes where the body is ours, and what
would act passes nowhere.

Source: OpenAI API reference, create embeddings, and create completion (legacy); a test compares the lists with the `openai` package.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Literal

from proxy.domain.turn import Asked, Chunk, Served, Text
from proxy.errors import InvalidRequest
from proxy.upstream import exchange, failures, library, prompted, raw_lane
from proxy.upstream.acting import acts
from proxy.upstream.care.attempts import Care
from proxy.upstream.exchange import Outgoing
from proxy.upstream.models import Model, Models
from proxy.upstream.native_lane import NativeLane
from proxy.upstream.session import Session, Timeouts
from proxy.upstream.shapes import without_nulls
from proxy.upstream.spelling import encoded, mended

Kind = Literal["embeddings", "completions"]

CHAT = "/chat/completions"

FIELDS: Mapping[Kind, frozenset[str]] = {
    "embeddings": frozenset({"dimensions", "encoding_format", "input", "model", "user"}),
    "completions": frozenset(
        {
            "best_of",
            "echo",
            "frequency_penalty",
            "logit_bias",
            "logprobs",
            "max_tokens",
            "model",
            "n",
            "presence_penalty",
            "prompt",
            "seed",
            "stop",
            "stream",
            "stream_options",
            "suffix",
            "temperature",
            "top_p",
            "user",
        }
    ),
}
"""Every documented field."""

_FRAMING = frozenset({"stream", "stream_options"})
"""Fields that make a stream of an answer: where a kind has none of its own, the answer would be no JSON."""


@dataclass(frozen=True, slots=True)
class Forwarded:
    """An answer on its way: one piece of JSON, or the chunks of a stream."""

    pieces: AsyncGenerator[bytes, None]
    dropped: list[str]
    """Fields of the request that are not sent, to be named to the client."""
    served: Served
    """Who answers, once the first piece is there."""


class Forwarding:
    """Asks a model's server for something that is no chat."""

    def __init__(
        self,
        models: Models,
        session: Session,
        timeouts: Timeouts,
        native: NativeLane,
        chat: Callable[[Asked], AsyncGenerator[Chunk, None]],
        care: Care,
    ) -> None:
        self._care = care
        self._models = models
        self._session = session
        self._timeouts = timeouts
        self._native = native
        self._chat = chat

    async def forward(self, kind: Kind, name: str, body: Mapping[str, Any]) -> Forwarded:
        """Ask a configured model; `stream` in the body is honoured for completions.

        Raises:
            ModelNotFound: At once, as InvalidRequest for what the model's lane cannot do; the UpstreamError family comes with the
                first piece, or between pieces.
        """
        model = self._models.get(name)
        stream = kind == "completions" and bool(body.get("stream"))
        if await self._address(model) is None:
            if kind == "completions":
                asked, dropped = prompted.chat(model.name, body, FIELDS[kind])
                return Forwarded(prompted.pieces(self._chat(asked)), dropped, asked.served)
            dropped = sorted(field for field in body if field not in FIELDS[kind])
        else:
            dropped = sorted(
                field for field in body if field not in FIELDS[kind] and (acts(field) or field in _FRAMING)
            )
        sent = {field: value for field, value in body.items() if field not in dropped}
        served = Served()
        pieces = self._care.ask(name, (), lambda one: self._pieces(kind, one, sent, stream=stream), served)
        return Forwarded(pieces, dropped, served)

    async def _pieces(
        self, kind: Kind, model: Model, body: Mapping[str, Any], *, stream: bool
    ) -> AsyncGenerator[bytes, None]:
        """What one deployment answers. Raises InvalidRequest where it cannot be asked for this."""
        at = await self._address(model)
        if at is None:
            if model.lane == "mirror" or kind != "embeddings":
                raise InvalidRequest(
                    f"The model {model.name!r} makes no {kind}: name a model of your configuration that does.",
                    param="model",
                )
            yield await self._embedded(model, body)
            return
        outgoing = _outgoing(at, kind, model, body)
        if not stream:
            told = await exchange.posted(self._session, outgoing, model, self._timeouts)
            yield mended(told, model)
            return
        async with aclosing(
            exchange.stream(self._session, outgoing, model, self._timeouts, usage_wanted=True)
        ) as chunks:
            async for chunk in chunks:
                if isinstance(chunk, Text):  # a server may answer with a chat's chunks
                    for raw in chunk.raws():
                        yield raw
                else:
                    yield chunk.raw or encoded({**chunk.wire, "object": "text_completion"})

    async def _address(self, model: Model) -> tuple[str, Mapping[str, str], str] | None:
        """Chat address, headers and the model's name there; `None` where only LiteLLM can ask."""
        if model.lane == "raw":
            return raw_lane.url(model), raw_lane.headers(model), raw_lane.name(model)
        if model.lane != "native":
            return None
        at = self._native.endpoint(await library.warm(), model)
        return None if at is None or CHAT not in str(at.url) else (str(at.url), at.headers, at.name)

    async def _embedded(self, model: Model, body: Mapping[str, Any]) -> bytes:
        passed = {name: value for name, value in body.items() if name in FIELDS["embeddings"] and value is not None}
        litellm = await library.warm(rehearsed=True)
        library.keep_no_account()
        try:
            async with asyncio.timeout(self._timeouts.whole_s):
                answer = await litellm.aembedding(
                    **{"drop_params": True, "num_retries": 0, "max_retries": 0, **passed, **model.params}
                )
        except TimeoutError:
            raise failures.timed_out(model, "answer", self._timeouts.whole_s) from None
        except Exception as exc:  # noqa: BLE001  # LiteLLM raises what it likes
            raise failures.translate(exc, model) from None
        return encoded(without_nulls(answer.model_dump(warnings=False)))


def _outgoing(at: tuple[str, Mapping[str, str], str], kind: Kind, model: Model, body: Mapping[str, Any]) -> Outgoing:
    url, headers, name = at
    defaults = {field: value for field, value in model.params.items() if field in FIELDS[kind]}
    return Outgoing(url.replace(CHAT, f"/{kind}", 1), headers, encoded({**defaults, **body, "model": name}))
