"""Figures of several processes told as one: each puts its own into a folder every few seconds, and whoever is asked adds them up.

A process that has ended keeps what it has done, so that counters never go back. What a killed process had counted since it wrote last,
two seconds at most, is lost.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from pathlib import Path

import msgspec

from proxy.operations.figures import Figures, Snapshot

log = logging.getLogger("graft")

WRITTEN_EVERY_S = 2.0
_ALIVE, _ENDED = ".alive", ".ended"

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Snapshot).decode


class Shared:
    """The figures of this process, and of its neighbours where there are any."""

    def __init__(self, figures: Figures, folder: Path | None = None) -> None:
        """Name the folder that the processes share; without one, this process is alone."""
        self.figures = figures
        self._folder = folder

    def whole(self) -> Snapshot:
        """Of all processes; this one's are of this moment."""
        snapshot = self.figures.snapshot()
        for file in self._others():
            with contextlib.suppress(OSError, msgspec.MsgspecError):  # it was taken over while we looked
                snapshot.add(_decode(file.read_bytes()), is_alive=file.suffix == _ALIVE)
        return snapshot

    def write(self) -> None:
        if self._folder is None:
            return
        own = self._folder / f"{os.getpid()}{_ALIVE}"
        fresh = own.with_suffix(".fresh")
        try:
            fresh.write_bytes(_encode(self.figures.snapshot()))
            fresh.replace(own)
        except OSError as exc:
            log.warning("The figures of this process could not be shared: %s", exc)

    async def keep_on(self) -> None:
        """Write every few seconds, until cancelled."""
        while self._folder is not None:
            self.write()
            await asyncio.sleep(WRITTEN_EVERY_S)

    def _others(self) -> list[Path]:
        if self._folder is None:
            return []
        own = f"{os.getpid()}{_ALIVE}"
        return [file for file in self._folder.iterdir() if file.suffix in (_ALIVE, _ENDED) and file.name != own]


def ended(folder: Path, pid: int) -> None:
    """A process is no more: what it has done stays counted."""
    with contextlib.suppress(OSError):  # it ended before it wrote anything
        (folder / f"{pid}{_ALIVE}").rename(folder / f"{pid}-{os.urandom(4).hex()}{_ENDED}")
