"""What was deleted, taken off the disk: no byte of it is left in the database file or its log.

A deletion leaves bytes behind: in pages that are free now, in the gaps of pages in use, in segments of the word index, in the write-ahead
log. Three steps take them. The word index is merged, a little at a time, which drops the words of what is gone. The file is
written anew, without free pages and gaps (SQLite's VACUUM). The log is carried into the file and cut to nothing.

Servers go on meanwhile: they read all the time, and write except while the file is written anew.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from proxy.errors import ConfigError, StoreUnavailable
from proxy.store.connection import MEMORY, configure
from proxy.store.migrating import pending
from proxy.store.troubles import found_no_room, translated

Stage = Literal["words", "file", "log"]
Told = Callable[[Stage, int], object]
"""Told which step it is, and how much of it is done: merges, megabytes written, tries."""

MERGED: Final = 200
"""Pages of the word index that one transaction merges."""
TRIES: Final = 100
"""How often the log is tried to be cut: a reader that looks at an old state keeps it for that long."""
PAUSE_S: Final = 0.1
STEPS: Final = 200_000
"""Of SQLite's machine between two words of progress."""


@dataclass(frozen=True, slots=True)
class Vacuumed:
    """What became of it."""

    before: int
    """Bytes of file and log."""
    after: int


def vacuum(file: str, tell: Told = lambda *_: None, *, pause: Callable[[float], object] = time.sleep) -> Vacuumed:
    """Take everything that was deleted off the disk. The new file is made beside the old one, and needs as much room again, twice.

    Raises:
        ConfigError: There is no database, or one of another version.
        StoreError: It cannot be done now: the disk is full, somebody holds the database.
    """
    if file == MEMORY or not Path(file).is_file():
        raise ConfigError(f"There is no database at {file!r}.")
    before = _size(file)
    os.environ["SQLITE_TMPDIR"] = str(Path(file).resolve().parent)  # not on another disk, nor in memory
    try:
        with closing(sqlite3.connect(file, isolation_level=None)) as db:
            configure(db, synchronous="FULL", read_only=False)
            db.execute("PRAGMA temp_store = FILE")
            db.execute("PRAGMA secure_delete = ON")
            if pending(db):
                raise ConfigError("The database must be brought up to date first: `graft migrate`.")
            _merge_words(db, tell)
            _write_anew(db, file, tell)
            _cut_log(db, tell, pause)
    except sqlite3.Error as exc:
        if found_no_room(exc):
            raise StoreUnavailable(
                f"The disk of {file!r} is too full to write it anew, which takes {_size(file):,} bytes twice. Nothing is lost; make room there."
            ) from exc
        raise translated(exc, file) from exc
    return Vacuumed(before, _size(file))


def _merge_words(db: sqlite3.Connection, tell: Told) -> None:
    """Merge the word index to one segment, in small transactions: a word that is in no text any more is in no segment then."""
    done, changes = 0, -1
    merge = "INSERT INTO search (search, rank) VALUES ('merge', ?)"
    db.execute(merge, (-MERGED,))
    while db.total_changes - changes >= 2:  # SQLite's sign that there was something to merge
        changes = db.total_changes
        db.execute(merge, (MERGED,))
        done += 1
        tell("words", done)
    db.execute("INSERT INTO search (search) VALUES ('optimize')")


def _write_anew(db: sqlite3.Connection, file: str, tell: Told) -> None:
    def progress() -> int:
        tell("file", _size(file) // 1_000_000)
        return 0

    db.set_progress_handler(progress, STEPS)
    try:
        db.execute("VACUUM")
    finally:
        db.set_progress_handler(None, 0)


def _cut_log(db: sqlite3.Connection, tell: Told, pause: Callable[[float], object]) -> None:
    """Raises StoreUnavailable where somebody reads an old state all the time."""
    db.execute("PRAGMA busy_timeout = 0")
    for number in range(TRIES):
        busy, *_ = db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        if not busy:
            return
        tell("log", number + 1)
        pause(PAUSE_S)
    raise StoreUnavailable(
        "The file holds nothing deleted any more, its log still does: somebody reads an old state. Run it again."
    )


def _size(file: str) -> int:
    return sum(path.stat().st_size for path in (Path(file), Path(f"{file}-wal")) if path.exists())
