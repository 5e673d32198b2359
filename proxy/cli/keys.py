"""`graft keys add|limit|list|revoke`."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import click
from rich.table import Column

from proxy.cli.common import config_option, with_store
from proxy.cli.listing import show
from proxy.cli.storage_keys import rotate_storage, storage_key
from proxy.domain.turn import Limits
from proxy.errors import InvalidRequest, NotFound

_USER = re.compile(r"[\w.@+-]{1,100}")


def _limits(command: Callable[..., None]) -> Callable[..., None]:
    """The options that limit a key."""
    most = click.IntRange(1)
    for option in (
        click.option("--at-once", type=most, help="Requests that are answered at the same time."),
        click.option("--tokens-per-day", type=most, help="Tokens in a day (UTC), as providers report them."),
        click.option("--requests-per-minute", type=most, help="Requests in a minute."),
    ):
        command = option(command)
    return command


def _told(limits: Limits) -> str:
    """Limits in few words."""
    told = (
        (limits.requests_per_minute, "a minute"),
        (limits.tokens_per_day, "tokens a day"),
        (limits.at_once, "at once"),
    )
    return ", ".join(f"{most} {what}" for most, what in told if most is not None)


@click.group()
def keys() -> None:
    """Give out, limit, list and revoke API keys; make and change the storage key."""


keys.add_command(storage_key)
keys.add_command(rotate_storage)


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
@_limits
@config_option
def add(
    user: str,
    kind: str,
    policy: str | None,
    honour_store: bool,
    label: str,
    requests_per_minute: int | None,
    tokens_per_day: int | None,
    at_once: int | None,
    config_file: str | None,
) -> None:
    """Make a key for USER; it is printed once and nothing else is."""
    from proxy.api.auth import digest, new_key

    if not _USER.fullmatch(user):
        raise InvalidRequest(f"{user!r} is no user name: use up to 100 letters, digits and . _ @ + -")
    key = new_key()

    async def work(store: Any) -> None:
        marks = {"digest": digest(key), "prefix": key[:13], "label": label}
        limits = Limits(requests_per_minute, tokens_per_day, at_once)
        await store.add_key(user, kind=kind, policy=policy, honours_store=honour_store, limits=limits, **marks)

    with_store(config_file, work, makes=True)
    click.echo(key)


@keys.command()
@click.argument("key_id")
@_limits
@config_option
def limit(
    key_id: str,
    requests_per_minute: int | None,
    tokens_per_day: int | None,
    at_once: int | None,
    config_file: str | None,
) -> None:
    """Give a key these limits in place of those it had; what is not named is as `limits` in the configuration says."""

    async def work(store: Any) -> None:
        await store.limit_key(key_id, Limits(requests_per_minute, tokens_per_day, at_once))

    with_store(config_file, work)
    click.echo(f"Changed {key_id}. A running server knows it within seconds.", err=True)


@keys.command(name="list")
@click.option("--user", help="Only keys of this user.")
@config_option
def list_keys(user: str | None, config_file: str | None) -> None:
    """Show all keys; a key itself is shown only when it is made. Many are told in lines with tabs, not in a table."""

    async def work(store: Any) -> Any:
        return await store.keys()

    found = [key for key in with_store(config_file, work) if user in (None, key.user_id)]
    columns = (
        Column("id, beginning", no_wrap=True),  # what `revoke` takes is never cut short
        *(Column(name, overflow="fold") for name in ("user", "may", "label")),
        *(Column(name, no_wrap=True) for name in ("made", "state")),
    )
    rows = [
        (
            f"{key.id}\n{key.prefix}…",
            key.user_id,
            ", ".join(filter(None, (key.kind, key.policy, _told(key.limits)))),
            key.label,
            datetime.fromtimestamp(key.created_at, UTC).strftime("%Y-%m-%d"),
            "revoked" if key.revoked_at else "valid",
        )
        for key in found
    ]
    whose = "" if user is None else f" of {user!r}"
    show(columns, rows, f"No keys{whose} yet: `graft keys add {user or 'USER'}` makes one.")


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
