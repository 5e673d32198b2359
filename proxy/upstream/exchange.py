"""One request to a provider that speaks OpenAI's wire format, and its answer as it was sent.

The answer's JSON is read once, for the store, and its bytes are kept beside it, so that a client of the same format gets what the
provider wrote: unknown fields, usage details, reasoning, refusals and log probabilities included. How bytes become chunks is told in
`reading.py`, what an answer in one piece is in `wholes.py`, and what becomes of bytes that are no JSON in `spelling.py`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from dataclasses import field
from functools import partial
from typing import TYPE_CHECKING

from proxy.domain.beginning import Single
from proxy.domain.turn import Chunk
from proxy.domain.values import value
from proxy.errors import UpstreamError
from proxy.upstream import failures, wholes
from proxy.upstream.guarded import TooLarge
from proxy.upstream.models import Model
from proxy.upstream.opening import Opening
from proxy.upstream.reading import Reading
from proxy.upstream.session import Session, Timeouts
from proxy.upstream.watch import Watch

if TYPE_CHECKING:
    from aiohttp import ClientResponse

_ERROR_BYTES = 1 << 20
"""Of an answer that is an error."""


@value(frozen=True, slots=True)
class Outgoing:
    """A request, ready to be sent."""

    url: object
    """A `yarl.URL`, or text."""
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


async def whole(session: Session, outgoing: Outgoing, model: Model, timeouts: Timeouts) -> Chunk:
    """The one answer to a chat request that is not streamed. Raises the UpstreamError family."""
    body = await posted(session, outgoing, model, timeouts)
    return wholes.completion(body, model)


def alone(session: Session, outgoing: Outgoing, model: Model, timeouts: Timeouts) -> AsyncGenerator[Chunk, None]:
    """The same, as the one chunk of its answer."""
    return Single(partial(whole, session, outgoing, model, timeouts))


async def posted(session: Session, outgoing: Outgoing, model: Model, timeouts: Timeouts) -> bytes:
    """The body of a successful answer, as it came. Raises the UpstreamError family."""
    response: ClientResponse | None = None
    try:
        with session.deadlines.until(asyncio.get_running_loop().time() + timeouts.whole_s):
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

    A stream that breaks raises; one that merely ends early ends here too, and whoever folds it sees that it is not complete. It begins
    with the first choice: what comes before that (Azure's `prompt_filter_results`) is held back until then.
    """
    loop = asyncio.get_running_loop()
    began = loop.time()
    first_by = began + timeouts.first_token_s
    response = await _opened(session, outgoing, model, timeouts, first_by)
    watch = Watch(response.content, first_by, timeouts.idle_s, began + timeouts.stream_s, timeouts.answer_bytes)
    finished = False
    try:
        data = await watch.read()
        if wholes.is_whole(data, response.content_type):
            for chunk in wholes.as_stream(data + await watch.rest(), model, usage_wanted=usage_wanted):
                yield chunk
            return
        reading = Reading(model, usage_wanted=usage_wanted)
        opening = Opening()
        while not finished:
            chunks = reading.of(data)
            for chunk in chunks if watch.started else opening.of(chunks):
                watch.started = True
                yield chunk
            if reading.done:
                session.give_back(response)
            finished = reading.done or not data
            data = b"" if finished else await watch.read()
    except UpstreamError:
        raise
    except Exception as exc:  # noqa: BLE001
        raise _broken(exc, model, watch, timeouts) from None
    finally:
        watch.stop()
        if not finished:
            response.close()
    if not watch.started:
        raise failures.wordless(model)


async def _opened(
    session: Session, outgoing: Outgoing, model: Model, timeouts: Timeouts, first_by: float
) -> ClientResponse:
    """The head of a streamed answer; an error answer is raised."""
    response: ClientResponse | None = None
    try:
        with session.deadlines.until(first_by):
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
