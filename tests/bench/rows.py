"""The rows of the table: what is measured, and how each server is started."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, get_args

from proxy.domain.placement import Policy
from proxy.upstream.models import Lane
from tests.bench import trees
from tests.bench.processes import Failed, Process, free_port

MODEL = "gpt-4o-mini"
UPSTREAM_KEY = "sk-upstream"
CACHE = Path.home() / ".cache" / "graft-bench"
"""Where LiteLLM's own proxy is installed, in an environment of its own."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a row's server is started."""

    folder: Path
    core: int
    upstream: int
    """The port of the canned upstream."""
    users: int
    """Trees of 10^2 nodes that a run needs."""


@dataclass(slots=True)
class Server:
    """A row's server, running."""

    process: Process
    port: int
    health_cpu_s: float
    ready_cpu_s: float
    key: str = "none"
    users: list[str] = field(default_factory=lambda: ["nobody"])
    same: bool = True
    """Whether all load comes from the same users: where a tree is large, or its vectors cost much."""

    def next_users(self, count: int) -> list[str]:
        """People whose trees have their first size still, unless all load comes from the same."""
        if self.same:
            return self.users
        taken, self.users = self.users[:count], self.users[count:]
        return taken


@dataclass(frozen=True, slots=True)
class Row:
    name: str
    what: str
    start: Callable[[Place], Server]
    missing: Callable[[], str | None] = lambda: None
    """Why it cannot be measured, or `None`."""
    slow: bool = False
    """Left out by `--quick` unless it is named: preparing it takes minutes."""


def all_rows() -> list[Row]:
    """In the order in which they are measured; the first is what the others are compared with for added time."""
    return [
        Row("upstream", "the canned upstream itself", _upstream),
        _graft("native-follow-100", "Graft, native lane, `follow`", "native", "follow", 100),
        _graft("native-follow-10k", "Graft, native lane, `follow`", "native", "follow", 10_000),
        _graft("native-static-100", "Graft, native lane, `auto`, static vectors", "native", "auto", 100, "static"),
        _graft("native-static-10k", "Graft, native lane, `auto`, static vectors", "native", "auto", 10_000, "static"),
        _graft("native-auto-100", "Graft, native lane, `auto`, MiniLM", "native", "auto", 100),
        _graft("native-auto-10k", "Graft, native lane, `auto`, MiniLM", "native", "auto", 10_000),
        _graft("litellm-follow-100", "Graft, LiteLLM lane, `follow`", "litellm", "follow", 100),
        Row("acompletion", "`litellm.acompletion` behind Litestar, nothing stored", _acompletion),
        Row("litellm-proxy", f"LiteLLM's proxy {version('litellm')}, no database", _litellm_proxy, _no_proxy),
    ]


def _upstream(place: Place) -> Server:
    """A second one, on the core of the servers under test."""
    port = free_port()
    command = [sys.executable, "-m", "tests.bench.upstream", str(port)]
    return _started(Process(command, place.core, place.folder / "upstream.log"), port, "/health", "/ready")


def _graft(name: str, what: str, lane: str, policy: Policy, nodes: int, embedder: str = "minilm") -> Row:
    def start(place: Place) -> Server:
        folder = place.folder / name
        folder.mkdir()
        same = nodes > 1_000 or (policy == "auto" and embedder == "minilm")
        names = trees.user_names(2 if same else place.users)
        key = trees.prepare(folder / "graft.db", policy, len(names), nodes)
        port = free_port()
        settings = {
            "model_list": [
                {
                    "model_name": MODEL,
                    "litellm_params": {
                        "model": f"openai/{MODEL}",
                        "api_base": f"http://127.0.0.1:{place.upstream}/v1",
                        "api_key": UPSTREAM_KEY,
                    },
                    "model_info": {"lane": lane},
                }
            ],
            "storage": {"url": f"sqlite:///{folder / 'graft.db'}"},
            "routing": {"embedder": embedder},
            "server": {"log_level": "warning"},
        }
        (folder / "config.json").write_text(json.dumps(settings))
        command = [sys.executable, "-m", "proxy", "serve", "--config", str(folder / "config.json"), "--port", str(port)]
        server = _started(Process(command, place.core, folder / "server.log"), port, "/health", "/ready")
        server.key, server.users, server.same = key, names, same
        return server

    absent = None if lane in get_args(Lane) else f"there is no lane {lane!r} yet"
    slow = policy == "auto" and nodes > 1_000 and embedder == "minilm"
    return Row(name, f"{what}, {_power(nodes)} nodes", start, lambda: absent, slow)


def _power(nodes: int) -> str:
    return {100: "10²", 10_000: "10⁴"}[nodes]


def _acompletion(place: Place) -> Server:
    port = free_port()
    command = [sys.executable, "-m", "tests.bench.plain", str(port)]
    env = {"UPSTREAM": f"http://127.0.0.1:{place.upstream}/v1", "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
    return _started(Process(command, place.core, place.folder / "plain.log", env), port, "/health", "/ready")


def _litellm_proxy(place: Place) -> Server:
    """As its documentation starts it, with one worker and a master key, and as its advice for production says: few logs."""
    port = free_port()
    entry: dict[str, Any] = {
        "model_name": MODEL,
        "litellm_params": {
            "model": f"openai/{MODEL}",
            "api_base": f"http://127.0.0.1:{place.upstream}/v1",
            "api_key": UPSTREAM_KEY,
        },
    }
    settings = {"model_list": [entry], "general_settings": {"master_key": "sk-bench"}}
    (place.folder / "litellm.yaml").write_text(json.dumps(settings))
    command = [
        *(str(_environment() / "bin" / "litellm"), "--config", str(place.folder / "litellm.yaml")),
        *("--host", "127.0.0.1", "--port", str(port), "--num_workers", "1", "--telemetry", "False"),
    ]
    env = {"LITELLM_LOG": "ERROR", "LITELLM_MODE": "PRODUCTION", "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
    process = Process(command, place.core, place.folder / "litellm.log", env)
    server = _started(process, port, "/health/liveliness", "/health/readiness")
    server.key = "sk-bench"
    return server


def _environment() -> Path:
    return CACHE / f"litellm-{version('litellm')}"


@cache
def _no_proxy() -> str | None:
    """Install LiteLLM's proxy where it is not installed yet; why that failed."""
    folder = _environment()
    if (folder / "bin" / "litellm").exists():
        return None
    if (uv := shutil.which("uv")) is None:
        return "uv is not at hand to install it"
    python = str(folder / "bin" / "python")
    try:
        _quietly([uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(folder)])
        _quietly([uv, "pip", "install", "--quiet", "--python", python, f"litellm[proxy]=={version('litellm')}"])
    except subprocess.CalledProcessError as exc:
        shutil.rmtree(folder, ignore_errors=True)
        return f"it could not be installed: {exc.stderr.strip()[-200:]}"
    return None


def _quietly(command: Sequence[str]) -> None:
    subprocess.run(command, check=True, capture_output=True, text=True)


def _started(process: Process, port: int, health: str, ready: str) -> Server:
    try:
        alive = process.cpu_until(f"http://127.0.0.1:{port}{health}")
        usable = process.cpu_until(f"http://127.0.0.1:{port}{ready}")
    except Failed:
        process.stop()
        raise
    return Server(process, port, alive, usable)
