"""What the bench starts: a server on a core of its own, and what the clients must know of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.bench.processes import Failed, Process

MODEL = "gpt-4o-mini"
UPSTREAM_KEY = "sk-upstream"
CACHE = Path.home() / ".cache" / "graft-bench"
"""Where neighbours are installed, each in an environment of its own."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a row's server is started."""

    folder: Path
    core: int
    upstream: int
    """The port of the canned upstream."""
    users: int
    """Trees of 10^2 nodes that a run needs."""


@dataclass(slots=True)
class Server:
    """A row's server, running."""

    process: Process
    port: int
    health_cpu_s: float
    ready_cpu_s: float
    key: str = "none"
    users: list[str] = field(default_factory=lambda: ["nobody"])
    same: bool = True
    """Whether all load comes from the same users: where a tree is large, or its vectors cost much."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """What each request carries besides."""
    streams: bool = True
    """Whether streams pass."""

    def next_users(self, count: int) -> list[str]:
        """People whose trees have their first size still, unless all load comes from the same."""
        if self.same:
            return self.users
        taken, self.users = self.users[:count], self.users[count:]
        return taken


def started(process: Process, port: int, health: str, ready: str) -> Server:
    """The server, once it can be used. Raises Failed."""
    try:
        alive = process.cpu_until(f"http://127.0.0.1:{port}{health}")
        usable = process.cpu_until(f"http://127.0.0.1:{port}{ready}")
    except Failed:
        process.stop()
        raise
    return Server(process, port, alive, usable)
