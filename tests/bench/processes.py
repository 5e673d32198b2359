"""Processes on a core of their own, and what they cost. Linux only: cores are pinned, and clocks of other processes read."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

REPOSITORY = Path(__file__).parents[2]
START_S = 90
QUIET_S = 240
"""How long work in the background is waited for: a large tree is embedded once."""


class Failed(Exception):
    """A process did not do what was expected of it."""


class Process:
    """A child of this process on one core."""

    def __init__(
        self,
        command: Sequence[str],
        core: int,
        log: Path,
        env: Mapping[str, str] | None = None,
        root: Path = REPOSITORY,
    ) -> None:
        """Start it in a checkout, whose sources it runs."""
        self.log = log
        env = {**clean_environment(), "PYTHONPATH": str(root), **(env or {})}
        with _on_core(core), log.open("ab") as out:
            self._child = subprocess.Popen(command, stdout=out, stderr=out, cwd=root, env=env)
        self.pid = self._child.pid

    def cpu_s(self) -> float:
        """CPU time of all its threads, user and system, since it began: `utime` + `stime` of /proc, by the nanosecond."""
        return time.clock_gettime(
            (~self.pid << 3) | 2
        )  # Linux: the scheduler's clock of a process, see clock_getcpuclockid(3)

    def rss_mib(self) -> float:
        lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024

    def quiet(self) -> None:
        """Wait until it has nothing left to do."""
        deadline = time.monotonic() + QUIET_S
        before = self.cpu_s()
        calm = 0
        while calm < 3 and time.monotonic() < deadline:
            time.sleep(0.05)
            now = self.cpu_s()
            calm = calm + 1 if now - before < 0.002 else 0
            before = now

    def cpu_until(self, url: str) -> float:
        """CPU seconds that were spent when `url` first answered 200. Raises Failed."""
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline and self._child.poll() is None:
            spent = self.cpu_s()
            try:
                with urlopen(url, timeout=5):
                    return spent
            except (URLError, OSError):
                time.sleep(0.02)
        raise Failed(f"{url} never answered:\n{self.log.read_text()[-3000:]}")

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        self._child.send_signal(how)
        try:
            self._child.wait(20)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()


class Load:
    """The process that plays the clients."""

    def __init__(self, core: int) -> None:
        with _on_core(core):
            self._child = subprocess.Popen(
                [sys.executable, "-m", "tests.bench.load"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                cwd=REPOSITORY,
                text=True,
            )

    def warm(self, job: Mapping[str, Any]) -> None:
        """Begin a job, up to the point where every client is warm."""
        self._tell(json.dumps(job))
        self._hear()

    def go(self) -> dict[str, Any]:
        """Play the job that is warm."""
        self._tell("go")
        outcome: dict[str, Any] = json.loads(self._hear())
        return outcome

    def stop(self) -> None:
        assert self._child.stdin is not None
        assert self._child.stdout is not None
        self._child.stdin.close()
        self._child.wait(20)
        self._child.stdout.close()

    def _tell(self, line: str) -> None:
        assert self._child.stdin is not None
        self._child.stdin.write(line + "\n")
        self._child.stdin.flush()

    def _hear(self) -> str:
        assert self._child.stdout is not None
        if not (line := self._child.stdout.readline()):
            raise Failed("The load ended early; its error stands above.")
        return line


def cores() -> tuple[int, int]:
    """The core of the server under test, and that of everything else."""
    free = sorted(os.sched_getaffinity(0))
    return free[-1], free[0]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def clean_environment() -> dict[str, str]:
    """The environment without provider keys and settings of whoever runs the benchmark."""
    return {
        n: v for n, v in os.environ.items() if not n.startswith(("GRAFT", "LITELLM")) and not n.endswith("_API_KEY")
    }


@contextmanager
def _on_core(core: int) -> Iterator[None]:
    """Children that are started here inherit the core."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
