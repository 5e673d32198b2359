"""`graft optimize --embedded`: fit the embedded scorer's weights anew, and show them beside the ones that ship."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from proxy.errors import ConfigError

FIGURES = "per cent, cross-validated by source dialogue"


def retrain(bench: Path, out: Path, embedder: str, kept: Path | None, without: Sequence[str]) -> None:
    """Fit weights on the labelled cases of a folder and write them as JSON.

    Raises:
        ConfigError: LightGBM or scikit-learn is missing, which serving does not need.
        InvalidRequest: A line of the cases is not a case.
    """
    _check()
    from proxy.routing.decision import shipped_report
    from proxy.routing.embedder import embedder as named
    from proxy.routing.training import train

    if not (bench / "cases.jsonl").is_file():
        raise click.UsageError(f"{bench} holds no cases.jsonl.")
    if kept is not None:
        kept.mkdir(parents=True, exist_ok=True)
    console = Console()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("measuring", total=None)

        def say(step: str, done: int, steps: int) -> None:
            progress.update(task, description=step, completed=done, total=steps)

        after = train(bench, out, named(embedder), say, kept, without)
    console.print(compared(shipped_report(embedder), after))
    console.print(f"Wrote {out}.", highlight=False)


def compared(before: Mapping[str, Any], after: Mapping[str, Any]) -> Table:
    """The figures of two reports on the benchmark's own cases, side by side."""
    table = Table(title="Cross-validated by source dialogue, per cent", title_justify="left")
    for column in ("", "shipped", "fitted now"):
        table.add_column(column, justify="right" if column else "left")
    rows = [_rows(report.get(FIGURES, {}).get("dev", {})) for report in (before, after)]
    for name in rows[1]:
        table.add_row(name, *(row.get(name, "-") for row in rows))
    return table


def _rows(figures: Mapping[str, Any]) -> dict[str, str]:
    kinds = figures.get("attach_and_branch", {})
    sure = figures.get("sure", {})
    return {
        "cases": str(figures.get("cases", "-")),
        "right node, mean of kinds": str(figures.get("attach_macro", "-")),
        "right conversation, mean of kinds": str(figures.get("branch_macro", "-")),
        **{f"{kind}: node / conversation": f"{attach} / {branch}" for kind, (attach, branch) in kinds.items()},
        "sure of": str(sure.get("share", "-")),
        "right where sure": str(sure.get("right", "-")),
    }


def _check() -> None:
    for package in ("lightgbm", "sklearn"):
        if importlib.util.find_spec(package) is None:
            raise ConfigError(
                f"Fitting the embedded scorer needs the package {package!r}: install lightgbm and scikit-learn."
            )
