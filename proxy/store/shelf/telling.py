"""What a memory says, as columns and back."""

from __future__ import annotations

from typing import Final

from proxy.domain.memory import Told
from proxy.store.rows import Row, from_json, plain, to_json

MEMORY: Final = "m.id, m.title, m.problem, m.solution, m.facts, m.content"
"""From `memories m`: its id, and what `to_told` takes."""


def to_told(row: Row) -> Told:
    title, problem, solution, facts, content = row
    return Told(title, problem, solution, from_json(facts), content)


def from_told(told: Told) -> tuple[str | None, ...]:
    """The columns in the order of `MEMORY`, without the id."""
    facts = to_json([plain(fact) for fact in told.facts])
    return plain(told.title), plain(told.problem), plain(told.solution), facts, plain(told.content)
