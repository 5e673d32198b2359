"""Whether a database can be written: its file takes a page, and its disk has room for a turn."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from typing import Final

from proxy.errors import StoreUnavailable
from proxy.store.connection import MEMORY

LEAST: Final = 1_000_000
"""Bytes that must be free: one more turn, its reply, and the log of both. A page alone finds a place in a log that is there."""


def try_to_write(db: sqlite3.Connection, file: str) -> None:
    """Write the first page as it is. Raises StoreUnavailable, and SQLite's errors."""
    if file != MEMORY and (free := free_bytes(Path(file).absolute().parent)) < LEAST:
        raise StoreUnavailable(f"The disk of the database {file!r} is full: {free} bytes are free. Make room on it.")
    (version,) = db.execute("PRAGMA user_version").fetchone()
    db.execute(f"PRAGMA user_version = {version}")  # an UPDATE to what is there already would write nothing


def free_bytes(folder: Path) -> int:
    """What is free on a folder's disk for this user."""
    told = os.statvfs(folder)
    return told.f_bavail * told.f_frsize
