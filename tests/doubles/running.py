"""The scripted upstream as a process of its own, and the handle that tests hold: fixture `upstream`."""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest

SERVER = Path(__file__).with_name("upstream.py")


class UpstreamDouble:
    """A running scripted upstream. `scripts.py` lists what it can do."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.base_url = f"{self.url}/v1"
        """What a client calls `base_url` and LiteLLM calls `api_base`."""

    def script(self, *behaviours: dict[str, Any]) -> None:
        """Queue behaviours for the next requests, one each: `upstream.script({"do": "say", "text": "yes"})`."""
        self._post("/_script", {"behaviours": list(behaviours)})

    def say(self, *texts: str, model: str | None = None) -> None:
        """Queue plain replies."""
        self.script(*({"do": "say", "text": text, "model": model} for text in texts))

    def release(self, gate: str, chunks: int = 1) -> None:
        self._post("/_release", {"gate": gate, "chunks": chunks})

    def requests(self) -> list[dict[str, Any]]:
        """Every chat request since the last reset, oldest first: `headers`, `body`, `ended`."""
        requests: list[dict[str, Any]] = self._get("/_requests")
        return requests

    def bodies(self) -> list[dict[str, Any]]:
        return [request["body"] for request in self.requests()]

    async def began(self, number: int = 0) -> None:
        """Wait until a request has come."""
        await asyncio.to_thread(self._get, f"/_began/{number}")

    async def ended(self, number: int = 0) -> str:
        """Wait until the answer to a request has ended: `finished`, or `left` when the client went first."""
        how: str = await asyncio.to_thread(self._get, f"/_ended/{number}")
        return how

    def reset(self) -> None:
        self._post("/_reset", {})

    def _get(self, path: str) -> Any:
        with urlopen(self.url + path, timeout=30) as response:
            return json.load(response)

    def _post(self, path: str, body: object) -> None:
        with urlopen(Request(self.url + path, json.dumps(body).encode()), timeout=30) as response:
            response.read()


@contextmanager
def running_upstream(*, quiet: bool = False) -> Iterator[UpstreamDouble]:
    """Start the server, wait for its port, and end it with the block; `quiet` keeps what it says of scripted failures to itself."""
    process = subprocess.Popen(
        [sys.executable, str(SERVER)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL if quiet else None,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield UpstreamDouble(int(process.stdout.readline()))
    finally:
        process.stdin.close()
        process.wait(timeout=10)
        process.stdout.close()


def free_port() -> int:
    """A loopback port on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture(scope="session")
def upstream_process() -> Iterator[UpstreamDouble]:
    with running_upstream() as upstream:
        yield upstream


@pytest.fixture
def upstream(upstream_process: UpstreamDouble) -> UpstreamDouble:
    """The scripted upstream, with nothing queued and nothing logged."""
    upstream_process.reset()
    return upstream_process
