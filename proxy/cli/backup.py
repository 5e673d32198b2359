"""`graft backup`, `graft restore` and `graft migrate`: the database as a file."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import click

from proxy.cli.common import config_option, demand, opened
from proxy.cli.progress import shown
from proxy.config import load
from proxy.store.connection import file_of


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--force", is_flag=True, help="Replace FILE where it is there already.")
@config_option
def backup(file: Path, force: bool, config_file: str | None) -> None:
    """Copy the database into FILE, as it is at one moment; servers may go on meanwhile."""
    from proxy.store.backup import back_up

    url = load(config_file).storage.url
    demand(url)
    with shown("Copying") as tell:
        back_up(file_of(url), file, tell, replaces=force)
    click.echo(f"Wrote {file.stat().st_size:,} bytes to {file}.", err=True)


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--force", is_flag=True, help="Replace the database that is there, and all that it holds.")
@config_option
def restore(file: Path, force: bool, config_file: str | None) -> None:
    """Put the copy FILE in the database's place, once every stored invariant of it is checked. No server may run."""
    from proxy.store.backup import restore

    storage = load(config_file).storage
    with shown("Copying") as tell:
        restore(file, file_of(storage.url), tell, replaces=force, cipher=storage.cipher())
    click.echo(f"{file} is sound and stands at {storage.url} now.", err=True)


@click.command()
@click.option("--check", is_flag=True, help="Change nothing; exit with 1 where there is something to do.")
@config_option
def migrate(check: bool, config_file: str | None) -> None:
    """Bring the database up to date, as every start of a server does. No server of an earlier Graft may run."""
    from proxy.store.backup import looked_at

    settings = load(config_file)
    demand(settings.storage.url)
    version, lacking = looked_at(file_of(settings.storage.url))
    if not lacking:
        click.echo(f"The database is up to date: version {version}.")
        return
    if check:
        click.echo(f"The database has version {version}; this Graft makes it version {version + lacking}.")
        sys.exit(1)

    async def bring_up_to_date() -> None:
        async with opened(settings):
            pass

    asyncio.run(bring_up_to_date())
    click.echo(f"The database had version {version} and has version {version + lacking} now.")
