"""`graft verify`: every stored invariant, checked."""

from __future__ import annotations

import sys
from typing import Any

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from proxy.cli.common import config_option, with_store
from proxy.domain.drawing import visible


@click.command()
@config_option
def verify(config_file: str | None) -> None:
    """Check every stored invariant; exits with 1 and names the rows when one fails."""

    async def work(store: Any) -> Any:
        return await store.verify()

    violations = with_store(config_file, work)
    console = Console()
    if not violations:
        console.print("[green]The store is sound.[/green]")
        return
    table = Table("table", "row", "what is wrong")
    for violation in violations:
        table.add_row(violation.table, Text(visible(str(violation.row))), Text(visible(violation.rule)))
    console.print(table)
    sys.exit(1)
