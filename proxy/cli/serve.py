"""`graft serve`."""

from __future__ import annotations

import asyncio
import logging
import socket

import click

from proxy import heap
from proxy.cli.common import config_option, opened
from proxy.config import Settings, load
from proxy.domain.tree import UserId
from proxy.errors import ConfigError


@click.command()
@config_option
@click.option("--host", help="Address to bind; anything but loopback needs a key first.")
@click.option("--port", type=click.IntRange(0, 65535), help="0 takes any free port.")
def serve(config_file: str | None, host: str | None, port: int | None) -> None:
    """Start the server."""
    settings = load(config_file)
    server = settings.server.model_copy(update={k: v for k, v in (("host", host), ("port", port)) if v is not None})
    settings = settings.model_copy(update={"server": server})
    logging.basicConfig(level=server.log_level.upper(), format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    for chatty in ("httpx", "LiteLLM", "aiosqlite", "asyncio"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    run(settings)


def run(settings: Settings) -> None:
    """Serve until stopped; the port is open before the heavy libraries are imported."""
    heap.limit()
    heap.one_thread()
    import uvicorn

    from proxy.api.auth import is_loopback
    from proxy.app import create_app

    if not is_loopback(settings.server.host):
        asyncio.run(_demand_key(settings))
    bound = _bind(settings.server.host, settings.server.port)
    host, port = bound.getsockname()[:2]
    app = create_app(settings, when_warm=heap.settle)
    config = uvicorn.Config(app, log_config=None, access_log=False, timeout_graceful_shutdown=10, server_header=False)
    logging.getLogger("graft").info("Graft listens on http://%s:%s", f"[{host}]" if ":" in host else host, port)
    uvicorn.Server(config).run(sockets=[bound])


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
