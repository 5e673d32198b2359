"""What a server holds: memory, file descriptors, threads and asyncio tasks.

The first three are the system's own account of the process (Linux, `/proc`); the tasks only the process itself can count, so it is
started as `tests.soak.server` and writes its account into a file when it is sent SIGUSR1.
"""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tests.doubles.served import Served

ACCOUNT = "account.json"
LONGEST_S = 60.0
"""How long a server may take to let go of what the last requests held."""
POOLED = {"descriptors": 8, "threads": 2, "tasks": 0}
"""What may come and go: idle connections to the provider, and threads that are made when they are first needed. What leaks does not stop there."""
REQUEST = "RequestResponseCycle.run_asgi"
"""A task of uvicorn's that answers a request."""


@dataclass(frozen=True, slots=True)
class Gauges:
    """What was read at one moment."""

    rss_mib: float
    descriptors: int
    threads: int
    tasks: int
    objects: int
    """What the garbage collector looks at."""
    blocks: int = 0
    """Small Python objects of any kind, texts and numbers too."""
    malloc_mib: float = 0.0
    """What is in use of the C library's heap: libraries, SQLite, and large Python objects."""
    running: dict[str, int] = field(default_factory=dict, compare=False)
    """The tasks, by what they run."""

    def above(self, base: Gauges) -> list[str]:
        """What is held in greater number than before, memory aside."""
        return [
            f"{name}: {getattr(base, name)} -> {getattr(self, name)}"
            for name, pooled in POOLED.items()
            if getattr(self, name) > getattr(base, name) + pooled
        ]


class Watched(Served):
    """A running Graft that gives an account of itself."""

    program = ("tests.soak.server", "serve")

    def read(self) -> Gauges:
        """All gauges now."""
        account = self.folder / ACCOUNT
        account.unlink(missing_ok=True)
        os.kill(self.pid, signal.SIGUSR1)
        _until(account.exists, "an account of the server")
        told = json.loads(account.read_text())
        return Gauges(
            rss_mib=rss_mib(self.pid),
            descriptors=_entries(f"/proc/{self.pid}/fd"),
            threads=_entries(f"/proc/{self.pid}/task"),
            tasks=sum(told["tasks"].values()),
            objects=told["objects"],
            blocks=told["blocks"],
            malloc_mib=told["malloc_mib"],
            running=told["tasks"],
        )

    def settled(self, base: Gauges | None = None) -> Gauges:
        """The gauges once no request is answered and nothing is held above `base`, or when the longest wait is over."""
        deadline = time.monotonic() + LONGEST_S
        now = self.read()
        while (REQUEST in now.running or (base and now.above(base))) and time.monotonic() < deadline:
            time.sleep(0.5)
            now = self.read()
        return now


def rss_mib(pid: int) -> float:
    """Resident memory of a process."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:")) / 1024


def _entries(folder: str) -> int:
    return sum(1 for _ in Path(folder).iterdir())


def _until(done: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + LONGEST_S
    while not done():
        assert time.monotonic() < deadline, f"Waited in vain for {what}."
        time.sleep(0.05)
