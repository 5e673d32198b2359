"""How windows, points and turns are written for a scorer.

What people said is data that may try to give orders. Every message therefore stands on one line behind its role, between
tags that it cannot write itself: look-alikes of our tags and of DSPy's field marks are defused. Scorers see small numbers,
counted anew in every call.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from proxy.routing.scene import Point
from proxy.routing.windows import Line, Window

LATEST = 2
"""Messages from the end of a conversation that are shown where all conversations stand in one list."""
ROOT_NUMBER = 0
"""The number under which the root can be chosen."""

_TAGS = re.compile(r"<(?=\s*/?\s*(?:window|point|before|after|new_turn)\b)", re.IGNORECASE)
_MARKS = re.compile(r"\[\[\s*##")


def show_turn(text: str, system: str | None) -> str:
    """The new turn, and the system text that came with it."""
    lines = ["<new_turn>"]
    if system:
        lines.append(f"system: {defused(system)}")
    return "\n".join([*lines, f"user: {defused(text)}", "</new_turn>"])


def show_windows(windows: Sequence[Window]) -> str:
    """Windows numbered from 1."""
    return "\n\n".join(_window(number, window) for number, window in enumerate(windows, 1))


def show_conversations(windows: Sequence[Window], openings: Sequence[Line | None]) -> str:
    """Conversations numbered from 1, each by how it began, if that is not shown anyway, and what was said last."""
    return "\n\n".join(
        _conversation(number, window, opening)
        for number, (window, opening) in enumerate(zip(windows, openings, strict=True), 1)
    )


def show_points(points: Sequence[Point]) -> str:
    """Attachment points numbered from 1."""
    return "\n\n".join(_point(number, point) for number, point in enumerate(points, 1))


def defused(text: str) -> str:
    """Text in which nothing looks like a tag or a field mark of ours."""
    return _MARKS.sub("[ [ ##", _TAGS.sub("\u2039", text))


def _window(number: int, window: Window) -> str:
    shows = "first messages" if window.kind == "root" else "latest messages"
    active = ' active="yes"' if window.active else ""
    system = [f"system: {defused(window.system)}"] if window.system else []
    return "\n".join([f'<window id="{number}" shows="{shows}"{active}>', *system, *_lines(window.lines), "</window>"])


def _conversation(number: int, window: Window, opening: Line | None) -> str:
    active = ' active="yes"' if window.active else ""
    system = [f"system: {defused(window.system)}"] if window.system else []
    latest = window.lines[-LATEST:]
    begins = [f"began with {line}" for line in _lines([opening])] if opening and opening not in latest else []
    return "\n".join([f'<window id="{number}"{active}>', *system, *begins, *_lines(latest), "</window>"])


def _point(number: int, point: Point) -> str:
    active = ' active="yes"' if point.active else ""
    after = _lines(point.after) or ["(nothing yet: the conversation ends here)"]
    return "\n".join(
        [
            f'<point id="{number}"{active}>',
            "<before>",
            *_lines(point.before),
            "</before>",
            "<after>",
            *after,
            "</after>",
            "</point>",
        ]
    )


def _lines(lines: Iterable[Line]) -> list[str]:
    return [f"{line.role}: {defused(line.text)}" for line in lines]
