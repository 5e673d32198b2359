"""Exact token counts, kept off the road: what was counted once is known.

A count takes some 0.2 ms a kB. So the messages of a path are counted behind the reply, once its size begins to matter, and the next turn
finds the counts beside the nodes. On the road itself a text is counted only where nobody could count it before (it came with this very
request) and so much of it came that the answer depends on it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

from proxy.context.tokens import most, texts_of, weight
from proxy.domain.message import Message
from proxy.domain.ports import Upstream

KEPT_LETTERS = 8_000_000
"""Text whose count is remembered, in both generations together."""


class Counting:
    """Counts texts for models, each once."""

    def __init__(self, upstream: Upstream, letters: int = KEPT_LETTERS) -> None:
        self._upstream = upstream
        self._limit = letters // 2
        self._letters = 0
        self._known: dict[tuple[str, str], int] = {}
        self._old = self._known

    def forget(self) -> None:
        """Hold no text any more."""
        self._known, self._letters = {}, 0
        self._old = self._known

    def weigh(self, model: str) -> Callable[[Message], int]:
        """What a message takes for a model: as counted, else the most that it can take."""
        return lambda message: weight(message, lambda text: self._find(model, text, most(text)))

    def unknown(self, model: str, messages: Iterable[Message]) -> list[str]:
        """The texts of these messages that were not counted yet."""
        texts = dict.fromkeys(text for message in messages for text in texts_of(message))
        return [text for text in texts if self._find(model, text, -1) < 0]

    async def count(self, model: str, texts: Iterable[str]) -> None:
        """Count texts, on another thread."""
        wanted = list(texts)
        for text, tokens in zip(wanted, await asyncio.to_thread(self._all, model, wanted), strict=True):
            self._keep(model, text, tokens)

    def _all(self, model: str, texts: list[str]) -> list[int]:
        return [self._upstream.count(model, text) for text in texts]

    def _find(self, model: str, text: str, otherwise: int) -> int:
        at = (model, text)
        known = self._known.get(at)
        if known is None and (known := self._old.get(at)) is not None:
            self._keep(model, text, known)
        return otherwise if known is None else known

    def _keep(self, model: str, text: str, tokens: int) -> None:
        self._letters += len(text)
        if self._letters > self._limit:
            self._old, self._known, self._letters = self._known, {}, len(text)
        self._known[(model, text)] = tokens
