"""`graft expire`: trees and branches that nobody has touched for long."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from proxy.cli.common import config_option, with_store
from proxy.config import load
from proxy.domain.drawing import visible
from proxy.errors import ConfigError

if TYPE_CHECKING:
    from proxy.store.expiring import Old
    from proxy.store.sqlite import SqliteStore

DAY_S = 86_400.0


@click.command()
@click.option("--days", type=click.FloatRange(min=0, min_open=True), help="Without activity; else storage.expire_days.")
@click.option("--yes", is_flag=True, help="Delete; without it, only tell what would go.")
@config_option
def expire(days: float | None, yes: bool, config_file: str | None) -> None:
    """Tell which trees and branches have seen no activity for long, and with --yes delete them.

    A path to something younger is never torn. Servers may go on; with storage.expire_days they do so themselves, once an hour.
    """
    from proxy.store.clock import now

    limit = days or load(config_file).storage.expire_days
    if limit is None:
        raise ConfigError("Say how old: --days, or storage.expire_days in the configuration.")
    if not isfinite(limit):
        raise ConfigError(f"{limit:g} is no number of days.")
    before = now() - limit * DAY_S

    async def work(store: SqliteStore) -> list[tuple[Old, str]]:
        found = []
        for user_id, tree_id in await store.all_trees():
            old = await store.old(user_id, tree_id, before)
            name = (await store.tree_of(user_id, tree_id)).name
            if old.nodes:
                found.append((old, name))
            if yes:
                await store.expire(old, before)
        return found

    found = with_store(config_file, work)
    table = Table("user", "tree", "nodes that go" if not yes else "nodes gone", "nodes that stay")
    for old, name in found:
        table.add_row(Text(visible(old.user_id)), Text(visible(name)), f"{len(old.nodes):,}", f"{old.kept:,}")
    Console().print(table if found else f"Everything has seen activity within {limit:g} days.")
    if found and not yes:
        click.echo("Nothing was deleted: --yes does it.", err=True)
