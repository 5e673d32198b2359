"""Several processes that serve one database on one port, and the one that looks after them.

The parent binds the port and answers nothing itself. Each worker is a fresh process with the same socket, so a connection waits for
whichever is free, also while one is being started anew. Workers share the database, and a folder for their figures and counts of
requests; `store.tenancy` says how they tell each other apart, and a worker that takes a dead one's place ends what that left open.

A worker that loses its parent stops, so that no port stays taken behind a killed server.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import multiprocessing
import os
import shutil
import signal
import socket
import tempfile
import time
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from pathlib import Path

from proxy.cli.common import AT_ONCE
from proxy.cli.serving import serve_on, start_log
from proxy.config import Settings
from proxy.errors import ProxyError
from proxy.operations import counts, sharing

log = logging.getLogger("graft")

STORED_WITHIN_S = 15.0
"""How long workers whose grace period is over may take to store what has arrived."""
LONGEST_PAUSE_S = 30.0
"""Longest wait before a worker that cannot start is started again."""

_fresh = multiprocessing.get_context("spawn")


@dataclass(slots=True)
class Worker:
    """One of the processes that serve."""

    number: int
    process: SpawnProcess
    told: Connection
    """Says when it is up; closed at its end."""
    is_up: bool = False


@dataclass(slots=True)
class Supervisor:
    """Starts workers, starts dead ones again, and stops them all when it is told to."""

    settings: Settings
    bound: socket.socket
    _workers: dict[int, Worker] = field(default_factory=dict)
    _due: dict[int, float] = field(default_factory=dict)
    """When which worker is started, by `time.monotonic()`."""
    _failures: dict[int, int] = field(default_factory=dict)
    """How often in a row a worker ended before it was up."""
    _was_up: bool = False
    _shared: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="graft-workers-")))
    """Where the workers put their figures and counts, for each other."""

    def run(self) -> bool:
        """Serve until a signal says stop; false where the first workers could not even start."""
        waked, wake = os.pipe()
        for end in (waked, wake):
            os.set_blocking(end, False)
        before = {number: signal.signal(number, _noted) for number in (signal.SIGTERM, signal.SIGINT)}
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        try:
            return self._look_after(waked)
        finally:
            self._stop(waked)
            shutil.rmtree(self._shared, ignore_errors=True)
            signal.set_wakeup_fd(-1)
            for number, handler in before.items():
                signal.signal(number, handler)
            os.close(waked)
            os.close(wake)

    def _look_after(self, waked: int) -> bool:
        self._due = dict.fromkeys(range(1, self.settings.server.workers + 1), 0.0)
        while True:
            for number in [number for number, at in self._due.items() if at <= time.monotonic()]:
                del self._due[number]
                self._workers[number] = self._started(number)
            sentinels = {worker.process.sentinel: worker for worker in self._workers.values()}
            waiting = [worker.told for worker in self._workers.values() if not worker.is_up]
            pause = max(0.0, min(self._due.values()) - time.monotonic()) if self._due else None
            ready = wait([waked, *sentinels, *waiting], pause)
            if waked in ready:
                return True
            for worker in self._workers.values():
                if worker.told in ready and not worker.is_up:
                    self._heard(worker)
            ended = [sentinels[one] for one in ready if isinstance(one, int) and one in sentinels]
            for worker in ended:
                self._ended(worker)
            if ended and not self._was_up:
                return False

    def _started(self, number: int) -> Worker:
        told, tell = _fresh.Pipe(duplex=False)
        given = (self.settings, self.bound, number, tell, self._shared)
        process = _fresh.Process(target=work, args=given, name=f"graft-{number}")
        process.start()
        tell.close()
        return Worker(number, process, told)

    def _heard(self, worker: Worker) -> None:
        try:
            worker.told.recv()
        except EOFError:  # it ended; its sentinel says so too
            return
        worker.is_up = self._was_up = True
        self._failures.pop(worker.number, None)

    def _ended(self, worker: Worker) -> None:
        """Plan to start a worker again: at once where it had been up, later and later where it cannot start."""
        del self._workers[worker.number]
        worker.process.join()
        worker.told.close()
        if worker.process.pid is not None:
            sharing.ended(self._shared, worker.process.pid)
            counts.ended(self._shared, worker.number, self.settings.server.workers)
        failures = 0 if worker.is_up else self._failures.get(worker.number, 0) + 1
        self._failures[worker.number] = failures
        pause = min(LONGEST_PAUSE_S, 2.0**failures) if failures else 0.0
        self._due[worker.number] = time.monotonic() + pause
        log.error("Worker %d has ended with %s; another is started", worker.number, worker.process.exitcode)

    def _stop(self, waked: int) -> None:
        """Have all workers finish what they answer; another signal has them end at once."""
        self.bound.close()  # nobody shall wait at a door that nobody opens any more
        workers = list(self._workers.values())
        _drain(waked)
        for worker in workers:
            worker.process.terminate()
        deadline = time.monotonic() + self.settings.server.grace_s + STORED_WITHIN_S
        while left := {one.process.sentinel: one for one in workers if one.process.exitcode is None}:
            ready = wait([waked, *left], max(0.0, deadline - time.monotonic()))
            if not ready:
                break
            if waked in ready:
                _drain(waked)
                deadline = min(deadline, time.monotonic() + STORED_WITHIN_S)
                for worker in left.values():
                    os.kill(worker.process.pid or 0, AT_ONCE)
            for sentinel in ready:
                if isinstance(sentinel, int) and sentinel in left:
                    left[sentinel].process.join()
        for worker in workers:
            if worker.process.exitcode is None:
                log.warning("Worker %d does not stop and is killed", worker.number)
                worker.process.kill()
                worker.process.join()
            worker.told.close()


def _drain(waked: int) -> None:
    """Forget the signals that have come."""
    with contextlib.suppress(BlockingIOError):
        while os.read(waked, 64):
            pass


def _noted(*_: object) -> None:
    """The signal's number is in the pipe already."""


def work(settings: Settings, bound: socket.socket, number: int, tell: Connection, shared_in: Path) -> None:
    """The life of a worker, in a process of its own."""
    start_log(settings, f"worker {number}")

    def up() -> None:
        parent = multiprocessing.parent_process()
        assert parent is not None
        loop = asyncio.get_running_loop()

        def orphaned(sentinel: int) -> None:
            loop.remove_reader(sentinel)
            os.kill(os.getpid(), signal.SIGTERM)

        loop.add_reader(parent.sentinel, orphaned, parent.sentinel)
        tell.send(number)
        tell.close()

    try:
        serve_on(settings, bound, worker=number, when_up=up, shared_in=shared_in)
    except ProxyError as exc:
        log.error("%s", exc.message)  # noqa: TRY400 - an operator can act on the message
        raise SystemExit(1) from None
