"""Everything that is stored about a user, as one archive for them to keep.

A zip file: `about.json` says whose it is, of when, and what is left out of it and why; `TABLE.jsonl` holds the user's rows of one table, a
line each, by column, JSON as JSON; `files/` holds bodies of artefacts and images, named by the rows of `blobs.jsonl`. All of it is one
commit's state.
"""

from __future__ import annotations

import json
import mimetypes
import sqlite3
import zlib
from base64 import b64encode
from collections.abc import Callable, Iterator
from typing import IO, Any, BinaryIO, Final
from zipfile import ZIP_DEFLATED, ZipFile

from proxy.domain.tree import UserId
from proxy.store.clock import now
from proxy.store.migrating import version_of
from proxy.store.persons.belongings import BELONGINGS, Belonging
from proxy.store.persons.listing import account
from proxy.store.rows import from_json
from proxy.store.sealing.checking import row_of
from proxy.store.sealing.places import TABLES
from proxy.store.sealing.terms import Row
from proxy.store.sealing.values import opened, opened_bytes, unmarked

FORMAT: Final = 1
Told = Callable[[int], object]
"""Told how many rows are written."""


def write(db: sqlite3.Connection, user_id: UserId, out: BinaryIO, tell: Told = lambda _: None) -> int:
    """Write the archive of a user, on one snapshot of the database; returns how many rows are in it. Raises NotFound."""
    account(db, user_id)
    rows = 0
    counts: dict[str, int] = {}
    with ZipFile(out, "w", ZIP_DEFLATED) as archive:
        for one in BELONGINGS:
            if one.why_not is None:
                counts[one.table] = 0
                for _ in _write_table(db, archive, one, user_id):
                    counts[one.table] += 1
                    rows += 1
                    tell(rows)
        archive.writestr("about.json", json.dumps(_about(db, user_id, counts), indent=2, ensure_ascii=False))
    return rows


def columns(db: sqlite3.Connection, one: Belonging) -> list[str]:
    """The columns of a table that its user is given."""
    return [name for _, name, *_ in db.execute(f"PRAGMA table_info({one.table})") if name not in one.withheld]


def _about(db: sqlite3.Connection, user_id: UserId, counts: dict[str, int]) -> dict[str, Any]:
    return {
        "graft_archive": FORMAT,
        "user": user_id,
        "at": now(),
        "schema": version_of(db),
        "rows": counts,
        "left_out": {one.table: one.why_not or dict(one.withheld) for one in BELONGINGS if one.why_not or one.withheld},
    }


def _write_table(db: sqlite3.Connection, archive: ZipFile, one: Belonging, user_id: UserId) -> Iterator[None]:
    """Write a table's rows, one a step."""
    names = columns(db, one)
    told = ", ".join("NULL" if (one.table, name) == ("blobs", "bytes") else name for name in names)
    with archive.open(f"{one.table}.jsonl", "w", force_zip64=True) as out:
        bound = TABLES[one.table].row
        sql = f"SELECT {', '.join([told, *bound])} FROM {one.table} WHERE {one.whose}"
        for values in db.execute(sql, {"user": user_id}):
            key = row_of(db, one.table, {**dict(zip(bound, values[len(names) :], strict=True)), "user_id": user_id})
            pairs = zip(names, values[: len(names)], strict=True)
            row = {name: _told(db, user_id, one, name, value, key) for name, value in pairs}
            if one.table == "blobs":
                row["bytes"] = _file(row["hash"], row["media_type"])
            _write_row(out, row)
            yield
    if one.table == "blobs":
        _write_files(db, archive, user_id)


def _write_files(db: sqlite3.Connection, archive: ZipFile, user_id: UserId) -> None:
    sql = "SELECT hash, media_type, bytes FROM blobs WHERE user_id = ?"
    for mark, media_type, data in db.execute(sql, (user_id,)):
        archive.writestr(_file(mark, media_type), opened_bytes(db, "blobs.bytes", data, (user_id, mark)))


def _file(mark: str, media_type: str) -> str:
    return f"files/{mark}{mimetypes.guess_extension(media_type) or '.bin'}"


def _write_row(out: IO[bytes], row: dict[str, Any]) -> None:
    try:
        line = json.dumps(row, ensure_ascii=False).encode()
    except UnicodeEncodeError:  # half an emoji
        line = json.dumps(row).encode()
    out.write(line + b"\n")


def _told(db: sqlite3.Connection, user_id: UserId, one: Belonging, name: str, value: Any, row: Row) -> Any:
    """A value as it is told: opened where it is sealed, JSON as JSON, packed JSON unpacked, other bytes in base64."""
    if value is None:
        return None
    places = TABLES[one.table]
    form = places.sealed.get(name)
    if form == "bytes":
        return _unpacked(opened_bytes(db, f"{one.table}.{name}", value, row))
    if form is not None:
        text = opened(db, f"{one.table}.{name}", value, row)
        return from_json(text) if form == "json" else text
    return unmarked(db, places.marks[name], value, user_id) if name in places.marks else value


def _unpacked(data: bytes) -> Any:
    try:
        return json.loads(data if data.startswith(b"[") else zlib.decompress(data))
    except (zlib.error, ValueError):
        return b64encode(data).decode()
