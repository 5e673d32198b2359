"""What a server holds after many requests: `uv run python -m tests.bench.memory --requests 100000`, on Linux.

Clients of many people chat with one server over the canned upstream, one block in four streamed. The requests are cut into laps; after
each the server comes to rest and its resident memory is read. The first laps are the warm-up, in which caches fill; from then on it may
grow by so much and no more.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from itertools import cycle, islice
from pathlib import Path
from statistics import median

import click

from proxy.cli.progress import shown
from tests.bench.__main__ import chosen
from tests.bench.measure import CLIENTS, TINY, Bench
from tests.bench.processes import Failed, Load, Process, cores, free_port
from tests.bench.rows import Row
from tests.bench.servers import Place

USERS = 64
STREAMED = 4
"""Every so manieth block streams."""
CHUNKS = 16
WARM_SHARE = 0.25
MOST_GROWTH = 0.05
LAST = 3
"""Readings at the end whose median counts."""


@dataclass(frozen=True, slots=True)
class Reading:
    requests: int
    """So far."""
    rss_mib: float


def hold(row: Row, requests: int, laps: int, folder: Path, tell: Callable[[Reading], None]) -> list[Reading]:
    """Serve so many requests; the first reading is that of the idle server. Raises Failed."""
    tested, others = cores()
    port = free_port()
    upstream = Process([sys.executable, "-m", "tests.bench.upstream", str(port)], others, folder / "canned.log")
    load = Load(others)
    try:
        upstream.cpu_until(f"http://127.0.0.1:{port}/")
        server = row.start(Place(folder, tested, port, USERS))
        try:
            people = cycle(server.users)
            server.process.quiet()
            bench, readings, blocks = Bench(load, TINY), [Reading(0, server.process.rss_mib())], 0
            tell(readings[-1])
            turns = max(1, requests // laps // STREAMED // CLIENTS - 1)  # each client sends one more, to warm up
            done = 0
            while done < requests:
                for _ in range(STREAMED):
                    blocks += 1
                    stream = CHUNKS if blocks % STREAMED == 0 else None
                    bench.block(server, CLIENTS, turns, list(islice(people, CLIENTS)), stream)
                    done += CLIENTS * (turns + 1)
                readings.append(Reading(done, server.process.rss_mib()))
                tell(readings[-1])
            return readings
        finally:
            server.process.stop()
    finally:
        load.stop()
        upstream.stop()


def growth(readings: Sequence[Reading]) -> float:
    """By which share the memory grew behind the warm-up, up to the median of the last readings."""
    warm_after = readings[-1].requests * WARM_SHARE
    base = next(reading for reading in readings if reading.requests >= warm_after)
    return median(reading.rss_mib for reading in readings[-LAST:]) / base.rss_mib - 1


@click.command()
@click.option("--requests", default=100_000, show_default=True)
@click.option("--laps", default=20, show_default=True, help="How often memory is read.")
@click.option(
    "--row", "name", default="native-follow-100", show_default=True, help="Which server, as in the benchmark."
)
@click.option("--json", "outcome", type=click.Path(path_type=Path, dir_okay=False), help="Write all readings here.")
def main(requests: int, laps: int, name: str, outcome: Path | None) -> None:
    """Serve many requests, and fail where memory grows by more than a twentieth behind the warm-up."""
    (row,) = chosen(name)
    with tempfile.TemporaryDirectory(prefix="graft-memory-") as folder, shown("Requests", requests) as bar:

        def tell(reading: Reading) -> None:
            bar(reading.requests)
            click.echo(f"{reading.requests:8} requests  {reading.rss_mib:7.1f} MiB", err=True)

        try:
            readings = hold(row, requests, laps, Path(folder), tell)
        except Failed as exc:
            raise click.ClickException(str(exc)) from exc
    grew = growth(readings)
    if outcome is not None:
        outcome.write_text(json.dumps({"row": name, "growth": grew, "readings": [asdict(one) for one in readings]}))
    click.echo(
        f"{readings[0].rss_mib:.0f} MiB idle, {readings[-1].rss_mib:.0f} at the end, {100 * grew:+.1f} % behind the warm-up"
    )
    if grew > MOST_GROWTH:
        raise click.ClickException("Memory grows.")


if __name__ == "__main__":
    main()
