"""One request to a provider that speaks OpenAI's wire format, and its answer as it was sent.

The answer's JSON is read once, for the store, and its bytes are kept beside it (`Chunk.raw`), so that a client of the same format
gets what the provider wrote: unknown fields, usage details, reasoning, refusals and log probabilities included. What is no JSON but can
be understood (`NaN`, half of a character) is written anew, for no client's parser need take it.

What is asked for on Graft's own account leaves no trace: a stream always brings usage, so that it can be accounted for; to a client
that did not ask for it, the `"usage": null` of every other chunk is taken out again (the usage chunk itself is kept back by the
door). Usage that rides on a chunk with choices is the provider's own way and passes.
"""

from __future__ import annotations

import asyncio
import json
import math
import re
from collections.abc import AsyncGenerator, Mapping
from dataclasses import field
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec

from proxy.domain.beginning import Single
from proxy.domain.turn import Chunk
from proxy.domain.values import value
from proxy.errors import UpstreamError
from proxy.upstream import failures
from proxy.upstream.alike import Alike
from proxy.upstream.events import DONE, EventReader
from proxy.upstream.guarded import TooLarge
from proxy.upstream.models import Model
from proxy.upstream.session import Session, Timeouts
from proxy.upstream.shapes import readable
from proxy.upstream.watch import Watch

if TYPE_CHECKING:
    from aiohttp import ClientResponse

_NO_USAGE = re.compile(rb'(?:(?<!\s)\s+)?"usage"\s*:\s*null\s*,|,\s*"usage"\s*:\s*null')
"""Cannot match inside a JSON string: a quote in there is escaped. Slow, for it is tried at every byte."""
_NO_USAGE_SPELLED = (b',"usage":null', b', "usage": null')
"""As most servers write it."""
_SURROGATES = re.compile("[\ud800-\udfff]")
_ERROR_BYTES = 1 << 20
"""Of an answer that is an error."""
_ERROR_FIELDS = ("error", "message", "detail")

_decode = msgspec.json.Decoder().decode
_checked = msgspec.json.Decoder(msgspec.Raw).decode
_encode = msgspec.json.Encoder().encode


@value(frozen=True, slots=True)
class Outgoing:
    """A request, ready to be sent."""

    url: object
    """A `yarl.URL`, or text."""
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


def encoded(value: object) -> bytes:
    """JSON; halves of characters, which only a foreign import can bring, are escaped."""
    try:
        return _encode(value)
    except (UnicodeEncodeError, OverflowError):  # the latter for whole numbers of more than 64 bits
        return json.dumps(value).encode()


def spelt(wire: dict[str, Any]) -> Chunk:
    """A chunk that was made here, with its bytes; halves of characters are replaced."""
    try:
        return Chunk(wire, _encode(wire))
    except (UnicodeEncodeError, OverflowError):
        mended: dict[str, Any] = _whole_characters(wire)
        return Chunk(mended, encoded(mended))


async def whole(session: Session, outgoing: Outgoing, model: Model, timeouts: Timeouts) -> Chunk:
    """The one answer to a chat request that is not streamed. Raises the UpstreamError family."""
    body = await posted(session, outgoing, model, timeouts)
    wire, body = _object(body, model)
    if "choices" not in wire:
        raise failures.answered(model, 200, {}, body)
    return Chunk({"object": "chat.completion", **wire}, body)


def alone(session: Session, outgoing: Outgoing, model: Model, timeouts: Timeouts) -> AsyncGenerator[Chunk, None]:
    """The same, as the one chunk of its answer."""
    return Single(partial(whole, session, outgoing, model, timeouts))


async def posted(session: Session, outgoing: Outgoing, model: Model, timeouts: Timeouts) -> bytes:
    """The body of a successful answer, as it came. Raises the UpstreamError family."""
    response: ClientResponse | None = None
    try:
        async with asyncio.timeout(timeouts.whole_s):
            response = await session.post(outgoing.url, outgoing.body, outgoing.headers)
            body = await _body(response, timeouts)
    except Exception as exc:  # noqa: BLE001  # aiohttp's errors, told apart by `failures`
        raise _unanswered(exc, model, "answer", timeouts.whole_s, timeouts) from None
    finally:
        if response is not None and not response.content.at_eof():
            response.close()  # a body that was read to its end has given its connection back already
    if response.status != 200:
        raise failures.answered(model, response.status, response.headers, body)
    return body


async def stream(
    session: Session, outgoing: Outgoing, model: Model, timeouts: Timeouts, *, usage_wanted: bool
) -> AsyncGenerator[Chunk, None]:
    """Chunks as they arrive; closing the generator closes the connection. Raises the UpstreamError family.

    A stream that breaks raises; one that merely ends early ends here too, and whoever folds it sees that it is not complete.
    """
    loop = asyncio.get_running_loop()
    began = loop.time()
    first_by = began + timeouts.first_token_s
    response = await _opened(session, outgoing, model, timeouts, first_by)
    watch = Watch(response.content, first_by, timeouts.idle_s, began + timeouts.stream_s, timeouts.answer_bytes)
    finished = False
    try:
        data = await watch.read()
        if _is_whole(response, data):
            wire, _ = _object(data + await watch.rest(), model)
            for chunk in _as_chunks(wire, usage_wanted=usage_wanted):
                yield chunk
            return
        events, alike = EventReader(), Alike()
        while not finished:
            payloads, ended = _until_done(events.feed(data) if data else events.end())
            for left, payload in enumerate(payloads, 1 - len(payloads)):
                chunk = alike.read(payload) or _chunk(payload, model, alike, usage_wanted=usage_wanted, last=not data)
                watch.started = True
                yield Chunk(chunk.wire, chunk.raw, followed=True) if left else chunk
            if ended:
                session.give_back(response)
            finished = ended or not data
            data = b"" if finished else await watch.read()
    except UpstreamError:
        raise
    except Exception as exc:  # noqa: BLE001
        raise _broken(exc, model, watch, timeouts) from None
    finally:
        watch.stop()
        if not finished:
            response.close()


def _until_done(payloads: list[bytes]) -> tuple[list[bytes], bool]:
    """The payloads before the one that ends a stream, and whether that is there."""
    return (payloads[: payloads.index(DONE)], True) if DONE in payloads else (payloads, False)


async def _opened(
    session: Session, outgoing: Outgoing, model: Model, timeouts: Timeouts, first_by: float
) -> ClientResponse:
    """The head of a streamed answer; an error answer is raised."""
    response: ClientResponse | None = None
    try:
        async with asyncio.timeout_at(first_by):
            response = await session.post(outgoing.url, outgoing.body, outgoing.headers)
            if response.status == 200:
                return response
            body = await _body(response, timeouts)
    except BaseException as exc:
        if response is not None:
            response.close()
        if not isinstance(exc, Exception):
            raise
        raise _unanswered(exc, model, "first chunk", timeouts.first_token_s, timeouts) from None
    raise failures.answered(model, response.status, response.headers, body)


async def _body(response: ClientResponse, timeouts: Timeouts) -> bytes:
    """All of an answer, unpacked; of an error as much as can be of use. Raises TooLarge."""
    parts, size, fails = list[bytes](), 0, response.status != 200
    most_bytes = _ERROR_BYTES if fails else timeouts.answer_bytes
    content = response.content
    while size <= most_bytes and not content.at_eof():
        data = await content.readany()
        parts.append(data)
        size += len(data)
    if size > most_bytes and not fails:
        raise TooLarge(most_bytes)
    return b"".join(parts)[:most_bytes]


def _unanswered(exc: Exception, model: Model, waited_for: str, after_s: float, timeouts: Timeouts) -> UpstreamError:
    if failures.connecting(exc):
        return failures.timed_out(model, "sign of life", timeouts.connect_s)
    return (
        failures.timed_out(model, waited_for, after_s)
        if isinstance(exc, TimeoutError)
        else failures.translate(exc, model)
    )


def _broken(exc: Exception, model: Model, watch: Watch, timeouts: Timeouts) -> UpstreamError:
    """What went wrong while a stream was read."""
    if watch.expired and watch.started and watch.is_over:
        return failures.timed_out(model, "end of its answer", timeouts.stream_s)
    if watch.expired:
        told = ("further chunk", timeouts.idle_s) if watch.started else ("first chunk", timeouts.first_token_s)
        return failures.timed_out(model, *told)
    return failures.cut(model) if failures.broke(exc) and not failures.garbled(exc) else failures.translate(exc, model)


def _chunk(payload: bytes, model: Model, alike: Alike, *, usage_wanted: bool, last: bool) -> Chunk:
    """What a payload holds, read whole. Raises UpstreamError."""
    try:
        wire, payload = _object(payload, model)
    except UpstreamError:
        if last:  # cut in the middle of an event
            raise failures.cut(model) from None
        raise
    told = payload
    if "choices" not in wire and "usage" not in wire:
        raise failures.answered(model, 200, {}, payload)
    if wire.get("object") != "chat.completion.chunk":  # some servers leave it out, or empty
        wire["object"] = "chat.completion.chunk"
    if not usage_wanted and wire.get("usage", wire) is None:
        del wire["usage"]
        told = _without_usage(payload) or _encode(wire)
    chunk = Chunk(wire, told)
    alike.learn(payload, chunk)
    return chunk


def _without_usage(payload: bytes) -> bytes | None:
    """A chunk without its `"usage": null`; `None` where there are more of them, below the top."""
    if payload.count(b'"usage"') == 1:
        for spelled in _NO_USAGE_SPELLED:
            if spelled in payload:
                return payload.replace(spelled, b"")
    payload, taken = _NO_USAGE.subn(b"", payload)
    return payload if taken == 1 else None


def _is_whole(response: ClientResponse, begin: bytes) -> bool:
    """Whether a server that was asked to stream would not, whatever it calls its answer: no event begins with a brace."""
    begin = begin.lstrip()
    return begin.startswith(b"{") or (not begin and response.content_type == "application/json")


def _as_chunks(wire: dict[str, Any], *, usage_wanted: bool) -> list[Chunk]:
    """A whole answer as a stream: all of it at once, then its usage."""
    frame = {**wire, "object": "chat.completion.chunk"}
    usage = frame.pop("usage", None)
    choices = [_as_delta(choice) for choice in wire.get("choices") or ()]
    answer = Chunk({**frame, "choices": choices} | ({"usage": None} if usage_wanted else {}))
    return [answer, Chunk({**frame, "choices": [], "usage": usage})] if usage else [answer]


def _as_delta(choice: Mapping[str, Any]) -> dict[str, Any]:
    delta = dict(choice.get("message") or {})
    if delta.get("tool_calls"):
        delta["tool_calls"] = [{"index": index, **call} for index, call in enumerate(delta["tool_calls"])]
    return {**{name: value for name, value in choice.items() if name != "message"}, "delta": delta}


def _object(payload: bytes, model: Model) -> tuple[dict[str, Any], bytes]:
    """The JSON object in an answer, and its bytes: the provider's own, or mended ones where those were no JSON.

    Raises UpstreamError when it is none, or one that tells of an error.
    """
    try:
        value = _decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        value = _lenient(payload)
        payload = encoded(value)
    if not isinstance(value, dict):
        raise UpstreamError(
            f"The model {model.name!r} answered with something that is not a JSON object.", model=model.name
        )
    if value.get("error") or ("choices" not in value and any(value.get(name) for name in _ERROR_FIELDS)):
        raise failures.answered(model, 200, {}, payload)
    if not readable(value.get("choices")):
        raise failures.unreadable(model)
    return value, payload


def mended(body: bytes, model: Model) -> bytes:
    """An answer that nobody reads here, as JSON that its client can read. Raises UpstreamError where it is none."""
    try:
        _checked(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _object(body, model)[1]
    return body


def _lenient(payload: bytes) -> object:
    """JSON as Python writes it, too: numbers that are none (`NaN`, `Infinity`) become null, and halves of characters U+FFFD."""
    try:
        value: object = json.loads(payload, parse_constant=lambda _: None, parse_float=_finite)
        return _whole_characters(value)
    except (ValueError, RecursionError):
        return None


def _finite(number: str) -> float | None:
    value = float(number)
    return value if math.isfinite(value) else None


def _whole_characters(value: Any) -> Any:
    match value:
        case str():
            return _SURROGATES.sub("\ufffd", value)
        case list():
            return [_whole_characters(item) for item in value]
        case dict():
            return {_whole_characters(name): _whole_characters(item) for name, item in value.items()}
        case _:
            return value
