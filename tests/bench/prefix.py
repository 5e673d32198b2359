"""How much of a prompt a provider can have in its cache, and what putting one together costs: `python -m tests.bench.prefix`.

Turns of random length go over the real road into a store in memory, and reach an upstream that caches prefixes as providers do: by blocks of
tokens, for every prompt that it has seen. The share is that of the prompt without its new turn and the reply before it, which nobody can
have cached. Three walks: paths within their budget, paths that outgrow it several times (with summaries made behind the replies), and
switches between branches of one tree.
"""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from rich.console import Console
from rich.table import Table

from proxy.chat.tending import Pruning, Tending
from proxy.chat.terms import Rules
from proxy.context.compose import Draft, Window, compose
from proxy.distil.summary import quoted
from proxy.domain.message import said
from proxy.domain.summary import EXTRACTIVE, Passage, Written
from proxy.domain.tree import NodeId, UserId
from proxy.domain.zone import Piece
from proxy.store import SqliteStore
from tests.chat.road import Json, Road, user
from tests.context.scenes import chain

WORDS = [
    "lock",
    "canal",
    "barge",
    "rope",
    "bread",
    "rye",
    "oven",
    "crust",
    "train",
    "berth",
    "ticket",
    "window",
    "letter",
    "river",
    "bridge",
]
BLOCK = 128
"""Bytes; some 32 tokens."""
WINDOW = 8_000
CPU_ROUNDS = 50


@dataclass
class Cached:
    """What a caching provider would report."""

    seen: set[int]
    sent: int = 0
    hit: int = 0

    def ask(self, messages: list[Json], fresh: int) -> None:
        """One prompt, whose last `fresh` messages are new."""
        spelt = "".join(json.dumps(message) for message in messages)
        old = sum(len(json.dumps(message)) for message in messages[:-fresh])
        hit = 0
        for end in range(BLOCK, len(spelt) + BLOCK, BLOCK):
            mark = hash(spelt[:end])
            if mark in self.seen and hit == end - BLOCK:
                hit = end
            self.seen.add(mark)
        self.sent += old
        self.hit += min(hit + BLOCK, old) if hit else 0

    @property
    def share(self) -> float:
        return self.hit / self.sent


def words(dice: random.Random, most: int) -> str:
    return " ".join(dice.choices(WORDS, k=dice.randint(5, most)))


async def quoting(passage: Passage, model: str, most_tokens: int) -> Written:
    return Written(quoted(passage, most_tokens * 3), EXTRACTIVE)


async def walk(seed: int, turns: int, branches: int, window: int) -> Cached:
    """One tree, grown turn by turn on one branch or on several by turns."""
    dice = random.Random(seed)
    cached = Cached(set())
    async with SqliteStore("sqlite://:memory:") as store:
        road = Road(store, Rules(reply_tokens=500))
        road.upstream.window = window
        road.chat._road.tending = Tending(store, road.chat._prepare.counting, Pruning(quoting))
        await store.put_zone(UserId("ann"), None, "user", words(dice, 60))
        tips: list[str] = ["root"] * branches
        for number in range(turns):
            at = dice.randrange(branches)
            road.upstream.answers = [words(dice, 150)]
            told = await road.ask(user(f"{number} {words(dice, 60)}"), parent=tips[at])
            await road.settle()
            if tips[at] != "root":
                cached.ask(road.upstream.sent, fresh=2)
            tips[at] = told.node
    return cached


async def share(name: str, turns: int, branches: int, window: int) -> tuple[str, float, int]:
    """Of five trees together."""
    runs = [await walk(seed, turns, branches, window) for seed in range(5)]
    return name, sum(run.hit for run in runs) / sum(run.sent for run in runs), sum(run.sent for run in runs)


def cpu_ms() -> float:
    """CPU time of one context: a path of 1,000 counted nodes, 20 zones, half of them on nodes."""
    path = chain([said(("user", "assistant")[n % 2], f"message {n} " * 20) for n in range(1_000)], [60] * 1_000)
    zones = [Piece("discussion", "zone", f"zone {n} " * 40) for n in range(10)]
    zones += [Piece("node", "zone", f"zone {n} " * 40, NodeId(f"n{n * 90 + 1}")) for n in range(10)]
    draft, window = Draft((), path, [said("user", "And now?")], zones), Window(128_000, 4_096, 0.05)
    compose(draft, window)
    began = time.process_time()
    for _ in range(CPU_ROUNDS):
        compose(replace(draft, turn=[said("user", "And now?")]), window)
    return (time.process_time() - began) / CPU_ROUNDS * 1000


async def road_cpu_ms() -> float:
    """The same with what it reads: the path, what stands beside it, and what is known of its beginning."""
    async with SqliteStore("sqlite://:memory:") as store:
        who, tree = UserId("ann"), await store.tree(UserId("ann"), "main")
        path = chain([said(("user", "assistant")[n % 2], f"message {n} " * 20) for n in range(1_000)], [60] * 1_000)
        await store.append(who, tree.id, [node._replace(tree_id=tree.id) for node in path])
        for n in range(10):
            await store.put_zone(who, tree.id, "node", f"zone {n} " * 40, node_id=NodeId(f"n{n * 90 + 1}"))
        ids = [node.id for node in path]
        asks: list[Callable[[], Awaitable[object]]] = [
            lambda: store.path(who, ids[-1]),
            lambda: store.standing(who, tree.id, ids, None),
            lambda: store.shortened(who, tree.id, ids),
        ]
        for ask in asks:
            await ask()
        began = time.process_time()
        for _ in range(CPU_ROUNDS):
            for ask in asks:
                await ask()
        return (time.process_time() - began) / CPU_ROUNDS * 1000


async def figures() -> list[tuple[str, float, int]]:
    return [
        await share("within the budget", 40, 1, 128_000),
        await share("outgrows it", 150, 1, WINDOW),
        await share("branch switches within it", 60, 4, 128_000),
        await share("branch switches, outgrown", 240, 4, WINDOW),
    ]


def main() -> None:
    table = Table("walk", "cached share", "kB looked at")
    for name, found, sent in asyncio.run(figures()):
        table.add_row(name, f"{found:.1%}", f"{sent // 1000:,}")
    console = Console()
    console.print(table)
    console.print(f"A context of 1,000 nodes and 20 zones: {cpu_ms():.2f} ms of CPU to put together,")
    console.print(f"{asyncio.run(road_cpu_ms()):.2f} ms to read.")


if __name__ == "__main__":
    main()
