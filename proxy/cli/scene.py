"""The conversations that `graft demo` plays: one of our own, or a stream of the routing benchmark.

A scene is what a person types, in order, into one endless chat. Each turn knows which earlier turn it goes on from, so that the demo
can say how many turns were placed where a person would put them.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from proxy.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Line:
    """One turn of a scene."""

    text: str
    follows: int | None
    """Index of the turn it goes on from; `None` begins a new topic."""
    edits: bool = False
    """The client takes back its last turn and sends this one in its place."""


SCENE: tuple[Line, ...] = (
    Line("My sourdough starter smells of nail polish remover. Is it dead, or can I still bake with it?", None),
    Line("How often should I feed it if it stands on the kitchen counter?", 0),
    Line("And in the fridge?", 1),
    Line("Plan a long weekend in Lisbon for two people who like tiles, trams and seafood.", None),
    Line("Which day is best for Sintra?", 3),
    Line("My asyncio program hangs when one of the tasks raises an exception inside gather. What is going on?", None),
    Line("Would a TaskGroup behave better there?", 5),
    Line(
        "Back to the sourdough: my loaf comes out flat. Is the starter too weak or did I proof the dough for too long?",
        2,
    ),
    Line("What should the dough look like when it is ready?", 7),
    Line("Explain why a pendulum's period does not depend on the mass hanging from it.", None),
    Line("Does that still hold for large swings?", 9),
    Line("For the Lisbon trip: where do we eat grilled seafood near the tram line 28?", 4),
    Line("Something cheaper, please.", 11),
    Line("In the asyncio code, how do I cancel the other tasks when one of them raises an exception?", 6),
    Line("Show me that with a timeout as well.", 13),
    Line("I have been lying awake since the deadline at work was moved up. How do I calm down before bed?", None),
    Line("I tried breathing exercises, they make me more nervous.", 15),
    Line("Now the sourdough loaf: how much salt for 900 grams of flour in the dough?", 8),
    Line("How much salt for 1200 grams of flour in the dough, at two per cent?", 8, edits=True),
    Line("And how much water?", 18),
    Line("New question: which houseplant survives in a bathroom without a window?", None),
    Line("How often do I water it?", 20),
    Line("On the pendulum again: how would its period change on the Moon, where gravity is weaker?", 10),
    Line("By what factor exactly?", 22),
    Line("Lisbon once more: do we need to book the train to Sintra ahead of the trip?", 12),
    Line("Thanks. And the last one back to the city leaves when?", 24),
)


def read_stream(stream_file: Path) -> tuple[Line, ...]:
    """The user's turns of a benchmark stream: JSON lines of `id`, `parent`, `role` and `content`.

    Raises:
        ConfigError: The file is no such stream; the message names the line.
    """
    lines: list[Line] = []
    turn_of: dict[str, int] = {}
    try:
        rows = stream_file.read_text(encoding="utf-8").splitlines()
    except OSError as exc:
        raise ConfigError(f"The stream {str(stream_file)!r} cannot be read: {exc.strerror}.") from exc
    for number, row in enumerate(rows, start=1):
        if not row.strip():
            continue
        try:
            node = json.loads(row)
            parent, role, content, node_id = node["parent"], node["role"], node["content"], node["id"]
        except (ValueError, KeyError, TypeError) as exc:
            raise ConfigError(f"{stream_file}, line {number}: no turn with id, parent, role and content.") from exc
        if role == "user":
            lines.append(Line(content, turn_of.get(parent)))
            turn_of[node_id] = len(lines) - 1
        elif parent in turn_of:
            turn_of[node_id] = turn_of[parent]
    if not lines:
        raise ConfigError(f"{stream_file} holds no user turns.")
    return tuple(lines)


def hits(scene: Sequence[Line], placed: Sequence[int | None]) -> int:
    """How many turns went on from the turn that a person would have chosen."""
    return sum(1 for line, parent in zip(scene, placed, strict=True) if line.follows == parent)
