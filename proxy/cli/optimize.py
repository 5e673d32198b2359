"""`graft optimize`: compiles the LLM scorer's program on a user's corrections, on labelled cases, or both.

With `--embedded` it fits the embedded scorer's weights instead (`retrain`), which asks no model.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from proxy.cli.common import config_option, demand_spare
from proxy.cli.past import labelled
from proxy.cli.personalise import personalise
from proxy.cli.retrain import retrain
from proxy.config import Settings, load
from proxy.domain.tree import UserId
from proxy.errors import ConfigError, InvalidRequest

if TYPE_CHECKING:
    from proxy.routing.bench.cases import Case
    from proxy.routing.bench.metrics import Judged
    from proxy.routing.optimizing import Compiling, Optimizer, Posed

_FOLDER = click.Path(file_okay=False, path_type=Path)

CALLS_A_TURN = 6
"""Calls set aside for judging one turn once."""


@click.command()
@click.option("--user", help="Compile on this user's corrections: every undo and move of a placed turn is one.")
@click.option(
    "--cases",
    "cases_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Compile on labelled cases, in the format of `graft eval`.",
)
@click.option("--suite", help="Only cases of this suite, such as `core`.")
@click.option(
    "--limit", type=click.IntRange(min=2), help="At most so many labelled turns, the newest corrections first."
)
@click.option(
    "--optimizer",
    type=click.Choice(["bootstrap", "gepa", "simba", "mipro"]),
    default="bootstrap",
    show_default=True,
    help="DSPy's: BootstrapFewShot, GEPA, SIMBA or MIPROv2 (which needs `pip install optuna`).",
)
@click.option(
    "--budget-calls", type=click.IntRange(min=1), default=500, show_default=True, help="Scorer calls at most."
)
@click.option(
    "--output",
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Where the program is written, for `routing.program` [graft-program.json], or the weights [EMBEDDER.json].",
)
@click.option(
    "--embedded",
    is_flag=True,
    help="Fit the embedded scorer instead: its weights to --bench, or with --user a shift of them to the user's corrections; asks no model.",
)
@click.option("--bench", type=_FOLDER, help="With --embedded: the folder of cases.jsonl and train/cases.jsonl.")
@click.option("--without", multiple=True, metavar="SOURCE", help="With --embedded: do not learn from this source.")
@click.option("--cache", type=_FOLDER, help="With --embedded: keep what was measured here for the next time.")
@config_option
def optimize(
    *,
    user: str | None,
    cases_file: Path | None,
    suite: str | None,
    limit: int | None,
    optimizer: Optimizer,
    budget_calls: int,
    output: Path | None,
    embedded: bool,
    bench: Path | None,
    without: tuple[str, ...],
    cache: Path | None,
    config_file: str | None,
) -> None:
    """Compile the LLM scorer on labelled turns, and show what it gained on other dialogues.

    All calls, for judging too, go to `routing.model`. The program is written also where it gained nothing: the table tells.
    """
    demand_spare(output, config_file)
    if embedded:
        embedder = load(config_file).routing.embedder
        if user is not None and cases_file is None:
            return personalise(config_file, UserId(user), output, bench)
        if bench is None or cases_file is not None:
            raise click.UsageError(
                "--embedded learns from the folder that --bench names, or from a user's corrections."
            )
        return retrain(bench, output or Path(f"{embedder}.json"), embedder, cache, without)
    if bench is not None or without or cache is not None:
        raise click.UsageError("--bench, --without and --cache go with --embedded.")
    if user is None and cases_file is None:
        raise click.UsageError("Name a user with --user, a file of cases with --cases, or both.")
    settings = load(config_file)
    if settings.routing.model is None:
        raise ConfigError("graft optimize needs routing.model in the configuration: the model that judges.")
    out = output or Path("graft-program.json")
    return asyncio.run(_optimize(settings, user, cases_file, suite, limit, optimizer, budget_calls, out))


async def _optimize(
    settings: Settings,
    user: str | None,
    cases_file: Path | None,
    suite: str | None,
    limit: int | None,
    optimizer: Optimizer,
    budget: int,
    output: Path,
) -> None:
    from proxy.app import configured_models, lanes_of, limits_of
    from proxy.routing import optimizing
    from proxy.routing.bench.cases import read_cases
    from proxy.routing.decision import Weights
    from proxy.routing.embedded import EmbeddedScorer
    from proxy.routing.embedder import embedder

    optimizing.check(optimizer)
    console = Console()
    routing = settings.routing
    cases = await _corrections(settings, UserId(user)) if user is not None else []
    if cases_file is not None:
        cases += read_cases(cases_file, suite)
    if not cases:
        raise InvalidRequest("There is nothing to learn from: no correction, and no case.")
    gate = EmbeddedScorer(embedder(routing.embedder), Weights.shipped(routing.embedder))
    limits = limits_of(routing)
    turns = await asyncio.to_thread(optimizing.posed, cases[-limit:] if limit else cases, gate, limits)
    train, judge = optimizing.split(turns)
    lanes = lanes_of(settings, configured_models(settings, os.environ))
    await lanes.warm()
    try:
        assert routing.model is not None
        scorer = lanes.scorer(routing.model)
        with _progress(console) as progress:
            task = progress.add_task("Scorer calls", total=budget)
            run = optimizing.Compiling(scorer, limits, lambda calls: progress.update(task, completed=calls))
            await asyncio.to_thread(_run, console, run, optimizer, train, judge, budget, output)
    finally:
        await lanes.close()


def _run(
    console: Console,
    run: Compiling,
    optimizer: Optimizer,
    train: Sequence[Posed],
    judge: Sequence[Posed],
    budget: int,
    output: Path,
) -> None:
    """Judge, compile, judge again. The second judgement may cost what the first did, so as much is set aside."""
    from proxy.routing import optimizing
    from proxy.routing.place_turn import PlaceTurn

    shown = judge[: max(1, budget // (3 * CALLS_A_TURN))]
    before = run.judge(PlaceTurn(run.limits), shown, budget // 3)
    left = budget - 2 * run.calls
    if left < 1:
        raise InvalidRequest(f"--budget-calls {budget} is too small: judging alone takes {2 * run.calls}.")
    program = run.compile(optimizer, train, left)
    after = run.judge(program, shown, budget - run.calls)
    optimizing.save(program, output)
    console.print(_table(_judged(shown, before), _judged(shown, after)))
    console.print(f"{len(train)} turns to compile on, {len(shown)} of other dialogues to judge by, {run.calls} calls.")
    console.print(f"Written to {output}. Set routing.program to use it.", highlight=False)


def _judged(turns: Sequence[Posed], made: Sequence[object]) -> list[Judged]:
    from proxy.routing.bench.metrics import Prediction, judge

    by_id = {one.case_id: one for one in made if isinstance(one, Prediction)}
    return [judge(turn.case, by_id.get(turn.case.id)) for turn in turns]


def _table(before: Sequence[Judged], after: Sequence[Judged]) -> Table:
    from proxy.routing.bench.metrics import intervals

    table = Table(title="Per cent right on dialogues held out [95 % interval]", title_justify="left")
    for column in ("", "before", "after"):
        table.add_column(column, justify="right" if column else "left", no_wrap=True)
    was, now = intervals(list(before)), intervals(list(after))
    for name, figure in was.items():
        if name.startswith(("attach_", "branch_")):
            cells = [f"{100 * f.value:.1f} [{100 * f.low:.0f}-{100 * f.high:.0f}]" for f in (figure, now[name])]
            table.add_row(name.replace("_", " "), *cells)
    return table


def _progress(console: Console) -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=console, transient=True)


async def _corrections(settings: Settings, user_id: UserId) -> list[Case]:
    from proxy.store.sqlite import SqliteStore

    async with SqliteStore(settings.storage.url, recover=False, cipher=settings.storage.cipher()) as store:
        return await labelled(store, user_id)
