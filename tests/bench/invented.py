"""Trees of any size for measuring placement: invented words with the frequencies of real ones, made as they are read.

A conversation is about a handful of words of its own, among words that everybody uses; how often a word is used falls as one over its
rank (Zipf). The same seed gives the same tree, and a tree's first nodes do not depend on its size.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate, islice

import numpy as np
from numpy.typing import NDArray

from proxy.domain.placement import FeedNode, Mark, TreeSlice
from proxy.domain.tree import NodeId, TreeId, UserId
from proxy.routing.embedder import unit

COMMON = (
    *("the", "of", "and", "to", "a", "in", "is", "that", "it", "for", "you", "was", "with", "on", "as", "have"),
    *("be", "at", "this", "not", "are", "but", "from", "or", "one", "had", "by", "what", "can", "if", "how", "do"),
)
"""Words without a subject: every second word of a text."""
WORDS = 60_000
OWN_WORDS = 24
ASKED, REPLIED = 18, 90
"""Words of a user's message and of an answer, on average."""
EXCHANGES = 10
"""Of a conversation, on average."""
FORKED = 0.05
"""Share of exchanges that begin a second way on from an earlier answer."""
FAMILIAR = 2_000
"""Words that stand often enough to have a vector of their own."""

_CONSONANTS, _VOWELS = "bdfgklmnprstvz", "aeiou"


@lru_cache(maxsize=1)
def vocabulary() -> tuple[list[str], list[float]]:
    """Invented words by rank, and the sums of their frequencies."""
    chance = random.Random("words")
    found: dict[str, None] = {}
    while len(found) < WORDS:
        syllables = chance.choice((2, 2, 3, 3, 4))
        found["".join(chance.choice(_CONSONANTS) + chance.choice(_VOWELS) for _ in range(syllables)) + "k"] = None
    return list(found), list(accumulate(1 / (rank + 20) for rank in range(WORDS)))


@dataclass(frozen=True, slots=True)
class Subject:
    """What one conversation is about."""

    own: Sequence[str]

    def text(self, chance: random.Random, length: int, end: str) -> str:
        """About that many words."""
        words, sums = vocabulary()
        count = max(3, int(length * chance.lognormvariate(0, 0.4)))
        rare = iter(chance.choices(words, cum_weights=sums, k=count))
        said = [
            chance.choice(COMMON)
            if chance.random() < 0.5
            else chance.choice(self.own)
            if chance.random() < 0.4
            else word
            for word in islice(rare, count)
        ]
        return " ".join(said).capitalize() + end


def subject(chance: random.Random) -> Subject:
    words, sums = vocabulary()
    return Subject(chance.choices(words, cum_weights=sums, k=OWN_WORDS))


def exchanges(seed: str, *, chain: bool = False) -> Iterator[tuple[FeedNode, FeedNode]]:
    """A user's messages with their answers, without an end; in conversations, or all on one path."""
    chance = random.Random(seed)
    number = 0
    while True:
        about = subject(chance)
        ends: list[NodeId | None] = [None]
        for _ in range(1 + int(chance.expovariate(1 / EXCHANGES))):
            parent = chance.choice(ends) if chance.random() < FORKED else ends[-1]
            if chain and number:
                parent = NodeId(f"n_{seed:>12.12}{number - 1:09d}r")
            asked, replied = NodeId(f"n_{seed:>12.12}{number:09d}a"), NodeId(f"n_{seed:>12.12}{number:09d}r")
            yield (
                FeedNode(asked, parent, "user", about.text(chance, ASKED, "?"), float(number)),
                FeedNode(replied, asked, "assistant", about.text(chance, REPLIED, "."), float(number)),
            )
            ends.append(replied)
            number += 1


class Feed:
    """Implements `ports.TreeFeed`: one tree, of which nothing is kept that was read."""

    def __init__(self, seed: str, *, chain: bool = False) -> None:
        self._exchanges = exchanges(seed, chain=chain)
        self._waiting: list[FeedNode] = []
        self._seen = 0
        self.last: list[FeedNode] = []
        """The exchange that came last."""

    def grow(self, count: int) -> None:
        """Let so many exchanges more be there."""
        for asked, replied in islice(self._exchanges, count):
            self.last = [asked, replied]
            self._waiting += self.last

    async def slice(self, user_id: UserId, tree_id: TreeId, mark: Mark | None) -> TreeSlice:
        news, self._waiting = self._waiting, []
        self._seen += len(news)
        return TreeSlice(Mark(0, self._seen), news, reset=mark is None)


class Vectors:
    """An `Embedder` that costs next to nothing: texts that share words are near each other."""

    name = "minilm"
    size = 384

    def __init__(self) -> None:
        self._rows = np.random.default_rng(7).standard_normal((FAMILIAR, self.size), dtype=np.float32)
        self._known: tuple[str, NDArray[np.float32]] = "", np.zeros((1, self.size), np.float32)

    def know(self, text: str) -> None:
        """Keep the vector of a text that will be asked for next."""
        self._known = text, self.embed([text])

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        if len(texts) == 1 and texts[0] == self._known[0]:
            return self._known[1]
        vectors = np.zeros((len(texts), self.size), np.float32)
        for at, text in enumerate(texts):
            rows = [hash_of(word) for word in text[:600].lower().strip("?.").split() if word not in _COMMON]
            if rows:
                vectors[at] = self._rows[rows].sum(axis=0)
        return unit(vectors)


_COMMON = frozenset(COMMON)


@lru_cache(maxsize=WORDS)
def hash_of(word: str) -> int:
    """The same in every process."""
    return sum((at + 31) ** 3 * ord(letter) for at, letter in enumerate(word)) % FAMILIAR
