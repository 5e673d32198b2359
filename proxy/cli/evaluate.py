"""`graft eval`: how good placement is, on labelled cases or on a stream played turn by turn."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from proxy.cli.common import config_option
from proxy.config import Settings, load
from proxy.errors import ConfigError, InvalidRequest

if TYPE_CHECKING:
    from proxy.domain.placement import FeedNode
    from proxy.routing.bench.cases import Case
    from proxy.routing.bench.metrics import Figure, Judged
    from proxy.routing.bench.mixes import Mix, Played
    from proxy.routing.bench.run import Replay, Shelf
    from proxy.routing.router import GraftRouter

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command(name="eval")
@click.argument("cases_file", metavar="CASES.jsonl", type=_FILE, required=False)
@click.option("--scorer", type=click.Choice(["embedded", "llm"]), default="embedded", show_default=True)
@click.option("--suite", help="Only cases of this suite, such as `core`; `fresh` is made from the core cases.")
@click.option("--predictions", type=click.Path(dir_okay=False, path_type=Path), help="Write one line a case here.")
@click.option(
    "--replay", "streams", type=_FILE, multiple=True, help="Play a stream on the router's own tree; may repeat."
)
@click.option(
    "--mix",
    "mixes",
    type=click.Choice(["stream", "chats", "fresh-clients"]),
    multiple=True,
    default=("stream",),
    show_default=True,
    help="Replay streams as they are, woven anew with 80 % follow-ups, or so with clients that send no history; may repeat.",
)
@config_option
def evaluate(
    cases_file: Path | None,
    scorer: str,
    suite: str | None,
    predictions: Path | None,
    streams: tuple[Path, ...],
    mixes: tuple[Mix, ...],
    config_file: str | None,
) -> None:
    """Measure placement on CASES.jsonl, on streams, or both.

    Cases are single decisions on a correct tree. A replay lets the router build its own tree, so errors add up as they do for a user.
    """
    if cases_file is None and not streams:
        raise click.UsageError("Name a file of cases, or a stream with --replay.")
    settings = load(config_file)
    if scorer == "llm" and settings.routing.model is None:
        raise ConfigError("--scorer llm needs routing.model in the configuration: the model that judges.")
    asyncio.run(_evaluate(settings, cases_file, scorer, suite, predictions, streams, mixes))


async def _evaluate(
    settings: Settings,
    cases_file: Path | None,
    scorer: str,
    suite: str | None,
    predictions: Path | None,
    streams: Sequence[Path],
    mixes: Sequence[Mix],
) -> None:
    from proxy.routing.bench.cases import read_cases
    from proxy.routing.bench.fresh import SUITE, fresh_cases
    from proxy.routing.bench.run import Shelf

    console = Console()
    shelf = Shelf()
    router = await _router(settings, scorer, shelf)
    if cases_file is not None:
        cases = fresh_cases(read_cases(cases_file, "core")) if suite == SUITE else read_cases(cases_file, suite)
        if not cases:
            raise InvalidRequest(f"{cases_file} holds no cases" + (f" of suite {suite!r}." if suite else "."))
        judged = await _judge(console, cases, shelf, router, predictions)
        (_show_fresh if suite == SUITE else _show)(console, judged)
    for mix in mixes if streams else ():
        await _replay(console, streams, mix, shelf, router)


async def _router(settings: Settings, scorer: str, shelf: Shelf) -> GraftRouter:
    """The configured router over a feed of ours; without the LLM unless it is the one to be measured."""
    import os

    from proxy.app import configured_models, lanes_of, turn_router

    routing = settings.routing if scorer == "llm" else settings.routing.model_copy(update={"model": None})
    lanes = lanes_of(settings, configured_models(settings, os.environ if scorer == "llm" else {}))
    if scorer == "llm":
        await lanes.warm()
    router = turn_router(routing, shelf, lanes)
    await router.start()
    return router


async def _judge(
    console: Console, cases: Sequence[Case], shelf: Shelf, router: GraftRouter, predictions: Path | None
) -> list[Judged]:
    from proxy.routing.bench import run
    from proxy.routing.bench.metrics import judge

    made = {}
    with _progress(console) as progress:
        task = progress.add_task("Placing", total=len(cases))
        async for prediction in run.evaluate(cases, shelf, router):
            made[prediction.case_id] = prediction
            progress.advance(task)
    if predictions is not None:
        rows = [made[case.id] for case in cases]
        lines = [{"id": row.case_id, "parent": row.parent_id, "ms": round(row.ms or 0, 3)} for row in rows]
        _write(predictions, "".join(json.dumps(line) + "\n" for line in lines))
    return [judge(case, made.get(case.id)) for case in cases]


def _write(file: Path, text: str) -> None:
    file.write_text(text, encoding="utf-8")


async def _replay(console: Console, files: Sequence[Path], mix: Mix, shelf: Shelf, router: GraftRouter) -> None:
    from proxy.routing.bench.mixes import shares, woven

    played = woven({str(file): _read(file) for file in files}, mix)
    accounts = [(_told(one.name), await _play(console, one, shelf, router)) for one in played]
    turns = [account.turns for _, account in accounts]
    follow_ups = sum(shares(one.nodes)["follow-up"] * count for one, count in zip(played, turns, strict=True))
    _show_replays(console, f"{_MIXES[mix]}, {100 * follow_ups / max(1, sum(turns)):.0f} % follow-ups", accounts)


def _told(name: str) -> str:
    return Path(name).stem


def _read(stream_file: Path) -> list[FeedNode]:
    from proxy.routing.bench.cases import read_stream

    try:
        return read_stream(stream_file)
    except (ValueError, KeyError, TypeError) as exc:
        raise InvalidRequest(f"{stream_file} is no stream of turns with id, parent, role and content: {exc}.") from exc


async def _play(console: Console, played: Played, shelf: Shelf, router: GraftRouter) -> Replay:
    from proxy.routing.bench import run

    account = run.Replay(0, 0, 0, 0, 0, 0)
    with _progress(console) as progress:
        task = progress.add_task(_told(played.name), total=sum(node.role == "user" for node in played.nodes))
        async for so_far in run.replay(played.nodes, shelf, router, played.name, played.fresh):
            account = so_far
            progress.advance(task)
    return account


def _progress(console: Console) -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=console, transient=True)


def _show(console: Console, judged: Sequence[Judged]) -> None:
    from proxy.routing.bench.metrics import KINDS, groups, intervals

    for name, members in groups(judged).items():
        figures = intervals(members)
        table = Table(title=f"{name}, {len(members)} cases: per cent [95 % interval]", title_justify="left")
        for column in ("", "cases", "attach", "branch"):
            table.add_column(column, justify="right" if column else "left", no_wrap=True)
        for kind in KINDS:
            if f"attach_{kind}" in figures:
                count = sum(j.case.kind == kind for j in members)
                table.add_row(kind, str(count), *(_cell(figures[f"{row}_{kind}"]) for row in ("attach", "branch")))
        table.add_section()
        for mean, told in (("macro", "mean over kinds"), ("mix", "weighted by traffic"), ("micro", "mean over cases")):
            table.add_row(told, "", *(_cell(figures[f"{row}_{mean}"]) for row in ("attach", "branch")))
        console.print(table)
        took = f", {figures['ms_p50'].value:.1f} ms (p95 {figures['ms_p95'].value:.1f})" if "ms_p50" in figures else ""
        console.print(
            f"  tokens saved {100 * figures['tokens_saved'].value:.1f} %, needed context kept "
            f"{100 * figures['context_kept'].value:.1f} %, sent/needed {figures['sent_vs_gold'].value:.2f}{took}\n",
            highlight=False,
        )


def _cell(figure: Figure) -> str:
    return f"{100 * figure.value:.1f} [{100 * figure.low:.0f}-{100 * figure.high:.0f}]"


def _show_fresh(console: Console, judged: Sequence[Judged]) -> None:
    from proxy.routing.bench.fresh import fresh_figures

    table = Table(title="Requests without history, per 100", title_justify="left")
    for column in ("", "cases", "right", "false joins", "begun anew"):
        table.add_column(column, justify="right" if column else "left")
    for kind, figures in fresh_figures(judged).items():
        shares = (figures.right, figures.false_joins, figures.apart)
        table.add_row(kind, str(figures.cases), *(f"{100 * share:.1f}" for share in shares))
    console.print(table)


_MIXES = {
    "stream": "streams as they are",
    "chats": "longer conversations woven anew",
    "fresh-clients": "longer conversations, some turns without history",
}


def _show_replays(console: Console, mix: str, accounts: Sequence[tuple[str, Replay]]) -> None:
    table = Table(title=f"Replays on the router's own tree, per 100 turns: {mix}", title_justify="left")
    for column in ("stream", "turns", "wrong joins", "torn follow-ups", "needless roots", "conversations kept whole"):
        table.add_column(column, justify="left" if column == "stream" else "right")
    total = accounts[0][1]
    for _, account in accounts[1:]:
        total += account
    for name, account in [*accounts, *([("all", total)] if len(accounts) > 1 else [])]:
        errors = [account.wrong_joins, account.torn, account.needless_roots]
        rates = [f"{account.per_100(count):.1f}" for count in errors]
        table.add_row(name, str(account.turns), *rates, f"{account.whole} of {account.conversations}")
    console.print(table)
    counts = {"wrong joins": total.wrong_joins, "torn follow-ups": total.torn, "needless roots": total.needless_roots}
    told = ", ".join(f"{total.per_100(count):.1f} {name}" for name, count in counts.items())
    console.print(f"  {told} per 100 turns\n", highlight=False, soft_wrap=True)
