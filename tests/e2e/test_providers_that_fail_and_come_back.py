"""OpenAI's client over a server whose providers fail for a while: retries, fallbacks, and a breaker that opens and closes again."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import openai
import pytest
from prometheus_client.parser import text_string_to_metric_families

from proxy.domain.turn import Limits
from tests.doubles.running import UpstreamDouble
from tests.doubles.served import UPSTREAM_KEY, Served, serving

WAIT_S = 60
HELLO: list[Any] = [{"role": "user", "content": "Hello"}]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, upstream_process: UpstreamDouble) -> Iterator[Served]:
    def entry(name: str) -> dict[str, Any]:
        params = {"model": f"openai/{name}", "api_base": upstream_process.base_url, "api_key": UPSTREAM_KEY}
        return {"model_name": name, "litellm_params": params, "model_info": {"lane": "raw"}}

    settings = {
        "model_list": [entry(name) for name in ("alone", "first", "second")],
        "upstream": {"fallbacks": {"first": ["second"]}, "breaker_failures": 2, "breaker_rest_s": 3.0},
        "routing": {"policy": "follow", "embedder": "static"},
    }
    with serving(tmp_path_factory.mktemp("failing"), upstream_process, settings) as running:
        running.key("keeper")
        yield running


def client(served: Served, key: str, retries: int = 2) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{served.url}/v1", api_key=key, max_retries=retries, timeout=WAIT_S)


def retried(upstream: UpstreamDouble) -> int:
    return len(upstream.requests()) - 1


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
@pytest.mark.parametrize("code", [429, 503])
def test_openais_client_waits_as_long_as_the_provider_says_and_its_retry_is_the_same_turn(
    served: Served, upstream: UpstreamDouble, code: int, stream: bool
) -> None:
    key, user = served.key()
    upstream.script({"do": "status", "code": code, "retry_after": 1})
    began = time.monotonic()
    with client(served, key) as asking:
        answer = asking.chat.completions.create(model="alone", messages=HELLO, stream=stream)
        if stream:
            assert [chunk for chunk in answer if chunk.choices]
    assert time.monotonic() - began >= 1
    assert retried(upstream) == 1
    assert [(node.message.role, node.state) for node in served.nodes(user)] == [
        ("user", "whole"),
        ("assistant", "whole"),
    ]


def test_a_client_that_does_not_retry_is_told_when_to(served: Served, upstream: UpstreamDouble) -> None:
    key, _ = served.key()
    for code, kind in ((429, openai.RateLimitError), (503, openai.InternalServerError)):
        upstream.script({"do": "status", "code": code, "retry_after": 7})
        with client(served, key, retries=0) as asking, pytest.raises(kind) as refused:
            asking.chat.completions.create(model="alone", messages=HELLO)
        assert refused.value.response.headers["retry-after"] == "7"


def test_openais_client_gets_through_the_limit_of_its_own_key(served: Served, upstream: UpstreamDouble) -> None:
    """One answer at a time: the second client is refused with `Retry-After`, and comes again when the first is done."""
    key, _ = served.key(limits=Limits(at_once=1))
    upstream.script({"do": "gate", "name": "busy"})
    with ThreadPoolExecutor(2) as pool, client(served, key, retries=10) as asking:
        first = pool.submit(asking.chat.completions.create, model="alone", messages=HELLO)
        asyncio.run(upstream.began())
        other = pool.submit(
            asking.chat.completions.create, model="alone", messages=[{"role": "user", "content": "Me too"}]
        )
        until(served, "graft_refused_total", 1, limit="requests")
        upstream.release("busy")
        assert first.result(WAIT_S).choices
        assert other.result(WAIT_S).choices


def told(served: Served, name: str, **labels: str) -> float:
    for family in text_string_to_metric_families(httpx.get(f"{served.url}/metrics", timeout=WAIT_S).text):
        for one in family.samples:
            if one.name == name and one.labels == labels:
                return float(one.value)
    return 0.0


def until(served: Served, name: str, value: float, **labels: str) -> None:
    deadline = time.monotonic() + WAIT_S
    while (found := told(served, name, **labels)) < value:
        assert time.monotonic() < deadline, (name, found)


def test_a_breaker_opens_spares_the_provider_and_closes_when_it_is_back(
    served: Served, upstream: UpstreamDouble
) -> None:
    key, _ = served.key()

    def answered_by(text: str) -> str:
        raw = asking.chat.completions.with_raw_response.create(
            model="first", messages=[{"role": "user", "content": text}]
        )
        return raw.headers["x-graft-model"]

    def asked() -> list[str]:
        return [one["model"] for one in upstream.bodies()]

    with client(served, key, retries=0) as asking:
        assert answered_by("All is well") == "first"
        upstream.script({"do": "status", "code": 500, "model": "first", "times": 2})
        assert [answered_by(f"It fails {number}") for number in range(2)] == ["second", "second"]
        assert told(served, "graft_breaker_open", deployment="first") == 1
        assert told(served, "graft_breaker_open", deployment="second") == 0
        before = asked().count("first")
        assert before == 3
        deadline, spared = time.monotonic() + WAIT_S, 0
        while (by := answered_by(f"Is it back? {spared}")) == "second":
            assert asked().count("first") == before, "it was not left alone"
            spared += 1
            assert time.monotonic() < deadline
        assert by == "first"
        assert spared > 0
        assert told(served, "graft_breaker_open", deployment="first") == 0
        assert answered_by("And it stays") == "first"
    assert told(served, "graft_upstream_fallbacks_total", model="first", to="second") == 2 + spared
    assert served.violations() == []
