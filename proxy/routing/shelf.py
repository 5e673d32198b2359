"""Room for what a large tree needs seldom: in memory while it is little, else in a file without a name.

Texts and full vectors are most of a tree's weight, and a placement reads a few hundred of them. The file lies beside the database, is
unlinked as soon as it is made and goes with the process; where no folder is given, or none can be written to, all stays in memory.
"""

from __future__ import annotations

import logging
import os
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int32]

log = logging.getLogger(__name__)

IN_MEMORY = 2 << 20
"""Bytes of one shelf that are kept in memory."""

_LENGTH = 4
_GUESS = 2_000
"""Bytes read at once, in the hope that the piece ends there."""


class Space:
    """Bytes by their place, which grow at the end."""

    def __init__(self, folder: Path | None = None, in_memory: int = IN_MEMORY) -> None:
        self._folder = folder
        self._in_memory = in_memory
        self._bytes = bytearray()
        self._file: int | None = None
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def __del__(self) -> None:
        if self._file is not None:
            os.close(self._file)

    @property
    def is_spilled(self) -> bool:
        return self._file is not None

    def write(self, place: int, data: bytes) -> None:
        """Write at a place no further than the end."""
        self._size = max(self._size, place + len(data))
        if self._file is None:
            self._bytes[place : place + len(data)] = data
            if self._size > self._in_memory:
                self._spill()
        else:
            _write(self._file, place, data)

    def read(self, place: int, length: int) -> bytes:
        """As many bytes of those asked for as there are."""
        if self._file is None:
            return bytes(memoryview(self._bytes)[place : place + length])
        return os.pread(self._file, length, place)

    def rows(self, numbers: Ints, length: int) -> NDArray[np.int8]:
        """Some of what is there as rows of that many bytes; zeros for those that were not written. Neighbours in a file are read in one go."""
        if self._file is None:
            held = np.frombuffer(self._bytes, np.int8, self._size - self._size % length).reshape(-1, length)
            return _zeros_beyond(held, numbers)
        rows = np.zeros((len(numbers), length), np.int8)
        flat = rows.reshape(-1)
        starts = np.flatnonzero(np.diff(numbers, prepend=-2) != 1).tolist()
        for start, end in zip(starts, [*starts[1:], len(numbers)], strict=True):
            read = os.pread(self._file, (end - start) * length, int(numbers[start]) * length)
            flat[start * length : start * length + len(read)] = np.frombuffer(read, np.int8)
        return rows

    def span(self, start: int, end: int, length: int) -> NDArray[np.int8]:
        """The same for neighbours; what lies in memory is not copied, and not to be kept while more is written."""
        if self._file is None and end * length <= self._size:
            return np.frombuffer(self._bytes, np.int8, (end - start) * length, start * length).reshape(-1, length)
        return self.rows(np.arange(start, end, dtype=np.int32), length)

    def _spill(self) -> None:
        if self._folder is None:
            return
        try:
            file, name = tempfile.mkstemp(prefix=".graft-index-", dir=self._folder)
            Path(name).unlink()
            _write(file, 0, bytes(self._bytes))
        except OSError as exc:
            log.warning("Large trees stay in memory, for nothing can be written beside the database: %s", exc)
            self._folder = None
            return
        self._file = file
        self._bytes = bytearray()


class Shelf:
    """Pieces of any length, each found by the place that it was given."""

    def __init__(self, folder: Path | None = None, in_memory: int = IN_MEMORY) -> None:
        self._space = Space(folder, in_memory)

    def put(self, piece: bytes) -> int:
        place = len(self._space)
        self._space.write(place, len(piece).to_bytes(_LENGTH, "little") + piece)
        return place

    def get(self, place: int) -> bytes:
        read = self._space.read(place, _GUESS)
        end = _LENGTH + int.from_bytes(read[:_LENGTH], "little")
        return read[_LENGTH:end] if end <= len(read) else self._space.read(place + _LENGTH, end - _LENGTH)


def _zeros_beyond(held: NDArray[np.int8], numbers: Ints) -> NDArray[np.int8]:
    """Some rows, and zeros for those that are not there."""
    there = numbers < len(held)
    if there.all():
        return held.take(numbers, axis=0)
    rows = np.zeros((len(numbers), held.shape[1]), np.int8)
    rows[there] = held[numbers[there]]
    return rows


def _write(file: int, place: int, data: bytes) -> None:
    """All of it: the system may take less at a time."""
    written = 0
    while written < len(data):
        written += os.pwrite(file, memoryview(data)[written:], place + written)
