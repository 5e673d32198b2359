"""One run: every server is started once, then the rows take turns, round by round, and the medians over the rounds count."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from statistics import median
from typing import Any

from tests.bench.processes import Failed, Load, Process, cores, free_port
from tests.bench.rows import Row
from tests.bench.servers import Place, Server

CLIENTS = 16
STREAMS = 4
"""Clients that stream at the same time."""


@dataclass(frozen=True, slots=True)
class Size:
    """How much is measured in one round."""

    rounds: int
    turns: int
    """Of each of the 16 clients."""
    alone: int
    """Turns of the one client whose waiting time is measured."""
    streams: int
    """Of each streaming client."""
    short: int
    long: int
    """Chunks of the two kinds of streams; the difference of their cost is the cost of a chunk."""


QUICK = Size(rounds=2, turns=11, alone=11, streams=3, short=8, long=136)
FULL = Size(rounds=5, turns=33, alone=44, streams=6, short=8, long=264)
TINY = Size(rounds=1, turns=1, alone=2, streams=1, short=2, long=6)


@dataclass(slots=True)
class Figures:
    """What a row costs; one value a round, where it is a list."""

    name: str
    what: str
    missing: str | None = None
    cpu_ms: list[float] = field(default_factory=list)
    """CPU time of the server for a request, 16 clients, not streamed; work behind the reply included."""
    per_s: list[float] = field(default_factory=list)
    added_ms: list[float] = field(default_factory=list)
    """What one client waits longer than for the bare upstream, which is asked the same in turn: the median over pairs."""
    first_ms: list[float] = field(default_factory=list)
    """The same to the first bytes of a stream."""
    chunk_us: list[float] = field(default_factory=list)
    rss_mib: float | None = None
    """Idle, after all load."""
    health_cpu_s: float | None = None
    ready_cpu_s: float | None = None

    def middle(self, name: str) -> float | None:
        values = getattr(self, name)
        if isinstance(values, list):
            return median(values) if values else None
        return None if values is None else float(values)


FIGURES = ("cpu_ms", "per_s", "added_ms", "first_ms", "chunk_us", "rss_mib", "health_cpu_s", "ready_cpu_s")


def users_needed(size: Size) -> int:
    """Each block talks to people whose trees have not grown yet."""
    return CLIENTS + size.rounds * (CLIENTS + 2 + 2 * STREAMS)


def measure(rows: Sequence[Row], size: Size, folder: Path) -> list[Figures]:
    """Measure some rows side by side."""
    tested, others = cores()
    figures = [Figures(row.name, row.what, row.missing()) for row in rows]
    with ExitStack() as stack:
        port = free_port()
        upstream = Process([sys.executable, "-m", "tests.bench.upstream", str(port)], others, folder / "canned.log")
        stack.callback(upstream.stop)
        upstream.cpu_until(f"http://127.0.0.1:{port}/")
        place = Place(folder, tested, port, users_needed(size))
        load = Load(others)
        stack.callback(load.stop)
        bench = Bench(load, size)
        running: list[tuple[Figures, Server]] = []
        for row, told in zip(rows, figures, strict=True):
            if told.missing is None and (server := _start(row, place, told)) is not None:
                stack.callback(server.process.stop)
                running.append((told, server))
        bench.bare = next((server for told, server in running if told.name == "upstream"), None)
        for told, server in running:
            _say(f"warming {told.name}")
            bench.warm(server)
        for number in range(size.rounds):
            _say(f"round {number + 1} of {size.rounds}")
            for told, server in running:
                bench.round(told, server)
        for told, server in running:
            told.rss_mib = server.process.rss_mib()
    return figures


class Bench:
    """Plays blocks of load against servers."""

    def __init__(self, load: Load, size: Size) -> None:
        self._load = load
        self._size = size
        self._seeds = count()
        self.bare: Server | None = None
        """The upstream itself, which others are compared with."""

    def warm(self, server: Server) -> None:
        """The first requests pay for imports, caches and, under `auto`, for the vectors of what is stored."""
        self.block(server, clients=1, turns=1, users=server.next_users(CLIENTS))
        self.block(server, clients=CLIENTS, turns=2, users=server.users[:1])
        if server.streams:
            self.block(server, clients=1, turns=1, users=server.users[:1], stream=self._size.short)

    def round(self, told: Figures, server: Server) -> None:
        """All blocks of one row in one round."""
        size = self._size
        cpu_s, outcome = self.block(server, CLIENTS, size.turns, server.next_users(CLIENTS))
        told.cpu_ms.append(cpu_s * 1000 / outcome["requests"])
        told.per_s.append(outcome["requests"] / outcome["seconds"])
        if self.bare is not None and self.bare is not server:
            _, outcome = self.block(server, 1, size.alone, server.next_users(1), beside=self.bare)
            told.added_ms.append(median(outcome["added_ms"]))
        if not server.streams:
            return
        if self.bare is not None and self.bare is not server:
            _, outcome = self.block(server, 1, size.alone, server.next_users(1), size.short, beside=self.bare)
            told.first_ms.append(median(outcome["added_ms"]))
        short, _ = self.block(server, STREAMS, size.streams, server.next_users(STREAMS), size.short)
        long, _ = self.block(server, STREAMS, size.streams, server.next_users(STREAMS), size.long)
        told.chunk_us.append((long - short) * 1e6 / (STREAMS * size.streams * (size.long - size.short)))

    def block(
        self,
        server: Server,
        clients: int,
        turns: int,
        users: Sequence[str],
        stream: int | None = None,
        beside: Server | None = None,
    ) -> tuple[float, dict[str, Any]]:
        """CPU seconds of the server, and what the clients saw."""
        job = {
            "port": server.port,
            "key": server.key,
            "users": users,
            "seed": next(self._seeds),
            "clients": clients,
            "turns": turns,
            "warm": 1,
            "stream": stream,
            "headers": dict(server.headers),
            "beside": beside.port if beside is not None else None,
        }
        self._load.warm(job)
        server.process.quiet()
        before = server.process.cpu_s()
        outcome = self._load.go()
        server.process.quiet()
        return server.process.cpu_s() - before, outcome


def _start(row: Row, place: Place, told: Figures) -> Server | None:
    _say(f"starting {row.name}")
    try:
        server = row.start(place)
    except Failed as exc:
        told.missing = f"it did not start: {str(exc).strip().splitlines()[-1]}"
        return None
    told.health_cpu_s, told.ready_cpu_s = server.health_cpu_s, server.ready_cpu_s
    server.process.quiet()
    return server


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
