"""The `graft` command. Each command imports what it needs when it is called, so that `graft --help` answers at once."""

from __future__ import annotations

import sys
from typing import Any

import click

from proxy import __version__
from proxy.cli.backup import backup, migrate, restore
from proxy.cli.demo import demo
from proxy.cli.doctor.command import doctor
from proxy.cli.evaluate import evaluate
from proxy.cli.expire import expire
from proxy.cli.keys import keys
from proxy.cli.optimize import optimize
from proxy.cli.serve import serve
from proxy.cli.transfer import export_tree, import_tree
from proxy.cli.tree import tree
from proxy.cli.users import users
from proxy.cli.vacuum import vacuum
from proxy.cli.verify import verify
from proxy.errors import ProxyError


class _Group(click.Group):
    """Shows our own errors as one line instead of a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except ProxyError as exc:
            raise click.ClickException(exc.message) from exc


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="graft")
def graft() -> None:
    """Graft keeps every user's conversations as one growing tree, behind a plain OpenAI base_url."""


for command in (
    serve,
    demo,
    tree,
    export_tree,
    import_tree,
    keys,
    users,
    evaluate,
    optimize,
    verify,
    doctor,
    backup,
    restore,
    migrate,
    vacuum,
    expire,
):
    graft.add_command(command)


def main() -> None:
    """Run the command line."""
    sys.exit(graft(standalone_mode=True))
