"""`graft keys add|list|revoke`."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import click
from rich.console import Console
from rich.table import Column, Table

from proxy.cli.common import config_option, with_store
from proxy.errors import InvalidRequest, NotFound

_USER = re.compile(r"[\w.@+-]{1,100}")


@click.group()
def keys() -> None:
    """Give out, list and revoke API keys."""


@keys.command()
@click.argument("user")
@click.option(
    "--kind",
    type=click.Choice(["person", "app"]),
    default="person",
    show_default=True,
    help="`person`: one user. `app`: a frontend or backend that serves many people, each named by the request.",
)
@click.option(
    "--policy", type=click.Choice(["auto", "follow", "off", "shadow"]), help="Placement for this key's turns."
)
@click.option(
    "--honour-store",
    is_flag=True,
    help="Answer requests with `store: false` without storing them. Some clients send that with every request.",
)
@click.option("--label", default="", help="A note for the list of keys.")
@config_option
def add(user: str, kind: str, policy: str | None, honour_store: bool, label: str, config_file: str | None) -> None:
    """Make a key for USER; it is printed once and nothing else is."""
    from proxy.api.auth import digest, new_key

    if not _USER.fullmatch(user):
        raise InvalidRequest(f"{user!r} is no user name: use up to 100 letters, digits and . _ @ + -")
    key = new_key()

    async def work(store: Any) -> None:
        marks = {"digest": digest(key), "prefix": key[:13], "label": label}
        await store.add_key(user, kind=kind, policy=policy, honours_store=honour_store, **marks)

    with_store(config_file, work, makes=True)
    click.echo(key)


@keys.command(name="list")
@config_option
def list_keys(config_file: str | None) -> None:
    """Show all keys; a key itself is shown only when it is made."""

    async def work(store: Any) -> Any:
        return await store.keys()

    rows = with_store(config_file, work)
    names = (Column("id", no_wrap=True), Column("begins with", no_wrap=True))  # what `revoke` takes is never cut short
    table = Table(
        *names, *(Column(name, overflow="fold") for name in ("user", "kind", "policy", "label", "made", "state"))
    )
    for key in rows:
        made = datetime.fromtimestamp(key.created_at, UTC).strftime("%Y-%m-%d %H:%M")
        state = "revoked" if key.revoked_at else "valid"
        table.add_row(key.id, f"{key.prefix}…", key.user_id, key.kind, key.policy or "default", key.label, made, state)
    Console().print(table if rows else "No keys yet: `graft keys add USER` makes one.")


@keys.command()
@click.argument("key_id")
@config_option
def revoke(key_id: str, config_file: str | None) -> None:
    """Revoke the key with this id (see `graft keys list`)."""

    async def work(store: Any) -> bool:
        return bool(await store.revoke_key(key_id))

    if not with_store(config_file, work):
        raise NotFound(f"No valid key has the id {key_id!r}: `graft keys list` shows them.")
    click.echo(f"Revoked {key_id}.", err=True)
