"""Answers of servers that are close to OpenAI's, byte by byte as they send them, on every lane."""

import asyncio
import gzip
import json
import zlib
from contextlib import asynccontextmanager

import pytest

from proxy.chat.collect import Fold
from proxy.domain.turn import Asked, Chunk
from proxy.errors import UpstreamError, UpstreamUnreachable
from tests.upstream.conftest import entry

pytestmark = [pytest.mark.anyio, pytest.mark.filterwarnings("ignore::ResourceWarning")]

TEXT = "Grüße 👋\u2028\t  fin\n"
LANES = ("native", "raw", "litellm")
FRAME = {"id": "c1", "object": "chat.completion.chunk", "created": 5, "model": "odd-1"}
WHOLE = {
    "id": "c1",
    "object": "chat.completion",
    "created": 5,
    "model": "odd-1",
    "choices": [
        {
            "index": 0,
            "message": {"role": "assistant", "content": TEXT, "refusal": None},
            "logprobs": None,
            "finish_reason": "stop",
        }
    ],
    "usage": {"prompt_tokens": 3, "completion_tokens": 1, "total_tokens": 4},
}


@pytest.fixture(params=LANES)
def lane(request):
    return request.param


@asynccontextmanager
async def server(*pieces, headers=None, status="200 OK", length=None, kill=False):
    """Answers every request with these bytes, a write each, and closes; with `kill` it breaks the connection."""

    async def answer(reader, writer):
        head = await reader.readuntil(b"\r\n\r\n")
        size = next(
            int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")
        )
        await reader.readexactly(size)
        told = {"connection": "close", "content-type": "text/event-stream", **(headers or {})}
        if length is not None:
            told["content-length"] = str(length)
        lines = [f"HTTP/1.1 {status}", *(f"{name}: {value}" for name, value in told.items()), "", ""]
        writer.write("\r\n".join(lines).encode())
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0)
        if kill:
            writer.transport.abort()
        writer.close()

    listening = await asyncio.start_server(answer, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}/v1"
    finally:
        listening.close()
        await listening.wait_closed()


def event(delta, reason=None, **more):
    choice = {"index": 0, "delta": delta, "finish_reason": reason}
    return json.dumps({**FRAME, "choices": [choice], **more}, ensure_ascii=False).encode()


STREAM = b"data: " + event({"role": "assistant", "content": TEXT}) + b"\n\ndata: " + event({}, "stop") + b"\n\n"
DONE = b"data: [DONE]\n\n"


async def asked(lanes_for, ask, base, *, stream=True, **options):
    return await ask(lanes_for(entry("m", "openai/odd", api_base=base)), stream=stream, **options)


def folded(chunks):
    fold = Fold()
    for chunk in chunks:
        fold.add(Chunk(chunk))
    return fold.completion()


async def error_of(answer):
    """Status and message of an answer that fails."""
    with pytest.raises(UpstreamError) as caught:
        await answer
    return caught.value.status, caught.value.message


async def collected(chunks, received):
    async for chunk in chunks:
        received.append(chunk.wire)


BYTES = {
    "byte by byte": [bytes([byte]) for byte in STREAM + DONE],
    "with carriage returns": [(STREAM + DONE).replace(b"\n", b"\r\n")],
    "with comments": [b": OPENROUTER PROCESSING\n\n" + STREAM.replace(b"\n\n", b"\n\n: ping\n\n") + DONE],
    "with event names": [STREAM.replace(b"data:", b"event: message\nid: 1\ndata:") + DONE],
    "without a space": [(STREAM + DONE).replace(b"data: ", b"data:")],
    "without [DONE]": [STREAM],
    "without the last empty line": [(STREAM + DONE).rstrip(b"\n")],
}


@pytest.mark.parametrize("name", BYTES)
async def test_an_odd_stream_is_understood(lanes_for, ask, name):
    async with server(*BYTES[name]) as base:
        completion = folded(await asked(lanes_for, ask, base))
    assert completion.messages[0].text == TEXT
    assert completion.finish_reasons == ["stop"]


PACKED = {
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "deflate without a header": lambda data: zlib.compress(data, wbits=-zlib.MAX_WBITS),
}


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("packing", PACKED)
async def test_a_packed_answer_is_unpacked(lanes_for, ask, packing, stream):
    body = STREAM + DONE if stream else json.dumps(WHOLE).encode()
    packed = PACKED[packing](body)
    headers = {"content-encoding": packing.partition(" ")[0]}
    headers |= {} if stream else {"content-type": "application/json"}
    async with server(packed[:20], packed[20:], headers=headers) as base:
        chunks = await asked(lanes_for, ask, base, stream=stream)
    assert folded(chunks).messages[0].text == TEXT


async def test_only_what_can_be_unpacked_is_asked_for(lanes, ask, upstream, lane):
    await ask(lanes)
    [request] = upstream.requests()
    named = {part.strip().partition(";")[0] for part in request["headers"].get("Accept-Encoding", "").split(",")}
    assert named <= {"gzip", "deflate", ""}


@pytest.mark.parametrize("lane", ["native", "raw"])
@pytest.mark.parametrize("stream", [True, False])
async def test_an_answer_that_cannot_be_unpacked_is_a_bad_gateway_and_says_so(lanes_for, ask, stream):
    async with server(b"no brotli at all", headers={"content-encoding": "br"}) as base:
        with pytest.raises(UpstreamError, match="cannot be unpacked") as caught:
            await asked(lanes_for, ask, base, stream=stream)
    assert (caught.value.status, caught.value.code) == (502, None)


@pytest.mark.parametrize("lane", LANES)
@pytest.mark.parametrize("usage_wanted", [True, False])
@pytest.mark.parametrize("kind", ["application/json", "text/event-stream", "text/plain"])
async def test_a_server_that_would_not_stream_is_a_stream_all_the_same(lanes_for, ask, kind, usage_wanted):
    calls = [{"id": f"call_{i}", "type": "function", "function": {"name": "f", "arguments": "{}"}} for i in range(2)]
    message = {"role": "assistant", "content": TEXT, "tool_calls": calls}
    whole = {**WHOLE, "choices": [{"index": 0, "message": message, "finish_reason": "tool_calls"}]}
    async with server(b" ", json.dumps(whole).encode(), headers={"content-type": kind}) as base:
        answer, usage = await asked(lanes_for, ask, base, usage_wanted=usage_wanted)
    assert [call["index"] for call in answer["choices"][0]["delta"]["tool_calls"]] == [0, 1]
    assert ("usage" in answer, answer.get("usage")) == (usage_wanted, None)
    assert (usage["choices"], usage["usage"]) == ([], WHOLE["usage"])
    assert {answer["object"], usage["object"]} == {"chat.completion.chunk"}
    completion = folded([answer, usage])
    assert completion.messages[0].wire == message
    assert completion.finish_reasons == ["tool_calls"]


async def test_a_character_is_never_split(lanes_for, lane):
    data = STREAM + DONE
    inside = data.index("👋".encode()) + 2
    async with server(data[:inside], data[inside:]) as base:
        lanes = lanes_for(entry("m", "openai/odd", api_base=base))
        wanted = Asked("m", [{"role": "user", "content": "Hi"}], {}, stream=True)
        chunks = lanes.ask(wanted)
        first = await anext(chunks)
        await chunks.aclose()
    assert first.wire["choices"][0]["delta"]["content"] == TEXT
    if lane != "litellm":
        assert first.raw == event({"role": "assistant", "content": TEXT})


@pytest.mark.parametrize("kill", [True, False])
async def test_a_plain_answer_that_is_cut_is_a_bad_gateway_and_says_so(lanes_for, ask, kill):
    body = json.dumps(WHOLE).encode()
    headers = {"content-type": "application/json"}
    async with server(body[:60], headers=headers, length=len(body), kill=kill) as base:
        with pytest.raises(UpstreamUnreachable, match="was cut before its answer was complete") as caught:
            await asked(lanes_for, ask, base, stream=False)
    assert (caught.value.status, caught.value.code) == (502, "answer_cut")


@pytest.mark.parametrize("stream", [True, False])
async def test_a_connection_that_ends_without_a_word_is_a_bad_gateway_and_says_so(lanes_for, ask, stream):
    async def hang_up(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.close()

    listening = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    base = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}/v1"
    with pytest.raises(UpstreamUnreachable, match="was cut before") as caught:
        await asked(lanes_for, ask, base, stream=stream)
    listening.close()
    assert caught.value.status == 502


async def test_a_stream_that_is_cut_inside_an_event_never_ends(lanes_for):
    half = STREAM[:-30]
    async with server(half, length=len(STREAM), kill=True) as base:
        lanes = lanes_for(entry("m", "openai/odd", api_base=base))
        received = []
        with pytest.raises(UpstreamUnreachable, match="cut"):
            await collected(lanes.ask(Asked("m", [{"role": "user", "content": "Hi"}], {}, stream=True)), received)
    assert folded(received).finish_reasons in ([None], [])


@pytest.mark.parametrize("body", [b"<html>Bad gateway</html>", b"null", b"[1]", b'"text"'])
async def test_a_plain_answer_that_is_no_completion_is_a_bad_gateway(lanes_for, ask, body):
    async with server(body, headers={"content-type": "text/html"}) as base:
        with pytest.raises(UpstreamError) as caught:
            await asked(lanes_for, ask, base, stream=False)
    assert caught.value.status == 502


@pytest.mark.parametrize("stream", [True, False])
async def test_an_answer_of_absurd_depth_is_a_bad_gateway_that_tells_nothing_of_python(lanes_for, ask, lane, stream):
    deep = b'{"choices": [], "x": ' + b"[" * 5000 + b"]" * 5000 + b"}"
    pieces = [b"data: " + deep + b"\n\n", DONE] if stream else [deep]
    async with server(*pieces, headers={} if stream else {"content-type": "application/json"}) as base:
        with pytest.raises(UpstreamError) as caught:
            await asked(lanes_for, ask, base, stream=stream)
    assert caught.value.status == 502
    assert "recursion" not in str(caught.value)


@pytest.mark.parametrize(
    "body", [b'{"error": ' + b"[" * 5000 + b"]" * 5000 + b"}", '{"error": {"code": "²"}}'.encode()]
)
async def test_an_odd_error_body_keeps_its_status(lanes_for, ask, body):
    async with server(body, status="503 Busy", headers={"content-type": "application/json"}) as base:
        with pytest.raises(UpstreamError) as caught:
            await asked(lanes_for, ask, base, stream=False)
    assert caught.value.status == 503


@pytest.mark.parametrize("status", ["999 Odd", "600 Odd"])
async def test_a_status_that_is_none_is_a_bad_gateway(lanes_for, ask, lane, status):
    async with server(b'{"error": {"message": "odd", "code": "\xc2\xb2"}}', status=status) as base:
        with pytest.raises(UpstreamError) as caught:
            await asked(lanes_for, ask, base, stream=False)
    assert caught.value.status == 502


ODD = {
    "no finish reason": {"choices": [{"index": 0, "message": {"role": "assistant", "content": "Half"}}]},
    "a finish reason that is null": {"choices": [{**WHOLE["choices"][0], "finish_reason": None}]},
    "a finish reason that nobody knows": {"choices": [{**WHOLE["choices"][0], "finish_reason": "eos"}]},
    "parts": {"choices": [{"index": 0, "message": {"content": [{"type": "text", "text": "Hi"}]}}]},
    "counts in words": {"usage": {"prompt_tokens": "many", "completion_tokens": True, "total_tokens": None}},
    "counts below nothing": {"usage": {"prompt_tokens": -5, "completion_tokens": 10**30, "total_tokens": 1e300}},
    "a time that is null": {"created": None},
    "fields that nobody knows": {"x": {"y": [1]}, "service_tier": 5, "system_fingerprint": [], "model": None},
}


@pytest.mark.parametrize("name", ODD)
async def test_a_plain_answer_is_passed_on_as_it_was_written(lanes_for, ask, lane, name):
    written = {**WHOLE, **ODD[name]}
    async with server(json.dumps(written).encode(), headers={"content-type": "application/json"}) as base:
        [answer] = await asked(lanes_for, ask, base, stream=False)
    assert answer == written


NO_CHOICE = (
    b"data: " + json.dumps({**FRAME, "choices": [], "prompt_filter_results": [{"prompt_index": 0}]}).encode() + b"\n\n"
)


async def test_what_comes_before_the_first_choice_is_passed_on_with_it(lanes_for, ask):
    async with server(NO_CHOICE, NO_CHOICE, STREAM + DONE) as base:
        chunks = await asked(lanes_for, ask, base)
    assert [len(chunk["choices"]) for chunk in chunks] == [0, 0, 1, 1]
    assert chunks[0]["prompt_filter_results"] == [{"prompt_index": 0}]
    assert folded(chunks).messages[0].text == TEXT


async def test_a_stream_of_nothing_else_has_begun_when_that_grows_long(lanes_for, ask):
    async with server(NO_CHOICE * 1000) as base:
        chunks = await asked(lanes_for, ask, base)
    assert len(chunks) == 1000


@pytest.mark.parametrize("missing", [b'"delta": {}, ', b"{}"], ids=["left out", "null"])
async def test_a_delta_that_is_missing_is_an_empty_one(lanes_for, ask, missing):
    stream = STREAM.replace(missing, b"null" if missing == b"{}" else b"")
    async with server(stream + DONE) as base:
        lanes = lanes_for(entry("m", "openai/odd", api_base=base))
        wanted = Asked("m", [{"role": "user", "content": "Hi"}], {}, stream=True)
        told = [json.loads(chunk.raw) async for chunk in lanes.ask(wanted)]
    assert [chunk["choices"][0]["delta"] for chunk in told] == [{"role": "assistant", "content": TEXT}, {}]


@pytest.mark.parametrize(
    "choice", [{}, {"message": None}, {"delta": {"content": TEXT}}], ids=["none", "null", "a delta"]
)
@pytest.mark.parametrize("stream", [True, False])
async def test_a_whole_answer_without_a_message_is_a_bad_gateway(lanes_for, ask, choice, stream):
    body = json.dumps({**WHOLE, "choices": [{"index": 0, "finish_reason": "stop", **choice}]}).encode()
    async with server(body, headers={"content-type": "application/json"}) as base:
        with pytest.raises(UpstreamError, match="cannot be read") as caught:
            await asked(lanes_for, ask, base, stream=stream)
    assert caught.value.status == 502


UNREADABLE = {
    "content that is a number": {"content": 5},
    "content that is an object": {"content": {"a": 1}},
    "parts that are texts": {"content": ["a"]},
    "calls that are text": {"tool_calls": "x"},
    "calls that are null": {"tool_calls": [None]},
}
OF_THE_PROGRAM = (
    "Traceback",
    "site-packages",
    "received_args",
    "line 1 column",
    "codec",
    "object has no",
    "validation",
)
"""Words of a program that has stumbled over an answer."""


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("name", UNREADABLE)
@pytest.mark.parametrize("lane", ["native", "raw", "litellm"])
async def test_an_answer_of_unreadable_shape_is_a_bad_gateway(lanes_for, ask, name, stream):
    said = UNREADABLE[name]
    plain = {**WHOLE, "choices": [{"index": 0, "message": {"role": "assistant", **said}, "finish_reason": "stop"}]}
    pieces = [b"data: " + event(said) + b"\n\n", DONE] if stream else [json.dumps(plain).encode()]
    async with server(*pieces, headers={} if stream else {"content-type": "application/json"}) as base:
        with pytest.raises(UpstreamError) as caught:
            await asked(lanes_for, ask, base, stream=stream)
    assert caught.value.status == 502
    assert caught.value.message == "The model 'm' answered in a shape that cannot be read."


NO_COMPLETIONS = {
    "half of it": json.dumps(WHOLE).encode()[:60],
    "more than it": json.dumps(WHOLE).encode() + b"x",
    "other characters": json.dumps(WHOLE, ensure_ascii=False).encode().replace("ü".encode(), b"\xff"),
    "no choices": b'{"id": "c1"}',
    "choices that are null": b'{"choices": [null]}',
    "a message that is text": b'{"choices": [{"message": "Hi"}]}',
    "nothing": b"",
}


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("name", NO_COMPLETIONS)
async def test_an_answer_that_is_no_completion_is_told_in_words_about_the_answer(lanes_for, ask, lane, name, stream):
    async with server(NO_COMPLETIONS[name], headers={"content-type": "application/json"}) as base:
        lanes = [
            lanes_for({**entry("m", "openai/odd", api_base=base), "model_info": {"lane": one}})
            for one in ("native", lane)
        ]
        told = [await error_of(ask(one, stream=stream)) for one in lanes]
    assert told[0] == told[1]
    assert not [word for word in OF_THE_PROGRAM if word in str(told)]
