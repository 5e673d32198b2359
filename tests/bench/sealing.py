"""What encryption costs: `uv run python -m tests.bench.sealing`; CPU of a stored turn, of a path that is read, and bytes on the disk.

Sixteen chats at a time go straight into stores in files, with and without encryption in turn: each turn is opened with a decision and closed
with a receipt and what was sent, as the road does it; then the paths are read. The fastest round counts.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
import zlib
from pathlib import Path

import click

from proxy.domain.message import said
from proxy.domain.placement import Attachment, Candidate
from proxy.domain.ports import CloseTurn, Opened, OpenTurn
from proxy.store import SqliteStore
from proxy.store.sealing.cipher import Cipher
from proxy.store.sealing.keys import StorageKey
from tests.store.client import Client

AT_ONCE = 16
ASKED = (
    "How would you anchor a small boat in a tidal river, and what changes when the wind turns against the stream? " * 3
)
SAID = "It depends on how deep the water is, how cold it was last week, and on whether the lock is open at noon. " * 8
PLACED = Attachment(
    None, "continue", "goes on about boats", 0.8, "embedded", (Candidate(None, "root", 0.1, "nothing about boats"),) * 2
)
RECEIPT = {"sent_tokens": 900, "saved_tokens": 400, "zones": {"user": 40}, "stages_ms": {"place": 1.5, "fit": 0.4}}
ENVELOPE = {"id": "chatcmpl-1", "object": "chat.completion", "model": "gpt-2026", "system_fingerprint": "fp_1"}
SENT = zlib.compress(ASKED.encode(), 1)


async def chats(file: Path, turns: int, cipher: Cipher | None) -> tuple[float, float]:
    """Microseconds of CPU of a stored turn, `AT_ONCE` of which share their commits, and of a node that is read."""
    async with await SqliteStore.open(f"sqlite:///{file}", cipher=cipher) as store:
        clients = [await Client.of(store, "ada", f"chat {number}") for number in range(AT_ONCE)]
        stored, read = 0.0, 0
        for number in range(turns // AT_ONCE):
            asked = [
                client.turn(f"{number}: {client.conversation}: {ASKED}", client.at, system="Be brief.", decision=PLACED)
                for client in clients
            ]
            began = time.process_time()
            opened = await asyncio.gather(*map(store.open_turn, asked))
            stored += time.process_time() - began
            answers = [closing(*one) for one in zip(clients, asked, opened, strict=True)]
            began = time.process_time()
            await asyncio.gather(*map(store.close_turn, answers))
            stored += time.process_time() - began
        began = time.process_time()
        for client in clients:
            read += len(await store.path(client.user.id, client.nodes[-1]))
        reading = time.process_time() - began
    return stored / turns * 1e6, reading / read * 1e6


def closing(client: Client, turn: OpenTurn, opened: Opened) -> CloseTurn:
    """The answer to a turn, which the client has seen then."""
    client.said.append(turn.nodes[0].message)
    client.nodes.append(opened.turn_id)
    reply = client.node(said("assistant", SAID), opened.turn_id, "whole", call_id=turn.call_id)
    answer = CloseTurn(
        user_id=client.user.id,
        tree_id=client.tree.id,
        call_id=turn.call_id,
        turn_id=opened.turn_id,
        status="done",
        finish_reason="stop",
        replies=[reply],
        exacts=client.exacts([reply]),
        seen=client.rows([reply]),
        usage={"prompt_tokens": 900, "completion_tokens": 200, "total_tokens": 1100},
        envelope=ENVELOPE,
        receipt=RECEIPT,
        sent=SENT,
        active_key="k",
        hint=client.conversation,
    )
    client.said.append(reply.message)
    client.nodes.append(reply.id)
    return answer


@click.command()
@click.option("--turns", default=1_600, show_default=True)
@click.option("--rounds", default=3, show_default=True)
def main(turns: int, rounds: int) -> None:
    """Compare a store with encryption and one without."""
    ciphers = {"plain": None, "encrypted": Cipher([StorageKey.of(b"k" * 32)])}
    best = {}
    with tempfile.TemporaryDirectory(prefix="graft-sealing-") as folder:
        for number in range(rounds):
            for name, cipher in ciphers.items():
                file = Path(folder) / f"{name}{number}.db"
                told = (*asyncio.run(chats(file, turns, cipher)), file.stat().st_size)
                best[name] = tuple(map(min, zip(told, best.get(name, told), strict=True)))
    for name, (stored_us, read_us, size) in best.items():
        click.echo(
            f"{name:10} {stored_us:8.0f} µs CPU a stored turn {read_us:8.1f} µs CPU a node read {size / turns:8.0f} bytes a turn"
        )


if __name__ == "__main__":
    main()
