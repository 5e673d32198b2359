"""A database copied while servers use it, and a copy put in its place.

A copy is one commit's state, whatever is written meanwhile: it is read inside one read transaction, page by page (SQLite's online
backup). What is written here is there only when it is complete and on the disk, and for its owner's eyes alone.
"""

from __future__ import annotations

import asyncio
import os
import re
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from proxy.errors import ConfigError, StoreUnavailable
from proxy.store.connection import MEMORY, prepare
from proxy.store.migrating import migrate, pending, version_of
from proxy.store.records import Violation
from proxy.store.sqlite import SqliteStore
from proxy.store.tenancy import Tenancy
from proxy.store.troubles import found_no_room, is_passing, translated

if TYPE_CHECKING:
    from proxy.store.sealing.cipher import Cipher

Copied = Callable[[int, int], None]
"""Told how many pages of how many are copied."""

PAGES: Final = 1_000
"""Copied between two calls of `Copied`: 4 MB."""
_BUSY_S: Final = 15.0
_BESIDE: Final = re.compile(r"(-wal|-shm|-journal|\.lock(\.\d+)?)?")
"""What a database's name ends with in the names of the files that belong to it."""


def _untold(done: int, total: int) -> None:
    """Nobody is told."""


class Unsound(ConfigError):
    """A copy whose rows break rules; it was not put in place."""

    def __init__(self, file: str, violations: list[Violation]) -> None:
        first = violations[0]
        super().__init__(
            f"{file!r} is not sound, so nothing was restored: {first.table} {first.row}: {first.rule}"
            + (f", and {len(violations) - 1} more." if len(violations) > 1 else ".")
        )


def looked_at(file: str) -> tuple[int, int]:
    """A database's version, and how many steps it lacks; nothing is changed. Raises ConfigError, StoreError."""
    with _database(file) as db:
        return version_of(db), pending(db)


def spare(target: Path, file: str) -> None:
    """Raises ConfigError where a file that is to be written is the database itself, or one of those that belong to it."""
    if file == MEMORY:
        return
    for path in (_in_full(target), target.resolve()):
        for own in (_in_full(Path(file)), Path(file).resolve()):
            if path.parent == own.parent and _BESIDE.fullmatch(path.name.removeprefix(own.name)):
                raise ConfigError(f"{str(target)!r} belongs to the database that is in use here. Name another file.")


def _in_full(path: Path) -> Path:
    """A path whose folder is told in full; what the name itself may point to is left open."""
    return path.parent.resolve() / path.name


def back_up(file: str, target: Path, tell: Copied = _untold, *, replaces: bool = False) -> None:
    """Copy a database into a file; servers may go on meanwhile.

    Raises:
        ConfigError: There is no database, or nothing in it; the target is there already, belongs to the database itself, or cannot
            be written.
        StoreError: The database cannot be read, or is damaged.
    """
    spare(target, file)
    if target.exists() and not replaces:
        raise ConfigError(f"{str(target)!r} is there already; --force replaces it.")
    with _beside(target) as part:
        _copy(file, part, target, tell)
        _placed(part, target)


def restore(
    source: Path, file: str, tell: Copied = _untold, *, replaces: bool = False, cipher: Cipher | None = None
) -> None:
    """Put a copy in a database's place, once it is found sound and brought up to date; nobody may use the database.

    Raises:
        ConfigError: There is a database already, or somebody uses it; the copy is empty, of another program, of a newer Graft,
            sealed with keys that are not at hand, or unsound.
        StoreError: The copy cannot be read, or is damaged.
    """
    target = Path(file).resolve()
    if file == MEMORY:
        raise ConfigError("A database in memory cannot be restored: name a file under storage.url.")
    if target.is_file() and target.stat().st_size and not replaces:
        raise ConfigError(f"There is a database at {file!r} already; --force puts the copy in its place.")
    was_there = target.is_file()
    prepare(file)
    alone = Tenancy.claim(file)
    try:
        if not alone.is_first:
            raise ConfigError(f"A server uses {file!r}. Stop it first.")
        with _beside(target) as part:
            _copy(str(source), part, target, tell)
            with _database(str(part)) as db:
                migrate(db)
            if violations := asyncio.run(_violations(part, cipher)):
                raise Unsound(str(source), violations)
            _unused(file)
            _placed(part, target)
    finally:
        if not was_there and alone.is_first and not target.stat().st_size:
            target.unlink()  # made above, to be claimed, and nothing came into it
        alone.leave()


async def _violations(part: Path, cipher: Cipher | None) -> list[Violation]:
    async with SqliteStore(f"sqlite:///{part}", recover=False, cipher=cipher) as store:
        return await store.verify()


def _copy(file: str, part: Path, target: Path, tell: Copied) -> None:
    """One commit's state of a database, as a file that stands for itself and is to become `target`. Raises ConfigError, StoreError."""
    with _database(file) as source, closing(sqlite3.connect(part, isolation_level=None)) as copy:
        pending(source)  # refuses what is not ours to read
        if not version_of(source):
            raise ConfigError(f"{file!r} is empty: there is no database in it.")
        source.execute("BEGIN")
        source.execute("SELECT count(*) FROM sqlite_master").fetchone()  # from here on it sees this commit alone
        try:
            source.backup(copy, pages=PAGES, progress=lambda _, left, total: tell(total - left, total))
            copy.execute("PRAGMA journal_mode = DELETE")
            found = [message for (message,) in copy.execute("PRAGMA quick_check(1)")]
        except sqlite3.Error as exc:
            if found_no_room(exc):
                raise StoreUnavailable(f"{str(target)!r} cannot be written: {exc}. Make room on its disk.") from exc
            raise translated(exc, file) from exc
        if found != ["ok"]:
            damage = sqlite3.DatabaseError(" ".join(found[0].split()))
            damage.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
            raise translated(damage, file)


@contextmanager
def _database(file: str) -> Iterator[sqlite3.Connection]:
    """A connection that changes nothing on its own; a file on a read-only disk is taken as it stands."""
    if file == MEMORY or not Path(file).is_file():
        raise ConfigError(f"There is no database at {file!r}.")
    address = f"file:{quote(str(Path(file).resolve()))}"
    opened = partial(sqlite3.connect, uri=True, isolation_level=None, timeout=_BUSY_S)
    try:
        db = opened(f"{address}?mode=rw")
        try:
            db.execute("PRAGMA schema_version")
        except sqlite3.OperationalError:
            db.close()
            db = opened(f"{address}?immutable=1")
            db.execute("PRAGMA schema_version")
    except sqlite3.Error as exc:
        raise translated(exc, file) from exc
    with closing(db):
        yield db


def _unused(file: str) -> None:
    """Carry a database's log into it and remove that, which only goes where nobody has it open. Raises ConfigError."""
    with closing(sqlite3.connect(file, isolation_level=None, timeout=1)) as db:
        try:
            db.execute("PRAGMA journal_mode = DELETE").fetchone()
        except sqlite3.OperationalError as exc:
            if is_passing(exc):
                raise ConfigError(f"Somebody uses {file!r}: {exc}. Stop that first.") from exc
            raise translated(exc, file) from exc
        except sqlite3.DatabaseError:
            pass  # what is there is damaged: reason enough to restore
    for log in ("-wal", "-shm", "-journal"):
        Path(f"{file}{log}").unlink(missing_ok=True)


@contextmanager
def _beside(target: Path) -> Iterator[Path]:
    """A file in the same folder, gone in the end unless it was put in place. Raises ConfigError."""
    try:
        handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    except OSError as exc:
        raise ConfigError(f"{str(target)!r} cannot be written: {exc.strerror}.") from exc
    os.close(handle)
    part = Path(name)
    try:
        yield part
    finally:
        for end in ("", "-wal", "-shm", "-journal", ".lock"):
            Path(f"{part}{end}").unlink(missing_ok=True)


def _placed(part: Path, target: Path) -> None:
    """Put a file in place once it is on the disk."""
    for path, then in ((part, lambda: part.replace(target)), (target.parent, lambda: None)):
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
        then()
