"""Streams on a real server: unbuffered, cut, left, killed; and requests that come twice."""

from __future__ import annotations

import asyncio
import signal
import socket
import threading
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest

from tests.doubles.running import UpstreamDouble
from tests.doubles.served import Linear, Served, serving

HELLO = [{"role": "user", "content": "Tell me a long story about the sea"}]


def read(client: openai.OpenAI, received: list[Any]) -> None:
    """Read a stream to its end, chunk by chunk, into `received`."""
    for chunk in client.chat.completions.create(model="gpt-test", messages=HELLO, stream=True):
        received.append(chunk.choices[0])


def states(graft: Served, user: str) -> list[tuple[str, str]]:
    return [(node.message.role, node.state) for node in graft.nodes(user)]


def test_chunks_pass_as_they_come(graft: Served, upstream: UpstreamDouble) -> None:
    """Causal: the upstream sends the next chunk only after the client has the one before."""
    key, _ = graft.key()
    upstream.script({"do": "gate", "name": "g"})
    upstream.release("g", 2)
    pieces = []
    for chunk in graft.client(key).chat.completions.create(model="gpt-test", messages=HELLO, stream=True):
        pieces.append(chunk.choices[0].delta.content or "")
        upstream.release("g", 1)
    assert "".join(pieces).startswith("You said: Tell me")


def test_frames_are_openais(graft: Served) -> None:
    key, _ = graft.key()
    body = {"model": "gpt-test", "messages": HELLO, "stream": True}
    raw = httpx.post(
        f"{graft.url}/v1/chat/completions", json=body, headers={"authorization": f"Bearer {key}"}, timeout=30
    )
    assert raw.headers["content-type"].startswith("text/event-stream")
    assert b"\r" not in raw.content
    frames = raw.text.split("\n\n")
    assert frames[-2:] == ["data: [DONE]", ""]
    assert all(frame.startswith("data: {") for frame in frames[:-2])


def test_a_cut_upstream_is_told_and_kept_as_interrupted(graft: Served, upstream: UpstreamDouble) -> None:
    key, user = graft.key()
    upstream.script({"do": "cut", "after": 4})
    received: list[Any] = []
    with pytest.raises(openai.APIError):
        read(graft.client(key), received)
    assert {choice.finish_reason for choice in received} == {None}
    assert states(graft, user) == [("user", "whole"), ("assistant", "interrupted")]
    assert graft.violations() == []


def test_a_client_that_leaves_ends_the_upstream_and_keeps_what_came(graft: Served, upstream: UpstreamDouble) -> None:
    key, user = graft.key()
    upstream.script({"do": "stall", "after": 4})
    stream = graft.client(key).chat.completions.create(model="gpt-test", messages=HELLO, stream=True)
    received = next(iter(stream)) and [next(iter(stream)).choices[0].delta.content for _ in range(2)]
    stream.close()
    assert asyncio.run(upstream.ended()) == "left"
    for _ in range(100):
        if len(states(graft, user)) == 2:
            break
        threading.Event().wait(0.05)
    assert states(graft, user) == [("user", "whole"), ("assistant", "interrupted")]
    assert graft.nodes(user)[1].message.text.startswith("".join(received))
    assert graft.violations() == []


def test_the_next_turn_goes_on_from_an_interrupted_reply(graft: Served, upstream: UpstreamDouble) -> None:
    key, user = graft.key()
    upstream.script({"do": "cut", "after": 4})
    chat = Linear(graft.client(key))
    chat.history = list(HELLO)
    received: list[Any] = []
    with pytest.raises(openai.APIError):
        read(chat.client, received)
    text = "".join(choice.delta.content or "" for choice in received)
    chat.history.append({"role": "assistant", "content": text})
    chat.say("And then what happens in that story?")
    assert chat.parent == graft.nodes(user)[1].id
    assert len(graft.nodes(user)) == 4


@pytest.mark.parametrize("stream", [True, False])
def test_the_same_idempotency_key_gets_the_same_answer(graft: Served, upstream: UpstreamDouble, stream: bool) -> None:
    key, user = graft.key()
    chats = [Linear(graft.client(key), Idempotency_Key="once") for _ in range(2)]
    upstream.say("First.", "Second.")
    texts = [chat.say("Hello there", stream=stream) for chat in chats]
    assert texts == ["First.", "First."]
    assert chats[0].node == chats[1].node
    assert len(upstream.requests()) == 1
    assert len(graft.nodes(user)) == 2


def test_an_sdk_retry_is_answered_from_what_is_stored(graft: Served, upstream: UpstreamDouble) -> None:
    key, user = graft.key()
    upstream.say("First.", "Second.")
    first = Linear(graft.client(key))
    first.say("Hello there")
    again = Linear(graft.client(key), x_stainless_retry_count="1")
    assert again.say("Hello there") == "First."
    assert len(graft.nodes(user)) == 2


def test_the_same_request_while_the_first_runs_joins_it(graft: Served, upstream: UpstreamDouble) -> None:
    key, user = graft.key()
    upstream.script({"do": "gate", "name": "join"})
    texts: list[str] = []

    def say(retry: str) -> None:
        texts.append(Linear(graft.client(key), x_stainless_retry_count=retry).say("Hello there"))

    threads = [threading.Thread(target=say, args=(retry,)) for retry in ("0", "1", "2")]
    threads[0].start()
    asyncio.run(upstream.began())
    for thread in threads[1:]:
        thread.start()
    threading.Event().wait(0.3)
    assert texts == []
    upstream.release("join", 1000)
    for thread in threads:
        thread.join(timeout=30)
    assert len(set(texts)) == 1
    assert len(upstream.requests()) == 1
    assert len(graft.nodes(user)) == 2


@pytest.mark.anyio
async def test_many_turns_at_once_from_one_cursor_become_siblings(graft: Served) -> None:
    key, user = graft.key()
    client = openai.AsyncOpenAI(base_url=f"{graft.url}/v1", api_key=key, max_retries=0)
    first = await client.chat.completions.with_raw_response.create(model="gpt-test", messages=HELLO)
    parent = first.headers["x-graft-node"]

    async def ask(number: int) -> str:
        stream = await client.chat.completions.create(
            model="gpt-test",
            messages=[{"role": "user", "content": f"Question {number}"}],
            stream=True,
            extra_headers={"X-Graft-Parent": parent},
        )
        return "".join([chunk.choices[0].delta.content or "" async for chunk in stream if chunk.choices])

    texts = await asyncio.gather(*(ask(number) for number in range(16)))
    await client.close()
    nodes = await asyncio.to_thread(graft.nodes, user)
    asked = [node for node in nodes if node.parent_id == parent]
    assert {node.message.text for node in asked} == {f"Question {number}" for number in range(16)}
    replies = {node.parent_id: node.message.text for node in nodes}
    assert all(replies[node.id] in texts and f"{node.message.text} " in replies[node.id] for node in asked)
    assert await asyncio.to_thread(graft.violations) == []


def test_an_upstream_that_cannot_be_reached_is_a_bad_gateway(tmp_path: Path, upstream: UpstreamDouble) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        nobody = f"http://127.0.0.1:{taken.getsockname()[1]}/v1"
        models = [
            {"model_name": "gone", "litellm_params": {"model": "openai/gone", "api_base": nobody, "api_key": "k"}},
            {
                "model_name": "late",
                "litellm_params": {"model": "openai/hang", "api_base": upstream.base_url, "api_key": "k"},
            },
        ]
        with serving(tmp_path, upstream, {"model_list": models, "upstream": {"whole_s": 1.0}}) as graft:
            client = graft.client("anything")
            for model, status in (("gone", 502), ("late", 504)):
                with pytest.raises(openai.APIStatusError) as failed:
                    client.chat.completions.create(model=model, messages=HELLO)
                assert failed.value.status_code == status
            for headers in ({"host": "evil.example"}, {"origin": "http://evil.example"}):
                with pytest.raises(openai.PermissionDeniedError):
                    client.chat.completions.create(model="gone", messages=HELLO, extra_headers=headers)


def test_a_kill_in_the_middle_loses_nothing_that_was_acknowledged(tmp_path: Path, upstream: UpstreamDouble) -> None:
    with serving(tmp_path, upstream) as graft:
        key, user = graft.key()
        chat = Linear(graft.client(key))
        chat.say("Tell me a story about the sea")
        answered = chat.node
        upstream.script({"do": "slow", "delay_s": 0.15})
        stream = chat.client.chat.completions.create(
            model="gpt-test",
            messages=[*chat.history, {"role": "user", "content": "And then, in that story?"}],
            stream=True,
        )
        received = ""
        for chunk in stream:
            received += chunk.choices[0].delta.content or ""
            if received.count(" ") >= 6:
                break
        graft.stop(signal.SIGKILL)
        stream.close()
        graft.start()
        nodes = graft.nodes(user)
        assert [node.state for node in nodes] == ["whole", "whole", "whole", "interrupted"]
        assert nodes[3].message.text
        assert graft.violations() == []
        chat = Linear(graft.client(key))
        chat.history = [{"role": node.message.role, "content": node.message.text} for node in nodes[:2]]
        chat.say("Tell that story again, but shorter")
        assert chat.parent == answered


def test_an_idempotency_key_with_another_body_is_refused(graft: Served) -> None:
    key, user = graft.key()
    chat = Linear(graft.client(key), Idempotency_Key="twice")
    chat.say("First question", stream=False)
    other = Linear(graft.client(key), Idempotency_Key="twice")
    with pytest.raises(openai.BadRequestError) as refused:
        other.say("Second, different question", stream=False)
    assert refused.value.code == "idempotency_key_reused"
    assert len(graft.nodes(user)) == 2
