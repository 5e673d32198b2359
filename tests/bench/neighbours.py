"""The neighbours: plain `acompletion`, LiteLLM's own proxy, Portkey's gateway. The last two are installed at first use."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tests.bench.processes import Process, free_port
from tests.bench.servers import CACHE, MODEL, UPSTREAM_KEY, Place, Server, started

PORTKEY = "1.15.2"
"""The version of `@portkey-ai/gateway`."""


def acompletion(place: Place) -> Server:
    port = free_port()
    command = [sys.executable, "-m", "tests.bench.plain", str(port)]
    env = {"UPSTREAM": f"http://127.0.0.1:{place.upstream}/v1", "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
    return started(Process(command, place.core, place.folder / "plain.log", env), port, "/health", "/ready")


def litellm_proxy(place: Place) -> Server:
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
        *(str(_litellm_folder() / "bin" / "litellm"), "--config", str(place.folder / "litellm.yaml")),
        *("--host", "127.0.0.1", "--port", str(port), "--num_workers", "1", "--telemetry", "False"),
    ]
    env = {"LITELLM_LOG": "ERROR", "LITELLM_MODE": "PRODUCTION", "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
    process = Process(command, place.core, place.folder / "litellm.log", env)
    server = started(process, port, "/health/liveliness", "/health/readiness")
    server.key = "sk-bench"
    return server


def portkey(place: Place) -> Server:
    """Without its console, as its container starts it; the upstream is named by each request, as it knows no configuration file."""
    port = free_port()
    command = [shutil.which("node") or "node", str(_portkey_script()), f"--port={port}", "--headless"]
    process = Process(command, place.core, place.folder / "portkey.log", {"NODE_ENV": "production"})
    server = started(process, port, "/", "/")
    server.key, server.streams = UPSTREAM_KEY, False  # to a stream it answers 500 under Node 20: "TypeError: immutable"
    server.headers = {
        "x-portkey-provider": "openai",
        "x-portkey-custom-host": f"http://127.0.0.1:{place.upstream}/v1",
    }
    return server


@cache
def no_litellm_proxy() -> str | None:
    """Install LiteLLM's proxy where it is not installed yet; why that failed."""
    folder = _litellm_folder()
    if (folder / "bin" / "litellm").exists():
        return None
    if (uv := shutil.which("uv")) is None:
        return "uv is not at hand to install it"
    python = str(folder / "bin" / "python")
    return _installed(
        folder,
        [uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(folder)],
        [uv, "pip", "install", "--quiet", "--python", python, f"litellm[proxy]=={version('litellm')}"],
    )


@cache
def no_portkey() -> str | None:
    """Install Portkey's gateway where it is not installed yet; why that failed."""
    if _portkey_script().exists() and shutil.which("node"):
        return None
    if (npm := shutil.which("npm")) is None or shutil.which("node") is None:
        return "npm and node are not at hand to install and run it"
    folder = _portkey_folder()
    folder.mkdir(parents=True, exist_ok=True)
    quietly = ("--silent", "--no-audit", "--no-fund", "--ignore-scripts", "--omit=dev")
    return _installed(folder, [npm, "install", *quietly, "--prefix", str(folder), f"@portkey-ai/gateway@{PORTKEY}"])


def _litellm_folder() -> Path:
    return CACHE / f"litellm-{version('litellm')}"


def _portkey_folder() -> Path:
    return CACHE / f"portkey-{PORTKEY}"


def _portkey_script() -> Path:
    return _portkey_folder() / "node_modules" / "@portkey-ai" / "gateway" / "build" / "start-server.js"


def _installed(folder: Path, *commands: Sequence[str]) -> str | None:
    """Run commands; where one fails nothing is left of what they made, and its last words are returned."""
    try:
        for command in commands:
            subprocess.run(command, check=True, capture_output=True, text=True)
    except subprocess.CalledProcessError as exc:
        shutil.rmtree(folder, ignore_errors=True)
        return f"it could not be installed: {exc.stderr.strip()[-200:]}"
    return None
