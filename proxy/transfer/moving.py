"""The two journeys: a file into a store, and a tree out of one. What the command line and the HTTP door share."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO, Final

import anyio.to_thread

from proxy.domain.archive import ArchiveStore, Carried, Imported, Item, Progress, Target
from proxy.domain.tree import UserId
from proxy.transfer import formats
from proxy.transfer.formats import Readable

BLOCK: Final = 65_536
"""Bytes that are sent or written together, about."""


@dataclass(frozen=True, slots=True)
class Checked:
    """A file that can be imported: its items, from the first one each time that they are gone through."""

    items: Callable[[], Iterator[Item]]
    nodes: int

    def __iter__(self) -> Iterator[Item]:
        return self.items()


def check(source: BinaryIO, form: Readable = "auto", progress: Progress | None = None) -> Checked:
    """Read a file to its end. Raises InvalidRequest, with the place of whatever is wrong."""
    items = formats.reader(source, form)
    nodes = 0
    for item in items():
        if isinstance(item, Carried):
            nodes += 1
            if progress is not None:
                progress(nodes)
    return Checked(items, nodes)


async def bring_in(
    store: ArchiveStore, user_id: UserId, source: BinaryIO, target: Target, form: Readable = "auto"
) -> Imported:
    """Import a file, all of it or nothing: it is read to its end before the store is touched.

    Raises InvalidRequest, NotFound, StoreError.
    """
    checked = await anyio.to_thread.run_sync(check, source, form)
    return await store.bring_in(user_id, checked, target)


async def blocks(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The same bytes in fewer pieces: one costs more than its bytes where it is sent."""
    held = bytearray()
    async for piece in pieces:
        held += piece
        if len(held) >= BLOCK:
            yield bytes(held)
            held.clear()
    if held:
        yield bytes(held)
