"""A conversation's title: written by a model, or taken from its first words where none can be asked.

Thinking blocks and text that Graft itself placed stay out. A model that fails, stays silent or takes too long is stood in for.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from proxy.context.marking import without_placed
from proxy.domain.message import Message
from proxy.domain.ports import Scorer
from proxy.domain.title import Titled
from proxy.errors import ProxyError

log = logging.getLogger(__name__)

EXTRACTIVE: Final = "extractive"
"""Stands for the writer where no model wrote."""
WAIT_S: Final = 60.0
SHOWN: Final = 6
"""Messages that a model is shown: what a conversation is about is said in its beginning."""
SHOWN_LETTERS: Final = 600
"""Of each."""
LETTERS: Final = 60
"""The longest title."""
GREETING_WORDS: Final = 2
GREETING_LETTERS: Final = 15
_SPEAKERS: Final = {"user": "User", "assistant": "Assistant"}
_SENTENCE: Final = re.compile(r"(?<=[.!?。！？])\s")  # noqa: RUF001 - sentences end so in Chinese and Japanese
_MARKS: Final = " \t\r\n#*_`>\"'“”«»-:.,;"


class Titles:
    """Implements `domain.title.TitleWriter`."""

    def __init__(self, scorer: Callable[[str], Scorer], model: str | None = None) -> None:
        """Write titles.

        Args:
            scorer: The way to a model by name; raises ConfigError for one that cannot write.
            model: Who writes all titles; without it, whoever the caller names.
        """
        self._scorer = scorer
        self._model = model

    async def __call__(self, messages: Sequence[Message], model: str | None = None) -> Titled | None:
        """The title of a conversation; `None` where nothing was said that one could be made of."""
        writer = self._model or model
        shown = conversation(messages)
        if writer is not None and shown:
            try:
                async with asyncio.timeout(WAIT_S):
                    title = neat(await (await asyncio.to_thread(_program))(self._scorer(writer), shown))
                if title:
                    return Titled(title, writer)
            except (ProxyError, TimeoutError) as exc:
                log.info("The model %r wrote no title, so the first words stand for it: %s", writer, exc)
        found = extracted(messages)
        return Titled(found, EXTRACTIVE) if found else None


def _program() -> Callable[[Scorer, str], Awaitable[str]]:
    """Imports DSPy: seconds, and never on the event loop."""
    from proxy.distil.title_program import write  # noqa: PLC0415

    return write


def conversation(messages: Sequence[Message]) -> str:
    """The beginning of what was said, a message a line, with its speaker."""
    said = [(message.role, _said(message)) for message in messages if message.role in _SPEAKERS]
    lines = [f"{_SPEAKERS[role]}: {text[:SHOWN_LETTERS]}" for role, text in said if text]
    return "\n".join(lines[:SHOWN])


def extracted(messages: Sequence[Message]) -> str:
    """The first sentence of what a user said first, cut between words; empty where nobody said anything.

    A greeting is passed over where something longer follows it.
    """
    first = next((text for message in messages if message.role == "user" and (text := _said(message))), "")
    sentences = [one for one in _SENTENCE.split(first) if one.strip(_MARKS)]
    telling = (one for one in sentences if len(one.split()) > GREETING_WORDS or len(one) > GREETING_LETTERS)
    return neat(next(telling, sentences[0] if sentences else ""), keep="?!")


def neat(text: str, keep: str = "") -> str:
    """One line without quotation marks, headings or an end of sentence, at most `LETTERS` long."""
    lines = [line.strip() for line in text.splitlines() if line.strip(_MARKS)]
    line = re.sub(r"^title\s*:\s*", "", " ".join(lines[0].split()) if lines else "", flags=re.IGNORECASE)
    line = line.strip("".join(mark for mark in _MARKS if mark not in keep))
    if len(line) <= LETTERS:
        return line
    head = line[: LETTERS - 1]
    cut = head.rsplit(" ", 1)[0] if " " in head[LETTERS // 2 :] else head
    return cut.rstrip(_MARKS) + "…"


def _said(message: Message) -> str:
    return " ".join(without_placed(message.spoken).split())
