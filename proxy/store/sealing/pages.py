"""Tables walked through by their keys, some rows at a time."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any

from proxy.store.sealing.places import TABLES

Key = tuple[Any, ...]
"""Where a row stands in its table."""


def page(
    db: sqlite3.Connection,
    name: str,
    columns: Sequence[str],
    after: Any,
    limit: int,
    where: str = "1",
    values: Sequence[Any] = (),
) -> list[tuple[Key, tuple[Any, ...]]]:
    """The next rows of a table after a key (anything false is the beginning), those for which a condition holds."""
    keys = TABLES[name].key
    beyond = f"({', '.join(keys)}) > ({', '.join('?' * len(keys))})" if after else "1"
    sql = (
        f"SELECT {', '.join([*keys, *columns])} FROM {name} WHERE {beyond} AND ({where})"
        f" ORDER BY {', '.join(keys)} LIMIT ?"
    )
    rows = db.execute(sql, (*(after or ()), *values, limit)).fetchall()
    return [(row[: len(keys)], row[len(keys) :]) for row in rows]
