"""The rows of the table: what is measured, and how each server is started."""

from __future__ import annotations

import compileall
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import get_args

from proxy.domain.placement import Policy
from proxy.upstream.models import Lane
from tests.bench import neighbours, trees
from tests.bench.processes import REPOSITORY, Process, clean_environment, free_port
from tests.bench.servers import MODEL, UPSTREAM_KEY, Place, Server, started


@dataclass(frozen=True, slots=True)
class Row:
    name: str
    what: str
    start: Callable[[Place], Server]
    missing: Callable[[], str | None] = lambda: None
    """Why it cannot be measured, or `None`."""
    slow: bool = False
    """Left out by `--quick` unless it is named: preparing it takes minutes."""


def all_rows(root: Path = REPOSITORY) -> list[Row]:
    """In the order in which they are measured; the first is what the others are compared with for added time.

    Args:
        root: The checkout whose Graft is measured.
    """
    graft = partial(_graft, root)
    native, litellm = "Graft, native lane", "Graft, LiteLLM lane"
    return [
        Row("upstream", "the canned upstream itself", _upstream),
        graft("native-follow-100", f"{native}, `follow`", "native", "follow", 100),
        graft("native-follow-10k", f"{native}, `follow`", "native", "follow", 10_000),
        graft("native-static-100", f"{native}, `auto`, static vectors", "native", "auto", 100, "static"),
        graft("native-static-10k", f"{native}, `auto`, static vectors", "native", "auto", 10_000, "static"),
        graft("native-auto-100", f"{native}, `auto`, MiniLM", "native", "auto", 100),
        graft("native-auto-10k", f"{native}, `auto`, MiniLM", "native", "auto", 10_000),
        graft("litellm-follow-100", f"{litellm}, `follow`", "litellm", "follow", 100),
        Row("acompletion", "`litellm.acompletion` behind Litestar, nothing stored", neighbours.acompletion),
        Row(
            "litellm-proxy",
            f"LiteLLM's proxy {version('litellm')}, no database",
            neighbours.litellm_proxy,
            neighbours.no_litellm_proxy,
        ),
        Row(
            "portkey",
            f"Portkey's gateway {neighbours.PORTKEY}, nothing stored",
            neighbours.portkey,
            neighbours.no_portkey,
        ),
    ]


def _upstream(place: Place) -> Server:
    """A second one, on the core of the servers under test."""
    port = free_port()
    command = [sys.executable, "-m", "tests.bench.upstream", str(port)]
    return started(Process(command, place.core, place.folder / "upstream.log"), port, "/health", "/ready")


def _graft(root: Path, name: str, what: str, lane: str, policy: Policy, nodes: int, embedder: str = "minilm") -> Row:
    def start(place: Place) -> Server:
        compileall.compile_dir(root / "proxy", quiet=1)  # as an installer does: what a start costs is not to compile
        folder = place.folder / f"{name}-{free_port()}"
        folder.mkdir()
        same = nodes > 1_000 or (policy == "auto" and embedder == "minilm")
        names = trees.user_names(2 if same else place.users)
        key = _prepared(root, folder / "graft.db", policy, len(names), nodes)
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
            "routing": {"embedder": embedder, "policy": policy},
            "server": {"log_level": "warning"},
        }
        (folder / "config.json").write_text(json.dumps(settings))
        command = [sys.executable, "-m", "proxy", "serve", "--config", str(folder / "config.json"), "--port", str(port)]
        server = started(Process(command, place.core, folder / "server.log", root=root), port, "/health", "/ready")
        server.key, server.users, server.same = key, names, same
        return server

    absent = None if lane in get_args(Lane) else f"there is no lane {lane!r} yet"
    slow = policy == "auto" and nodes > 1_000 and embedder == "minilm"
    return Row(name, f"{what}, {_power(nodes)} nodes", start, lambda: absent, slow)


def _prepared(root: Path, database: Path, policy: Policy, users: int, nodes: int) -> str:
    """A database as the measured checkout makes it; returns the key."""
    if root == REPOSITORY:
        return trees.prepare(database, policy, users, nodes)
    code = "import sys; from pathlib import Path; from tests.bench.trees import prepare; "
    code += "print(prepare(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])))"
    command = [sys.executable, "-c", code, str(database), policy, str(users), str(nodes)]
    env = {**clean_environment(), "PYTHONPATH": str(root)}
    return subprocess.run(command, check=True, capture_output=True, text=True, cwd=root, env=env).stdout.split()[-1]


def _power(nodes: int) -> str:
    return {100: "10²", 10_000: "10⁴"}[nodes]
