"""A database is brought up to date, step by step (`migrations`), and one that is too new or not ours is refused."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from proxy.errors import ConfigError
from proxy.store.migrations import APPLICATION_ID, MIGRATIONS


def migrate(db: sqlite3.Connection) -> int:
    """Bring a database up to date, each step in a transaction of its own; returns the version.

    Raises:
        ConfigError: The file belongs to another program, or to a newer Graft.
    """
    version = len(MIGRATIONS) - pending(db)
    while version < len(MIGRATIONS):
        with _transaction(db, "IMMEDIATE"):
            version = version_of(db)  # another process may have made the step while this one waited for the lock
            if version < len(MIGRATIONS):
                MIGRATIONS[version](db)
                version += 1
                db.execute(f"PRAGMA user_version = {version}")
    return version


def pending(db: sqlite3.Connection) -> int:
    """How many steps a database lacks. Raises as `migrate`."""
    with _transaction(db, "DEFERRED"):  # both numbers are read of one commit
        version, (mark,) = version_of(db), db.execute("PRAGMA application_id").fetchone()
        (tables,) = db.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if tables and mark != APPLICATION_ID:
        raise ConfigError("The database belongs to another program. Name another file under storage.url.")
    if version > len(MIGRATIONS):
        raise ConfigError(
            f"The database has version {version}, and this Graft knows versions up to {len(MIGRATIONS)}. "
            "Install the Graft that wrote it, or a newer one."
        )
    return len(MIGRATIONS) - version


def version_of(db: sqlite3.Connection) -> int:
    """The number of the last step that was made; 0 for an empty file."""
    (version,) = db.execute("PRAGMA user_version").fetchone()
    return int(version)


@contextmanager
def _transaction(db: sqlite3.Connection, kind: str) -> Iterator[None]:
    db.execute(f"BEGIN {kind}")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise
