"""Whether every sealed value opens where it stands, and whether nothing is readable that should be sealed."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Final

from proxy.errors import StoreError
from proxy.store.records import Violation
from proxy.store.rows import from_json
from proxy.store.sealing import pages
from proxy.store.sealing.places import TABLES, Table
from proxy.store.sealing.terms import PLAIN, Row
from proxy.store.sealing.values import cipher_of, opened, opened_bytes, unmarked

PAGE: Final = 500

OPENS: Final = "opens where it stands"
JSON: Final = "holds JSON"
HIDDEN: Final = "is empty while the database is encrypted"


def broken_values(db: sqlite3.Connection, after: Any, name: str) -> tuple[list[Violation], Any]:
    """Values of one page of a table that do not open, or hold no JSON where they should, and where the next page begins."""
    table = TABLES[name]
    columns = [*table.row, *table.sealed, *table.marks]
    owner = "user_id" if table.marks else "NULL"
    rows = pages.page(db, name, [*columns, owner], after, PAGE)
    found = [Violation(name, told, rule) for row in rows for told, rule in _wrong(db, name, table, columns, row[1])]
    return found, rows[-1][0] if len(rows) == PAGE else None


def broken_index(db: sqlite3.Connection, after: Any) -> tuple[list[Violation], Any]:  # noqa: ARG001 - one page
    """The words of the search index would be readable."""
    cipher = cipher_of(db)
    if cipher is None or PLAIN in cipher.opens:
        return [], None
    some = db.execute("SELECT id FROM search_docsize LIMIT 1").fetchone()
    return ([Violation("search", str(some[0]), HIDDEN)] if some else []), None


Check = Callable[[sqlite3.Connection, Any], tuple[list[Violation], Any]]
"""Finds what is wrong on the page behind a place, 0 at first; says behind which the next page begins."""

CHECKS: Final[tuple[Check, ...]] = (
    *(partial(broken_values, name=name) for name, table in TABLES.items() if table.sealed or table.marks),
    broken_index,
)


def row_of(db: sqlite3.Connection, name: str, values: dict[str, Any]) -> Row:
    """What the sealed values of a row are bound to; names that are marks are read. Raises StoreError."""
    table = TABLES[name]
    parts = [
        unmarked(db, table.marks[column], values[column], values["user_id"])
        if column in table.marks
        else str(values[column])
        for column in table.row
    ]
    return parts[0] if len(parts) == 1 else tuple(parts)


def _wrong(
    db: sqlite3.Connection, name: str, table: Table, columns: list[str], found: tuple[Any, ...]
) -> Iterator[tuple[str, str]]:
    values = dict(zip(columns, found, strict=False))
    told = "/".join(str(values[column]) for column in table.row if column not in table.marks) or str(found[-1])
    try:
        for column, kind in table.marks.items():
            unmarked(db, kind, values[column], found[-1])
        row = row_of(db, name, values) if table.sealed else ""
        for column, form in table.sealed.items():
            if form == "bytes":
                opened_bytes(db, f"{name}.{column}", values[column], row)
                continue
            text = opened(db, f"{name}.{column}", values[column], row)
            if form == "json" and text is not None:
                yield from _unless_json(told, text)
    except StoreError:
        yield told, OPENS


def _unless_json(told: str, text: str) -> Iterator[tuple[str, str]]:
    try:
        from_json(text)
    except ValueError:
        yield told, JSON
