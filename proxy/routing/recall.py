"""Which memories a text is about: nearness of meaning and shared rare words, over one user's memories.

Vectors and words of a user's memories are kept in the process and made anew only for memories that changed: one row tells whether any
did. Meaning is the cosine of the embedder's vectors; words are Okapi BM25 over stems (Robertson and Zaragoza, 2009), scaled by
what the text could reach at most. The score of a memory is the mean of both, weighted.
"""

from __future__ import annotations

import asyncio
import math
import threading
from collections import Counter, OrderedDict
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from proxy.domain.memory import Memory, MemoryFeed, Recalled
from proxy.domain.tree import TreeId, UserId
from proxy.domain.zone import Piece
from proxy.routing.embedder import Embedder, Vectors
from proxy.routing.reading import text as reading

NEAR: Final = 0.35
"""Score from which a memory is worth the room: below it, the nearest of unrelated memories is still the nearest."""
MEANING: Final = 0.7
"""Weight of the vectors; the words have the rest."""
K1: Final = 1.2
B: Final = 0.75
USERS: Final = 64
"""Users whose memories are held ready."""
READ: Final = 2_000
"""Characters of a text that are read."""


@dataclass(frozen=True, slots=True)
class _Known:
    """One user's memories, ready to be compared."""

    mark: int
    memories: Sequence[Memory]
    vectors: Vectors
    words: Sequence[Counter[str]]
    holders: Mapping[str, int]
    """Stem to the number of memories that hold it."""


class Recall:
    """Implements `domain.memory.Recaller`."""

    def __init__(self, feed: MemoryFeed, embedder: Embedder) -> None:
        self._feed = feed
        self._embedder = embedder
        self._users: OrderedDict[UserId, _Known] = OrderedDict()
        self._lock = threading.Lock()

    async def search(self, user_id: UserId, text: str, most: int, tree_id: TreeId | None = None) -> Sequence[Recalled]:
        """The memories that a text is about, the best first; those without anything in common are left out."""
        return (await self._ranked(user_id, text, tree_id))[:most]

    async def relevant(
        self, user_id: UserId, tree_id: TreeId, text: str, *, most: int, personality: str | None = None
    ) -> Sequence[Piece]:
        """What a turn in a tree should know, the best first.

        Memories of other trees, and those made under another named personality, are never among them.
        """
        found = [
            one.memory
            for one in await self._ranked(user_id, text, tree_id)
            if one.score >= NEAR and one.memory.origin.personality in (None, personality)
        ]
        return [Piece("memory", f"memory:{memory.id}", memory.told.text) for memory in found[:most]]

    def forget(self, users: Container[UserId]) -> None:
        """Hold nothing of these users any more."""
        for user_id in [known for known in self._users if known in users]:
            del self._users[user_id]

    def clear(self) -> None:
        """Hold nobody's memories any more."""
        self._users.clear()

    async def _ranked(self, user_id: UserId, text: str, tree_id: TreeId | None) -> list[Recalled]:
        known = await self._known(user_id)
        if not known.memories:
            return []
        scores = await asyncio.to_thread(self._scores, known, text)
        found = [
            Recalled(memory, score)
            for memory, score in zip(known.memories, scores, strict=True)
            if score > 0 and (tree_id is None or memory.origin.tree_id in (None, tree_id))
        ]
        return sorted(found, key=lambda one: (-one.score, one.memory.id))

    async def _known(self, user_id: UserId) -> _Known:
        mark = await self._feed.memories_mark(user_id)
        known = self._users.get(user_id)
        if known is None or known.mark != mark:
            memories = await self._feed.all_memories(user_id)
            known = await asyncio.to_thread(self._read, mark, memories, known)
            self._users[user_id] = known
        self._users.move_to_end(user_id)
        while len(self._users) > USERS:
            self._users.popitem(last=False)
        return known

    def _read(self, mark: int, memories: Sequence[Memory], before: _Known | None) -> _Known:
        """Take memories in; vectors of those that stayed as they were are not made again."""
        old = {(one.id, one.updated_at): i for i, one in enumerate(before.memories)} if before else {}
        new = [one for one in memories if (one.id, one.updated_at) not in old]
        made = dict(
            zip(((one.id, one.updated_at) for one in new), self._embed([_text(one) for one in new]), strict=True)
        )
        vectors = np.zeros((len(memories), self._embedder.size), np.float32)
        for row, memory in enumerate(memories):
            version = (memory.id, memory.updated_at)
            vectors[row] = made[version] if version in made else before.vectors[old[version]]  # type: ignore[union-attr]
        words = [Counter(reading.words(_text(memory))) for memory in memories]
        return _Known(mark, memories, vectors, words, Counter(word for counted in words for word in counted))

    def _scores(self, known: _Known, text: str) -> list[float]:
        meaning = known.vectors @ self._embed([text[:READ]])[0]
        words = _bm25(known, set(reading.words(text[:READ])))
        return [
            float(MEANING * max(0.0, near) + (1 - MEANING) * shared)
            for near, shared in zip(meaning.tolist(), words, strict=True)
        ]

    def _embed(self, texts: Sequence[str]) -> Vectors:
        with self._lock:
            return self._embedder.embed(texts) if texts else np.zeros((0, self._embedder.size), np.float32)


def _text(memory: Memory) -> str:
    return memory.told.text[:READ]


def _bm25(known: _Known, asked: set[str]) -> list[float]:
    """Okapi BM25 of every memory for some stems, as a share of what they could reach: 0 to 1."""
    count = len(known.memories)
    held = {word: known.holders.get(word, 0) for word in asked}
    weight = {word: math.log(1 + (count - holders + 0.5) / (holders + 0.5)) for word, holders in held.items()}
    most = sum(weight.values()) * (K1 + 1)
    mean = sum(counted.total() for counted in known.words) / count or 1.0
    return [
        sum(
            weight[word] * times * (K1 + 1) / (times + K1 * (1 - B + B * counted.total() / mean))
            for word in asked & counted.keys()
            for times in (counted[word],)
        )
        / (most or 1.0)
        for counted in known.words
    ]
