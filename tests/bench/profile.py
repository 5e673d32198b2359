"""One row under py-spy: where its CPU time goes, by function.

py-spy reads the server from outside, without stopping it, so what is measured is not slowed down. It needs the right to trace processes.
"""

from __future__ import annotations

import re
import shutil
import signal
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from rich.table import Table

from tests.bench.measure import CLIENTS, Bench, Size, users_needed
from tests.bench.processes import Failed, Load, Process, cores, free_port
from tests.bench.rows import Row
from tests.bench.servers import Place

_LINE = re.compile(r":\d+\)$")

RATE = 250
"""Samples a second."""


def profile(row: Row, size: Size, folder: Path, *, stream: int | None = None) -> Path:
    """Samples of a server under load, as folded stacks. Raises Failed."""
    py_spy = shutil.which("py-spy") or shutil.which("py-spy", path=str(Path(sys.executable).parent))
    if py_spy is None:
        raise Failed("py-spy is not installed: `uv sync --group bench`.")
    tested, others = cores()
    port = free_port()
    upstream = Process([sys.executable, "-m", "tests.bench.upstream", str(port)], others, folder / "canned.log")
    load = Load(others)
    upstream.cpu_until(f"http://127.0.0.1:{port}/")
    try:
        server = row.start(Place(folder, tested, port, users_needed(size)))
        try:
            bench = Bench(load, size)
            bench.warm(server)
            stacks = folder / "stacks.txt"
            spy = Process(
                [
                    py_spy,
                    *("record", "--nonblocking", "-p", str(server.process.pid)),
                    *("-f", "raw", "-r", str(RATE), "-d", "900", "-o", str(stacks)),
                ],
                others,
                folder / "py-spy.log",
            )
            for _ in range(size.rounds):
                bench.block(server, CLIENTS, size.turns, server.next_users(CLIENTS), stream)
            spy.stop(signal.SIGINT)
            if not stacks.exists():
                raise Failed("py-spy kept nothing:\n" + spy.log.read_text()[-2000:])
            return stacks
        finally:
            server.process.stop()
    finally:
        load.stop()
        upstream.stop()


def table(stacks: Path, lines: int) -> list[Table]:
    """The functions that cost most: with what they call, and by themselves."""
    whole, own, total = shares(stacks.read_text().splitlines())
    return [
        _table(title, counts, total, lines) for title, counts in (("With what it calls", whole), ("By itself", own))
    ]


def shares(stacks: Sequence[str]) -> tuple[Counter[str], Counter[str], int]:
    """Samples by function: anywhere on the stack, at its top, and how many there were in all."""
    whole: Counter[str] = Counter()
    own: Counter[str] = Counter()
    for line in stacks:
        stack, _, samples = line.rpartition(" ")
        frames = [_LINE.sub(")", frame) for frame in stack.split(";")]
        whole.update(dict.fromkeys(frames, int(samples)))
        own[frames[-1]] += int(samples)
    return whole, own, own.total()


def _table(title: str, counts: Counter[str], total: int, lines: int) -> Table:
    made = Table(title=title)
    made.add_column("function")
    made.add_column("share", justify="right")
    for name, samples in counts.most_common(lines):
        made.add_row(name, f"{100 * samples / max(1, total):.1f} %")
    return made
