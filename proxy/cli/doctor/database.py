"""Whether the database can be opened and written, is sound, has room, and is nobody else's to read."""

from __future__ import annotations

import asyncio
import fcntl
import os
import sqlite3
import stat
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

from proxy.cli.common import opened
from proxy.cli.doctor.finding import Finding, fail, ok, warn
from proxy.config import Settings
from proxy.errors import ConfigError, ProxyError
from proxy.store.connection import MEMORY, file_of
from proxy.store.migrating import version_of
from proxy.store.migrations import MIGRATIONS
from proxy.store.room import LEAST, free_bytes
from proxy.store.tenancy import lock_of

CHECKED_WITHIN_S = 20.0
ENOUGH = 1_000_000_000
TOO_LITTLE = 50_000_000
LONG_LOG = 256_000_000
_MB = 1_000_000


def checked(settings: Settings) -> tuple[list[Finding], int | None]:
    """What is to be said of the database, and how many keys it holds; `None` where that cannot be known."""
    try:
        file = file_of(settings.storage.url)
        settings.storage.cipher()
    except ConfigError as exc:
        return [fail("store", exc.message, "Correct `storage`.")], None
    if file == MEMORY:
        return [
            warn("store", "It is in memory: everything is forgotten at the end.", "Name a file under storage.url.")
        ], 0
    path = Path(file).absolute()
    if path.is_dir():
        do = f"Name a file in it under storage.url: sqlite:///{path / 'graft.db'}"
        return [fail("store", f"storage.url: {path} is a folder.", do)], None
    if not path.exists():
        return list(_new(path)), 0
    found = [_room(path.parent), *_permissions(path)]
    try:
        with closing(_opened(path)) as db:
            found += _sound(db, path)
    except sqlite3.Error as exc:
        return [*found, _unopened(path, exc)], None
    if any(finding.state == "fail" for finding in found):
        return found, None
    return _with_keys(settings, found)


def _opened(path: Path) -> sqlite3.Connection:
    """A connection that changes nothing; a file whose log cannot be made beside it is taken as it stands."""
    if os.access(path.parent, os.W_OK):
        return sqlite3.connect(path, isolation_level=None, timeout=2)
    return sqlite3.connect(f"file:{quote(str(path))}?immutable=1", uri=True, isolation_level=None)


def _new(path: Path) -> Iterator[Finding]:
    """Whether it can be made."""
    folder = next(parent for parent in path.parents if parent.exists())
    do = "Name another file under storage.url, or give rights."
    if not folder.is_dir():
        yield fail("store", f"{path} cannot be made: {folder} is a file.", do)
    elif not os.statvfs(folder).f_blocks:  # such as /proc, which says of itself that root may write
        yield fail("store", f"{path} cannot be made: {folder} keeps no files.", do)
    elif not os.access(folder, os.W_OK | os.X_OK):
        yield fail("store", f"{path} cannot be made: {folder} is not writable.", do)
    else:
        yield _room(folder)
        yield ok("store", f"{path} is made at the first start.")


def _room(folder: Path) -> Finding:
    free = free_bytes(folder)
    told = f"{free // _MB} MB are free where the database is."
    if free < TOO_LITTLE:
        return fail("disk", told, "Make room: what cannot be stored is answered with 503.")
    if free < ENOUGH:
        return warn("disk", told, "Make room before it is needed.")
    return ok("disk", told)


def _permissions(path: Path) -> Iterator[Finding]:
    """The file and its log hold conversations; the folder must take the log."""
    files = [one for one in (path, Path(f"{path}-wal"), Path(f"{path}-shm")) if one.exists()]
    if os.statvfs(path).f_flag & os.ST_RDONLY:
        do = "Mount it so that it can be written, or name another file under storage.url: a server does not start here."
        yield fail("permissions", f"The disk of {path} is read-only.", do)
    elif lacking := [one for one in (*files, path.parent) if not os.access(one, os.W_OK)]:
        yield fail("permissions", f"{lacking[0]} is not writable for this user.", "Give rights, or run as its owner.")
    elif open_to := [one for one in files if stat.S_IMODE(one.stat().st_mode) & 0o077]:
        do = f"chmod 600 {' '.join(str(one) for one in open_to)}"
        yield warn("permissions", f"Other users of this machine may get at {open_to[0]}.", do)
    else:
        yield ok("permissions", "The database is its owner's alone.")
    log = Path(f"{path}-wal")
    if log.exists() and log.stat().st_size > LONG_LOG:
        told = f"The write-ahead log has {log.stat().st_size // _MB} MB."
        yield warn("log of writes", told, "A long-lived reader keeps it from being carried over: end it, or restart.")


def _sound(db: sqlite3.Connection, path: Path) -> Iterator[Finding]:
    newest = len(MIGRATIONS)
    version = version_of(db)
    if version > newest:
        do = "Install a newer Graft, or restore a backup of before."
        yield fail("store", f"{path} is of version {version}, and this Graft knows {newest}.", do)
        return
    if version < newest:
        told = f"{path} is of version {version}, and {newest} is current."
        yield warn(
            "store", told, "It is brought up to date at the next start, or by `graft migrate`. Take a backup first."
        )
    deadline = time.monotonic() + CHECKED_WITHIN_S
    db.set_progress_handler(lambda: int(time.monotonic() > deadline), 100_000)
    try:
        wrong = [told for (told,) in db.execute("PRAGMA quick_check(3)") if told != "ok"]
    except sqlite3.OperationalError:
        yield warn("store", f"It is too large to be read in {CHECKED_WITHIN_S:g} s.", "`graft verify` reads all of it.")
    else:
        if wrong:
            do = "`graft verify` names the rows; `graft restore` puts a backup in its place."
            yield fail("store", f"{path} is damaged: {wrong[0]}.", do)
            return
        yield ok("store", f"{path} is sound ({path.stat().st_size // 1000} kB, version {version}).")
    finally:
        db.set_progress_handler(None, 0)
    if os.access(path.parent, os.W_OK):
        yield _writable(db, path)
    yield _servers(path)


def _unopened(path: Path, exc: sqlite3.Error) -> Finding:
    """A database that nobody uses makes a file beside it when it is opened."""
    if free_bytes(path.parent) < LEAST:
        return fail("store", f"{path} cannot be opened: its disk is full.", "Make room on it.")
    do = "`graft restore` puts a backup in its place; is it a database of Graft at all?"
    return fail("store", f"{path} cannot be opened: {exc}.", do)


def _writable(db: sqlite3.Connection, path: Path) -> Finding:
    try:
        db.execute("BEGIN IMMEDIATE")
        db.execute("ROLLBACK")
    except sqlite3.Error as exc:
        return warn("writing", f"The database cannot be written now: {exc}.", "Find the program that has it locked.")
    if free_bytes(path.parent) < LEAST:
        return fail("writing", "The database cannot be written now: its disk is full.", "Make room on it.")
    return ok("writing", "The database can be written.")


def _servers(path: Path) -> Finding:
    """Whether a server uses it."""
    lock = Path(lock_of(str(path)))
    if not lock.exists():
        return ok("servers", "No server has used the database yet.")
    handle = os.open(lock, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return ok("servers", "A server is using the database.")
    finally:
        os.close(handle)
    return ok("servers", "No server is using the database.")


def _with_keys(settings: Settings, found: list[Finding]) -> tuple[list[Finding], int | None]:
    """Keys of people; opening tells whether what is sealed can be read, too."""
    if any(finding.check == "store" and finding.state == "warn" for finding in found):
        return found, None  # opening would bring it up to date

    async def read() -> list[object]:
        async with opened(settings) as store:
            return [key for key in await store.keys() if not key.revoked_at]

    try:
        valid = len(asyncio.run(read()))
    except ProxyError as exc:
        return [*found, fail("store", exc.message, "Correct `storage`, or restore a backup.")], None
    if not valid:
        told = "There is none: this machine alone is answered, as user `local`."
        return [*found, ok("keys", told)], 0
    return [*found, ok("keys", f"{valid} valid.")], valid
