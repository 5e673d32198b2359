"""What the commands share: the configuration option, and a store that is closed again."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import click

from proxy.config import Settings, load
from proxy.domain.tree import Tree, UserId
from proxy.errors import ConfigError, NotFound
from proxy.store.backup import spare
from proxy.store.connection import MEMORY, file_of
from proxy.store.sqlite import SqliteStore

T = TypeVar("T")

AT_ONCE = signal.SIGUSR1
"""Ends the grace period of a worker, from the supervisor of several."""

config_option = click.option(
    "--config", "config_file", type=click.Path(dir_okay=False), help="Configuration file (YAML); else $GRAFT_CONFIG."
)


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[SqliteStore]:
    """The configured store, for one command; turns that a server is still answering are left alone."""
    storage = settings.storage
    store = await SqliteStore.open(storage.url, durability=storage.durability, recover=False, cipher=storage.cipher())
    try:
        yield store
    finally:
        await store.close()


def with_store(config_file: str | None, work: Callable[[SqliteStore], Awaitable[T]], *, makes: bool = False) -> T:
    """Run one piece of work on the configured store.

    Args:
        makes: The work may be the first that is done there; other commands would only find an empty database.

    Raises ConfigError where there is none.
    """
    settings = load(config_file)
    if not makes:
        demand(settings.storage.url)

    async def run() -> Any:
        async with opened(settings) as store:
            return await work(store)

    result: T = asyncio.run(run())
    return result


def demand(url: str) -> None:
    """Raises ConfigError where there is no database."""
    file = file_of(url)
    if file == MEMORY or not Path(file).exists():
        raise ConfigError(
            f"There is no database at {url!r}. Name the server's configuration with --config, or start in its folder."
        )


def demand_spare(file: Path | None, config_file: str | None, *, replaces: bool = True) -> None:
    """Raises ConfigError where a file to be written belongs to the database, or is there already and may not be replaced."""
    if file is None:
        return
    spare(file, file_of(load(config_file).storage.url))
    if not replaces and file.exists():
        raise ConfigError(f"{str(file)!r} is there already; --force replaces it.")


async def tree_named(store: SqliteStore, user_id: UserId, name: str) -> Tree:
    """The user's tree of that name, never made here. Raises NotFound, and tells which trees there are."""
    trees = {found.name: found for found in await store.trees(user_id)}
    if name not in trees:
        known = f"It has: {', '.join(trees)}." if trees else "It has none yet."
        raise NotFound(f"The user {user_id!r} has no tree {name!r}. {known}")
    return trees[name]
