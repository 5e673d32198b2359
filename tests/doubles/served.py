"""Graft as a process of its own on loopback, and the handle that tests hold: fixture `graft`."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar
from urllib.error import URLError
from urllib.request import urlopen

import openai
import pytest

from proxy.api.auth import digest, new_key
from proxy.config import load
from proxy.domain.tree import Node
from proxy.store.sqlite import SqliteStore
from tests.doubles.running import UpstreamDouble

T = TypeVar("T")
START_S = 240
"""Until a server must be ready: long, since a loaded machine starts it slowly, and nothing waits when it does."""
PATIENT_S = 60.0
"""`routing.deadline_s` where a test names none: a turn that a loaded machine placed too late would be placed by no scorer."""
UPSTREAM_KEY = "sk-upstream-secret"
MODELS = ("gpt-test", "other-model", "slow", "cut", "hang", "small-window", "status-429", "status-500", "status-503")


class Served:
    """A running Graft, its database and its users."""

    program = ("proxy", "serve")
    """The module that is run, and its command."""

    def __init__(self, folder: Path, upstream: UpstreamDouble, settings: dict[str, Any] | None = None) -> None:
        self.folder = folder
        self.database = folder / "graft.db"
        self.config = folder / "config.json"
        self._log = folder / "server.log"
        self._users = itertools.count()
        self._process: subprocess.Popen[bytes] | None = None
        self.url = ""
        entries = [
            {
                "model_name": name,
                "litellm_params": {"model": f"openai/{name}", "api_base": upstream.base_url, "api_key": UPSTREAM_KEY},
                "model_info": {"max_input_tokens": 600 if name == "small-window" else 32_000},
            }
            for name in MODELS
        ]
        base = {
            "model_list": entries,
            "storage": {"url": f"sqlite:///{self.database}", "checkpoint_s": 0.2},
            "server": {"max_body_mb": 1},
        }
        given = settings or {}
        patient = {"routing": {"deadline_s": PATIENT_S, **given.get("routing", {})}}
        self.config.write_text(json.dumps({**base, **given, **patient}))

    def start(self) -> None:
        command = [sys.executable, "-m", *self.program, "--config", str(self.config), "--port", "0"]
        began = self._log.stat().st_size if self._log.exists() else 0
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, env=clean_environment())
        try:
            self._await(began)
        except BaseException:
            self.stop(signal.SIGKILL)
            raise

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        """Stop the server; one that does not stop is killed. Nothing happens where none runs."""
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(how)
        try:
            process.wait(timeout=START_S)
        except BaseException:
            process.kill()
            process.wait()
            raise

    @property
    def pid(self) -> int:
        """The server's process. Raises AssertionError when none runs."""
        assert self._process is not None, "The server does not run."
        return self._process.pid

    def log(self) -> str:
        return self._log.read_text()

    def key(self, user: str | None = None, **options: Any) -> tuple[str, str]:
        """A new key, and the user that it belongs to."""
        user = user or f"user{next(self._users)}"
        shown = new_key()
        kind = options.pop("kind", "person")
        work = lambda store: store.add_key(user, kind, digest(shown), shown[:13], None, **options)  # noqa: E731
        self.ask(work)
        return shown, user

    def client(self, key: str, **options: Any) -> openai.OpenAI:
        return openai.OpenAI(base_url=f"{self.url}/v1", api_key=key, max_retries=0, timeout=60, **options)

    def ask(self, work: Callable[[SqliteStore], Awaitable[T]]) -> T:
        """Run something on the server's database, from this process."""

        async def run() -> T:
            cipher = load(str(self.config), {}).storage.cipher()
            async with SqliteStore(f"sqlite:///{self.database}", recover=False, cipher=cipher) as store:
                return await work(store)

        with ThreadPoolExecutor(1) as pool:  # a loop of its own, also below a running one
            return pool.submit(lambda: asyncio.run(run())).result()

    def nodes(self, user: str, tree: str = "main") -> list[Node]:
        """All of a user's nodes in a tree, as they arrived."""

        async def work(store: SqliteStore) -> list[Node]:
            found = {t.name: t.id for t in await store.trees(user)}
            if tree not in found:
                return []
            return [await store.node(user, o.id) for o in await store.structure(user, found[tree])]

        return sorted(self.ask(work), key=lambda node: node.seq)

    def violations(self) -> list[Any]:
        return list(self.ask(lambda store: store.verify()))

    def _await(self, began: int) -> None:
        """Wait until the server is ready, by what its log says from `began` on. Raises AssertionError."""
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline and self._process is not None and self._process.poll() is None:
            told = self._log.read_bytes()[began:].decode()
            found = re.search(r"Graft listens on (http://[\w.:\[\]]+)", told)
            self.url = found[1] if found else ""
            if self.url and self._is_ready():
                return
            time.sleep(0.05)
        raise AssertionError("Graft did not start:\n" + self.log())

    def _is_ready(self) -> bool:
        try:
            with urlopen(f"{self.url}/ready", timeout=5) as response:
                return response.status == 200
        except (URLError, OSError):
            return False


def clean_environment() -> dict[str, str]:
    """The environment without provider keys and settings of whoever runs the tests."""
    return {n: v for n, v in os.environ.items() if not n.startswith("GRAFT") and not n.endswith("_API_KEY")}


@contextmanager
def serving(folder: Path, upstream: UpstreamDouble, settings: dict[str, Any] | None = None) -> Iterator[Served]:
    """Start Graft, and stop it with the block."""
    served = Served(folder, upstream, settings)
    try:
        served.start()
        yield served
    finally:
        served.stop()


@pytest.fixture(scope="session")
def graft_process(tmp_path_factory: pytest.TempPathFactory, upstream_process: UpstreamDouble) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("graft"), upstream_process) as served:
        served.key("keeper")
        yield served


@pytest.fixture
def graft(graft_process: Served, upstream: UpstreamDouble) -> Served:
    """A running Graft over the scripted upstream; each test makes a user of its own."""
    return graft_process


class Linear:
    """A client as most are: one list of messages, sent again whole with every turn."""

    def __init__(self, client: openai.OpenAI, model: str = "gpt-test", **headers: str) -> None:
        self.client = client
        self.model = model
        self.headers = headers
        self.history: list[dict[str, Any]] = []
        self.told: dict[str, str] = {}

    def say(self, text: str, *, stream: bool = True, **options: Any) -> str:
        """One turn; the placement headers are in `told` afterwards."""
        self.history.append({"role": "user", "content": text})
        return self.ask(stream=stream, **options)

    def ask(self, *, stream: bool = True, **options: Any) -> str:
        """Ask for a reply to the history as it stands."""
        headers = {name.replace("_", "-"): value for name, value in self.headers.items()}
        headers |= options.pop("extra_headers", {})
        raw = self.client.chat.completions.with_raw_response.create(
            model=self.model, messages=self.history, stream=stream, extra_headers=headers, **options
        )
        self.told = dict(raw.headers)
        answer = raw.parse()
        if stream:
            text = "".join(chunk.choices[0].delta.content or "" for chunk in answer if chunk.choices)
        else:
            text = answer.choices[0].message.content or ""
        self.history.append({"role": "assistant", "content": text})
        return text

    @property
    def route(self) -> str:
        return self.told["x-graft-route"]

    @property
    def node(self) -> str:
        return self.told["x-graft-node"]

    @property
    def parent(self) -> str:
        return self.told["x-graft-parent"]
