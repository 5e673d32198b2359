"""`graft eval`: how good placement is, on labelled cases, on streams played turn by turn, or on what a user's own trees hold."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from proxy.cli.common import config_option, demand_spare
from proxy.cli.figures import MIXES, show, show_fresh, show_replays
from proxy.cli.past import past_turns, show_shadow
from proxy.config import Settings, load
from proxy.domain.tree import DEFAULT_TREE, UserId
from proxy.errors import ConfigError, InvalidRequest

if TYPE_CHECKING:
    from proxy.domain.placement import FeedNode
    from proxy.routing.bench.cases import Case
    from proxy.routing.bench.metrics import Judged
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
@click.option("--user", help="Measure on this user's own turns, each held out in its time; `local` without keys.")
@click.option("--tree", default=DEFAULT_TREE, show_default=True, help="With --user: the tree's name.")
@click.option("--limit", type=click.IntRange(min=1), help="With --user: the newest so many turns only.")
@click.option("--shadow", is_flag=True, help="With --user: what `auto` would have done with turns under `shadow`.")
@config_option
def evaluate(
    *,
    cases_file: Path | None,
    scorer: str,
    suite: str | None,
    predictions: Path | None,
    streams: tuple[Path, ...],
    mixes: tuple[Mix, ...],
    user: str | None,
    tree: str,
    limit: int | None,
    shadow: bool,
    config_file: str | None,
) -> None:
    """Measure placement on CASES.jsonl, on streams, or on a user's own tree.

    Cases are single decisions on a correct tree. A replay lets the router build its own tree, so errors add up as they do for a user. Own
    turns are asked about on the tree as it was when they came, and belong where they stand today.
    """
    if shadow and user is None:
        raise click.UsageError("--shadow needs --user: whose turns were placed in the shadow.")
    if cases_file is None and not streams and user is None:
        raise click.UsageError("Name a file of cases, a stream with --replay, or a user with --user.")
    demand_spare(predictions, config_file)
    settings = load(config_file)
    if shadow:
        return show_shadow(config_file, UserId(str(user)), tree, limit)
    if scorer == "llm" and settings.routing.model is None:
        raise ConfigError("--scorer llm needs routing.model in the configuration: the model that judges.")
    own = past_turns(config_file, UserId(user), tree, limit) if user is not None else []
    return asyncio.run(_evaluate(settings, own, cases_file, scorer, suite, predictions, streams, mixes))


async def _evaluate(
    settings: Settings,
    own: Sequence[Case],
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
    if own:
        show(console, await _judge(console, own, shelf, router, predictions if cases_file is None else None))
    if cases_file is not None:
        cases = fresh_cases(read_cases(cases_file, "core")) if suite == SUITE else read_cases(cases_file, suite)
        if not cases:
            raise InvalidRequest(f"{cases_file} holds no cases" + (f" of suite {suite!r}." if suite else "."))
        judged = await _judge(console, cases, shelf, router, predictions)
        (show_fresh if suite == SUITE else show)(console, judged)
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
    show_replays(console, f"{MIXES[mix]}, {100 * follow_ups / max(1, sum(turns)):.0f} % follow-ups", accounts)


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
