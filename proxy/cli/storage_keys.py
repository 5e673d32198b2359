"""`graft keys storage-key|rotate-storage`: what the database is encrypted with."""

from __future__ import annotations

import asyncio

import click

from proxy.cli.common import config_option, demand, opened
from proxy.cli.progress import shown
from proxy.config import load
from proxy.errors import ConfigError
from proxy.store.connection import file_of


@click.command("storage-key")
@click.option("--show", is_flag=True, help="Print the ids of the keys that the configuration names instead.")
@config_option
def storage_key(show: bool, config_file: str | None) -> None:
    """Make a key for `storage.encryption`; it is printed once and nothing else is."""
    from proxy.store.sealing.keys import new_key

    if not show:
        click.echo(new_key())
        return
    cipher = load(config_file).storage.cipher()
    if cipher is None:
        click.echo("storage.encryption names no key.", err=True)
        return
    for id_ in sorted(cipher.opens, key=lambda id_: id_ != cipher.writes):
        click.echo(f"{id_}  seals" if id_ == cipher.writes else f"{id_}  opens")


@click.command("rotate-storage")
@config_option
def rotate_storage(config_file: str | None) -> None:
    """Seal the whole database with the first key of `storage.encryption`; servers may go on. Can be stopped and begun again."""
    storage = load(config_file).storage
    demand(storage.url)
    cipher = storage.cipher()
    if cipher is None:
        raise ConfigError("storage.encryption names no key: there is nothing to change to.")
    from proxy.store.sealing.rotating import rotate_file

    async def take_in() -> None:
        async with opened(load(config_file)):
            pass

    asyncio.run(take_in())
    with shown("Sealing") as tell:
        rows, is_wiped = rotate_file(file_of(storage.url), cipher, tell)
    what = f"sealed with {cipher.writes}" if cipher.is_sealing else "stored as it is"
    click.echo(
        f"Changed {rows:,} rows: all is {what} now, and the other keys can go from storage.encryption.", err=True
    )
    if not is_wiped:
        click.echo("The log still holds what stood there before: run this again when fewer ask the server.", err=True)
