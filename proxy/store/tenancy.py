"""Which servers use a database file, and which of them each open call belongs to: locks on files beside it, held while a server lives.

A server that starts ends what an earlier one left open when it was killed. An open call of a living server looks just the same, so a call
carries its server's *place*, a number from 1 on, and each place has a lock of its own, `graft.db.lock.1` and so on. Whoever gets the lock
of a place knows that nobody lives there: what is open under that number was left behind.

All of them share the *door*, `graft.db.lock`. Who gets it alone is the only server: it may end every open call, bring an old database
up to date, or put another one in its place; the others wait meanwhile. All locks go with their process, however that ends.

The locks are on files of their own: opening and closing the database by hand would drop SQLite's locks on it.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from proxy.errors import ConfigError


class Tenancy:
    """One server's share in a database file."""

    def __init__(self, path: str, door: int, *, is_first: bool) -> None:
        self._path = path
        self._door = door
        self._seat = -1
        self.is_first = is_first
        """Whether no other server used the file when this one came."""
        self.place = 0
        """The number of this server's place; 0 until it has one."""

    @classmethod
    def claim(cls, file: str) -> Self:
        """Come to the door of a database file; waits while somebody else has it alone.

        Raises ConfigError where a lock cannot be made.
        """
        path = lock_of(file)
        door = _opened(path)
        try:
            return cls(path, door, is_first=_locked(door))
        except OSError as exc:
            os.close(door)
            raise ConfigError(f"storage.url: {path!r} cannot be locked: {exc.strerror}.") from exc

    def sit(self) -> None:
        """Take the first free place. Raises ConfigError."""
        while self._seat < 0:
            self.place += 1
            self._seat = _taken(self._path, self.place)

    def share(self) -> None:
        """Let others in."""
        fcntl.flock(self._door, fcntl.LOCK_SH)

    def left(self) -> list[int]:
        """The places besides this server's own that were taken once."""
        prefix = f"{Path(self._path).name}."
        beside = (path.name for path in Path(self._path).parent.iterdir())
        places = (name.removeprefix(prefix) for name in beside if name.startswith(prefix))
        return sorted(int(place) for place in places if place.isdecimal() and int(place) != self.place)

    @contextmanager
    def held(self, place: int) -> Iterator[bool]:
        """Hold a place for a moment; false where a server lives there. Raises ConfigError."""
        seat = _taken(self._path, place)
        try:
            yield seat >= 0
        finally:
            if seat >= 0:
                os.close(seat)

    def leave(self) -> None:
        """Give everything up; nothing happens the second time."""
        for handle in (self._seat, self._door):
            if handle >= 0:
                os.close(handle)
        self._seat = self._door = -1


def lock_of(file: str) -> str:
    """The file that is locked, the same one whatever the database is called by."""
    return f"{Path(file).resolve()}.lock"


def _taken(path: str, place: int) -> int:
    """A handle that holds a place; -1 where somebody else does. Raises ConfigError."""
    seat = _opened(f"{path}.{place}")
    try:
        fcntl.flock(seat, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(seat)
        return -1
    except OSError as exc:
        os.close(seat)
        raise ConfigError(f"storage.url: {path!r} cannot be locked: {exc.strerror}.") from exc
    return seat


def _opened(path: str) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as exc:
        raise ConfigError(f"storage.url: the lock {path!r} cannot be made: {exc.strerror}.") from exc


def _locked(door: int) -> bool:
    """Lock a file alone where nobody else has, and say so; else together with the others."""
    try:
        fcntl.flock(door, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        fcntl.flock(door, fcntl.LOCK_SH)
        return False
    return True
