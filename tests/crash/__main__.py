"""Kill the server again and again, and see what is left: `uv run python -m tests.crash --rounds 100`.

Clients chat (plain, streaming, with tools); after a random moment one of the servers is killed with SIGKILL, the clients retry or go
on when it is there again, and everything that anybody was ever told is compared with the database (`ledger.py`).
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Self
from urllib.request import urlopen

import aiohttp
import click

from proxy.config import load
from proxy.store import SqliteStore
from proxy.store.sealing.keys import new_key
from tests.crash.clients import Client
from tests.crash.ledger import Broken, Told, check
from tests.doubles.running import running_upstream
from tests.doubles.served import clean_environment

CHECKPOINT_S = 0.2
MOST_ANSWERS, LONGEST_S = 24, 1.5
"""A server lives for at most so many answers, and so long after the last of them."""
START_S = 60
ROOT = Path(__file__).parents[2]


class Nursery:
    """The process that servers are forked from."""

    def __init__(self, config: Path, log: Path) -> None:
        with log.open("ab") as errors:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.crash.nursery", str(config)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                cwd=ROOT,
                env={**clean_environment(), "PYTHONPATH": str(ROOT)},
            )
        self.url = f"http://127.0.0.1:{int(self._hear())}"
        self.servers: dict[int, int] = {}
        """Number to process id."""

    def start(self, number: int) -> None:
        self.servers[number] = int(self._ask(f"start {number}"))

    def kill(self, number: int) -> None:
        """End a server as a crash does, and wait until it is gone."""
        pid = self.servers.pop(number)
        os.kill(pid, signal.SIGKILL)
        self._ask(f"wait {pid}")

    def is_up(self, number: int) -> None:
        """Wait until a server answers. Raises Broken."""
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline:
            with urlopen(f"{self.url}/health", timeout=START_S) as answer:
                if json.load(answer)["worker"] == number:
                    return
        raise Broken(f"Server {number} does not start.")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for number in list(self.servers):
            self.kill(number)
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(30)
        self._process.stdout.close()

    def _ask(self, line: str) -> str:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()
        return self._hear()

    def _hear(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()


async def crash(
    folder: Path, rounds: int, servers: int, clients: int, seed: int, *, encrypted: bool = False
) -> Counter[str]:
    """All rounds; returns what happened. Raises Broken."""
    chance = random.Random(seed)
    database = f"sqlite:///{folder}/graft.db"
    ledger: list[Told] = []
    happened: Counter[str] = Counter()
    with running_upstream() as upstream:
        params = {"model": "openai/gpt-test", "api_base": upstream.base_url, "api_key": "sk-upstream"}
        entry = {"model_name": "gpt-test", "litellm_params": params, "model_info": {"lane": "raw"}}
        settings = {
            "model_list": [entry],
            "storage": {
                "url": database,
                "checkpoint_s": CHECKPOINT_S,
                "encryption": keys_in(folder) if encrypted else [],
            },
            "routing": {"embedder": "static"},
            "server": {"log_level": "warning"},
        }
        (folder / "config.json").write_text(json.dumps(settings))
        cipher = load(str(folder / "config.json"), {}).storage.cipher()
        playing = [Client(number, chance, ledger) for number in range(clients)]
        with Nursery(folder / "config.json", folder / "server.log") as nursery:
            for number in range(1, servers + 1):
                nursery.start(number)
                await asyncio.to_thread(nursery.is_up, number)
            for _ in range(rounds):
                killed = chance.choice(list(nursery.servers))
                await play(nursery, playing, killed, chance, ledger)
                happened["kills"] += 1
                await restart(nursery, killed, chance, happened)
                async with SqliteStore(database, recover=False, cipher=cipher) as store:
                    counts = await check(store, ledger, CHECKPOINT_S)
                upstream.reset()
    happened.update(counts)
    happened["requests"] = len(ledger)
    return happened


def keys_in(folder: Path) -> list[dict[str, str]]:
    """A new key in a file of its own, as the configuration names it."""
    file = folder / "storage.key"
    file.touch(0o600)
    file.write_text(new_key())
    return [{"key_file": str(file)}]


async def play(nursery: Nursery, clients: list[Client], killed: int, chance: random.Random, ledger: list[Told]) -> None:
    """Chat until some answers have come and a random moment more has passed; then one server dies.

    Who is answered by another one may finish.
    """
    enough, began = chance.randint(0, MOST_ANSWERS), len(ledger)
    stop = asyncio.Event()
    timeout = aiohttp.ClientTimeout(total=START_S)
    connector = aiohttp.TCPConnector(force_close=True)
    async with aiohttp.ClientSession(nursery.url, timeout=timeout, connector=connector) as http:
        chatting = [asyncio.create_task(client.chat(http, stop)) for client in clients]
        deadline = time.monotonic() + START_S
        while sum(told.is_whole for told in ledger[began:]) < enough and time.monotonic() < deadline:
            await asyncio.wait(chatting, timeout=0.02, return_when=asyncio.FIRST_EXCEPTION)
        await asyncio.sleep(chance.uniform(0, LONGEST_S))
        stop.set()
        await asyncio.to_thread(nursery.kill, killed)
        if not nursery.servers:  # what waits on the socket would wait for the next server
            for task in chatting:
                task.cancel()
        for outcome in await asyncio.gather(*chatting, return_exceptions=True):
            if isinstance(outcome, Exception):
                raise outcome


async def restart(nursery: Nursery, number: int, chance: random.Random, happened: Counter[str]) -> None:
    """Start a server again; now and then it dies while it starts."""
    while chance.random() < 0.2:
        nursery.start(number)
        await asyncio.sleep(chance.uniform(0, 0.3))
        await asyncio.to_thread(nursery.kill, number)
        happened["kills"] += 1
        happened["kills at the start"] += 1
    nursery.start(number)
    await asyncio.to_thread(nursery.is_up, number)


@click.command()
@click.option("--rounds", default=100, show_default=True)
@click.option("--servers", default=1, show_default=True, help="Servers on one database; each round kills one of them.")
@click.option("--clients", default=8, show_default=True)
@click.option("--seed", default=0, show_default=True)
@click.option("--encrypted", is_flag=True, help="With encryption of what is stored.")
@click.option("--keep", type=click.Path(path_type=Path, file_okay=False), help="An empty folder for database and log.")
def main(rounds: int, servers: int, clients: int, seed: int, encrypted: bool, keep: Path | None) -> None:
    """Kill servers at random moments and check that every promise was kept."""
    with tempfile.TemporaryDirectory(prefix="graft-crash-") as passing:
        folder = keep or Path(passing)
        folder.mkdir(exist_ok=True)
        try:
            happened = asyncio.run(crash(folder, rounds, servers, clients, seed, encrypted=encrypted))
        except Broken as exc:
            raise click.ClickException(str(exc)) from exc
    click.echo(f"Sound after {rounds} rounds: " + ", ".join(f"{count} {what}" for what, count in happened.items()))


if __name__ == "__main__":
    main()
