"""The `graft` command. Each command is imported when it is called, so that one does not wait for what another needs."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any, Final

import click

from proxy import __version__, heap
from proxy.domain.drawing import visible
from proxy.errors import ProxyError

COMMANDS: Final = {
    "serve": "serve:serve",
    "demo": "demo:demo",
    "tree": "tree:tree",
    "export": "transfer:export_tree",
    "import": "transfer:import_tree",
    "keys": "keys:keys",
    "users": "users:users",
    "eval": "evaluate:evaluate",
    "optimize": "optimize:optimize",
    "verify": "verify:verify",
    "doctor": "doctor.command:doctor",
    "backup": "backup:backup",
    "restore": "backup:restore",
    "migrate": "backup:migrate",
    "vacuum": "vacuum:vacuum",
    "expire": "expire:expire",
}
"""Where each command stands in this package."""


class _Group(click.Group):
    """Finds commands when they are asked for, and shows our own errors as one line instead of a traceback."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name].partition(":")
        with heap.importing():
            found: click.Command = getattr(import_module(f"proxy.cli.{module}"), name)
        return found

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except ProxyError as exc:
            raise click.ClickException(visible(exc.message)) from exc


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="graft")
def graft() -> None:
    """Graft keeps every user's conversations as one growing tree, behind a plain OpenAI base_url."""


def main() -> None:
    """Run the command line."""
    sys.exit(graft(standalone_mode=True))
