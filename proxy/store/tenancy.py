"""Which servers use a database file: each holds a lock on a file beside it for as long as it lives.

A server that starts ends what an earlier one left open when it was killed. That may only be done where no other server lives: its open
calls look just the same. So a server that starts asks for the lock alone; whoever gets it so is the only one, ends what was left,
and then shares the lock. The others only share it. The lock goes with the process, however that ends.

The lock is on a file of its own: opening and closing the database by hand would drop SQLite's locks on it.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import Self

from proxy.errors import ConfigError


class Tenancy:
    """One server's share in a database file."""

    def __init__(self, handle: int, *, is_first: bool) -> None:
        self._handle = handle
        self.is_first = is_first
        """Whether no other server used the file when this one came."""

    @classmethod
    def claim(cls, file: str) -> Self:
        """Come to a database file; waits while another server that comes is ending what was left.

        Raises ConfigError where the lock cannot be made.
        """
        path = lock_of(file)
        try:
            handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as exc:
            raise ConfigError(f"storage.url: the lock {path!r} cannot be made: {exc.strerror}.") from exc
        try:
            return cls(handle, is_first=_locked(handle))
        except OSError as exc:
            os.close(handle)
            raise ConfigError(f"storage.url: {path!r} cannot be locked: {exc.strerror}.") from exc

    def share(self) -> None:
        """Let others in."""
        fcntl.flock(self._handle, fcntl.LOCK_SH)

    def leave(self) -> None:
        """Give the share up; nothing happens the second time."""
        handle, self._handle = self._handle, -1
        if handle >= 0:
            os.close(handle)


def lock_of(file: str) -> str:
    """The file that is locked, the same one whatever the database is called by."""
    return f"{Path(file).resolve()}.lock"


def _locked(handle: int) -> bool:
    """Lock a file alone where nobody else has, and say so; else together with the others."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        fcntl.flock(handle, fcntl.LOCK_SH)
        return False
    return True
