"""Servers that start in a fraction of a second: `python -m tests.crash.nursery CONFIG`, driven line by line.

Everything a server imports is imported here once; each server is a fork of this process, which then lives as `graft serve` does, on
a socket that all of them share. `start N` answers with the process id of server N, `wait PID` with `ended` once that process is gone.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
from typing import NoReturn

from proxy import heap

heap.one_thread()  # a process with threads cannot be forked

import proxy.app  # noqa: E402, F401 - what a server imports, imported once
from proxy.cli.serving import serve_on, start_log  # noqa: E402
from proxy.config import Settings, load  # noqa: E402


def main() -> None:
    settings = load(sys.argv[1])
    import uvicorn  # noqa: F401

    bound = socket.create_server(("127.0.0.1", 0), backlog=256)
    print(bound.getsockname()[1], flush=True)
    for line in sys.stdin:
        word, number = line.split()
        if word == "start":
            pid = os.fork()
            if not pid:
                serve(settings, bound, int(number))
            print(pid, flush=True)
        else:
            os.waitpid(int(number), 0)
            print("ended", flush=True)


def serve(settings: Settings, bound: socket.socket, number: int) -> NoReturn:
    """The life of a server."""
    os.close(0)
    os.setpgid(0, 0)
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        start_log(settings, f"server {number}")
        serve_on(settings, bound, worker=number)
    finally:
        os._exit(1)


if __name__ == "__main__":
    main()
