"""What a request costs: `uv run python -m tests.bench`, on Linux."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from dataclasses import replace
from fnmatch import fnmatch
from pathlib import Path

import click
from rich.console import Console

from tests.bench import profile, report
from tests.bench.measure import FULL, QUICK, measure
from tests.bench.processes import Failed
from tests.bench.rows import Row, all_rows


@click.command()
@click.option("--quick", is_flag=True, help="Fewer rounds and requests: minutes instead of a quarter of an hour.")
@click.option(
    "--rows", "wanted", default="*", help="Names or patterns, separated by commas, such as 'upstream,native-*'."
)
@click.option(
    "--against",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Another checkout, whose Graft is measured too: its rows are named before-*.",
)
@click.option(
    "--json", "outcome", type=click.Path(path_type=Path, dir_okay=False), help="Write everything measured here."
)
@click.option("--profile", "profiled", metavar="ROW", help="Run one row under py-spy and print what costs most.")
@click.option("--stream", type=int, help="With --profile: stream this many chunks.")
@click.option("--top", default=40, help="With --profile: lines to print.")
def main(
    quick: bool,
    wanted: str,
    against: Path | None,
    outcome: Path | None,
    profiled: str | None,
    stream: int | None,
    top: int,
) -> None:
    """Measure Graft beside its neighbours."""
    size = QUICK if quick else FULL
    console = Console(width=200 if profiled or not sys.stdout.isatty() else None)
    load_before = os.getloadavg()
    try:
        with tempfile.TemporaryDirectory(prefix="graft-bench-") as folder:
            if profiled is not None:
                (row,) = chosen(profiled)
                for part in profile.table(profile.profile(row, size, Path(folder), stream=stream), top):
                    console.print(part)
                return
            rows = [row for row in chosen(wanted, against) if wanted != "*" or not (quick and row.slow)]
            figures = measure(rows, size, Path(folder))
    except Failed as exc:
        raise click.ClickException(str(exc)) from exc
    console.print(report.table(figures))
    if outcome is not None:
        outcome.write_text(json.dumps(report.document(figures, size, load_before), indent=1))


def chosen(wanted: str, against: Path | None = None) -> list[Row]:
    """The rows whose names fit one of some patterns; where another checkout is named, its Graft's beside each of ours."""
    patterns = wanted.split(",")
    rows = [row for row in all_rows() if any(fnmatch(row.name, pattern) for pattern in patterns)]
    if not rows:
        raise click.ClickException(f"No row fits {wanted!r}. There are: {', '.join(row.name for row in all_rows())}.")
    if against is None:
        return rows
    before = {row.name: row for row in all_rows(against.resolve()) if row.what.startswith("Graft")}
    pairs = [(row, before[row.name]) if row.name in before else (row,) for row in rows]
    return [
        one if one is pair[0] else replace(one, name=f"before-{one.name}", what=f"{one.what}, before")
        for pair in pairs
        for one in pair
    ]


if __name__ == "__main__":
    main()
