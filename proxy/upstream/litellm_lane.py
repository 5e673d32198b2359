"""The LiteLLM lane: one `litellm.acompletion` call, and its answer in OpenAI's shape.

Model, base and key come from the model's configuration; of the request only OpenAI's documented fields pass (`fields.py`).
Retries are the client's decision, so LiteLLM makes none.

LiteLLM ends every answer with a finish reason, `stop` where the provider sent none: a cut answer would look complete. Its stream also
keeps one finish reason for all choices, and loses refusals. So providers that speak OpenAI's wire format are read beneath it, and beneath
the official client, as they wrote it (`heard.py`); in other streams its own record tells a sent finish reason from an invented one. A stream that breaks raises; one that merely ends
without a finish reason ends here too, and whoever folds it sees that it is not complete.
"""

from __future__ import annotations

import asyncio
import copy
import json
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing, suppress
from functools import partial
from typing import Any

from proxy.domain.beginning import Single
from proxy.domain.message import Wire
from proxy.domain.turn import Asked, Chunk, Text
from proxy.errors import UpstreamError
from proxy.upstream import failures, fields, guarded, library, shapes, wholes
from proxy.upstream.deadlines import Deadlines
from proxy.upstream.heard import listen
from proxy.upstream.models import Model
from proxy.upstream.opening import Opening
from proxy.upstream.reading import Reading
from proxy.upstream.session import Timeouts
from proxy.upstream.spelling import spelt

_NEVER_RETRY = {"num_retries": 0, "max_retries": 0}
_NO_SERVER_TOOLS = {"_skip_mcp_handler": True}
"""Without this LiteLLM imports a package that is not installed as soon as a request has tools."""

_LOST = frozenset({"metadata", "prompt_cache_retention"})
"""Fields that LiteLLM says it passes on: the first it takes for its own logging, the second it forgets."""

_BODY_PROVIDERS = frozenset({"openai", "hosted_vllm"})
"""Providers that take a field which LiteLLM does not know, or drops, as part of the body."""


class LiteLLMLane:
    """Asks any provider that LiteLLM knows."""

    def __init__(self, timeouts: Timeouts) -> None:
        self._timeouts = timeouts
        self._deadlines = Deadlines()
        self._supported: dict[str, tuple[str, frozenset[str]]] = {}

    def ask(self, model: Model, asked: Asked) -> AsyncGenerator[Chunk, None]:
        """Chunks as they arrive, usage last; or one whole completion. Raises the UpstreamError family and InvalidRequest."""
        return self._stream(model, asked) if asked.stream else Single(partial(self._whole, model, asked))

    async def _prepared(self, model: Model, asked: Asked) -> tuple[Any, dict[str, Any]]:
        """LiteLLM, and the arguments of `acompletion`. Raises InvalidRequest."""
        passed, _ = fields.split(asked.options)
        litellm = await library.warm(rehearsed=True)
        library.keep_no_account()
        guarded.MOST_BYTES.set(self._timeouts.answer_bytes)
        return litellm, self._call(litellm, model, asked, copy.deepcopy(passed))

    async def _whole(self, model: Model, asked: Asked) -> Chunk:
        litellm, call = await self._prepared(model, asked)
        heard = listen(keeps=not _changes_answers(self._supports(litellm, model)[0], call))
        try:
            async with asyncio.timeout(self._timeouts.whole_s):
                made = await litellm.acompletion(**call)
        except TimeoutError:
            raise failures.timed_out(model, "answer", self._timeouts.whole_s) from None
        except Exception as exc:  # noqa: BLE001  # LiteLLM raises what it likes
            if heard.answer is None:
                raise failures.translate(exc, model, is_answered=heard.is_answered) from None
        if heard.answer is not None:
            return wholes.completion(heard.answer.content, model)
        return spelt(shapes.whole(made.model_dump(warnings=False)))

    async def _stream(self, model: Model, asked: Asked) -> AsyncGenerator[Chunk, None]:
        litellm, call = await self._prepared(model, asked)
        began = asyncio.get_running_loop().time()
        first_by, last_by = began + self._timeouts.first_token_s, began + self._timeouts.stream_s
        heard = listen(keeps=False)
        try:
            async with asyncio.timeout_at(first_by):
                stream = await litellm.acompletion(**call)
        except TimeoutError:
            raise failures.timed_out(model, "first chunk", self._timeouts.first_token_s) from None
        except Exception as exc:  # noqa: BLE001
            raise failures.translate(exc, model, is_answered=heard.is_answered) from None
        envelope = Envelope(usage_wanted=asked.usage_wanted)
        try:
            async with aclosing(_chunks(stream, model, usage_wanted=asked.usage_wanted)) as chunks:
                while (chunk := await self._next(model, chunks, (first_by, last_by), envelope)) is not None:
                    for dressed in envelope.dress(chunk):
                        yield dressed
            if (usage := envelope.usage_chunk()) is not None:
                yield spelt(usage)
        finally:
            await stream.aclose()

    async def _next(
        self, model: Model, chunks: AsyncIterator[Chunk], due: tuple[float, float], envelope: Envelope
    ) -> Chunk | None:
        """The next chunk in time, or `None` at the end; `due` is when the first and the last must be there."""
        idle_s, now, (first_by, last_by) = self._timeouts.idle_s, asyncio.get_running_loop().time(), due
        if now >= last_by and envelope.started:  # a busy stream never waits
            raise failures.timed_out(model, "end of its answer", self._timeouts.stream_s)
        try:
            with self._deadlines.until(min(now + idle_s, last_by) if envelope.started else first_by):
                return await anext(chunks, None)
        except TimeoutError:
            if envelope.started and asyncio.get_running_loop().time() >= last_by:
                raise failures.timed_out(model, "end of its answer", self._timeouts.stream_s) from None
            if envelope.started:
                raise failures.timed_out(model, "further chunk", idle_s) from None
            raise failures.timed_out(model, "first chunk", self._timeouts.first_token_s) from None
        except UpstreamError:
            raise
        except Exception as exc:  # noqa: BLE001
            if envelope.started and failures.broke(exc):
                raise failures.cut(model) from None
            raise failures.translate(exc, model, is_answered=True) from None

    def _call(self, litellm: Any, model: Model, asked: Asked, passed: dict[str, Any]) -> dict[str, Any]:
        """The arguments of `acompletion`: the model's defaults, the client's fields, then what nobody may change."""
        stream_options = passed.pop("stream_options", None)
        provider, supported = self._supports(litellm, model)
        call = {"timeout": self._timeout(), "drop_params": True, **_NEVER_RETRY, **model.params}
        known = {name: value for name, value in passed.items() if name in supported}
        unknown = {name: value for name, value in passed.items() if name not in supported}
        if provider in _BODY_PROVIDERS and _is_newer_choice(known.get("tool_choice")):
            unknown["tool_choice"] = known.pop("tool_choice")
        if unknown and provider in _BODY_PROVIDERS:
            call["extra_body"] = {**(model.params.get("extra_body") or {}), **unknown}
        if asked.headers:
            call["extra_headers"] = asked.beside(model.params.get("extra_headers") or {})
        if asked.stream:
            call["stream"] = True
            if "stream_options" in supported or call["drop_params"]:  # what a provider cannot count, LiteLLM counts
                call["stream_options"] = {**(stream_options or {}), "include_usage": True}
        # LiteLLM rewrites messages in place for some providers; these belong to the tree.
        return {**call, **known, "messages": copy.deepcopy(list(asked.messages)), **_NO_SERVER_TOOLS}

    def learn(self, model: Model) -> None:
        """Find out what a model supports, before a request needs it."""
        with suppress(UpstreamError):  # a request will meet the same trouble and tell it
            self._supports(library.load(), model)

    def dropped(self, model: Model, options: Mapping[str, object]) -> list[str]:
        """Names of fields that would not reach the provider; before LiteLLM is imported, only those that never do."""
        passed, dropped = fields.split(options)
        if (litellm := library.loaded()) is None:
            return dropped
        provider, supported = self._supports(litellm, model)
        lost = set() if provider in _BODY_PROVIDERS else set(passed) - supported - {"stream_options"}
        return sorted(lost | set(dropped))

    def _supports(self, litellm: Any, model: Model) -> tuple[str, frozenset[str]]:
        """The provider of a model, and the fields that LiteLLM passes on to it."""
        if model.id not in self._supported:
            self._supported[model.id] = _supports(litellm, model)
        return self._supported[model.id]

    def _timeout(self) -> Any:
        """Only the connection is timed by the transport; the rest is ours."""
        import httpx  # noqa: PLC0415  # comes with LiteLLM, as late as LiteLLM

        longest_s = max(self._timeouts.whole_s, self._timeouts.first_token_s, self._timeouts.idle_s) + 1
        return httpx.Timeout(longest_s, connect=self._timeouts.connect_s)


class Envelope:
    """What all chunks of one stream share, and the usage that is told at its end."""

    def __init__(self, *, usage_wanted: bool) -> None:
        self._usage_wanted = usage_wanted
        self._frame: dict[str, Any] = {}
        self._fits: Wire | None = None
        """A chunk that needs no other dress than its own."""
        self._usage: Any = None
        self.started = False

    def dress(self, chunk: Chunk) -> list[Chunk]:
        """A chunk with the stream's own id, time and model; nothing for one that held nothing but usage.

        Texts go on in the provider's bytes, where the chunk that they are like has these already.
        """
        self.started = True
        if not isinstance(chunk, Text):
            self._fits = None
            wires = [self._dressed(chunk.wire)]
        elif chunk.like is self._fits or self._dressed(chunk.like) == chunk.like:
            self._fits, chunk.followed = chunk.like, False
            return [chunk]
        else:
            wires = [self._dressed(json.loads(raw)) for raw in chunk.raws()]
        return [spelt(wire) for wire in wires if wire is not None]

    def _dressed(self, dumped: Mapping[str, Any]) -> dict[str, Any] | None:
        choices = [{**choice, "finish_reason": choice.get("finish_reason")} for choice in dumped.get("choices") or ()]
        wire = {name: value for name, value in dumped.items() if name not in ("choices", "usage")}
        wire |= {name: self._frame[name] for name in ("id", "created", "model") if self._frame.get(name)}
        wire["object"] = "chat.completion.chunk"
        self._frame = wire
        if dumped.get("usage"):
            self._usage = dumped["usage"]
            if not choices:
                return None
        return {**wire, "choices": choices} | ({"usage": None} if self._usage_wanted else {})

    def usage_chunk(self) -> dict[str, Any] | None:
        """OpenAI's last chunk: no choices, only usage; whether the client sees it is the door's decision."""
        return None if self._usage is None else {**self._frame, "choices": [], "usage": self._usage}


async def _chunks(stream: Any, model: Model, *, usage_wanted: bool) -> AsyncGenerator[Chunk, None]:
    """The chunks of LiteLLM's stream, without an invented end. Raises UpstreamError, and what LiteLLM raises."""
    beneath = stream.completion_stream
    if type(beneath).__module__.startswith("openai"):
        async for chunk in _read(beneath.response, model, usage_wanted=usage_wanted):
            yield chunk
        return
    async for dumped in _dumped(stream, beneath):
        if not shapes.readable(dumped.get("choices")):
            raise failures.unreadable(model)
        yield Chunk(dumped)


async def _read(response: Any, model: Model, *, usage_wanted: bool) -> AsyncGenerator[Chunk, None]:
    """The chunks of an answer in OpenAI's wire format. Raises UpstreamError, and what httpx raises."""
    pieces = response.aiter_bytes()
    data = await anext(pieces, b"")
    if wholes.is_whole(data, response.headers.get("content-type", "").partition(";")[0]):
        parts = [data, *[piece async for piece in pieces]]
        for chunk in wholes.as_stream(b"".join(parts), model, usage_wanted=usage_wanted):
            yield chunk
        return
    reading, opening = Reading(model, usage_wanted=usage_wanted, any_shape=True), Opening()
    while True:
        chunks = reading.of(data)
        for chunk in chunks if opening.over else opening.of(chunks):
            yield chunk
        if reading.done or not data:
            break
        data = await anext(pieces, b"")
    if not opening.over:
        raise failures.wordless(model)


async def _dumped(stream: Any, beneath: Any) -> AsyncGenerator[dict[str, Any], None]:
    """The chunks of a provider whose wire format is read by LiteLLM."""
    if any(base.__name__.endswith("ChatCompletionStreamingHandler") for base in type(beneath).__mro__):
        async for chunk in beneath:
            if not isinstance(chunk, Mapping):  # LiteLLM's own marks for empty lines and [DONE] are mappings
                yield shapes.chunk(chunk.model_dump(warnings=False))
    else:
        async for chunk in stream:
            dumped = shapes.chunk(chunk.model_dump(warnings=False))
            ends = any(choice["finish_reason"] for choice in dumped["choices"])
            if ends and not (stream.received_finish_reason or stream.intermittent_finish_reason):
                return
            if dumped.get("usage") and not any(choice["delta"] for choice in dumped["choices"]) and not ends:
                dumped["choices"] = []
            yield dumped


def _changes_answers(provider: str, call: Mapping[str, Any]) -> bool:
    """Whether LiteLLM turns a provider's answer into a completion, although the official client asks for it.

    GitHub's may have Anthropic's shape, and Azure's may hold the JSON that was asked for in a tool call.
    """
    return provider == "github_copilot" or (provider == "azure" and bool(call.get("response_format")))


def _is_newer_choice(tool_choice: object) -> bool:
    """Whether a tool is chosen in a way that LiteLLM refuses: custom tools, or a list of allowed ones."""
    return isinstance(tool_choice, Mapping) and "function" not in tool_choice


def _supports(litellm: Any, model: Model) -> tuple[str, frozenset[str]]:
    try:
        name, provider, _, _ = litellm.get_llm_provider(
            model.target,
            custom_llm_provider=model.params.get("custom_llm_provider"),
            api_base=model.params.get("api_base"),
        )
        supported = litellm.get_supported_openai_params(name, custom_llm_provider=provider) or []
    except Exception as exc:  # noqa: BLE001
        raise failures.translate(exc, model) from None
    return provider, (frozenset(supported) & fields.CHAT_FIELDS) - _LOST
