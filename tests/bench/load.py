"""The load, a process of its own: clients that chat, each on a connection of its own, sending their history again every time.

It reads one JSON job a line and answers in lines: `warm` when every client has sent its turns for warming up, then, after a
line that says go, the job's outcome. What it measures is its own wall time; the CPU time of the server is read outside. A job may
name a server to be asked the same beside each request: then what counts is how much longer the first takes, pair by pair.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import time
from collections.abc import Mapping
from typing import Any, NamedTuple, cast

import httptools
import msgspec
import uvloop

from tests.bench import texts

CHAT_TURNS = 11
"""A chat's last turn comes with ten exchanges, the average one with five."""

STALE_S = 3.0
"""After so long an idle connection is left for a new one."""


class Connection(asyncio.Protocol):
    """One keep-alive connection; one request at a time."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's transport is one in all but its class
        self._answer: asyncio.Future[tuple[int, bytes]] | None = None
        self._used_at = time.monotonic()

    async def ask(self, request: bytes) -> tuple[int, bytes]:
        """Status and whole body."""
        self._parser = httptools.HttpResponseParser(self)
        self._body: list[bytes] = []
        self.began_at = 0.0
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return await self._answer

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_body(self, body: bytes) -> None:
        self.began_at = self.began_at or time.perf_counter()
        self._body.append(body)

    def on_message_complete(self) -> None:
        assert self._answer is not None
        self._used_at = time.monotonic()
        self._answer.set_result((self._parser.get_status_code(), b"".join(self._body)))

    def connection_lost(self, exc: Exception | None) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(exc or ConnectionError("The server closed the connection."))

    @property
    def is_stale(self) -> bool:
        """Whether the server has closed it, or may do so at any moment: many do after five idle seconds."""
        return self._transport.is_closing() or time.monotonic() - self._used_at > STALE_S

    def close(self) -> None:
        self._transport.close()


class Timed(NamedTuple):
    body: bytes
    ms: float
    """To its end; of a stream, to its first bytes."""


async def _connected(connection: Connection | None, port: int) -> Connection:
    if connection is not None and connection.is_stale:
        connection.close()
        connection = None
    if connection is None:
        _, connection = await asyncio.get_running_loop().create_connection(Connection, "127.0.0.1", port)
    return connection


class Client:
    """Somebody who chats: after `CHAT_TURNS` turns a new chat is begun."""

    def __init__(self, job: Mapping[str, Any], number: int) -> None:
        self._chance = random.Random(f"{job['seed']} {number}")
        self._stream: int | None = job["stream"]
        user = job["users"][number % len(job["users"])]
        headers = f"authorization: Bearer {job['key']}\r\nx-graft-user: {user}\r\n"
        headers += "".join(f"{name}: {value}\r\n" for name, value in job["headers"].items())
        self._head = (
            f"POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1:{job['port']}\r\n{headers}"
            "content-type: application/json\r\naccept: */*\r\nuser-agent: bench\r\ncontent-length: "
        )
        self._port: int = job["port"]
        self._beside: int | None = job["beside"]
        self._connection: Connection | None = None
        self._other: Connection | None = None
        self._history: list[dict[str, Any]] = []
        self._topic = ""
        self.took_ms: list[float] = []
        self.added_ms: list[float] = []
        """Over the server beside: to the end of an answer, of a stream to its first bytes."""

    async def open(self) -> None:
        """Connect, again where the server has closed what was idle."""
        self._connection = await _connected(self._connection, self._port)
        if self._beside is not None:
            self._other = await _connected(self._other, self._beside)

    async def chat(self, turns: int) -> None:
        assert self._connection is not None
        for number in range(turns):
            request = self._request()
            theirs = await self._asked(self._other, request) if self._other is not None and number % 2 else None
            mine = await self._asked(self._connection, request)
            if self._other is not None:
                theirs = theirs or await self._asked(self._other, request)
                self.added_ms.append(mine.ms - theirs.ms)
            self.took_ms.append(mine.ms)
            said = reply_of(mine.body, streamed=self._stream is not None)
            self._history.append({"role": "assistant", "content": said})

    async def _asked(self, connection: Connection, request: bytes) -> Timed:
        began = time.perf_counter()
        status, body = await connection.ask(request)
        ended = connection.began_at if self._stream is not None else time.perf_counter()
        if status != 200:
            raise SystemExit(f"The server answered {status}: {body[:500]!r}")
        return Timed(body, (ended - began) * 1000)

    def close(self) -> None:
        for connection in (self._connection, self._other):
            if connection is not None:
                connection.close()

    def _request(self) -> bytes:
        if len(self._history) >= 2 * CHAT_TURNS or not self._history:
            self._history = [{"role": "system", "content": texts.SYSTEM}]
            self._topic = self._chance.choice(list(texts.TOPICS))
        self._history.append({"role": "user", "content": texts.ask(self._chance, self._topic)})
        body: dict[str, Any] = {"model": "gpt-4o-mini", "messages": self._history, "temperature": 0.7}
        if self._stream is not None:
            body |= {"stream": True, "max_tokens": self._stream}
        encoded = msgspec.json.encode(body)
        return f"{self._head}{len(encoded)}\r\n\r\n".encode() + encoded


def reply_of(body: bytes, *, streamed: bool) -> str:
    """What the assistant said. Raises SystemExit for an answer that is not whole."""
    if not streamed:
        return str(json.loads(body)["choices"][0]["message"]["content"])
    events = [line[6:] for line in body.split(b"\n") if line.startswith(b"data: ")]
    if not events or events[-1] != b"[DONE]":
        raise SystemExit(f"The stream broke off: {body[-500:]!r}")
    choices = [choice for event in events[:-1] for choice in json.loads(event)["choices"]]
    return "".join(choice["delta"].get("content") or "" for choice in choices)


async def run(job: Mapping[str, Any]) -> dict[str, Any]:
    """One job: warm up, wait for the word, chat; `seconds` is the wall time of the second part."""
    clients = [Client(job, number) for number in range(job["clients"])]
    await asyncio.gather(*(client.open() for client in clients))
    await asyncio.gather(*(client.chat(job["warm"]) for client in clients))
    for client in clients:
        client.took_ms.clear()
        client.added_ms.clear()
    print("warm", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    await asyncio.gather(*(client.open() for client in clients))
    began = time.perf_counter()
    await asyncio.gather(*(client.chat(job["turns"]) for client in clients))
    seconds = time.perf_counter() - began
    for client in clients:
        client.close()
    took = [ms for client in clients for ms in client.took_ms]
    added = [ms for client in clients for ms in client.added_ms]
    return {"requests": len(took), "seconds": seconds, "took_ms": took, "added_ms": added}


if __name__ == "__main__":
    while line := sys.stdin.readline():
        print(json.dumps(uvloop.run(run(json.loads(line)))), flush=True)
