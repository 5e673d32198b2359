"""One process that serves: alone, or as one of several (`workers.py`)."""

from __future__ import annotations

import logging
import socket
import sys
from collections.abc import Callable
from pathlib import Path

from proxy import heap
from proxy.config import Settings
from proxy.operations import logs


def start_log(settings: Settings, who: str | None = None) -> None:
    """Lines on standard error; `who` says which of several processes writes them."""
    logs.start(settings.server.log_level, settings.server.log_format, who)


def serve_on(
    settings: Settings,
    bound: socket.socket,
    url: str | None = None,
    worker: int | None = None,
    when_up: Callable[[], None] = lambda: None,
    shared_in: Path | None = None,
) -> None:
    """Serve with this process until stopped.

    Args:
        url: Told in the log, where it was not yet.
        worker: This process's number among several.
        when_up: Called on the event loop once requests are answered.
        shared_in: A folder that several processes share for their figures and counts.
    """
    heap.grow()
    heap.limit()
    heap.one_thread()
    import uvicorn

    from proxy.api import connection
    from proxy.app import create_app
    from proxy.app.bounds import of_connection
    from proxy.cli.stopping import Server

    app = create_app(settings, when_warm=heap.settle, worker=worker, shared_in=shared_in)
    config = uvicorn.Config(
        app,
        http=connection.within(of_connection(settings.server), app.state.watch),
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,  # the one route that asks who calls believes them by itself
    )
    if url is not None:
        logging.getLogger("graft").info("Graft listens on %s", url)
    server = Server(config, app.state.watch, settings.server.grace_s, when_up, is_worker=worker is not None)
    server.run(sockets=[bound])
    if not server.started:
        sys.exit(1)
