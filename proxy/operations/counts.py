"""How much each key asks, at once and within its minute: counted in one process, or together by all that serve one port.

Several processes count in one small file that each of them maps into its memory. A row belongs to a key and has a cell for each process,
which alone counts there what it is answering; when it dies, its cells are emptied. A lock on the file is held while one request is
counted, a few microseconds; the system takes it back from a process that is killed.

Times are those of `time.monotonic`, which all processes of a machine share.
"""

from __future__ import annotations

import fcntl
import hashlib
import logging
import mmap
import os
import struct
from collections import defaultdict
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

log = logging.getLogger("graft")

ROWS: Final = 65_536
LOOKED_AT: Final = 64
"""Rows in which a key may stand. A key for which they are all taken, be there that many, is counted by each process for itself."""
_FILE: Final = "counts"
_HEAD: Final = struct.Struct("<16sd")
"""Which key, and when its minute's allowance is whole again."""
_CELL: Final = struct.Struct("<I")


@dataclass(slots=True)
class Count:
    """What one key asks, over all processes; what is changed is kept when it is put back."""

    running: int = 0
    full_at: float = 0.0


class _Own(Count):
    """Of one process alone, so that nobody need put it back."""

    __slots__ = ()

    def __enter__(self) -> Count:
        return self

    def __exit__(self, *_: object) -> None: ...


class Counts(Protocol):
    """Counts by key."""

    def held(self, key_id: str) -> AbstractContextManager[Count]:
        """A key's count, which nobody else changes meanwhile."""
        ...


class OwnCounts:
    """Of one process alone."""

    def __init__(self) -> None:
        self._counts: defaultdict[str, _Own] = defaultdict(_Own)

    def held(self, key_id: str) -> AbstractContextManager[Count]:
        """See `Counts`."""
        return self._counts[key_id]


class SharedCounts:
    """Of all processes that were given the same folder."""

    def __init__(self, folder: Path, worker: int, workers: int) -> None:
        """Map the file; `worker` counts from 1. Raises OSError."""
        self._row_bytes = _HEAD.size + workers * _CELL.size
        self._cell_at = _HEAD.size + (worker - 1) * _CELL.size
        self._cells = struct.Struct(f"<{workers}I")
        self._beyond = OwnCounts()
        self._file = os.open(folder / _FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        os.truncate(self._file, ROWS * self._row_bytes)  # the same for all, so nothing is ever cut off
        self._map = mmap.mmap(self._file, ROWS * self._row_bytes)

    @contextmanager
    def held(self, key_id: str) -> Iterator[Count]:
        """See `Counts`."""
        fcntl.lockf(self._file, fcntl.LOCK_EX)
        try:
            row = self._row_of(key_id)
            if row is None:
                with self._beyond.held(key_id) as own:
                    yield own
                return
            name, full_at = _HEAD.unpack_from(self._map, row)
            before = sum(self._cells.unpack_from(self._map, row + _HEAD.size))
            count = Count(before, full_at)
            try:
                yield count
            finally:
                _HEAD.pack_into(self._map, row, name, count.full_at)
                (own_running,) = _CELL.unpack_from(self._map, row + self._cell_at)
                _CELL.pack_into(self._map, row + self._cell_at, max(0, own_running + count.running - before))
        finally:
            fcntl.lockf(self._file, fcntl.LOCK_UN)

    def clear(self) -> None:
        """Empty this process's cells: whoever counted in them is no more, and what it was answering with it."""
        fcntl.lockf(self._file, fcntl.LOCK_EX)
        try:
            for row in range(0, ROWS * self._row_bytes, self._row_bytes):
                _CELL.pack_into(self._map, row + self._cell_at, 0)
        finally:
            fcntl.lockf(self._file, fcntl.LOCK_UN)

    def close(self) -> None:
        self._map.close()
        os.close(self._file)

    def _row_of(self, key_id: str) -> int | None:
        """Where a key's row begins; a new key takes the next free one. None where all that it may have are taken."""
        name = hashlib.blake2b(key_id.encode(), digest_size=16).digest()
        first = int.from_bytes(name[:4], "little")
        for step in range(min(ROWS, LOOKED_AT)):
            row = (first + step) % ROWS * self._row_bytes
            found = self._map[row : row + len(name)]
            if found == name:
                return row
            if not any(found):
                self._map[row : row + len(name)] = name
                return row
        return None


def ended(folder: Path, worker: int, workers: int) -> None:
    """A process is no more, and what it was answering with it."""
    try:
        counts = SharedCounts(folder, worker, workers)
    except OSError as exc:
        log.warning("What worker %d was answering still counts: %s", worker, exc)
        return
    counts.clear()
    counts.close()
