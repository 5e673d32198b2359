"""`graft users list|delete`."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.table import Column

from proxy.cli.common import config_option, with_store
from proxy.cli.listing import show
from proxy.cli.progress import shown
from proxy.config import load
from proxy.domain.tree import UserId

if TYPE_CHECKING:
    from proxy.store.records import Account
    from proxy.store.sqlite import SqliteStore


@click.group()
def users() -> None:
    """List users, and delete them with everything."""


@users.command(name="list")
@config_option
def list_users(config_file: str | None) -> None:
    """Show all users, and how much is stored of them; those of an app are called APP/PERSON. Many are told in lines with tabs."""

    async def work(store: SqliteStore) -> list[Account]:
        return await store.accounts()

    rows = [
        (
            f"{one.id} (being deleted)" if one.is_leaving else one.id,
            f"{one.trees:,}",
            f"{one.nodes:,}",
            str(one.keys),
            datetime.fromtimestamp(one.used_at, UTC).strftime("%Y-%m-%d") if one.used_at else "",
        )
        for one in with_store(config_file, work)
    ]
    show([Column(name) for name in ("user", "trees", "nodes", "keys", "used last")], rows, "No users yet.")


@users.command()
@click.argument("user")
@click.option("--yes", is_flag=True, help="Do not ask.")
@config_option
def delete(user: str, yes: bool, config_file: str | None) -> None:
    """Delete USER with everything: conversations, files, memories, decisions, bills, keys; and with an app all its people.

    Servers may go on meanwhile: what they are answering for the user ends. Nothing is kept by which anything could be known again.
    `graft vacuum` then takes it off the disk; backups keep what they hold.
    """
    user_id = UserId(user)
    if not yes:
        click.confirm(f"Delete {user!r} with everything? Nothing brings it back", abort=True, err=True)

    async def work(store: SqliteStore) -> list[UserId]:
        with shown("Deleting") as tell:
            return await store.delete_user(user_id, tell)

    gone = with_store(config_file, work)
    _unlearn(config_file, gone)
    people = f", with {len(gone) - 1:,} people of theirs" if len(gone) > 1 else ""
    click.echo(f"Deleted {user!r}{people}. `graft vacuum` takes it off the disk.", err=True)


def _unlearn(config_file: str | None, gone: list[UserId]) -> None:
    """Take away what was learned from users into files beside the database."""
    routing = load(config_file).routing
    if routing.personal is not None:
        from proxy.routing import personal

        personal.remove(Path(routing.personal), gone)
    if routing.program is not None:
        click.echo(
            f"routing.program ({routing.program}) may quote turns that it was compiled on: compile it anew if theirs were among them.",
            err=True,
        )
