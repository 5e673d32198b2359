"""One connection by its clock: what it waits for and for how long, and how its answers leave. No network, no real time."""

from __future__ import annotations

import asyncio
import json
from typing import Any, cast

import pytest
import uvicorn
from uvicorn.server import ServerState

from proxy.api.connection import Bounds, Connection, within
from proxy.api.watching import Watch, Watched
from tests.attacks.wire import answered
from tests.doubles.wires import Clockwork, Transport

pytestmark = pytest.mark.anyio

ASKED = b"GET / HTTP/1.1\r\nhost: here\r\n\r\n"
PLAIN = [(b"content-length", b"2")]
IDLE_S, HEAD_S = 5, 15


class Served:
    """A connection to an application that sends these headers and these pieces."""

    def __init__(self, headers: Any = PLAIN, pieces: tuple[bytes, ...] = (b"ok",), app: Any = None) -> None:
        async def answering(scope: Any, receive: Any, send: Any) -> None:
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            for number, piece in enumerate(pieces, 1):
                await send({"type": "http.response.body", "body": piece, "more_body": number < len(pieces)})

        bound = within(Bounds(head_s=HEAD_S), Watch())
        config = uvicorn.Config(
            app or answering, ws="none", log_config=None, timeout_keep_alive=IDLE_S, proxy_headers=False
        )
        self.loop, self.transport, self.state = Clockwork(), Transport(), ServerState()
        self.connection = cast("Connection", bound(config, self.state, {}, cast("Any", self.loop)))
        self.connection.connection_made(cast("Any", self.transport))

    async def ask(self, data: bytes = ASKED) -> bytes:
        """Send, and return what is answered once nothing runs any more."""
        before = len(self.transport.written)
        self.connection.data_received(data)
        while self.state.tasks:
            await asyncio.wait(self.state.tasks)
        return b"".join(self.transport.written[before:])

    def is_closed_within(self, seconds: float) -> bool:
        self.loop.go_on(seconds)
        return self.transport.is_closed


async def test_a_connection_that_says_nothing_is_closed_without_a_word() -> None:
    served = Served()
    assert not served.is_closed_within(HEAD_S - 0.1)
    assert served.is_closed_within(0.2)
    assert served.transport.written == []


async def test_a_connection_is_closed_when_it_was_idle_for_long_enough_since_its_last_answer() -> None:
    served = Served()
    for _ in range(20):
        assert (await served.ask()).startswith(b"HTTP/1.1 200 OK\r\n")
        assert not served.is_closed_within(IDLE_S - 0.1)
    assert served.is_closed_within(0.2)


async def test_requests_that_follow_each_other_set_no_timers() -> None:
    served = Served()
    await served.ask()
    before = served.loop.set
    for _ in range(100):
        await served.ask()
        served.loop.go_on(0.01)
    assert served.loop.set == before


async def test_a_head_that_dribbles_on_a_used_connection_has_its_own_time() -> None:
    served = Served()
    await served.ask()
    served.loop.go_on(IDLE_S - 1)
    served.connection.data_received(ASKED[:-1])
    assert not served.is_closed_within(HEAD_S - 0.1)
    served.loop.go_on(0.2)
    assert b"".join(served.transport.written[-1:]).startswith(b"HTTP/1.1 408 ")


async def test_an_answer_in_one_piece_leaves_in_one_write() -> None:
    served = Served()
    assert await served.ask() == b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
    assert len(served.transport.written) == 1


async def test_an_answer_without_a_length_leaves_in_chunks_and_its_head_at_once() -> None:
    served = Served([(b"X-One", b"1")], (b"a" * 17, b"", b"b"))
    await served.ask()
    assert served.transport.written == [
        b"HTTP/1.1 200 OK\r\nx-one: 1\r\ntransfer-encoding: chunked\r\n\r\n",
        b"11\r\n" + b"a" * 17 + b"\r\n",
        b"1\r\nb\r\n0\r\n\r\n",
    ]


async def test_head_is_answered_without_the_body_that_its_length_tells_of() -> None:
    assert await Served().ask(ASKED.replace(b"GET", b"HEAD")) == b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n"


@pytest.mark.parametrize(
    "headers",
    [
        [(b"x-one", b"1\r\nset-cookie: a=b")],
        [(b"x-one", b"1\n")],
        [(b"x-one", b"\x00")],
        [(b"x one", b"1")],
        [(b"x:one", b"1")],
        [(b"", b"1")],
        [(b"x-one\r\nx-two", b"1")],
    ],
    ids=["a line's end", "a line feed", "a zero", "a blank in a name", "a colon in a name", "no name", "two names"],
)
async def test_a_header_that_would_be_another_is_never_sent_and_the_answer_is(
    headers: Any, caplog: pytest.LogCaptureFixture
) -> None:
    served = Served([*PLAIN, *headers, (b"x-last", b"2")])
    assert await served.ask() == b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nx-last: 2\r\n\r\nok"
    assert caplog.text.count("A header of the answer cannot be sent") == len(headers)


async def test_an_answer_whose_error_cannot_be_told_is_told_as_one_that_failed(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        raise UnicodeEncodeError("latin-1", "\udce9", 0, 1, "told of an error")

    served = Served(app=Watched(app, Watch()))
    status, headers, body = answered(await served.ask())
    assert (status, headers["content-type"]) == (500, "application/json")
    assert json.loads(body)["error"]["type"] == "server_error"
    assert headers["x-request-id"]
    assert "told of an error" in caplog.text


@pytest.mark.parametrize("body", [(b"o",), (b"okay",), (b"o", b"kay")], ids=["shorter", "longer", "longer in the end"])
async def test_a_body_of_another_length_than_was_told_ends_the_connection(
    body: tuple[bytes, ...], caplog: pytest.LogCaptureFixture
) -> None:
    served = Served(PLAIN, body)
    await served.ask()
    assert served.transport.is_closed
    assert "than its head says" in caplog.text


async def test_an_offer_to_upgrade_is_not_taken_and_the_request_is_answered(caplog: pytest.LogCaptureFixture) -> None:
    served = Served()
    offered = ASKED.replace(b"\r\n\r\n", b"\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n")
    assert (await served.ask(offered)).startswith(b"HTTP/1.1 200 OK\r\n")
    assert (await served.ask()).startswith(b"HTTP/1.1 200 OK\r\n")
    assert caplog.text == ""


async def test_a_request_with_two_hosts_is_refused_and_one_behind_another_may_name_its_own() -> None:
    two = ASKED.replace(b"host: here", b"Host: here\r\nhost: there")
    status, headers, body = answered(await Served().ask(two))
    assert (status, headers["connection"]) == (400, "close")
    assert "more than one Host" in json.loads(body)["error"]["message"]
    served = Served()
    for _ in range(2):
        assert (await served.ask()).startswith(b"HTTP/1.1 200 OK\r\n")


async def test_a_request_that_came_whole_says_so_and_one_that_did_not_does_not() -> None:
    served = Served()
    line = served.connection._line
    posted = b"POST / HTTP/1.1\r\nhost: here\r\ncontent-length: 2\r\n\r\n"
    served.connection.data_received(posted + b"o")
    assert not line.has_body
    served.connection.data_received(b"k")
    assert line.has_body
    await served.ask(posted)
    assert not line.has_body


class Streaming:
    """A connection whose first request is being answered, while a second one waits behind it."""

    def __init__(self) -> None:
        self.has_begun, self.may_go_on, self.heard = asyncio.Event(), asyncio.Event(), list[str]()

        async def app(scope: Any, receive: Any, send: Any) -> None:
            self.heard.append(scope["path"])
            await receive()
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"one", "more_body": True})
            self.has_begun.set()
            self.heard.append((await receive())["type"])
            await self.may_go_on.wait()
            await send({"type": "http.response.body", "body": b"two", "more_body": True})

        self.served = Served(app=app)
        self.connection, self.transport = self.served.connection, self.served.transport

    async def begin(self) -> None:
        self.connection.data_received(ASKED + ASKED.replace(b"/", b"/second", 1))
        await self.has_begun.wait()

    async def end(self) -> None:
        self.may_go_on.set()
        async with asyncio.timeout(30):  # who is not told that it is over waits for ever
            await asyncio.wait(self.served.state.tasks)


async def test_who_leaves_with_a_request_behind_a_stream_leaves_the_stream() -> None:
    streaming = Streaming()
    await streaming.begin()
    before = list(streaming.transport.written)
    streaming.connection.connection_lost(None)
    await streaming.end()
    assert streaming.heard == ["/", "http.disconnect"]
    assert streaming.transport.written == before


async def test_no_refusal_is_written_into_an_answer_that_has_begun() -> None:
    streaming = Streaming()
    await streaming.begin()
    before = list(streaming.transport.written)
    streaming.connection.data_received(b"GARBAGE\r\n\r\n")
    await streaming.end()
    assert streaming.transport.is_closed
    assert streaming.transport.written == before
    assert streaming.heard == ["/", "http.disconnect"]


async def test_requests_that_came_together_are_answered_one_behind_the_other() -> None:
    served = Served()
    assert (await served.ask(ASKED * 3)).count(b"HTTP/1.1 200 OK\r\n") == 3
    assert served.is_closed_within(IDLE_S + 0.1)
