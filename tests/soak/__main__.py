"""Mixed traffic for a long time, and what the server holds meanwhile: `uv run python -m tests.soak --minutes 30`.

Clients chat in every way there is, over the three lanes, leave when they like, and the provider fails now and then (`chats.py`). The
time is cut into laps; after each the clients go, and what the server still holds is read (`gauges.py`). The first lap is the warm-up:
descriptors, threads and tasks may never be above it afterwards, and memory may grow by so much and no more. All the while every
acknowledged turn is compared with the tree that it was said in, and at the end `verify` may find nothing.
"""

from __future__ import annotations

import asyncio
import random
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import click

from proxy.cli.progress import shown
from tests.doubles.running import UpstreamDouble, running_upstream
from tests.doubles.served import UPSTREAM_KEY
from tests.soak.chats import MODELS, Somebody
from tests.soak.gauges import Gauges, Watched
from tests.soak.promises import Broken

LONGEST_S = 120
"""No request may take longer."""
WARM_ACTS = 100
"""The first lap lasts until there were so many, however slow the machine is: each of the ways to chat, over each of the lanes."""
GROWTH_MIB = 48.0
"""By how much resident memory may grow behind the warm-up; libraries and SQLite fill their caches for a while, and LiteLLM's tokenizer, a
table of 40 MiB, is read when somebody first asks for exact counts."""


@dataclass(frozen=True, slots=True)
class Lap:
    """What had happened by the end of a lap, and what the server held then."""

    seconds: float
    happened: Counter[str]
    gauges: Gauges


def settings(upstream: UpstreamDouble, embedder: str, lanes: Sequence[str] = MODELS) -> dict[str, object]:
    """A model for each lane, tried again soon when it failed; who left a provider that hangs is missed within a second."""
    entries = [
        {
            "model_name": lane,
            "litellm_params": {"model": "openai/gpt", "api_base": upstream.base_url, "api_key": UPSTREAM_KEY},
            "model_info": {"lane": lane, "max_input_tokens": 32_000},
        }
        for lane in lanes
    ]
    return {
        "model_list": entries,
        "routing": {"embedder": embedder},
        "upstream": {"breaker_rest_s": 1},
        "server": {"keep_alive_s": 1},
    }


async def lap(server: Watched, people: list[Somebody], is_over: Callable[[], bool], tell: Callable[[], None]) -> None:
    """Let everybody chat until it is over, and see them off. Raises Broken."""
    stop = asyncio.Event()
    timeout = aiohttp.ClientTimeout(total=LONGEST_S)
    async with AsyncExitStack() as stack:
        tasks = []
        for somebody in people:
            http = await stack.enter_async_context(aiohttp.ClientSession(server.url, timeout=timeout))
            tasks.append(asyncio.create_task(somebody.live(http, stop)))
        while not is_over() and not any(task.done() for task in tasks):
            await asyncio.wait(tasks, timeout=1, return_when=asyncio.FIRST_EXCEPTION)
            tell()
        stop.set()
        for outcome in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(outcome, BaseException):
                raise outcome


async def soak(
    server: Watched,
    upstream: UpstreamDouble,
    seconds: float,
    laps: int,
    clients: int,
    chance: random.Random,
    lanes: Sequence[str] = MODELS,
) -> list[Lap]:
    """Serve for a time and read the gauges after each of its laps, the first of which is the warm-up. Raises Broken."""
    happened: Counter[str] = Counter()
    people = [
        Somebody(number, server.key(f"user{number % 4}")[0], random.Random(chance.random()), happened, lanes)
        for number in range(clients)
    ]
    began, done = time.monotonic(), list[Lap]()
    with shown("Soaking, seconds", int(seconds)) as tell:
        for _ in range(laps):
            until = time.monotonic() + seconds / laps
            is_over = lambda until=until: time.monotonic() >= until and happened["acts"] >= WARM_ACTS  # noqa: E731
            await lap(server, people, is_over, lambda: tell(int(time.monotonic() - began)))
            upstream.reset()
            gauges = await asyncio.to_thread(server.settled, done[0].gauges if done else None)
            done.append(Lap(time.monotonic() - began, happened.copy(), gauges))
            click.echo(described(done[-1]), err=True)
    if violations := await asyncio.to_thread(server.violations):
        raise Broken(f"verify finds {violations}")
    return done


def grown(laps: list[Lap], growth_mib: float = GROWTH_MIB) -> list[str]:
    """What is held now and was not behind the warm-up; empty where all is flat."""
    base, last = laps[0].gauges, laps[-1].gauges
    found = last.above(base)
    if last.rss_mib > base.rss_mib + growth_mib:
        found.append(f"memory: {base.rss_mib:.0f} -> {last.rss_mib:.0f} MiB")
    return found


def described(lap: Lap) -> str:
    held = lap.gauges
    return (
        f"{lap.seconds:6.0f} s  {lap.happened['acts']:7} acts  {lap.happened['turns kept']:6} turns kept  "
        f"{held.rss_mib:6.1f} MiB  {held.malloc_mib:6.1f} in malloc  {held.objects:8} objects  {held.blocks:8} blocks  {held.descriptors:4} descriptors  "
        f"{held.threads:3} threads  {held.tasks:3} tasks"
    )


@click.command()
@click.option("--minutes", default=30.0, show_default=True)
@click.option(
    "--laps", default=10, show_default=True, help="How often the gauges are read; the first lap is the warm-up."
)
@click.option("--clients", default=8, show_default=True)
@click.option("--embedder", default="static", show_default=True)
@click.option(
    "--lane", "lanes", multiple=True, type=click.Choice(MODELS), default=MODELS, help="One alone; all without."
)
@click.option("--seed", type=int, help="Of all that is drawn by lot; printed where none is given.")
@click.option("--keep", type=click.Path(path_type=Path, file_okay=False), help="An empty folder for database and log.")
def main(
    minutes: float, laps: int, clients: int, embedder: str, lanes: Sequence[str], seed: int | None, keep: Path | None
) -> None:
    """Soak a server, and fail where it holds more than before or breaks a promise."""
    seed = random.SystemRandom().randrange(1 << 32) if seed is None else seed
    click.echo(f"Seed {seed}", err=True)
    with tempfile.TemporaryDirectory(prefix="graft-soak-") as passing, running_upstream(quiet=True) as upstream:
        folder = keep or Path(passing)
        folder.mkdir(exist_ok=True)
        server = Watched(folder, upstream, settings(upstream, embedder, lanes))
        server.start()
        try:
            done = asyncio.run(soak(server, upstream, minutes * 60, laps, clients, random.Random(seed), lanes))
        except Broken as exc:
            raise click.ClickException(str(exc)) from exc
        finally:
            server.stop()
    click.echo(", ".join(f"{count} {what}" for what, count in sorted(done[-1].happened.items())))
    if found := grown(done):
        raise click.ClickException("Held behind the warm-up: " + "; ".join(found))
    click.echo("Flat, and every promise kept.")


if __name__ == "__main__":
    main()
