"""What is older than `storage.expire_days` goes, once an hour, a little at a time."""

from __future__ import annotations

import asyncio
import logging

from proxy.errors import NotFound, StoreError
from proxy.store.clock import now
from proxy.store.sqlite import SqliteStore

log = logging.getLogger("graft")

EVERY_S = 3_600.0
PAUSE_S = 0.05
"""Between two trees, so that others come first."""
DAY_S = 86_400.0


async def expire_on(store: SqliteStore, days: float) -> None:
    """Do so until cancelled."""
    while True:
        try:
            await expire(store, days)
        except StoreError as exc:
            log.warning("What is old could not be deleted: %s", exc)
        await asyncio.sleep(EVERY_S)


async def expire(store: SqliteStore, days: float) -> int:
    """Delete what has seen no activity for so many days; returns how many nodes are gone. Raises StoreError.

    Where everything is that old, nothing is done: rather is the clock wrong.
    """
    before = now() - days * DAY_S
    if await store.newest_activity() < before:
        log.warning(
            "Nothing is younger than %g days, so nothing expires: is the clock right? `graft expire` does it.", days
        )
        return 0
    gone = 0
    for user_id, tree_id in await store.all_trees():
        try:
            gone += await store.expire(await store.old(user_id, tree_id, before), before)
        except NotFound:
            continue  # deleted meanwhile
        await asyncio.sleep(PAUSE_S)
    if gone:
        log.info("%d nodes without activity for %g days were deleted", gone, days)
    return gone
