"""One Graft over the scripted upstream, with a model for each lane, and a client that sees every byte.

A test that takes `chat` runs once a lane. Each has a user of its own, so that nothing said in another one is found again.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import openai
import pytest
from openai import BaseModel

from proxy.api.auth import digest, new_key
from proxy.store.sqlite import SqliteStore
from tests.doubles.running import UpstreamDouble
from tests.doubles.served import UPSTREAM_KEY, Served, serving

LANES = ("native", "raw", "litellm")
USERS = 700

Json = dict[str, Any]


def model_list(upstream: UpstreamDouble) -> list[Json]:
    """Each lane with a model that LiteLLM does not know, and two with one of OpenAI's that reasons."""
    named = {lane: ("gpt-double", lane) for lane in LANES}
    named |= {f"{lane}-reasoning": ("o4-mini", lane) for lane in ("native", "litellm")}
    return [
        {
            "model_name": name,
            "litellm_params": {"model": f"openai/{model}", "api_base": upstream.base_url, "api_key": UPSTREAM_KEY},
            "model_info": {"max_input_tokens": 100_000, "lane": lane},
        }
        for name, (model, lane) in named.items()
    ]


@pytest.fixture(scope="session")
def lanes_process(
    tmp_path_factory: pytest.TempPathFactory, upstream_process: UpstreamDouble
) -> Iterator[tuple[Served, Iterator[tuple[str, str]]]]:
    """The server, and keys of users that said nothing yet."""
    folder = tmp_path_factory.mktemp("conformance")
    with serving(folder, upstream_process, {"model_list": model_list(upstream_process)}) as served:
        keys = [(new_key(), f"user-{number}") for number in range(USERS)]

        async def add(store: SqliteStore) -> None:
            for key, user in keys:
                await store.add_key(user, "person", digest(key), key[:13], None, None)

        served.ask(add)
        yield served, iter(keys)


@pytest.fixture(params=LANES)
def lane(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def chat(lanes_process: tuple[Served, Iterator[tuple[str, str]]], upstream: UpstreamDouble, lane: str) -> Chat:
    served, keys = lanes_process
    return Chat(served, upstream, lane, *next(keys))


class Chat:
    """A user who asks over one lane."""

    def __init__(self, graft: Served, upstream: UpstreamDouble, lane: str, key: str, user: str) -> None:
        self.graft = graft
        self.upstream = upstream
        self.lane = lane
        self.key = key
        self.user = user

    @property
    def is_verbatim(self) -> bool:
        """Whether the provider's own bytes come back."""
        return not self.lane.startswith("litellm")

    def post(self, messages: list[Json], *, script: Json | None = None, **fields: Any) -> httpx.Response:
        """Ask; the answer's every byte."""
        if script is not None:
            self.upstream.script(script)
        return httpx.post(
            f"{self.graft.url}/v1/chat/completions",
            json={"model": self.lane, "messages": messages, **fields},
            headers={"authorization": f"Bearer {self.key}"},
            timeout=60,
        )

    @contextmanager
    def open(self, messages: list[Json], *, script: Json, **fields: Any) -> Iterator[httpx.Response]:
        """A stream that is read piece by piece."""
        self.upstream.script(script)
        body = {"model": self.lane, "messages": messages, "stream": True, **fields}
        headers = {"authorization": f"Bearer {self.key}"}
        url = f"{self.graft.url}/v1/chat/completions"
        with httpx.stream("POST", url, json=body, headers=headers, timeout=60) as response:
            yield response

    def sent(self) -> Json:
        """What the upstream was asked last."""
        return self.upstream.bodies()[-1]

    def client(self) -> openai.OpenAI:
        return self.graft.client(self.key)


def payloads(response: httpx.Response) -> list[bytes]:
    """The events of a stream, framed as OpenAI frames them, without the `[DONE]` at the end."""
    *events, nothing = response.content.split(b"\n\n")
    assert nothing == b""
    assert all(event.startswith(b"data: ") and b"\n" not in event and b"\r" not in event for event in events)
    assert events.pop() == b"data: [DONE]"
    return [event.removeprefix(b"data: ") for event in events]


def wires(response: httpx.Response) -> list[Json]:
    return [json.loads(payload) for payload in payloads(response)]


def unknown_fields(value: object) -> list[str]:
    """Fields that OpenAI's types do not know, anywhere in a parsed answer."""
    found: list[str] = []
    if isinstance(value, BaseModel):
        found += value.model_extra or {}
        value = dict(value)
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        found += [name for inner in value for name in unknown_fields(inner)]
    return found


def without_nulls(messages: list[Json]) -> list[Json]:
    """Messages without members that are null, which LiteLLM leaves out: to OpenAI they are the same."""
    return [{name: value for name, value in message.items() if value is not None} for message in messages]
