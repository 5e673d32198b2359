"""What a memory says, as columns and back."""

from __future__ import annotations

import sqlite3
from typing import Final

from proxy.domain.memory import Told
from proxy.store.rows import Row, from_json, plain, to_json
from proxy.store.sealing.values import opened, sealed

MEMORY: Final = "m.id, m.title, m.problem, m.solution, m.facts, m.content"
"""From `memories m`: its id, and what `to_told` takes."""


COLUMNS: Final = ("title", "problem", "solution", "facts", "content")


def to_told(db: sqlite3.Connection, id_: str, row: Row) -> Told:
    """What a memory says, from its columns in the order of `MEMORY`, without the id."""
    told = [opened(db, f"memories.{name}", text, id_) for name, text in zip(COLUMNS, row, strict=True)]
    title, problem, solution, facts, content = told
    return Told(title, problem, solution, from_json(facts), content)


def from_told(db: sqlite3.Connection, id_: str, told: Told) -> tuple[str | None, ...]:
    """The columns in the order of `MEMORY`, without the id."""
    facts = to_json([plain(fact) for fact in told.facts])
    texts = (plain(told.title), plain(told.problem), plain(told.solution), facts, plain(told.content))
    return tuple(sealed(db, f"memories.{name}", text, id_) for name, text in zip(COLUMNS, texts, strict=True))
