"""Streams while they run: unbuffered, kept alive, broken off, left. Nothing here waits for a time to pass but for what happens."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator

import httpx
import openai
import pytest

from tests.conformance.conftest import Chat, Json, model_list
from tests.doubles.running import UpstreamDouble
from tests.doubles.served import Served, serving

HELLO = [{"role": "user", "content": "Tell me a long story about the sea"}]
KEEP_ALIVE = b": keep-alive\n\n"


@pytest.fixture(scope="module")
def impatient_process(tmp_path_factory: pytest.TempPathFactory, upstream_process: UpstreamDouble) -> Iterator[Served]:
    """A server that lets no stream be silent for long."""
    settings = {"model_list": model_list(upstream_process), "server": {"keep_alive_s": 0.05}}
    with serving(tmp_path_factory.mktemp("impatient"), upstream_process, settings) as served:
        served.key("keeper")
        yield served


@pytest.fixture
def impatient(impatient_process: Served, upstream: UpstreamDouble, lane: str) -> Chat:
    return Chat(impatient_process, upstream, lane, *impatient_process.key())


def until(pieces: Iterator[bytes], wanted: bytes) -> bytes:
    """What came up to and with some bytes."""
    received = b""
    while wanted not in received:
        received += next(pieces)
    return received


def told(received: bytes) -> list[Json]:
    """The events of a stream as far as it has come, without comments and `[DONE]`."""
    lines = [line.removeprefix(b"data: ") for line in received.split(b"\n") if line.startswith(b"data: ")]
    return [json.loads(line) for line in lines if line != b"[DONE]"]


def states(chat: Chat) -> list[tuple[str, str]]:
    return [(node.message.role, node.state) for node in chat.graft.nodes(chat.user)]


def test_the_upstream_holds_each_chunk_until_the_client_has_the_one_before(chat: Chat) -> None:
    chat.upstream.release("g", 1)  # the role: an answer begins with its first chunk
    with chat.open(HELLO, script={"do": "gate", "name": "g"}) as response:
        pieces = response.iter_raw()
        received = until(pieces, b"assistant")
        for word in (b"You ", b"said: ", b"Tell ", b"me ", b"a ", b"long ", b"story "):
            assert word + b'"' not in received
            chat.upstream.release("g", 1)
            received += until(pieces, word + b'"')
        assert b"[DONE]" not in received
        chat.upstream.release("g", 100)
        received += b"".join(pieces)
    assert received.endswith(b"data: [DONE]\n\n")


def test_an_upstream_that_is_silent_in_the_middle_is_bridged_by_comments(impatient: Chat) -> None:
    with impatient.open(HELLO, script={"do": "gate", "name": "quiet"}) as response:
        impatient.upstream.release("quiet", 2)
        pieces = response.iter_raw()
        until(pieces, b"You ")
        until(pieces, KEEP_ALIVE)
        until(pieces, KEEP_ALIVE)  # one after the other, as long as it lasts
        impatient.upstream.release("quiet", 100)
        rest = b"".join(pieces)
    assert rest.endswith(b"data: [DONE]\n\n")
    assert b"\r" not in rest
    assert all(line.startswith((b"data: ", b":")) or not line for line in rest.split(b"\n"))
    assert states(impatient) == [("user", "whole"), ("assistant", "whole")]


def test_an_upstream_that_is_silent_at_first_is_bridged_too(impatient: Chat) -> None:
    with impatient.open(HELLO, script={"do": "gate", "name": "late"}) as response:
        assert response.status_code == 200
        assert response.headers["x-graft-node"].startswith("n_")
        pieces = response.iter_raw()
        assert until(pieces, KEEP_ALIVE).startswith(KEEP_ALIVE)
        impatient.upstream.release("late", 100)
        rest = b"".join(pieces)
    assert rest.endswith(b"data: [DONE]\n\n")
    [node] = [node for node in impatient.graft.nodes(impatient.user) if node.message.role == "assistant"]
    assert node.id == response.headers["x-graft-node"]
    assert node.message.text == "".join(
        choice["delta"].get("content") or "" for one in told(rest) for choice in one["choices"]
    )


def test_openais_own_client_skips_the_comments(impatient: Chat) -> None:
    impatient.upstream.script({"do": "gate", "name": "sdk"})
    text = ""
    stream = impatient.client().chat.completions.create(model=impatient.lane, messages=HELLO, stream=True)  # type: ignore[call-overload]
    impatient.upstream.release("sdk", 100)
    for chunk in stream:
        text += chunk.choices[0].delta.content or ""
    assert text.startswith("You said: Tell me")


def test_a_client_that_leaves_a_silent_upstream_ends_it(impatient: Chat) -> None:
    """Also before the first chunk: without a sign of life nobody would notice that the client is gone."""
    with impatient.open(HELLO, script={"do": "hang"}) as response:
        until(response.iter_raw(), KEEP_ALIVE)
    assert asyncio.run(impatient.upstream.ended()) == "left"


def test_a_client_that_leaves_in_the_middle_ends_the_upstream_and_what_came_is_kept(chat: Chat) -> None:
    with chat.open(HELLO, script={"do": "stall", "after": 4}) as response:
        received = until(response.iter_raw(), b"Tell ")
    assert asyncio.run(chat.upstream.ended()) == "left"
    text = "".join(one["choices"][0]["delta"].get("content") or "" for one in told(received))
    # The next turn waits for nothing: it goes on from what was kept, whenever that is there.
    while len(states(chat)) < 2:
        assert httpx.get(f"{chat.graft.url}/health").status_code == 200
    assert states(chat) == [("user", "whole"), ("assistant", "interrupted")]
    assert chat.graft.nodes(chat.user)[1].message.text == text
    assert chat.graft.violations() == []


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("code", [400, 401, 403, 404, 409, 422, 429, 500, 503])
def test_an_error_before_the_first_byte_is_a_status(chat: Chat, code: int, stream: bool) -> None:
    answer = chat.post(HELLO, script={"do": "status", "code": code}, stream=stream)
    assert answer.status_code == code
    assert answer.headers["content-type"] == "application/json"
    assert set(answer.json()["error"]) == {"message", "type", "param", "code"}
    assert "sk-upstream-secret" not in answer.text
    assert answer.headers.get("retry-after") == ("7" if code in (429, 503) else None)
    assert answer.headers["x-ratelimit-remaining-requests"] == "99"


def test_an_error_after_the_first_byte_is_an_event_in_openais_shape(chat: Chat) -> None:
    answer = chat.post(HELLO, script={"do": "error", "after": 3}, stream=True)
    assert answer.status_code == 200
    *chunks, last = told(answer.content)
    assert last == {
        "error": {"message": "The server had an error.", "type": "server_error", "param": None, "code": "internal"}
    }
    assert {choice["finish_reason"] for one in chunks for choice in one["choices"]} == {None}
    assert b"[DONE]" not in answer.content
    assert states(chat) == [("user", "whole"), ("assistant", "interrupted")]


@pytest.mark.parametrize("how", ["cut", "eof"])
def test_a_stream_that_is_cut_upstream_is_never_closed_with_stop(chat: Chat, how: str) -> None:
    answer = chat.post(HELLO, script={"do": how, "after": 4}, stream=True)
    *chunks, last = told(answer.content)
    assert set(last["error"]) == {"message", "type", "param", "code"}
    assert "complete" in last["error"]["message"]
    assert {choice["finish_reason"] for one in chunks for choice in one["choices"]} == {None}
    assert b"[DONE]" not in answer.content
    assert states(chat) == [("user", "whole"), ("assistant", "interrupted")]
    chat.upstream.script({"do": how, "after": 4})
    stream = chat.client().chat.completions.create(model=chat.lane, messages=HELLO, stream=True)  # type: ignore[call-overload]
    with pytest.raises(openai.APIError, match="complete"):
        list(stream)


@pytest.mark.parametrize("how", ["cut", "eof"])
def test_a_plain_reply_that_is_cut_is_a_bad_gateway_and_nothing_is_answered(chat: Chat, how: str) -> None:
    answer = chat.post(HELLO, script={"do": how})
    assert answer.status_code == 502
    assert "was cut before its answer was complete" in answer.json()["error"]["message"]
    assert states(chat) == [("user", "unanswered")]


def test_an_error_that_comes_after_a_sign_of_life_is_an_event(impatient: Chat) -> None:
    """A stream that has begun with a comment has its status already."""
    script = {"do": "bytes", "pieces": ['data: {"error": {"message": "Too late.", "type": "t"}}\n\n'], "name": "err"}
    with impatient.open(HELLO, script=script) as response:
        pieces = response.iter_raw()
        until(pieces, KEEP_ALIVE)
        impatient.upstream.release("err", 1)
        rest = b"".join(pieces)
    assert response.status_code == 200
    assert told(rest)[-1]["error"]["message"] == "Too late."
    assert b"[DONE]" not in rest
