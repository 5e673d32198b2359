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


class Door:
    """A client's end of the connection: what it got, write by write, and whether it takes more and stays."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.came = asyncio.Event()
        self.takes = asyncio.Event()
        self.takes.set()
        self.leaves = asyncio.Event()
        self.ended = False

    async def send(self, message: Any) -> None:
        await self.takes.wait()
        self.sent.append(message["body"])
        self.ended = not message["more_body"]
        self.came.set()

    async def receive(self) -> Any:
        await self.leaves.wait()
        return {"type": "http.disconnect"}

    async def next(self) -> bytes:
        """What is written next, by itself."""
        while not self.sent:
            self.came.clear()
            await self.came.wait()
        return self.sent.pop(0)


def sending(source: Source, door: Door, keep_alive_s: float = 60, followed: Any = sse.alone) -> asyncio.Task[None]:
    events = sse.Events(source.values(), body_of, keep_alive_s, followed=followed)
    return asyncio.ensure_future(events.send(door.send, door.receive))


async def framed(source: Source, keep_alive_s: float = 60) -> bytes:
    door = Door()
    await sending(source, door, keep_alive_s)
    assert door.ended
    return b"".join(door.sent)


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
    door = Door()
    with pytest.raises(ZeroDivisionError):
        await sending(Source({"a": 1}, ZeroDivisionError()), door)
    assert (door.sent, door.ended) == ([b'data: {"a":1}\n\n'], False)


async def test_a_quiet_upstream_is_bridged_by_comments_that_clients_skip() -> None:
    gate, door = asyncio.Event(), Door()
    ended = sending(Source({"a": 1}, gate, {"b": 2}), door, keep_alive_s=0.01)
    received = b""
    while received.count(b": keep-alive\n\n") < 2:
        received += await door.next()
    gate.set()
    await ended
    received += b"".join(door.sent)
    told = received.replace(b": keep-alive\n\n", b"")  # a comment may also come before the first value is read
    assert told == b'data: {"a":1}\n\ndata: {"b":2}\n\ndata: [DONE]\n\n'


async def test_a_client_that_does_not_take_what_is_sent_gets_no_comments_besides() -> None:
    gate, door = asyncio.Event(), Door()
    door.takes.clear()
    ended = sending(Source({"a": 1}, gate), door, keep_alive_s=0.001)
    await asyncio.sleep(0.02)
    door.takes.set()
    assert await door.next() == b'data: {"a":1}\n\n'
    gate.set()
    await ended


async def test_each_piece_goes_out_before_the_next_is_there() -> None:
    gates, door = [asyncio.Event() for _ in range(3)], Door()
    source = Source({"n": 0}, gates[0], {"n": 1}, gates[1], {"n": 2}, gates[2])
    ended = sending(source, door)
    for number, gate in enumerate(gates):
        assert await door.next() == f'data: {{"n":{number}}}\n\n'.encode()
        gate.set()
    await ended
    assert door.sent == [sse.DONE]


async def test_pieces_that_came_together_leave_in_one_write() -> None:
    door = Door()
    await sending(Source({"n": 0}, {"n": 1}, {"n": 2}), door, followed=lambda value: value["n"] == 0)
    assert door.sent == [b'data: {"n":0}\n\ndata: {"n":1}\n\n', b'data: {"n":2}\n\n', sse.DONE]


async def test_what_came_with_an_error_is_told_before_it() -> None:
    door = Door()
    source = Source({"n": 0}, UpstreamError("The provider went away.", model="m"))
    await sending(source, door, followed=lambda _: True)
    assert b"".join(door.sent).startswith(b'data: {"n":0}\n\ndata: {"error"')


async def test_a_client_that_leaves_ends_the_source_and_the_answer_with_it() -> None:
    source, door = Source({"a": 1}, asyncio.Event()), Door()
    ended = sending(source, door)
    await door.next()
    door.leaves.set()
    await ended
    assert source.how == "left"


async def test_a_client_that_leaves_while_it_takes_nothing_ends_the_source() -> None:
    source, door = Source({"a": 1}, {"b": 2}), Door()
    door.takes.clear()
    ended = sending(source, door)
    door.leaves.set()
    await ended
    assert source.how == "left"


async def test_a_server_that_ends_an_answer_ends_the_source_and_is_told_so() -> None:
    source, door = Source({"a": 1}, asyncio.Event()), Door()
    ended = sending(source, door)
    await door.next()
    ended.cancel()
    with pytest.raises(asyncio.CancelledError):
        await ended
    assert source.how == "left"


async def test_a_client_that_reads_slowly_holds_the_upstream_back() -> None:
    source, door = Source(*({"text": "x" * 10_000} for _ in range(100))), Door()
    door.takes.clear()
    ended = sending(source, door)
    for _ in range(300):
        await asyncio.sleep(0)
    assert source.given == 1
    door.takes.set()
    await ended
    assert source.how == "finished"
