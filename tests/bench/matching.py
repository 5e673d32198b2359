"""What it costs to match a history that is sent again: `uv run python -m tests.bench.matching`.

One history of 200 messages and 200 kB, for a user with 10^2 to 10^6 nodes. CPU time of the whole process, threads included, from
the decoded body to the cursor: read (fold and hash), one query, alignment. Every request decodes its body anew, as a server does.
"""

from __future__ import annotations

import asyncio
import hashlib
import random
import tempfile
import time
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

import click
import msgspec
from rich.console import Console
from rich.table import Table

from proxy.chat.history.cursor import locate
from proxy.chat.request import Transcript, new_nodes, read, rows
from proxy.domain import fingerprint
from proxy.domain.fingerprint import NOTHING, Memo
from proxy.domain.message import Message
from proxy.domain.ports import Adoption, User
from proxy.domain.tree import DEFAULT_TREE, NodeId, Tree, UserId, new_id
from proxy.domain.turn import Turn
from proxy.store.sqlite import SqliteStore
from tests.bench import texts

Json = dict[str, Any]
MESSAGES, LETTERS = 200, 1_000
NEW = {"role": "user", "content": "And what do you make of that?"}
PARTS = ("read", "query", "align")


def history(chance: random.Random) -> list[Json]:
    """200 messages of 1000 letters."""
    topic = chance.choice(list(texts.TOPICS))
    said = ["\n\n".join(texts.say(chance, topic) for _ in range(4))[:LETTERS] for _ in range(MESSAGES)]
    return [{"role": "assistant" if i % 2 else "user", "content": text} for i, text in enumerate(said)]


HABITS = {
    "word for word": lambda sent: sent,
    "the first turn reworded": lambda sent: [{**sent[0], "content": f"{sent[0]['content']} <rules/>"}, *sent[1:]],
    "the oldest ten cut away": lambda sent: sent[10:],
    "nothing of it known": lambda sent: [{**one, "content": one["content"][::-1]} for one in sent],
}


async def adopt(
    store: SqliteStore, user: User, tree: Tree, wires: Sequence[Json], under: NodeId | None = None
) -> NodeId:
    """Store a whole chat; returns its last node."""
    messages = [Message(wire) for wire in wires]
    conversation = new_id("c")
    nodes = new_nodes(messages, tree.id, under, conversation, None)
    transcript = Transcript(messages, fingerprint.transcript(messages, user.secret), None)
    exacts = [fingerprint.exact(message, user.secret) for message in messages]
    seen = rows(transcript, 0, len(nodes), NOTHING, nodes, conversation)
    await store.adopt(Adoption(user.id, tree.id, nodes, exacts, seen))
    return nodes[-1].id


async def grow(store: SqliteStore, user: User, tree: Tree, count: int, chance: random.Random) -> None:
    """Make the tree so many nodes larger, in short chats."""
    for _ in range(count // 100):
        topic = chance.choice(list(texts.TOPICS))
        chat = [
            {"role": "assistant" if i % 2 else "user", "content": f"{chance.random()} {texts.ask(chance, topic)}"}
            for i in range(100)
        ]
        await adopt(store, user, tree, chat)


async def match(store: SqliteStore, user: User, memo: Memo | None, body: bytes) -> tuple[list[float], int]:
    """CPU milliseconds of each part, and up to where the history was recognised."""
    turn = Turn("m", [Message(wire) for wire in msgspec.json.decode(body)])
    clock = [time.process_time()]
    transcript = read(turn, user, memo)
    clock.append(time.process_time())
    sighting = await store.recognise(user.id, transcript.links, tree_id=None, conversation=None)
    clock.append(time.process_time())
    locate(transcript.said, transcript.links, sighting)
    clock.append(time.process_time())
    return [1000 * (end - begin) for begin, end in pairwise(clock)], sighting.anchor


def yardstick(times: int) -> float:
    """What a busy machine makes of a piece of work that never changes, in CPU milliseconds."""
    text = b"x" * (MESSAGES * LETTERS)
    taken: list[float] = []
    for _ in range(times):
        begun = time.process_time()
        hashlib.blake2b(text, digest_size=16).digest()
        taken.append(1000 * (time.process_time() - begun))
    return median(taken)


async def measure(sizes: Sequence[int], times: int, folder: Path) -> Table:
    """A row for each size of the tree and each habit."""
    size_kb = MESSAGES * LETTERS // 1000
    table = Table(
        title=f"Matching {MESSAGES} messages, {size_kb} kB: median CPU ms",
        caption=f"For scale: BLAKE2b alone over {size_kb} kB takes {yardstick(times):.2f} ms here and now.",
    )
    for column in ("nodes", "the client sends", "recognised", *PARTS, "all", "best tenth", "after a restart"):
        table.add_column(column, justify="left" if column == "the client sends" else "right")
    async with SqliteStore(f"sqlite:///{folder}/graft.db") as store:
        user = await store.user(UserId("bench"))
        tree = await store.tree(user.id, DEFAULT_TREE)
        chance = random.Random(1)
        sent = history(chance)
        await adopt(store, user, tree, sent)
        stored = MESSAGES
        for size in sizes:
            await grow(store, user, tree, size - stored, chance)
            stored = max(stored, size)
            for name, habit in HABITS.items():
                body = msgspec.json.encode([*habit(sent), NEW])
                memo = Memo()
                await match(store, user, memo, body)
                warm = [await match(store, user, memo, body) for _ in range(times)]
                cold = [await match(store, user, None, body) for _ in range(times)]
                parts = [median(cost[i] for cost, _ in warm) for i in range(len(PARTS))]
                known = str(warm[0][1] + 1)
                whole, first = (median(sum(cost) for cost, _ in costs) for costs in (warm, cold))
                best = sorted(sum(cost) for cost, _ in warm)[len(warm) // 10]
                table.add_row(f"{stored}", name, known, *(f"{ms:.2f}" for ms in (*parts, whole, best, first)))
    return table


@click.command()
@click.option(
    "--largest", default=6, show_default=True, help="The largest tree has ten to the power of this many nodes."
)
@click.option("--times", default=51, show_default=True, help="Requests of each kind.")
def main(largest: int, times: int) -> None:
    """Measure what it costs to match a history that is sent again."""
    with tempfile.TemporaryDirectory(prefix="graft-bench-") as folder:
        sizes = [10**power for power in range(2, largest + 1)]
        Console(width=120).print(asyncio.run(measure(sizes, times, Path(folder))))


if __name__ == "__main__":
    main()
