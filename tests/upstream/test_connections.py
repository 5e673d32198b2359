"""Connections that a provider ends where nobody expects it."""

import asyncio
import json
from contextlib import asynccontextmanager

import pytest

from proxy.domain.turn import Asked
from proxy.errors import UpstreamUnreachable
from proxy.upstream import connections
from proxy.upstream.care.attempts import CareRules
from proxy.upstream.care.breaker import Rest
from proxy.upstream.session import Session, Timeouts
from tests.upstream.conftest import entry

pytestmark = pytest.mark.anyio

STRICT = CareRules(rest=Rest(failures=1, rest_s=60))
"""A server rests after one failure."""
WHOLE = {
    "id": "c1",
    "object": "chat.completion",
    "created": 5,
    "model": "odd-1",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hello"}, "finish_reason": "stop"}],
}
EVENT = b"data: " + json.dumps(WHOLE).replace("message", "delta").replace("completion", "completion.chunk").encode()


@pytest.fixture(params=["native", "raw"])
def lane(request):
    return request.param


@asynccontextmanager
async def provider(talk):
    """Lets `talk` have each connection; it may read requests and write answers."""
    talks = set()

    async def met(reader, writer):
        talks.add(asyncio.current_task())
        try:
            await talk(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    listening = await asyncio.start_server(met, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}/v1"
    finally:
        listening.close()
        for task in talks:
            task.cancel()
        await asyncio.gather(*talks, return_exceptions=True)


async def heard(reader):
    """Reads a request; returns whether it asks for a stream."""
    head = await reader.readuntil(b"\r\n\r\n")
    size = next(int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length"))
    return bool(json.loads(await reader.readexactly(size)).get("stream"))


async def answer(reader, writer):
    streams = await heard(reader)
    body = EVENT + b"\n\ndata: [DONE]\n\n" if streams else json.dumps(WHOLE).encode()
    kind = b"text/event-stream" if streams else b"application/json"
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: %s\r\ncontent-length: %d\r\n\r\n%s" % (kind, len(body), body))
    await writer.drain()


def fickle(last):
    """Answers the first request of the first connection, and ends that with the second one; other connections are kept."""
    met = []

    async def talk(reader, writer):
        met.append(writer)
        await answer(reader, writer)
        if len(met) == 1:
            await heard(reader)
            writer.write(last)
        while len(met) > 1:
            await answer(reader, writer)

    return talk, met


@pytest.mark.parametrize("stream", [False, True])
async def test_a_request_on_a_kept_connection_that_ends_without_a_word_goes_out_once_more(lanes_for, ask, stream):
    talk, met = fickle(b"")
    async with provider(talk) as base:
        lanes = lanes_for(entry(api_base=base), care=STRICT)
        answers = [await ask(lanes, stream=stream) for _ in range(3)]
        await lanes.close()
    assert all(answers)
    assert len(met) == 2 + 1, "the one that ended, the new one that is not kept, and the next"
    assert not any(lanes.care.open().values())


@pytest.mark.parametrize("stream", [False, True])
async def test_one_that_has_begun_to_answer_is_not_asked_again(lanes_for, ask, stream):
    talk, met = fickle(b"HTTP/1.1 200 OK\r\ncontent-")
    async with provider(talk) as base:
        lanes = lanes_for(entry(api_base=base))
        await ask(lanes, stream=stream)
        with pytest.raises(UpstreamUnreachable):
            await ask(lanes, stream=stream)
        await lanes.close()
    assert len(met) == 1


async def test_one_that_had_time_to_work_on_it_is_not_asked_again(lanes_for, ask, monkeypatch):
    monkeypatch.setattr(connections, "STALE_S", -1.0)
    talk, met = fickle(b"")
    async with provider(talk) as base:
        lanes = lanes_for(entry(api_base=base))
        await ask(lanes)
        with pytest.raises(UpstreamUnreachable):
            await ask(lanes)
        await lanes.close()
    assert len(met) == 1


async def test_a_new_connection_that_ends_without_a_word_is_not_made_again(lanes_for, ask):
    met = []

    async def talk(reader, writer):
        met.append(await heard(reader))

    async with provider(talk) as base:
        lanes = lanes_for(entry(api_base=base))
        with pytest.raises(UpstreamUnreachable):
            await ask(lanes)
        await lanes.close()
    assert len(met) == 1


PATIENT = Timeouts(first_token_s=10, idle_s=10, whole_s=10)
CHUNKED = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"


@pytest.mark.parametrize("lane", ["native", "raw", "litellm"])
@pytest.mark.parametrize("closes", [False, True])
async def test_a_stream_whose_framing_breaks_is_cut_at_once(lanes_for, closes):
    read, done = asyncio.Event(), asyncio.Event()

    async def talk(reader, writer):
        await heard(reader)
        event = EVENT.replace(b'"stop"', b"null") + b"\n\n"
        writer.write(CHUNKED + b"%x\r\n%s\r\n" % (len(event), event))
        await read.wait()
        writer.write(b"ZZZZ\r\nfoo\r\n")
        if not closes:
            await done.wait()

    async with provider(talk) as base:
        lanes = lanes_for(entry(api_base=base), timeouts=PATIENT)
        chunks = lanes.ask(Asked("m", [{"role": "user", "content": "Hi"}], {}, stream=True))
        assert (await anext(chunks)).wire["choices"][0]["delta"]["content"] == "Hello"
        read.set()
        with pytest.raises(UpstreamUnreachable, match="was cut") as caught:
            await anext(chunks)
        done.set()
        await chunks.aclose()
        await lanes.close()
    assert caught.value.code == "stream_cut"


async def test_a_plain_answer_whose_framing_breaks_is_cut_at_once(lanes_for, ask, monkeypatch):
    begun = asyncio.Event()

    async def talk(reader, writer):
        await heard(reader)
        writer.write(CHUNKED.replace(b"text/event-stream", b"application/json") + b"1\r\n{\r\n")
        await begun.wait()
        writer.write(b"ZZZZ\r\nfoo\r\n")
        await reader.read()

    post = Session.post

    async def posted(*sent):
        response = await post(*sent)
        begun.set()
        return response

    monkeypatch.setattr(Session, "post", posted)
    async with provider(talk) as base:
        lanes = lanes_for(entry(api_base=base), timeouts=PATIENT)
        with pytest.raises(UpstreamUnreachable, match="was cut") as caught:
            await ask(lanes)
        await lanes.close()
    assert caught.value.code == "answer_cut"
