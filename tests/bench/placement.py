"""What placing a turn costs, by size of the tree: `python -m tests.bench.placement`, on Linux.

Trees of invented text (`invented`) reach the router through its own feed, or (`--store`) through the real SQLite store. Each tree is
built and measured in a process of its own, so that its memory can be told apart. Times are CPU times; vectors cost next to nothing
here, so they are those of a placement without its embedding. The yardstick is one MiniLM embedding of a short turn in the same run,
where MiniLM is installed; on a busy machine trust the ratios.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from proxy import heap
from proxy.domain.message import Message
from proxy.domain.placement import FeedNode, Question
from proxy.domain.ports import TreeFeed
from proxy.domain.tree import Node, NodeId, Tree, TreeId, UserId
from proxy.errors import ConfigError
from proxy.routing.decision import Weights
from proxy.routing.embedded import EmbeddedScorer
from proxy.routing.embedder import embedder
from proxy.routing.grove import Grove
from proxy.routing.router import GraftRouter
from proxy.store.sqlite import SqliteStore
from tests.bench.invented import Feed, Vectors, exchanges, subject

SIZES = (100, 1_000, 10_000, 100_000)
AT_ONCE = 1_000
"""Exchanges that arrive at a time while a tree is built."""
ADDED = 50
"""Exchanges added one by one, each of them measured."""
LONG = 40_000
"""Words of a pasted turn."""

USER, TREE = UserId("bench"), TreeId("bench")


@dataclass(frozen=True, slots=True)
class Cost:
    """What one tree cost. Times are CPU milliseconds, medians where there are many."""

    nodes: int
    shape: str
    users: int
    build_ms: float
    """To read the whole tree in, for a thousand nodes, without embedding."""
    first_ms: float
    """The first placement after that."""
    place_ms: float
    place_p95_ms: float
    long_ms: float
    """A placement of a pasted text of many thousand words."""
    add_ms: float
    """To take in one exchange more, off the request's path."""
    mib: float
    """What the process grew by."""
    yardstick_ms: float


class Stored:
    """The same trees in a real store, one a user; the last user's is measured."""

    def __init__(self, store: SqliteStore, seed: str, chain: bool) -> None:
        self._store = store
        self._seed, self._chain = seed, chain
        self._exchanges = exchanges(seed, chain=chain)
        self.last: list[FeedNode] = []

    async def open(self) -> Tree:
        await self._store.user(self.user)
        self.tree = await self._store.tree(self.user, "main")
        return self.tree

    @property
    def user(self) -> UserId:
        return UserId(self._seed)

    async def grow(self, count: int) -> None:
        while count > 0:
            now = min(count, AT_ONCE)
            told = [next(self._exchanges) for _ in range(now)]
            self.last = list(told[-1])
            nodes = [_node(node, self.tree.id) for pair in told for node in pair]
            await self._store.append(self.user, self.tree.id, nodes)
            count -= now


def _node(node: FeedNode, tree_id: TreeId) -> Node:
    message = Message({"role": node.role, "content": node.text})
    return Node(node.id, tree_id, node.parent_id, message, "whole", node.created_at)


class Grown:
    """A tree that grows, and the router that follows it."""

    def __init__(
        self, feed: TreeFeed, folder: Path, grow: Callable[[int], Any], last: Callable[[], list[FeedNode]]
    ) -> None:
        self._grow, self._last = grow, last
        self._vectors = Vectors()
        gate = EmbeddedScorer(self._vectors, Weights.shipped("minilm"))
        self.router = GraftRouter(Grove(feed, folder=folder), gate)
        self._chance = random.Random("turns")

    async def build(self, nodes: int, user: UserId, tree: TreeId) -> float:
        """Read in so many nodes; gives the CPU seconds."""
        self._user, self._tree = user, tree
        spent, left = 0.0, nodes // 2
        while left > 0:
            await _awaited(self._grow(min(left, AT_ONCE)))
            left -= AT_ONCE
            spent += await self._cpu(self.router.warm(user, tree))
        return spent

    async def place(self, count: int, words: int = 14) -> list[float]:
        """CPU milliseconds of so many placements, none of which is stored."""
        about = subject(self._chance)
        told = []
        for at in range(count):
            text = about.text(self._chance, words, "?")
            if at % 3 == 0:  # a third of the turns take up what was just said
                text = " ".join(self._last()[1].text.split()[:words])
            self._vectors.know(text)
            cursor: NodeId = self._last()[1].id
            told.append(1000 * await self._cpu(self.router.attach(Question(self._user, self._tree, text, cursor))))
        return told

    async def add(self, count: int) -> list[float]:
        told = []
        for _ in range(count):
            await _awaited(self._grow(1))
            told.append(1000 * await self._cpu(self.router.warm(self._user, self._tree)))
        return told

    async def _cpu(self, work: Any) -> float:
        started = time.process_time()
        await work
        return time.process_time() - started


async def _awaited(value: Any) -> None:
    if asyncio.iscoroutine(value):
        await value


async def measure(nodes: int, chain: bool, users: int, rounds: int, folder: Path, in_store: bool) -> Cost:
    """Build a tree in this process and measure it."""
    unit_ms = yardstick()
    Vectors().embed(["warm"])
    next(exchanges("warm"))
    heap.settle()
    before = rss()
    if not in_store:
        feed = Feed("tree", chain=chain)
        grown = Grown(feed, folder, feed.grow, lambda: feed.last)
        return await _measured(grown, USER, TREE, nodes, chain, 1, rounds, before, unit_ms)
    async with SqliteStore(f"sqlite:///{folder / 'bench.db'}") as store:
        for number in range(users - 1):
            other = Stored(store, f"other-{number}", chain)
            await other.open()
            await other.grow(nodes // 2)
        stored = Stored(store, "user", chain)
        tree = await stored.open()
        grown = Grown(store, folder, stored.grow, lambda: stored.last)
        return await _measured(grown, stored.user, tree.id, nodes, chain, users, rounds, rss(), unit_ms)


async def _measured(
    grown: Grown,
    user: UserId,
    tree: TreeId,
    nodes: int,
    chain: bool,
    users: int,
    rounds: int,
    before: float,
    unit_ms: float,
) -> Cost:
    built = await grown.build(nodes, user, tree)
    (first,) = await grown.place(1)
    placed = sorted(await grown.place(rounds))
    long = await grown.place(3, LONG)
    added = await grown.add(ADDED)
    gc.collect()
    return Cost(
        nodes=nodes,
        shape="one path" if chain else "conversations",
        users=users,
        build_ms=built * 1000 / (nodes / 1000),
        first_ms=first,
        place_ms=median(placed),
        place_p95_ms=placed[int(0.95 * (len(placed) - 1))],
        long_ms=median(long),
        add_ms=median(added),
        mib=rss() - before,
        yardstick_ms=unit_ms,
    )


def yardstick() -> float:
    """CPU milliseconds of one MiniLM embedding of a short turn; 0 where MiniLM is not installed."""
    model = embedder("minilm")
    text = "Which train goes to the coast on Sunday morning, and do I need to book a seat ahead?"
    try:
        model.embed([text])
    except ConfigError:
        return 0.0
    told = []
    for _ in range(9):
        started = time.process_time()
        model.embed([text])
        told.append(1000 * (time.process_time() - started))
    return median(told)


def rss() -> float:
    """MiB of memory that this process holds now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def table(costs: Sequence[Cost]) -> Table:
    made = Table(title="What placing a turn costs, CPU ms without the turn's embedding", title_justify="left")
    for head in (
        *("nodes", "tree", "users", "place", "p95", "yardstick = 1", "long turn", "first", "add an exchange"),
        *("read in, a 1000 nodes", "MiB", "MiB a 10⁶ nodes"),
    ):
        made.add_column(head, justify="right")
    for one in costs:
        against = f"{one.place_ms / one.yardstick_ms:.2f}" if one.yardstick_ms else "-"
        made.add_row(
            *(f"{one.nodes:,}", one.shape, str(one.users), f"{one.place_ms:.2f}", f"{one.place_p95_ms:.2f}", against),
            *(f"{one.long_ms:.2f}", f"{one.first_ms:.2f}", f"{one.add_ms:.2f}", f"{one.build_ms:.0f}"),
            *(f"{one.mib:.0f}", f"{one.mib * 1e6 / one.nodes:.0f}" if one.nodes >= 10_000 else "-"),
        )
    return made


def profiled(nodes: int, chain: bool, rounds: int, work: str) -> str:
    """Where the time of placements (`place`) or of reading in (`build`) goes, in a single thread."""
    import cProfile
    import io
    import pstats

    feed = Feed("tree", chain=chain)
    grown = Grown(feed, Path(tempfile.gettempdir()), feed.grow, lambda: feed.last)
    profile = cProfile.Profile()

    async def inline(work: Callable[[], Any]) -> Any:
        return work()

    grown.router._on_thread = inline  # type: ignore[method-assign]

    async def run() -> None:
        if work == "build":
            profile.enable()
        await grown.build(nodes, USER, TREE)
        await grown.place(2)
        if work == "place":
            profile.enable()
            await grown.place(rounds)
        profile.disable()

    asyncio.run(run())
    told = io.StringIO()
    pstats.Stats(profile, stream=told).sort_stats("tottime").print_stats(28)
    return told.getvalue()


def apart(nodes: int, chain: bool, users: int, rounds: int, store: bool) -> Cost:
    """The same in a process of its own."""
    env = os.environ | {"OPENBLAS_NUM_THREADS": "1"}  # as `graft serve` has it
    line = [sys.executable, "-m", "tests.bench.placement", "--one", str(nodes), "--users", str(users)]
    line += ["--rounds", str(rounds), *(["--chain"] if chain else []), *(["--store"] if store else [])]
    told = subprocess.run(line, check=True, stdout=subprocess.PIPE, text=True, env=env).stdout
    return Cost(**json.loads(told))


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.placement", description=__doc__)
    parser.add_argument("--sizes", default=",".join(map(str, SIZES)), help="Nodes of the trees, separated by commas.")
    parser.add_argument("--users", type=int, default=1, help="With --store: users with trees of that size each.")
    parser.add_argument("--store", action="store_true", help="Read the trees from a real SQLite store.")
    parser.add_argument("--chain", action="store_true", help="One endless conversation in place of many.")
    parser.add_argument("--rounds", type=int, default=60, help="Placements that are measured.")
    parser.add_argument("--json", type=Path, help="Write everything measured here.")
    parser.add_argument("--profile", choices=("place", "build"), help="Print where the time goes, for the first size.")
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    sizes = [int(float(size)) for size in options.sizes.split(",")]
    if options.one is not None:
        with tempfile.TemporaryDirectory(prefix="graft-bench-") as folder:
            cost = asyncio.run(
                measure(options.one, options.chain, options.users, options.rounds, Path(folder), options.store)
            )
        sys.stdout.write(json.dumps(asdict(cost)))
        return
    console = Console(width=None if sys.stdout.isatty() else 160)
    if options.profile is not None:
        console.print(profiled(sizes[0], options.chain, options.rounds, options.profile))
        return
    costs: list[Cost] = []
    try:
        with Progress(console=Console(stderr=True), transient=True) as progress:
            task = progress.add_task("Measuring", total=len(sizes))
            for size in sizes:
                progress.update(task, description=f"{size:,} nodes")
                costs.append(apart(size, options.chain, options.users, options.rounds, options.store))
                progress.advance(task)
    finally:  # a run that is broken off tells what it has
        console.print(table(costs))
        if options.json is not None:
            options.json.write_text(json.dumps([asdict(cost) for cost in costs], indent=1))


if __name__ == "__main__":
    main()
