"""`graft serve`."""

from __future__ import annotations

import asyncio
import logging
import socket

import click

from proxy.cli.common import config_option, opened
from proxy.cli.serving import serve_on, start_log
from proxy.config import Settings, load
from proxy.domain.tree import UserId
from proxy.errors import ConfigError
from proxy.store.connection import MEMORY, file_of

QUEUE = 2048
"""Connections that may wait for a worker."""


@click.command()
@config_option
@click.option("--host", help="Address to bind; anything but loopback needs a key first.")
@click.option("--port", type=click.IntRange(0, 65535), help="0 takes any free port.")
@click.option("--workers", type=click.IntRange(1), help="Processes that serve, on one database file.")
def serve(config_file: str | None, host: str | None, port: int | None, workers: int | None) -> None:
    """Start the server."""
    settings = load(config_file)
    given = {name: value for name, value in (("host", host), ("port", port), ("workers", workers)) if value is not None}
    settings = settings.model_copy(update={"server": settings.server.model_copy(update=given)})
    start_log(settings)
    run(settings)


def run(settings: Settings) -> None:
    """Serve until stopped; the port is open before the heavy libraries are imported."""
    from proxy.api.auth import is_loopback

    if file_of(settings.storage.url) != MEMORY:
        asyncio.run(_bring_up_to_date(settings))
    elif settings.server.workers > 1:
        raise ConfigError(
            "A database in memory belongs to one process: name a file under storage.url, or serve with 1."
        )
    if not is_loopback(settings.server.host):
        asyncio.run(_demand_key(settings))
    bound = _bind(settings.server.host, settings.server.port)
    host, port = bound.getsockname()[:2]
    url = f"http://{f'[{host}]' if ':' in host else host}:{port}"
    if settings.server.workers > 1:
        _run_workers(settings, bound, url)
    else:
        serve_on(settings, bound, url)


def _run_workers(settings: Settings, bound: socket.socket, url: str) -> None:
    """Serve with several processes. Raises ConfigError where they cannot start."""
    from proxy.cli.workers import Supervisor

    bound.listen(QUEUE)
    logging.getLogger("graft").info("Graft listens on %s", url)
    if not Supervisor(settings, bound).run():
        raise ConfigError("The workers cannot start; their lines above say why.")


async def _bring_up_to_date(settings: Settings) -> None:
    """Before the port is open, so that what is wrong with the database is told in a line. Raises ConfigError, StoreError."""
    async with opened(settings):
        pass


async def _demand_key(settings: Settings) -> None:
    """A server that others can reach needs a key: there must be one, or the first is made and shown once."""
    from proxy.api.auth import digest, new_key

    async with opened(settings) as store:
        if await store.has_keys():
            return
        if not settings.server.first_key:
            raise ConfigError(
                f"Without any key Graft answers on loopback only, not on {settings.server.host}. "
                "Make a key first: `graft keys add USER`."
            )
        key = new_key()
        await store.add_key(UserId("admin"), "person", digest(key), key[:13], "made at the first start", None)
    click.echo(f"The first key, shown only now: {key}")


def _bind(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
    except OSError as exc:
        bound.close()
        raise ConfigError(
            f"Cannot listen on {host}:{port}: {exc.strerror}. Choose another with --port, or 0 for any."
        ) from exc
    return bound
