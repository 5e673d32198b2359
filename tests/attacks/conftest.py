"""Servers to be attacked: `fort` has one model on each lane, `hurried` has narrow bounds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.doubles.running import UpstreamDouble
from tests.doubles.served import UPSTREAM_KEY, Served, serving

BOUNDS = {
    "max_body_mb": 1,
    "max_bodies_mb": 3,
    "max_messages": 50,
    "max_tools": 4,
    "max_images": 3,
    "max_url_kb": 1,
    "max_headers": 20,
    "max_headers_kb": 4,
    "max_connections": 12,
    "head_s": 0.5,
    "body_s": 0.5,
    "unread_s": 1.0,
    "max_at_once": 6,
}
LANES = ("native", "raw", "litellm")


def entry(lane: str, upstream: UpstreamDouble) -> dict[str, Any]:
    params = {"model": "openai/gpt-double", "api_base": upstream.base_url, "api_key": UPSTREAM_KEY}
    return {"model_name": lane, "litellm_params": params, "model_info": {"lane": lane, "max_input_tokens": 100_000}}


@pytest.fixture(scope="session")
def fort_process(
    tmp_path_factory: pytest.TempPathFactory, upstream_process: UpstreamDouble
) -> Iterator[tuple[Served, httpx.Client]]:
    settings = {"model_list": [entry(lane, upstream_process) for lane in LANES], "server": {"max_body_mb": 2}}
    folder = tmp_path_factory.mktemp("fort")
    with serving(folder, upstream_process, settings) as graft, httpx.Client(base_url=graft.url, timeout=120) as client:
        graft.key("keeper")
        yield graft, client


class Fort:
    """A running Graft, and somebody with a key."""

    def __init__(self, graft: Served, client: httpx.Client) -> None:
        self.graft = graft
        self.client = client
        self.key, self.user = graft.key()

    def stranger(self, **options: Any) -> Fort:
        """Somebody else at the same server."""
        other = Fort.__new__(Fort)
        other.graft, other.client = self.graft, self.client
        other.key, other.user = self.graft.key(**options)
        return other

    def send(
        self, method: str, path: str, body: Any = None, *, content: bytes | None = None, headers: Any = None
    ) -> httpx.Response:
        told = {"authorization": f"Bearer {self.key}", **(headers or {})}
        if content is not None:
            return self.client.request(
                method, path, content=content, headers={"content-type": "application/json", **told}
            )
        if body is None and method in ("POST", "PUT", "PATCH"):
            body = {}
        return self.client.request(method, path, json=body, headers=told)

    def ok(self, method: str, path: str, body: Any = None) -> Any:
        answer = self.send(method, path, body)
        assert answer.is_success, (path, answer.status_code, answer.text)
        return answer.json() if answer.content else None

    def say(self, text: Any = "Hello", lane: str = "native", headers: Any = None) -> httpx.Response:
        """A turn of one message."""
        return self.ask({"messages": [{"role": "user", "content": text}]}, lane, headers)

    def ask(self, fields: dict[str, Any], lane: str = "native", headers: Any = None) -> httpx.Response:
        """A turn with these fields."""
        hello = [{"role": "user", "content": "Hello"}]
        return self.send("POST", "/v1/chat/completions", {"messages": hello, **fields, "model": lane}, headers=headers)


@pytest.fixture
def fort(fort_process: tuple[Served, httpx.Client], upstream: UpstreamDouble) -> Fort:
    return Fort(*fort_process)


@pytest.fixture(params=LANES)
def lane(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="session")
def hurried(tmp_path_factory: pytest.TempPathFactory, upstream_process: UpstreamDouble) -> Iterator[Served]:
    settings = {"server": BOUNDS, "routing": {"policy": "follow"}, "upstream": {"stream_s": 6.0}}
    with serving(tmp_path_factory.mktemp("hurried"), upstream_process, settings) as graft:
        graft.key("keeper")
        yield graft
