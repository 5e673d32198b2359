"""The canned upstream, a process of its own: `python -m tests.bench.upstream PORT`.

It speaks just enough of OpenAI's chat completions to be fast: a plain reply is a few bytes joined, a stream is one write a
chunk, paced as a quick model would send them, so that every chunk is read by itself. `max_tokens` in the request says how many chunks.
No two replies are the same.
"""

from __future__ import annotations

import asyncio
import itertools
import random
import re
import signal
import sys
from collections.abc import Iterator
from typing import cast

import httptools
import uvloop

from tests.bench import texts

PACE_S = 0.003
"""Between two chunks of a stream: 333 tokens a second."""

_CHUNKS = re.compile(rb'"max(?:_completion)?_tokens":\s*(\d+)')
_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nx-request-id: req_bench\r\ncontent-length: %d\r\n\r\n"
_STREAM_HEAD = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\nx-request-id: req_bench\r\n"
    b"transfer-encoding: chunked\r\n\r\n"
)
_ENVELOPE = b'{"id":"chatcmpl-%08x","object":"%b","created":1760000000,"model":"gpt-4o-mini-2024-07-18",'
_TAIL = b'"service_tier":"default","system_fingerprint":"fp_bench",'
_USAGE = (
    b'"usage":{"prompt_tokens":420,"completion_tokens":96,"total_tokens":516,"prompt_tokens_details":{"cached_tokens":0,'
    b'"audio_tokens":0},"completion_tokens_details":{"reasoning_tokens":0,"audio_tokens":0}}'
)
_number = itertools.count(1)
_chance = random.Random(7)
_REPLIES = [texts.say(_chance, topic).encode() for topic in texts.TOPICS for _ in range(8)]


class Canned(asyncio.Protocol):
    """One connection of the server under test."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's transport is one in all but its class
        self._parser = httptools.HttpRequestParser(self)
        self._body: list[bytes] = []

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_body(self, body: bytes) -> None:
        self._body.append(body)

    def on_message_complete(self) -> None:
        body = b"".join(self._body)
        self._body.clear()
        if b'"stream":true' in body or b'"stream": true' in body:
            found = _CHUNKS.search(body)
            self._stream(int(found[1]) if found else 16, usage=b'"include_usage"' in body)
        else:
            self._transport.write(_plain() if body else _HEAD % 2 + b"{}")

    def _stream(self, chunks: int, *, usage: bool) -> None:
        number = next(_number)
        envelope = _ENVELOPE % (number, b"chat.completion.chunk") + _TAIL
        words = [b"%08x" % number, *(_REPLIES[number % len(_REPLIES)].split() * (chunks // 40 + 1))][:chunks]
        deltas = [b'{"role":"assistant","content":"","refusal":null}', *(b'{"content":" %b"}' % word for word in words)]
        told = b',"usage":null}' if usage else b"}"
        events = [
            envelope + b'"choices":[{"index":0,"delta":%b,"logprobs":null,"finish_reason":null}]' % delta + told
            for delta in deltas
        ]
        events.append(envelope + b'"choices":[{"index":0,"delta":{},"logprobs":null,"finish_reason":"stop"}]' + told)
        if usage:
            events.append(envelope + b'"choices":[],' + _USAGE + b"}")
        self._transport.write(_STREAM_HEAD)
        self._next(iter(events))

    def _next(self, events: Iterator[bytes]) -> None:
        if self._transport.is_closing():
            return
        event = next(events, None)
        if event is None:
            self._transport.write(_framed(b"[DONE]") + b"0\r\n\r\n")
            return
        self._transport.write(_framed(event))
        asyncio.get_running_loop().call_later(PACE_S, self._next, events)


def _framed(event: bytes) -> bytes:
    return b"%x\r\ndata: %b\n\n\r\n" % (len(event) + 8, event)


def _plain() -> bytes:
    number = next(_number)
    said = b"%b Case %08x." % (_REPLIES[number % len(_REPLIES)], number)
    body = (
        _ENVELOPE % (number, b"chat.completion")
        + _TAIL
        + b'"choices":[{"index":0,"message":{"role":"assistant","content":"%b","refusal":null,"annotations":[]},' % said
        + b'"logprobs":null,"finish_reason":"stop"}],'
        + _USAGE
        + b"}"
    )
    return _HEAD % len(body) + body


async def serve(port: int) -> None:
    """Answer until stopped."""
    server = await asyncio.get_running_loop().create_server(Canned, "127.0.0.1", port)
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    async with server:
        await stopped.wait()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))
