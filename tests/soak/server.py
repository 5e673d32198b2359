"""`graft` with an account of itself: SIGUSR1 has the process write what it holds into a file beside its configuration.

With `SOAK_TRACE` in its environment it also tells which lines of code hold the memory that was taken since the first account.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import signal
import sys
import tracemalloc
from collections import Counter
from pathlib import Path
from types import FrameType

from proxy.chat.counting import Counting
from proxy.cli.main import main
from proxy.domain.fingerprint import Memo
from proxy.routing.grove import Grove, TreeModel
from proxy.store import connection
from tests.doubles.heap import malloc_mib
from tests.soak.gauges import ACCOUNT

TRACED = "SOAK_TRACE"
SHOWN = 25


def small_caches() -> None:
    """Bound what a server keeps for later by a hundredth, so that all of it is full when the warm-up ends.

    Else half an hour of growth would be no sign of a leak: pages of the database, hashes of messages and trees are kept until there
    are very many of them.
    """
    connection.CACHE_KB = 500  # type: ignore[misc]
    Memo.__init__.__defaults__ = (160_000,)
    Counting.__init__.__defaults__ = (80_000,)
    Grove.__init__.__defaults__ = (TreeModel, 8, None, 10_000)


def tell(_signal: int, _frame: FrameType | None) -> None:
    """Write the account, and give it its name when it is whole."""
    gc.collect()
    objects = gc.get_objects()
    open_tasks = [one for one in objects if isinstance(one, asyncio.Task) and not one.done()]
    account = {
        "tasks": Counter(_of(task) for task in open_tasks),
        "objects": len(objects),
        "blocks": sys.getallocatedblocks(),
        "malloc_mib": malloc_mib(),
        "grown": _grown(),
    }
    path = Path(sys.argv[sys.argv.index("--config") + 1]).with_name(ACCOUNT)
    path.with_suffix(".part").write_text(json.dumps(account))
    path.with_suffix(".part").replace(path)


def _of(task: asyncio.Task[object]) -> str:
    coroutine = task.get_coro()
    return str(getattr(coroutine, "__qualname__", coroutine))


def _grown() -> list[str]:
    """The lines that hold what was taken since the first account, where that is traced."""
    if not os.environ.get(TRACED):
        return []
    if not tracemalloc.is_tracing():
        tracemalloc.start()
        return []
    return [str(one) for one in tracemalloc.take_snapshot().statistics("lineno")[:SHOWN]]


if __name__ == "__main__":
    small_caches()
    signal.signal(signal.SIGUSR1, tell)
    main()
