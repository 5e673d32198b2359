"""`graft vacuum`: what was deleted, taken off the disk."""

from __future__ import annotations

import click

from proxy.cli.common import config_option, demand
from proxy.cli.progress import shown
from proxy.config import load
from proxy.store.connection import file_of


@click.command()
@config_option
def vacuum(config_file: str | None) -> None:
    """Take off the disk what was deleted: no byte of it is left in the database and its log; the file shrinks.

    Servers may go on. While the file is written anew, writes wait, and are told to come back after 15 seconds. It needs as much free
    space as the database has, twice. Backups that were made before hold what they held.
    """
    from proxy.store.vacuuming import Stage, vacuum

    url = load(config_file).storage.url
    demand(url)
    words = {"words": "merging the word index", "file": "writing the file anew, MB", "log": "cutting the log"}
    with shown("Vacuuming") as tell:

        def told(stage: Stage, done: int) -> None:
            tell(done, None, words[stage])

        done = vacuum(file_of(url), told)
    click.echo(f"{done.before:,} bytes were on the disk, {done.after:,} are now.", err=True)
