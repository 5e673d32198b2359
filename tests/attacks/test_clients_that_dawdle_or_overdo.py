"""A client sends too much, too slowly, or takes nothing: it is refused or left alone, and everybody else is answered."""

from __future__ import annotations

import asyncio
import gzip
import json
import threading
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

from tests.attacks.wire import answered, connected, refusal, request
from tests.doubles.running import UpstreamDouble
from tests.doubles.served import Served

HELLO = [{"role": "user", "content": "Hello"}]


def chat(key: str, body: dict[str, Any] | bytes, **headers: str) -> bytes:
    content = body if isinstance(body, bytes) else json.dumps({"model": "gpt-test", "messages": HELLO, **body}).encode()
    return request("/v1/chat/completions", content, authorization=f"Bearer {key}", connection="close", **headers)


def told(graft: Served, data: bytes) -> bytes:
    with connected(graft.url) as raw:
        raw.send(data)
        return raw.rest()


def lives(graft: Served) -> bool:
    with urlopen(graft.url + "/health", timeout=30) as response:
        return bool(response.status == 200)


@pytest.mark.parametrize(
    ("sent", "status", "setting"),
    [
        (request("/health?" + "x" * 2000), 414, "max_url_kb"),
        (request("/health", **{f"x_{i}": "1" for i in range(30)}), 431, "max_headers"),
        (request("/health", x_large="1" * 5000), 431, "max_headers_kb"),
        (request("/health", **{"x_" + "n" * 5000: "1"}), 431, "max_headers_kb"),
        (b"GET /health HTTP/1.1\r\nhost: 127.0.0.1\r\nx-endless: " + b"1" * 3_000_000, 431, "max_headers_kb"),
        (b"GET /" + b"x" * 3_000_000, 414, "max_url_kb"),
    ],
    ids=["a long URL", "many headers", "a large value", "a large name", "a value without end", "a URL without end"],
)
def test_a_head_beyond_its_bounds_is_refused_in_openais_shape(
    hurried: Served, sent: bytes, status: int, setting: str
) -> None:
    found, message = refusal(told(hurried, sent))
    assert (found, setting in message) == (status, True)
    assert lives(hurried)


def test_what_is_no_http_is_refused_in_openais_shape(hurried: Served) -> None:
    assert refusal(told(hurried, b"\x16\x03\x01 hello\r\n\r\n"))[0] == 400


def test_headers_that_dribble_are_given_up(hurried: Served) -> None:
    """The whole is sent but for the last byte; nothing else would ever end this connection."""
    status, message = refusal(told(hurried, request("/health")[:-1]))
    assert (status, "head_s" in message) == (408, True)


@pytest.mark.parametrize("said", [b"", b"\r\n\r\n\r\n"], ids=["nothing", "empty lines"])
def test_a_connection_on_which_nothing_is_asked_is_closed_without_a_word(hurried: Served, said: bytes) -> None:
    assert told(hurried, said) == b""


def test_empty_lines_do_not_keep_an_answered_connection_open(hurried: Served) -> None:
    with connected(hurried.url) as raw:
        raw.send(request("/health"))
        begun = raw.head()
        raw.send(b"\r\n")
        assert answered(begun + raw.rest())[::2] == (200, b'{"status":"ok"}')


@pytest.mark.parametrize("endless", [b"0\r\nx-endless: ", b"5;endless="], ids=["a trailer", "beside a chunk's size"])
def test_what_never_ends_behind_or_between_the_chunks_of_a_body_is_refused(hurried: Served, endless: bytes) -> None:
    key, _ = hurried.key()
    head = request("/v1/chat/completions", authorization=f"Bearer {key}", transfer_encoding="chunked", method="POST")
    status, message = refusal(told(hurried, head + endless + b"1" * 3_000_000))
    assert (status, "max_headers_kb" in message) == (431, True)


def test_a_body_in_many_small_chunks_with_a_trailer_is_read(hurried: Served) -> None:
    key, _ = hurried.key()
    body = json.dumps({"model": "gpt-test", "messages": [{"role": "user", "content": "x" * 20_000}]}).encode()
    head = request(
        "/v1/chat/completions",
        authorization=f"Bearer {key}",
        content_type="application/json",
        transfer_encoding="chunked",
        connection="close",
        method="POST",
    )
    with connected(hurried.url) as raw:
        raw.send(head + b"".join(b"1\r\n%c\r\n" % byte for byte in body) + b"0\r\nx-trailer: 1\r\n\r\n")
        reply = raw.rest()
    assert answered(reply)[0] == 200, reply


@pytest.mark.parametrize("stream", [False, True])
def test_a_client_of_http_1_0_gets_no_chunks(hurried: Served, stream: bool) -> None:
    key, _ = hurried.key()
    status, headers, body = answered(told(hurried, chat(key, {"stream": stream}).replace(b"HTTP/1.1", b"HTTP/1.0", 1)))
    assert (status, "transfer-encoding" in headers) == (200, False)
    if stream:
        assert body.startswith(b"data: {")
        assert body.endswith(b"data: [DONE]\n\n")
    else:
        assert json.loads(body)["object"] == "chat.completion"


def test_a_body_that_dribbles_is_given_up(hurried: Served, upstream: UpstreamDouble) -> None:
    key, user = hurried.key()
    status, message = refusal(told(hurried, chat(key, {})[:-1]))
    assert (status, "body_s" in message) == (408, True)
    packed = gzip.compress(json.dumps({"model": "gpt-test", "messages": HELLO}).encode())
    assert refusal(told(hurried, chat(key, packed, content_encoding="gzip")[:-3]))[0] == 408
    assert (hurried.nodes(user), upstream.requests()) == ([], [])


def test_who_has_no_key_is_refused_before_a_body_is_waited_for(hurried: Served) -> None:
    with connected(hurried.url) as raw:
        raw.send(chat("sk-nobody", {})[:-1])
        assert refusal(raw.rest())[0] == 401


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"messages": HELLO * 51}, "messages"),
        ({"tools": [{"type": "function", "function": {"name": f"f{i}"}} for i in range(5)]}, "tools"),
        (
            {
                "messages": [
                    {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:,"}}] * 2}
                    for _ in range(2)
                ]
            },
            "messages",
        ),
    ],
    ids=["messages", "tools", "images"],
)
def test_more_things_than_a_request_may_hold_are_refused(
    hurried: Served, upstream: UpstreamDouble, body: dict[str, Any], param: str
) -> None:
    key, user = hurried.key()
    reply = told(hurried, chat(key, body))
    assert refusal(reply)[0] == 400
    error = json.loads(answered(reply)[2])["error"]
    assert (error["param"], error["code"]) == (param, "array_above_max_length")
    assert (hurried.nodes(user), upstream.requests()) == ([], [])


def test_bodies_together_stay_within_a_bound(hurried: Served, upstream: UpstreamDouble) -> None:
    """Streams that are answered hold their bodies; when they end, others are read again."""
    key, _ = hurried.key()
    large = [{"messages": [{"role": "user", "content": f"{n}" * 900_000}], "stream": True} for n in range(4)]
    upstream.script(*({"do": "gate", "name": "held"} for _ in range(3)))
    replies: list[bytes] = []
    threads = [
        threading.Thread(target=lambda body=body: replies.append(told(hurried, chat(key, body)))) for body in large[:3]
    ]
    for thread in threads:
        thread.start()
    asyncio.run(upstream.began(2))
    status, headers, body = answered(told(hurried, chat(key, large[3])))
    assert (status, headers["retry-after"], b"max_bodies_mb" in body) == (503, "1", True)
    assert answered(told(hurried, chat(key, {})))[0] == 200
    upstream.release("held", 100)
    for thread in threads:
        thread.join(60)
    assert [answered(reply)[0] for reply in replies] == [200] * 3
    assert answered(told(hurried, chat(key, large[3])))[0] == 200


def test_who_reads_nothing_is_disconnected_and_memory_stays_flat(hurried: Served, upstream: UpstreamDouble) -> None:
    """Five endless streams that nobody reads: the upstream is held back, and what was received is stored as interrupted."""
    key, user = hurried.key()
    upstream.script(*({"do": "flood", "kb": 64} for _ in range(5)))
    before = resident_mb(hurried)
    raws = [connected(hurried.url, receive_buffer=4096) for _ in range(5)]
    opened = [raw.__enter__() for raw in raws]
    try:
        for number, raw in enumerate(opened):
            raw.send(chat(key, {"stream": True, "messages": [{"role": "user", "content": f"Question {number}"}]}))
        assert [asyncio.run(upstream.ended(number)) for number in range(5)] == ["left"] * 5
    finally:
        for raw in raws:
            raw.__exit__(None, None, None)
    sent_mb = [one["sent"] * 64 / 1024 for one in upstream.requests()]
    assert max(sent_mb) < 24, "kernel buffers of two connections, and a bounded one between them"
    assert resident_mb(hurried) - before < 150
    while len(found := [node.state for node in hurried.nodes(user) if node.message.role == "assistant"]) < 5:
        pass
    assert found == ["interrupted"] * 5
    assert "left an answer unread" in hurried.log()
    assert hurried.violations() == []


def test_a_stream_without_end_is_ended(hurried: Served, upstream: UpstreamDouble) -> None:
    """Its client reads all of it and leaves never; the deadline of a whole stream stands."""
    key, user = hurried.key()
    upstream.script({"do": "slow", "delay_s": 0.1})
    reply = told(hurried, chat(key, {"stream": True, "messages": [{"role": "user", "content": "word " * 400}]}))
    assert b"end of its answer" in reply
    assert b"[DONE]" not in reply
    assert [node.state for node in hurried.nodes(user)] == ["whole", "interrupted"]


def test_beyond_the_bound_of_connections_requests_are_told_to_come_back(hurried: Served) -> None:
    """What is served goes on; what is far beyond the bound is not heard at all."""
    idle = [connected(hurried.url) for _ in range(12)]
    held = [one.__enter__() for one in idle]
    try:
        for raw in held:
            raw.send(request("/health"))
            raw.head()
        reply = told(hurried, request("/health"))
        assert refusal(reply)[0] == 503
        assert answered(reply)[1]["retry-after"] == "1"
    finally:
        for one in idle:
            one.__exit__(None, None, None)
    assert lives(hurried)


def test_every_answer_under_a_limited_key_tells_what_is_left(hurried: Served, upstream: UpstreamDouble) -> None:
    """Errors, lists, streams and the tree API as well; an unlimited key is told nothing."""
    from proxy.domain.turn import Limits

    key, _ = hurried.key(limits=Limits(requests_per_minute=10, tokens_per_day=1000))
    free, _ = hurried.key()
    asked = {
        "a reply": chat(key, {}),
        "a stream": chat(key, {"stream": True}),
        "a refusal": chat(key, {"messages": []}),
        "no such model": chat(key, {"model": "nobody"}),
        "models": request("/v1/models", authorization=f"Bearer {key}", connection="close"),
        "trees": request("/api/trees", authorization=f"Bearer {key}", connection="close"),
        "no such node": request("/api/nodes/n_none", authorization=f"Bearer {key}", connection="close"),
    }
    names = {
        f"x-ratelimit-{what}-{kind}" for what in ("limit", "remaining", "reset") for kind in ("requests", "tokens")
    }
    for what, data in asked.items():
        _, headers, _ = answered(told(hurried, data))
        assert names <= set(headers), what
        assert headers["x-ratelimit-limit-requests"] == "10", "the provider's own would say otherwise"
    assert headers["x-ratelimit-remaining-requests"] == "8", "only what asks a model counts"
    assert int(headers["x-ratelimit-remaining-tokens"]) < 1000
    _, headers, _ = answered(told(hurried, request("/api/trees", authorization=f"Bearer {free}", connection="close")))
    assert not names & set(headers)


def resident_mb(graft: Served) -> float:
    process = graft._process
    assert process is not None
    status = Path(f"/proc/{process.pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024
