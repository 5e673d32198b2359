"""Server-sent events: OpenAI's frames, comments while it is quiet, and an end that is told only when it is one."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Mapping
from typing import Any

import pytest

from proxy.api import sse
from proxy.api.errors import body_of
from proxy.errors import StoreError, UpstreamError

pytestmark = pytest.mark.anyio

Step = Mapping[str, Any] | bytes | Exception | asyncio.Event


class Source:
    """What is to be framed: values, errors, and events that are waited for."""

    def __init__(self, *steps: Step) -> None:
        self.steps = steps
        self.given = 0
        self.how: str | None = None

    async def values(self) -> AsyncGenerator[Mapping[str, Any] | bytes, None]:
        try:
            for step in self.steps:
                if isinstance(step, Exception):
                    raise step
                if isinstance(step, asyncio.Event):
                    await step.wait()
                    continue
                self.given += 1
                yield step
            self.how = "finished"
        except (asyncio.CancelledError, GeneratorExit):
            await asyncio.sleep(0)  # what is left must be able to tidy up
            self.how = "left"
            raise


async def framed(source: Source, keep_alive_s: float = 60) -> bytes:
    return b"".join([data async for data in sse.events(source.values(), body_of, keep_alive_s)])


async def test_a_stream_is_data_lines_with_line_feeds_and_a_done() -> None:
    assert await framed(Source({"a": 1}, {"b": "é\n\r\u2028"})) == (
        'data: {"a":1}\n\ndata: {"b":"é\\n\\r\u2028"}\n\ndata: [DONE]\n\n'.encode()
    )


async def test_bytes_of_the_provider_go_out_unopened() -> None:
    assert await framed(Source(b'{"a" :  1}')) == b'data: {"a" :  1}\n\ndata: [DONE]\n\n'


async def test_an_error_after_the_first_byte_is_an_event_and_nothing_is_done() -> None:
    source = Source({"a": 1}, UpstreamError("The provider went away.", model="m", code="stream_cut"))
    first, error, rest = (await framed(source)).split(b"\n\n")
    assert (first, rest) == (b'data: {"a":1}', b"")
    assert json.loads(error.removeprefix(b"data: ")) == {
        "error": {"message": "The provider went away.", "type": "server_error", "param": None, "code": "stream_cut"}
    }


async def test_an_answer_that_could_not_be_stored_is_never_done() -> None:
    sent = await framed(Source({"a": 1}, StoreError("disk full")))
    assert b"[DONE]" not in sent
    assert b"disk full" in sent


async def test_an_unforeseen_error_breaks_the_stream() -> None:
    stream = sse.events(Source({"a": 1}, ZeroDivisionError()).values(), body_of)
    assert await anext(stream) == b'data: {"a":1}\n\n'
    with pytest.raises(ZeroDivisionError):
        await anext(stream)


async def test_a_quiet_upstream_is_bridged_by_comments_that_clients_skip() -> None:
    gate = asyncio.Event()
    stream = sse.events(Source({"a": 1}, gate, {"b": 2}).values(), body_of, keep_alive_s=0.01)
    received = b""
    while received.count(b": keep-alive\n\n") < 2:
        received += await anext(stream)
    gate.set()
    received += b"".join([data async for data in stream])
    told = received.replace(b": keep-alive\n\n", b"")  # a comment may also come before the first value is read
    assert told == b'data: {"a":1}\n\ndata: {"b":2}\n\ndata: [DONE]\n\n'


async def test_each_piece_goes_out_before_the_next_is_there() -> None:
    gates = [asyncio.Event() for _ in range(3)]
    source = Source({"n": 0}, gates[0], {"n": 1}, gates[1], {"n": 2}, gates[2])
    stream = sse.events(source.values(), body_of)
    for number, gate in enumerate(gates):
        assert await anext(stream) == f'data: {{"n":{number}}}\n\n'.encode()
        gate.set()
    assert await anext(stream) == sse.DONE


async def test_a_client_that_leaves_between_pieces_ends_the_source() -> None:
    source = Source({"a": 1}, asyncio.Event())
    stream = sse.events(source.values(), body_of)
    await anext(stream)
    await stream.aclose()
    await settled(source)
    assert source.how == "left"


async def test_a_client_that_is_cut_off_while_it_waits_ends_the_source() -> None:
    source = Source({"a": 1}, asyncio.Event())
    stream = sse.events(source.values(), body_of)
    await anext(stream)
    waiting = asyncio.ensure_future(anext(stream))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await settled(source)
    assert source.how == "left"


async def test_a_client_that_reads_slowly_holds_the_upstream_back() -> None:
    source = Source(*({"text": "x" * 10_000} for _ in range(100)))
    stream = sse.events(source.values(), body_of)
    await anext(stream)
    for _ in range(300):
        await asyncio.sleep(0)
    assert source.given < 20
    assert len([data async for data in stream]) > 5
    assert source.how == "finished"


async def settled(source: Source) -> None:
    for _ in range(20):
        if source.how is not None:
            return
        await asyncio.sleep(0)
