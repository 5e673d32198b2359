"""What stored conversations cost by how many there are: `python -m tests.bench.size`, on Linux.

A database of a million nodes and a thousand users, one of whom has a hundred thousand, is built (`--nodes`, `--users`, `--largest`), and
beside it one of two users, for comparison. Told are CPU times, threads included, and SQLite's steps: where these are the same in both, a
question touches what is its own and nothing else. `--keep FOLDER` builds there once and uses that again.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sqlite3
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from proxy import heap
from proxy.domain.message import said
from proxy.domain.ports import CloseTurn, OpenTurn
from proxy.domain.tree import DEFAULT_TREE, new_id
from proxy.store import SqliteStore, connection
from tests.bench.placement import rss
from tests.bench.processes import Process, cores, free_port
from tests.bench.sized import CHAT, DEPTHS, deeds, noted, person_of, user_with
from tests.store.client import Client

ROUNDS = 15
TURNS = 320
"""Turns stored, by one client or shared among many."""
CLIENTS = (1, 16)
EVERY = 10
"""Steps between two counts."""


@dataclass(slots=True)
class Told:
    """What one database cost."""

    nodes: int
    users: int
    build_ms: float = 0.0
    """For a thousand nodes."""
    mib: float = 0.0
    """Of the file."""
    open_ms: float = 0.0
    micros: dict[str, float] = field(default_factory=dict)
    """CPU of a deed, by who did it and what it was."""
    steps: dict[str, int] = field(default_factory=dict)
    first_search_ms: dict[str, float] = field(default_factory=dict)
    """A user's first search, for a thousand of that user's nodes: it makes the index of words."""
    turn_micros: dict[str, float] = field(default_factory=dict)
    """To store a turn and its reply, by how many clients do so at once."""
    grown_mib: float = 0.0
    """What the process grew by while every user was served once."""
    start_s: dict[str, float] = field(default_factory=dict)
    """CPU seconds of `graft serve` until it answers."""


async def build(file: Path, nodes: int, users: int, largest: int, tell: Callable[[int], None]) -> float:
    """Fill a database; gives the CPU seconds. The users `average` and `largest` are those that are measured."""
    started = time.process_time()
    async with SqliteStore(f"sqlite:///{file}") as store:
        each = max(4 * CHAT, (nodes - largest) // (users - 1))
        for number in range(users - 2):
            await user_with(store, f"user-{number}", each)
            tell(each)
        for name, count in (("average", each), ("largest", largest)):
            noted(await user_with(store, name, count, min(DEPTHS[-1], count // 2)), file)
            tell(count)
    return time.process_time() - started


async def measure(file: Path, told: Told) -> None:
    """What is done in a database that was built."""
    started = time.process_time()
    async with SqliteStore(f"sqlite:///{file}") as store:
        told.open_ms = 1000 * (time.process_time() - started)
        count = Steps(store)
        for name in ("average", "largest"):
            person = await person_of(store, file, name)
            (nodes,) = await store._read(
                lambda db, tree=person.tree.id: db.execute(
                    "SELECT count(*) FROM nodes WHERE tree_id = ?", (tree,)
                ).fetchone()
            )
            started = time.process_time()
            await store.search(person.user.id, "zanzibar", None, None, 1)
            told.first_search_ms[name] = 1e6 * (time.process_time() - started) / nodes
            for what, deed in deeds(person).items():
                told.micros[f"{name}: {what}"] = await micros(deed)
                told.steps[f"{name}: {what}"] = await count.of(deed)
        for clients in CLIENTS:
            told.turn_micros[str(clients)] = await turns(store, clients)
        told.grown_mib = await served_once(store)


async def micros(deed: Callable[[], Awaitable[object]]) -> float:
    """CPU microseconds, the median of some rounds."""
    took = []
    for _ in range(ROUNDS):
        started = time.process_time()
        await deed()
        took.append(time.process_time() - started)
    return 1e6 * median(took)


class Steps:
    """Counts what SQLite does on all connections of a store."""

    def __init__(self, store: SqliteStore) -> None:
        self._store = store
        self._taken = 0

    async def of(self, deed: Callable[[], Awaitable[object]]) -> int:
        """Steps of SQLite's virtual machine, to within a few dozen."""
        await deed()  # what is seen for the first time is another deed
        await self._on_each(lambda db: db.set_progress_handler(self._step, EVERY))
        self._taken = 0
        await deed()
        await self._on_each(lambda db: db.set_progress_handler(None, EVERY))
        return EVERY * self._taken

    def _step(self) -> int:
        self._taken += 1
        return 0

    async def _on_each(self, function: Callable[[sqlite3.Connection], None]) -> None:
        for held in set(self._store._connections):
            await connection.whole(held, function)
        if self._store._glances is not None:
            function(self._store._glances._db)


async def turns(store: SqliteStore, clients: int) -> float:
    """CPU microseconds of a turn and its reply, two transactions; what is stored was made beforehand."""
    chats = [await Client.of(store, f"user-{number % 2}", new_id("c")) for number in range(clients)]
    talks = [[exchange(one, number) for number in range(TURNS // clients)] for one in chats]

    async def talk(exchanges: Sequence[tuple[OpenTurn, CloseTurn]]) -> None:
        for opened, closed in exchanges:
            await store.open_turn(opened)
            await store.close_turn(closed)

    await asyncio.gather(*(talk(one[:2]) for one in talks))
    began = time.process_time()
    await asyncio.gather(*(talk(one[2:]) for one in talks))
    return 1e6 * (time.process_time() - began) / sum(len(one) - 2 for one in talks)


def exchange(client: Client, number: int) -> tuple[OpenTurn, CloseTurn]:
    """A client's next turn and its reply."""
    turn = client.turn(f"What of number {number} in {client.conversation}?", client.at)
    asked = turn.nodes[0]
    client.said, client.nodes = [*client.said[-2:], asked.message], [asked.id]
    text = said("assistant", "It depends on how deep the water is, and on whether the lock is open at noon.")
    reply = client.node(text, asked.id, "whole", call_id=turn.call_id)
    closed = CloseTurn(
        user_id=client.user.id,
        tree_id=client.tree.id,
        call_id=turn.call_id,
        turn_id=turn.turn_id,
        replies=[reply],
        exacts=client.exacts([reply]),
        seen=client.rows([reply]),
        status="done",
        finish_reason="stop",
        usage={"total_tokens": 30},
        envelope={"id": turn.call_id, "created": 1},
        receipt={"route": "continue"},
        sent=b"in short",
        active_key="k",
    )
    client.said.append(text)
    client.nodes.append(reply.id)
    return turn, closed


async def served_once(store: SqliteStore) -> float:
    """MiB that the process grows by while every user's tree is looked at."""
    names = await store._read(lambda db: db.execute("SELECT id FROM users").fetchall())
    heap.settle()
    before = rss()
    for (name,) in names:
        tree = await store.tree(name, DEFAULT_TREE)
        page = await store.structure_page(name, tree.id, None, 50)
        await store.path(name, page.items[-1].id)
        await store.standing(name, tree.id, [page.items[-1].id], None)
    return rss() - before


def started(file: Path, folder: Path) -> dict[str, float]:
    """CPU seconds of `graft serve` until `/health` and `/ready` answer, and the wall clock's until the first."""
    port, began = free_port(), time.monotonic()
    env = {"GRAFT__STORAGE__URL": f"sqlite:///{file}"}
    command = [sys.executable, "-m", "proxy", "serve", "--port", str(port)]
    server = Process(command, cores()[0], folder / "serve.log", env)
    try:
        told = {"health": server.cpu_until(f"http://127.0.0.1:{port}/health")}
        told["health, by the clock"] = time.monotonic() - began
        return told | {"ready": server.cpu_until(f"http://127.0.0.1:{port}/ready")}
    finally:
        server.stop()


def tables(all_told: Sequence[Told]) -> list[Table]:
    """One of what is asked, with a column for each database and user, and one of the rest."""
    asked, rest = (
        Table(title="CPU µs, and SQLite's steps", title_justify="left"),
        Table(title="The rest", title_justify="left"),
    )
    for made in (asked, rest):
        made.add_column("")
    for told in all_told:
        for name in ("average", "largest"):
            asked.add_column(f"{told.nodes:,} nodes, {told.users:,} users: {name}", justify="right")
        rest.add_column(f"{told.nodes:,} nodes, {told.users:,} users", justify="right")
    for what in dict.fromkeys(key.split(": ")[1] for told in all_told for key in told.micros):
        keys = [f"{name}: {what}" for name in ("average", "largest")]
        asked.add_row(what, *(cell(told, key) for told in all_told for key in keys))
    for name, figure in FIGURES.items():
        rest.add_row(name, *(figure(told) for told in all_told))
    return [asked, rest]


def cell(told: Told, key: str) -> str:
    return f"{told.micros[key]:,.0f}, {told.steps[key]:,}" if key in told.micros else "-"


FIGURES: dict[str, Callable[[Told], str]] = {
    "built, CPU ms a 1000 nodes": lambda told: f"{told.build_ms:.0f}",
    "file, MiB": lambda told: f"{told.mib:,.0f}",
    "opened, CPU ms": lambda told: f"{told.open_ms:.0f}",
    "a user's first search, CPU ms a 1000 nodes": lambda told: ", ".join(
        f"{ms:.0f}" for ms in told.first_search_ms.values()
    ),
    "turn and reply stored by 1 and 16 clients, CPU µs": lambda told: ", ".join(
        f"{us:.0f}" for us in told.turn_micros.values()
    ),
    "all users looked at once, MiB more": lambda told: f"{told.grown_mib:.1f}",
    "`graft serve`: `/health`, by the clock, `/ready`, s": lambda told: ", ".join(
        f"{s:.1f}" for s in told.start_s.values()
    ),
}


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nodes", type=float, default=1e6)
    parser.add_argument("--users", type=int, default=1_000)
    parser.add_argument("--largest", type=float, default=1e5, help="Nodes of the user with the most.")
    parser.add_argument("--keep", type=Path, help="A folder where the databases are built once.")
    parser.add_argument("--no-server", action="store_true", help="Leave `graft serve` out.")
    parser.add_argument("--json", type=Path, help="Write everything measured here.")
    options = parser.parse_args(arguments)
    all_told: list[Told] = []
    with tempfile.TemporaryDirectory(prefix="graft-bench-") as temporary:
        folder = options.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        nodes, largest = int(options.nodes), int(options.largest)
        small = max(8 * CHAT, nodes // options.users)
        for count, users, most in ((2 * small, 2, small), (nodes, options.users, largest)):
            file, told = folder / f"{count}-{users}-{most}.db", Told(count, users)
            if not file.exists():
                with Progress(console=Console(stderr=True), transient=True) as progress:
                    task = progress.add_task(f"{count:,} nodes", total=count)
                    spent = asyncio.run(build(file, count, users, most, lambda done: progress.advance(task, done)))  # noqa: B023
                told.build_ms = 1e6 * spent / count
            told.mib = file.stat().st_size / 2**20
            if not options.no_server:
                told.start_s = started(file, Path(temporary))
            asyncio.run(measure(file, told))
            all_told.append(told)
    console = Console(width=None if sys.stdout.isatty() else 200)
    for made in tables(all_told):
        console.print(made)
    if options.json is not None:
        options.json.write_text(json.dumps([asdict(told) for told in all_told], indent=1))


if __name__ == "__main__":
    main()
