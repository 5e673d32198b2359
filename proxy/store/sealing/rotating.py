"""A database whose values get another key, or their first one, or none, while servers go on with it.

Values carry the name of their key, so a walk in small transactions can stop anywhere and begin anew: what is done is passed over.
A user's marks are made anew in one transaction for all of that user's rows, so whoever looks for a name finds it before and after.
Whoever would still write with another key is refused from the start, and where the walk finds nothing more, the others are forgotten.
What stood there before is wiped from the file at last (`wipe`).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from proxy.errors import ConfigError
from proxy.store.connection import configure
from proxy.store.sealing import pages, registered
from proxy.store.sealing.checking import row_of
from proxy.store.sealing.cipher import EMPTY, SIGN, Cipher
from proxy.store.sealing.places import TABLES, Table
from proxy.store.sealing.values import Connection, cipher_of
from proxy.store.troubles import translated

BATCH: Final = 200
"""Rows of one transaction at most."""
HEAVY: Final = 4_000_000
"""Characters and bytes of one transaction, about."""

Told = Callable[[int, int], None]
"""Told how many rows of how many are looked at."""

SEALED: Final = {name: table for name, table in TABLES.items() if table.sealed and name != "storage_keys"}
MARKED: Final = {name: table for name, table in TABLES.items() if table.marks}


def rotate_file(file: str, cipher: Cipher, tell: Told) -> tuple[int, bool]:
    """Seal a whole database with a cipher's first key; returns how many rows were changed, and whether the file is wiped.

    Raises ConfigError, StoreError.
    """
    db = sqlite3.connect(file, isolation_level=None, factory=Connection)
    try:
        configure(db, synchronous="FULL", read_only=False, cipher=cipher)
        return rotate(db, tell), wipe(db)
    except sqlite3.Error as exc:
        raise translated(exc, file) from exc
    finally:
        db.close()


def rotate(db: sqlite3.Connection, tell: Told) -> int:
    """Seal all with the first key of the connection's cipher; returns how many rows were changed.

    Raises ConfigError where the connection has no keys, StoreError where a value does not open.
    """
    cipher = cipher_of(db)
    if cipher is None:
        raise ConfigError("storage.encryption names no key: there is nothing to change to.")
    db.execute("PRAGMA secure_delete = ON")
    with _transaction(db):
        registered.retire_others(db, cipher)
    if cipher.is_sealing:
        _forget_index(db)
    changed, done = 0, -1
    while done:
        done = _walk(db, cipher, tell)
        changed += done
    with _transaction(db):
        registered.keep_only(db, cipher)
    return changed


def wipe(db: sqlite3.Connection) -> bool:
    """Write the file anew, so that nothing of what was replaced is left in it or in its log; false where others hold the log."""
    db.execute("PRAGMA temp_store = FILE")  # the size of the database again, which memory may not hold
    db.execute("VACUUM")
    (busy, *_) = db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    return not busy


@dataclass(slots=True)
class _Count:
    """How far the walk is."""

    tell: Told
    total: int
    done: int = 0

    def up(self, rows: int) -> None:
        self.done += rows
        self.tell(min(self.done, self.total), self.total)


def _walk(db: sqlite3.Connection, cipher: Cipher, tell: Told) -> int:
    """Once through all that is not sealed with the first key; returns how many rows were changed."""
    total = sum(_rows(db, name, _not_yet(cipher, table)) for name, table in SEALED.items())
    users = [id_ for (id_,) in db.execute("SELECT id FROM users WHERE marked_with <> ?", (cipher.writes,))]
    count = _Count(tell, total + len(users))
    changed = 0
    for user_id in users:
        with _transaction(db):
            changed += _mark_anew(db, cipher, user_id)
        count.up(1)
    for name, table in SEALED.items():
        changed += _seal_anew(db, cipher, name, table, count)
    return changed


def _seal_anew(db: sqlite3.Connection, cipher: Cipher, name: str, table: Table, count: _Count) -> int:
    """One table, batch by batch."""
    where, values = _not_yet(cipher, table)
    columns = list(dict.fromkeys([*table.row, *table.sealed, *(["user_id"] if table.marks else [])]))
    after: Any = None
    changed = 0
    while True:
        with _transaction(db):
            batch = _some(db, name, columns, after, where, values)
            for key, row in batch:
                changed += _seal_row(db, cipher, name, key, dict(zip(columns, row, strict=True)))
        if not batch:
            return changed
        after = batch[-1][0]
        count.up(len(batch))


def _some(
    db: sqlite3.Connection, name: str, columns: list[str], after: Any, where: str, values: list[Any]
) -> list[tuple[Any, tuple[Any, ...]]]:
    """The next rows, no more than weigh about `HEAVY`; at least one, if there is any."""
    told = " + ".join(f"coalesce(length({column}), 0)" for column in TABLES[name].sealed)
    weights = pages.page(db, name, [told], after, BATCH, where, values)
    fit, weight = 0, 0
    for _, (more,) in weights:
        weight += more
        if fit and weight > HEAVY:
            break
        fit += 1
    return pages.page(db, name, columns, after, fit, where, values) if fit else []


def _seal_row(db: sqlite3.Connection, cipher: Cipher, name: str, key: Any, values: dict[str, Any]) -> bool:
    table = TABLES[name]
    row = row_of(db, name, values)
    new: dict[str, Any] = {}
    for column, form in table.sealed.items():
        value, place = values[column], f"{name}.{column}"
        if value is None or cipher.sealer(value) == cipher.writes:
            continue
        if form == "bytes":
            new[column] = cipher.seal_bytes(place, cipher.open_bytes(place, value, row), row)
        else:
            new[column] = cipher.seal(place, cipher.open(place, value, row), row)
    new = {column: value for column, value in new.items() if value != values[column]}
    if new:
        told = ", ".join(f"{column} = ?" for column in new)
        where = " AND ".join(f"{column} = ?" for column in table.key)
        db.execute(f"UPDATE {name} SET {told} WHERE {where}", (*new.values(), *key))
    return bool(new)


def _mark_anew(db: sqlite3.Connection, cipher: Cipher, user_id: str) -> int:
    """All marks of one user."""
    for name, table in MARKED.items():
        for column, kind in table.marks.items():
            sql = f"SELECT DISTINCT {column} FROM {name} WHERE user_id = ? AND {column} IS NOT NULL AND {column} <> ''"
            old = [mark for (mark,) in db.execute(sql, (user_id,))]
            new = [
                (mark, cipher.mark(kind, cipher.unmark(kind, mark, user_id), user_id, cipher.writes)) for mark in old
            ]
            db.execute("CREATE TEMP TABLE marks (old TEXT PRIMARY KEY, new TEXT NOT NULL) WITHOUT ROWID")
            db.executemany("INSERT INTO temp.marks (old, new) VALUES (?, ?)", new)
            db.execute(
                f"UPDATE {name} SET {column} = m.new FROM temp.marks m WHERE user_id = ? AND {column} = m.old",
                (user_id,),
            )
            db.execute("DROP TABLE temp.marks")
    db.execute("UPDATE users SET marked_with = ? WHERE id = ?", (cipher.writes, user_id))
    return 1


def _not_yet(cipher: Cipher, table: Table) -> tuple[str, list[Any]]:
    """The rows that may hold a value which the first key did not seal."""
    told, values = [], []
    for column, form in table.sealed.items():
        if not cipher.is_sealing:
            sign = f"substr({column}, 1, 1) = '{SIGN}'" if form != "bytes" else f"length({column}) > 0"
            told.append(f"({column} IS NOT NULL AND {sign})")
            continue
        head = cipher.head(of_bytes=form == "bytes")
        empty = ", ".join(f"'{text}'" for text in sorted(EMPTY)) if form != "bytes" else "x''"
        told.append(f"({column} NOT IN ({empty}) AND substr({column}, 1, {len(head)}) <> ?)")
        values.append(head)
    return " OR ".join(told), values


def _rows(db: sqlite3.Connection, name: str, which: tuple[str, list[Any]]) -> int:
    where, values = which
    (count,) = db.execute(f"SELECT count(*) FROM {name} WHERE {where}", values).fetchone()
    return int(count)


def _forget_index(db: sqlite3.Connection) -> None:
    """The search index holds words as they are; emptied, it says nothing."""
    if db.execute("SELECT 1 FROM search_docsize LIMIT 1").fetchone() is None:
        return
    (sql,) = db.execute("SELECT sql FROM sqlite_master WHERE name = 'search'").fetchone()
    with _transaction(db):
        db.execute("DROP TABLE search")
        db.execute(sql)
        db.execute("DELETE FROM searched")


@contextmanager
def _transaction(db: sqlite3.Connection) -> Iterator[None]:
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise
