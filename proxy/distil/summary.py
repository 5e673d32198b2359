"""The beginning of a path told in short, by a model, or by quoting where there is none.

A passage longer than the model's window is told piece by piece, each time with what was told before. Thinking blocks and text that Graft
itself placed are left out. A model that fails, stays silent or takes too long is stood in for: no request ever waits for this.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from proxy.context.marking import without_placed
from proxy.domain.message import Message
from proxy.domain.ports import Scorer
from proxy.domain.summary import EXTRACTIVE, Passage, Written
from proxy.errors import ProxyError

log = logging.getLogger(__name__)

WAIT_S: Final = 120.0
"""For one answer of a model."""
BYTES_A_TOKEN: Final = 3
SHARE: Final = 0.5
"""Of a model's window, for what is to be told."""
TOOL_LETTERS: Final = 600
"""Of the result of a tool; the rest is rarely what a conversation is about."""
LEAST_LETTERS: Final = 60
QUOTED: Final = "Quoted from what was said:"
SPEAKERS: Final = {"user": "User", "assistant": "Assistant", "tool": "Tool", "function": "Tool"}


class Summaries:
    """Implements `ports.Summariser`."""

    def __init__(self, scorer: Callable[[str], Scorer], window: Callable[[str], int], model: str | None = None) -> None:
        """Tell summaries.

        Args:
            scorer: The way to a model by name; raises ConfigError for one that cannot write.
            window: A model's input window.
            model: Who writes all summaries; without it, the model of the turn.
        """
        self._scorer = scorer
        self._window = window
        self._model = model

    async def __call__(self, passage: Passage, model: str, most_tokens: int) -> Written:
        writer = self._model or model
        try:
            text = await self._written(passage, writer, most_tokens)
        except (ProxyError, TimeoutError) as exc:
            log.info("The model %r wrote no summary, so what was said is quoted: %s", writer, exc)
            text = ""
        if text:
            return Written(_clipped(text, most_tokens * 2 * BYTES_A_TOKEN), writer)
        return Written(quoted(passage, most_tokens * BYTES_A_TOKEN), EXTRACTIVE)

    async def _written(self, passage: Passage, model: str, most_tokens: int) -> str:
        """Raises ProxyError where the model does not answer, TimeoutError where it takes too long."""
        scorer = self._scorer(model)
        letters = max(1_000, int(self._window(model) * SHARE - most_tokens) * BYTES_A_TOKEN)
        before = passage.before or ""
        program = await asyncio.to_thread(_program)
        for piece in pieces(passage.messages, letters):
            async with asyncio.timeout(WAIT_S):
                before = await program(scorer, before, piece, most_tokens)
        return before


def _program() -> Callable[[Scorer, str, str, int], Awaitable[str]]:
    """Imports DSPy: seconds, and never on the event loop."""
    from proxy.distil.summary_program import write  # noqa: PLC0415

    return write


def pieces(messages: Sequence[Message], letters: int) -> list[str]:
    """What was said as texts of so many letters at most, cut between messages where that is possible."""
    made: list[str] = []
    for line in _lines(messages):
        for start in range(0, len(line), letters):
            part = line[start : start + letters]
            if made and len(made[-1]) + len(part) < letters:
                made[-1] += f"\n{part}"
            else:
                made.append(part)
    return made


def quoted(passage: Passage, letters: int) -> str:
    """The beginnings of what was said, in order, in so many letters; the summary before it takes up to half of them."""
    before = _clipped((passage.before or "").removeprefix(QUOTED).strip(), letters // 2)
    lines = _lines(passage.messages)
    room = letters - len(before)
    most = room // LEAST_LETTERS
    if len(lines) > most:  # the first one tells what it is about, the last ones where it went
        lines = [*lines[:1], *lines[max(1, len(lines) - most + 1) :]]
    share = max(LEAST_LETTERS, room // max(1, len(lines)))
    told = [_clipped(" ".join(line.split()), share) for line in lines]
    return "\n".join([QUOTED, *([before] if before else []), *told])


def _lines(messages: Sequence[Message]) -> list[str]:
    """One text a message, with its speaker."""
    lines = []
    for message in messages:
        text = without_placed(message.spoken).strip()
        if message.role in ("tool", "function"):
            text = text[:TOOL_LETTERS]
        if text and message.role in SPEAKERS:
            lines.append(f"{SPEAKERS[message.role]}: {text}")
    return lines


def _clipped(text: str, letters: int) -> str:
    """The beginning of a text, up to the end of a sentence where one ends in its second half."""
    if len(text) <= letters:
        return text
    cut = text[: max(0, letters - 1)]
    end = max(cut.rfind(mark) for mark in (". ", "! ", "? ", "\n"))
    return cut[: end + 1].rstrip() if end > letters // 2 else cut.rstrip() + "…"
