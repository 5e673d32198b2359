"""Rows as a command shows them: few in a table, many in lines, which are quick to print and easy to search."""

from __future__ import annotations

from collections.abc import Sequence

import click
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from proxy.domain.drawing import visible

MANY = 200
"""From so many rows on: nobody reads them all, and a table measures each."""


def show(columns: Sequence[Column], rows: Sequence[Sequence[str]], where_none: str) -> None:
    """Print a table; many rows as lines with tabs between the values, the names of the columns first."""
    if not rows:
        click.echo(where_none)
        return
    if len(rows) >= MANY:
        lines = [[str(column.header) for column in columns], *rows]
        click.echo("\n".join("\t".join(visible(" ".join(one.split())) for one in line) for line in lines))
        return
    table = Table(*columns)
    for row in rows:
        table.add_row(*(Text(visible(one)) for one in row))
    Console().print(table)
