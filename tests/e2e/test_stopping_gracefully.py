"""A server that is asked to stop: it closes its door, finishes what it answers within the grace period, and stores the rest."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import openai
import pytest

from tests.attacks.wire import connected, request
from tests.doubles.running import UpstreamDouble
from tests.doubles.served import UPSTREAM_KEY, Served

pytestmark = pytest.mark.anyio

WAIT_S = 60


@contextmanager
def started(folder: Path, upstream: UpstreamDouble, **server: Any) -> Iterator[Served]:
    params = {"model": "openai/gpt-test", "api_base": upstream.base_url, "api_key": UPSTREAM_KEY}
    settings = {
        "model_list": [{"model_name": "gpt-test", "litellm_params": params, "model_info": {"lane": "raw"}}],
        "routing": {"embedder": "static", "policy": "follow"},
        "server": server,
    }
    served = Served(folder, upstream, settings)
    try:
        served.start()
        yield served
    finally:
        served.stop(signal.SIGKILL)


def body(text: str) -> dict[str, Any]:
    return {"model": "gpt-test", "stream": True, "messages": [{"role": "user", "content": text}]}


def text_of(lines: list[str]) -> str:
    """What the chunks of a stream say."""
    chunks = [json.loads(line[6:]) for line in lines if line.startswith("data: {")]
    return "".join(choice["delta"].get("content") or "" for chunk in chunks for choice in chunk.get("choices", ()))


class Reading:
    """A stream that is being read, up to its first words."""

    def __init__(self, client: httpx.AsyncClient, text: str) -> None:
        self._sent = client.build_request("POST", "/v1/chat/completions", json=body(text))
        self._client = client
        self.lines: list[str] = []

    async def begin(self, upstream: UpstreamDouble, gate: str, number: int = 0) -> None:
        asking = asyncio.create_task(self._client.send(self._sent, stream=True))
        await upstream.began(number)
        upstream.release(gate, 4)
        self.answer = await asking
        self._more = self.answer.aiter_lines()
        while not text_of(self.lines):
            self.lines.append(await anext(self._more))

    async def rest(self) -> list[str]:
        self.lines += [line async for line in self._more]
        return self.lines


async def until_told(served: Served, text: str) -> None:
    deadline = time.monotonic() + WAIT_S
    while text not in served.log():
        assert time.monotonic() < deadline, served.log()
        await asyncio.sleep(0.02)


async def ended(served: Served) -> None:
    process = served._process
    assert process is not None
    await asyncio.to_thread(process.wait, WAIT_S)
    served._process = None


def check_ended(served: Served, lines: list[str]) -> None:
    """A stream was ended with an event that says why, and the log tells of no failure."""
    *_, last = [line for line in lines if line]
    error = json.loads(last.removeprefix("data: "))["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert (error["type"], "was stopped" in error["message"]) == ("server_error", True)
    assert "Traceback" not in served.log()
    assert "ASGI" not in served.log()
    assert "error=Stopped" in served.log()


def is_refused(url: str) -> bool:
    at = urlsplit(url)
    with socket.socket() as probe:
        return probe.connect_ex((at.hostname or "", at.port or 0)) != 0


def states(served: Served) -> list[tuple[str, str, str]]:
    return [(node.message.role, node.state, node.message.text) for node in served.nodes("local")]


async def test_a_running_stream_is_finished_and_nothing_new_is_begun(tmp_path: Path, upstream: UpstreamDouble) -> None:
    upstream.script({"do": "gate", "name": "goes on"})
    with started(tmp_path, upstream, grace_s=WAIT_S) as served:
        async with httpx.AsyncClient(base_url=served.url, timeout=WAIT_S) as client:
            reading = Reading(client, "Tell me of locks, at length.")
            await reading.begin(upstream, "goes on")
            served._process.send_signal(signal.SIGTERM)
            await until_told(served, "Finishing 1 request")
            assert is_refused(served.url)
            upstream.release("goes on", 100)
            lines = await reading.rest()
        await ended(served)
        assert [line for line in lines if line][-1] == "data: [DONE]"
        said = text_of(lines)
        assert "Tell me of locks" in said
        assert states(served) == [("user", "whole", "Tell me of locks, at length."), ("assistant", "whole", said)]
        assert served.violations() == []


async def test_what_outlasts_the_grace_period_is_stored_as_it_stands(tmp_path: Path, upstream: UpstreamDouble) -> None:
    upstream.script({"do": "gate", "name": "never ends"}, {"do": "hang"})
    with started(tmp_path, upstream, grace_s=0.3) as served:
        async with httpx.AsyncClient(base_url=served.url, timeout=WAIT_S) as client:
            reading = Reading(client, "Tell me of weirs.")
            await reading.begin(upstream, "never ends")
            plain = asyncio.create_task(client.post("/v1/chat/completions", json={**body("Never?"), "stream": False}))
            await upstream.began(1)
            served._process.send_signal(signal.SIGTERM)
            await ended(served)
            refused = await plain
            assert (refused.status_code, refused.headers["retry-after"]) == (503, "5")
            await reading.rest()
        check_ended(served, reading.lines)
        told = states(served)
        assert told[0] == ("user", "whole", "Tell me of weirs.")
        (reply,) = [(state, text) for role, state, text in told if role == "assistant"]
        assert reply[0] == "interrupted"
        assert reply[1].startswith(text_of(reading.lines))
        assert ("user", "unanswered", "Never?") in told
        assert served.violations() == []
        calls = served.ask(lambda store: store._read(lambda db: db.execute("SELECT status FROM calls").fetchall()))
        assert sorted(status for (status,) in calls) == ["failed", "interrupted"]


@pytest.mark.parametrize("workers", [1, 2])
async def test_a_second_signal_ends_the_wait_and_still_stores(
    tmp_path: Path, upstream: UpstreamDouble, workers: int
) -> None:
    upstream.script({"do": "gate", "name": "never ends"})
    with started(tmp_path, upstream, grace_s=10 * WAIT_S, workers=workers) as served:
        async with httpx.AsyncClient(base_url=served.url, timeout=WAIT_S) as client:
            reading = Reading(client, "Tell me of sluices.")
            await reading.begin(upstream, "never ends")
            served._process.send_signal(signal.SIGTERM)
            await until_told(served, "Finishing 1 request")
            assert served._process.poll() is None
            served._process.send_signal(signal.SIGTERM)
            await ended(served)
            await reading.rest()
        check_ended(served, reading.lines)
        assert [(role, state) for role, state, _ in states(served)] == [("user", "whole"), ("assistant", "interrupted")]
        assert served.violations() == []


async def test_workers_finish_what_they_answer(tmp_path: Path, upstream: UpstreamDouble) -> None:
    upstream.script({"do": "gate", "name": "goes on"}, {"do": "gate", "name": "goes on"})
    with started(tmp_path, upstream, grace_s=WAIT_S, workers=2) as served:
        async with httpx.AsyncClient(base_url=served.url, timeout=WAIT_S) as client:
            readings = [Reading(client, f"Tell me of canal {number}.") for number in range(2)]
            for number, reading in enumerate(readings):
                await reading.begin(upstream, "goes on", number)
            served._process.send_signal(signal.SIGTERM)
            await until_told(served, "Finishing ")
            while not is_refused(served.url):  # noqa: ASYNC110  # another process closes it
                await asyncio.sleep(0.02)
            upstream.release("goes on", 200)
            for reading in readings:
                assert [line for line in await reading.rest() if line][-1] == "data: [DONE]"
        await ended(served)
        assert {state for _, state, _ in states(served)} == {"whole"}
        assert served.violations() == []


async def test_openais_client_is_told_and_does_not_take_the_answer_for_whole(
    tmp_path: Path, upstream: UpstreamDouble
) -> None:
    upstream.script({"do": "gate", "name": "never ends"})
    with started(tmp_path, upstream, grace_s=0.1) as served:
        async with openai.AsyncOpenAI(base_url=f"{served.url}/v1", api_key="any", max_retries=0) as client:
            upstream.release("never ends", 3)
            stream = await client.chat.completions.create(**body("Tell me of weirs."))
            received = [await anext(stream)]
            served._process.send_signal(signal.SIGTERM)
            with pytest.raises(openai.APIError, match="was stopped"):
                received += [chunk async for chunk in stream]
        await ended(served)
        assert {choice.finish_reason for chunk in received for choice in chunk.choices} == {None}
        assert [state for _, state, _ in states(served)] == ["whole", "interrupted"]


async def test_who_reads_nothing_does_not_hold_up_the_end(tmp_path: Path, upstream: UpstreamDouble) -> None:
    upstream.script({"do": "flood", "kb": 64})
    with started(tmp_path, upstream, grace_s=0.1) as served:
        with connected(served.url, receive_buffer=4096) as raw:
            raw.send(request("/v1/chat/completions", json.dumps(body("Tell me of floods.")).encode()))
            await upstream.began()
            raw.head()
            served._process.send_signal(signal.SIGTERM)
            await ended(served)
        assert [state for _, state, _ in states(served)] == ["whole", "interrupted"]
        assert "Traceback" not in served.log()
        assert served.violations() == []
