"""Clients that leave before the first byte of their answer, on every lane: the model is left too, and the turn can be asked again."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from tests.attacks.wire import connected, request
from tests.doubles.running import UpstreamDouble
from tests.doubles.served import UPSTREAM_KEY, Linear, Served, serving

LANES = ("raw", "native", "litellm")
PATIENCE_S = 0.2
WAIT_S = 60


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, upstream_process: UpstreamDouble) -> Iterator[Served]:
    base = {"model": "openai/gpt-test", "api_base": upstream_process.base_url, "api_key": UPSTREAM_KEY}
    settings = {
        "model_list": [
            {"model_name": lane, "litellm_params": base, "model_info": {"lane": lane, "max_input_tokens": 32_000}}
            for lane in LANES
        ],
        "upstream": {"abandoned_s": PATIENCE_S},
        "routing": {"policy": "follow", "embedder": "static"},
        "server": {"log_format": "json"},
    }
    with serving(tmp_path_factory.mktemp("left"), upstream_process, settings) as running:
        running.key("keeper")
        yield running


def asked(key: str, model: str, path: str = "/v1/chat/completions", **more: Any) -> bytes:
    body = {"model": model, "messages": [{"role": "user", "content": "Are you still there?"}], **more}
    return request(path, json.dumps(body).encode(), authorization=f"Bearer {key}", x_request_id=f"left-{model}")


def leave(served: Served, upstream: UpstreamDouble, sent: bytes) -> None:
    """Ask, and go once the model is asked."""
    with connected(served.url) as raw:
        raw.send(sent)
        asyncio.run(upstream.began())


def line(served: Served, request_id: str) -> dict[str, Any]:
    """What the log says of a request that has ended."""
    deadline = time.monotonic() + WAIT_S
    while True:
        told = [json.loads(one) for one in served.log().splitlines() if one.endswith("}")]
        found = [one for one in told if one.get("request_id") == request_id and one["logger"] == "graft.requests"]
        if found:
            return dict(found[-1])
        assert time.monotonic() < deadline, served.log()


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
@pytest.mark.parametrize("lane", LANES)
def test_a_model_is_left_whose_client_has_left(
    served: Served, upstream: UpstreamDouble, lane: str, stream: bool
) -> None:
    key, user = served.key()
    upstream.script({"do": "hang"})
    leave(served, upstream, asked(key, lane, stream=stream))
    assert asyncio.run(upstream.ended()) == "left"
    told = line(served, f"left-{lane}")
    assert (told["status"], told["error"]) == (499, "ClientLeft")
    assert [(node.message.role, node.state) for node in served.nodes(user)] == [("user", "unanswered")]
    chat = Linear(served.client(key), lane, x_stainless_retry_count="1")
    chat.say("Are you still there?", stream=stream)
    assert [(node.message.role, node.state) for node in served.nodes(user)] == [
        ("user", "whole"),
        ("assistant", "whole"),
    ]
    assert served.violations() == []


@pytest.mark.parametrize("lane", LANES)
def test_an_aside_is_left_as_well(served: Served, upstream: UpstreamDouble, lane: str) -> None:
    key, user = served.key()
    upstream.script({"do": "hang"})
    leave(served, upstream, asked(key, f"{lane}:off"))
    assert asyncio.run(upstream.ended()) == "left"
    assert served.nodes(user) == []


def test_another_reply_that_nobody_waits_for_is_left_as_well(served: Served, upstream: UpstreamDouble) -> None:
    key, _ = served.key()
    chat = Linear(served.client(key), "raw")
    chat.say("Hello")
    upstream.reset()
    upstream.script({"do": "hang"})
    sent = request(f"/api/nodes/{chat.node}/regenerate", b"{}", authorization=f"Bearer {key}")
    leave(served, upstream, sent)
    assert asyncio.run(upstream.ended()) == "left"
    assert served.violations() == []


def test_a_retry_of_a_client_that_left_gets_the_first_answer(served: Served, upstream: UpstreamDouble) -> None:
    key, user = served.key()
    upstream.script({"do": "gate", "name": "late"})
    chat = Linear(served.client(key), "raw", x_stainless_retry_count="1")
    first = asked(key, "raw", stream=False)
    with ThreadPoolExecutor(1) as pool:
        with connected(served.url) as raw:
            raw.send(first)
            asyncio.run(upstream.began())
            again = pool.submit(chat.say, "Are you still there?", stream=False)
            until(served, in_flight=2)
        until(served, seconds=5 * PATIENCE_S)  # in which the model would have been left
        upstream.release("late")
        assert again.result(WAIT_S)
    assert [one["ended"] for one in upstream.requests()] == ["finished"]
    assert [node.state for node in served.nodes(user)] == ["whole", "whole"]


def until(served: Served, in_flight: int | None = None, seconds: float = 0.0) -> None:
    """Go on asking until so many requests are being answered, or for so long."""
    began = time.monotonic()
    while (passed := time.monotonic() - began) < WAIT_S:
        told = httpx.get(f"{served.url}/metrics").text.splitlines()
        if (in_flight is None and passed >= seconds) or f"graft_in_flight {in_flight}.0" in told:
            return
    raise AssertionError(told)


def test_nobody_is_left_who_waits(served: Served, upstream: UpstreamDouble) -> None:
    """A second request on a connection that stays, and one whose neighbour leaves."""
    key, _ = served.key()
    upstream.script({"do": "hang", "model": "gpt-test"}, {"do": "gate", "name": "stays"})
    with ThreadPoolExecutor(1) as pool, connected(served.url) as gone:
        gone.send(asked(key, "raw"))
        asyncio.run(upstream.began(0))
        chat = Linear(served.client(key), "raw")
        staying = pool.submit(chat.say, "I stay.", stream=False)
        asyncio.run(upstream.began(1))
        gone.close()
        assert asyncio.run(upstream.ended(0)) == "left"
        upstream.release("stays")
        assert "I stay." in staying.result(WAIT_S)
