"""Where the vectors of a tree's pairs come from: from before the tree began anew, from the database, else from the embedder.

Vectors are not computed as pairs are added, for that is on a request's path, but some at a time by `PairIndex.refresh`. What was
computed once is handed to the database (`take_new`) and found there again by the next process (`lacking`, `recall`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from proxy.domain.tree import NodeId
from proxy.domain.values import value
from proxy.routing.embedder import Embedder, Vectors
from proxy.routing.vectors import VIEWS, PairVectors

SYSTEM_READ = 500
"""Characters of a system text that say who speaks."""

Texts = Callable[[int], tuple[str, str]]
"""What the user said in a pair, and what was answered."""


Systems = Callable[[int], str | None]
"""The system text under which a pair was said."""

TURNS = 16
"""Turns whose vectors are kept until they are answered."""

DIGEST = 16
"""Bytes before stored vectors that say of which texts they are."""


@dataclass(frozen=True, slots=True)
class Before:
    """What was computed before a tree began anew."""

    vectors: PairVectors
    pairs: Mapping[bytes, int]
    """Digest of a pair's texts to its number in `vectors`."""
    systems: Mapping[str, Vectors]


@value(frozen=True, slots=True)
class Work:
    """Texts whose vectors are to be computed while nobody waits for the index."""

    of: Supply
    """Whose they are: after a reset the index has another supply, and what was computed meanwhile is of no use."""
    pairs: list[int]
    views: list[str]
    systems: list[str]
    known: Mapping[str, Vectors]
    """Vectors of some of the texts."""

    def done(self, embedder: Embedder) -> tuple[Vectors, Vectors]:
        """Three rows a pair, and one a system text."""
        systems = _embed_some(embedder, [said[:SYSTEM_READ] for said in self.systems], {})
        return _embed_some(embedder, self.views, self.known), systems


class Supply:
    """The vectors of one tree's pairs, and which of them are lacking. Whoever calls holds the index's lock."""

    def __init__(self, size: int, folder: Path | None = None, before: Before | None = None) -> None:
        """`before` is what was computed for the same tree before."""
        self.vectors = PairVectors(size, folder)
        self.systems: dict[str, Vectors] = {}
        self._before = before
        self._lacking: dict[int, None] = {}
        """Pairs without vectors; the one said last stands last."""
        self._not_looked_up: dict[int, None] = {}
        """Those of them that the database was not asked for."""
        self._silent: dict[str, None] = {}
        """System texts of recalled pairs, whose vectors are not kept."""
        self._new: dict[int, None] = {}
        """Pairs whose vectors the database lacks."""
        self._outdated: list[NodeId] = []
        self._turns: dict[str, Vectors] = {}
        """Turns that were placed lately, with their vectors: most of them are soon asked for again as the user's text of a pair."""

    def turn(self, said: str) -> Vectors | None:
        """The vector of a turn that was placed lately."""
        return self._turns.get(said)

    def placed(self, said: str, vector: Vectors) -> None:
        """Keep the vector of a turn that is placed."""
        self._turns[said] = vector
        if len(self._turns) > TURNS:
            del self._turns[next(iter(self._turns))]

    @property
    def lacking(self) -> int:
        """How many vectors are to be computed: of pairs and of system texts."""
        return len(self._lacking) + len(self._silent)

    @property
    def new(self) -> int:
        """How many pairs have vectors that the database lacks."""
        return len(self._new)

    def said(self, pair: int, former_end: NodeId | None) -> None:
        """A pair is new, or goes on behind what was its end."""
        if former_end is not None and pair not in self._lacking:
            self._outdated.append(former_end)
        self._lacking[pair] = self._not_looked_up[pair] = None
        self._new.pop(pair, None)

    def remembered(self, texts: Texts, count: int, systems: Systems) -> Before | None:
        """What need not be computed again when the same tree begins anew; `count` is how many pairs there are."""
        self.reuse(texts, systems)
        if not count:
            return self._before
        known = {_digest(*texts(pair)): pair for pair in range(count) if pair not in self._lacking}
        return Before(self.vectors, known, self.systems)

    def reuse(self, texts: Texts, systems: Systems) -> None:
        """Take over the vectors of texts that were here before the last reset: a move leaves them as they are."""
        if self._before is None:
            return
        old, self._before = self._before, None
        again = {pair: old.pairs[digest] for pair in self._lacking if (digest := _digest(*texts(pair))) in old.pairs}
        self.vectors.take(old.vectors, list(again.values()), list(again))
        said = {systems(pair) for pair in again}
        self.systems.update((text, vector) for text, vector in old.systems.items() if text in said)
        for pair in again:
            if systems(pair) is None or systems(pair) in self.systems:
                del self._lacking[pair]
                self._not_looked_up.pop(pair, None)

    def work(self, texts: Texts, systems: Systems, newest: int | None) -> Work:
        """What to compute next: the pairs said last, or all."""
        pairs = list(self._lacking)
        later = [] if newest is None else pairs[:-newest]
        pairs = pairs[len(later) :]
        for pair in pairs:
            self._not_looked_up.pop(pair, None)
        views = [view for pair in pairs for view in _views(*texts(pair))]
        own = {said for pair in pairs if (said := systems(pair))}
        silent = list(self._silent)[: newest if newest is not None else None]
        for said in silent:
            del self._silent[said]
        self._lacking = dict.fromkeys(later)
        known = {said: self._turns.pop(said) for said in views[::VIEWS] if said in self._turns}
        return Work(self, pairs, views, [said for said in own.union(silent) if said not in self.systems], known)

    def keep(self, work: Work, views: Vectors, systems: Vectors) -> None:
        """Take in what was computed."""
        if work.pairs:
            self.vectors.keep(work.pairs, views)
        self.systems.update(zip(work.systems, systems, strict=True))
        self._new.update(dict.fromkeys(work.pairs))

    def look_up(self, most: int) -> list[int]:
        """Some pairs that the database may have vectors of, the one said last first; none is named twice."""
        return [self._not_looked_up.popitem()[0] for _ in range(min(most, len(self._not_looked_up)))]

    def recall(self, found: Mapping[int, bytes], texts: Texts, systems: Systems) -> int:
        """Take in what the database has, where it is of the same texts; gives how many were."""
        size, good = self.vectors.stored_bytes, []
        for pair, body in found.items():
            if pair in self._lacking and len(body) == DIGEST + size and body[:DIGEST] == _digest(*texts(pair)):
                good.append(pair)
        self.vectors.restore(good, [found[pair][DIGEST:] for pair in good])
        for pair in good:
            del self._lacking[pair]
            if (said := systems(pair)) and said not in self.systems:
                self._silent[said] = None
        return len(good)

    def take_new(self, texts: Texts, most: int) -> tuple[dict[int, bytes], list[NodeId]]:
        """What the database lacks, by pair, and the nodes whose vectors it may forget; each is given once."""
        pairs = list(self._new)[:most]
        for pair in pairs:
            del self._new[pair]
        outdated, self._outdated = self._outdated, []
        bodies = zip(pairs, self.vectors.stored(pairs), strict=True)
        return {pair: _digest(*texts(pair)) + body for pair, body in bodies}, outdated


def _digest(asked: str, replied: str) -> bytes:
    """Texts that are told apart by their vectors have another one, in every process the same."""
    first, second = (said.encode("utf-8", "surrogatepass") for said in (asked, replied))
    return hashlib.blake2b(len(first).to_bytes(4, "little") + first + second, digest_size=DIGEST).digest()


def _views(asked: str, replied: str) -> tuple[str, str, str]:
    return asked, f"{asked[:300]}\n{replied[:400]}", replied[-300:]


def _embed_some(embedder: Embedder, texts: Sequence[str], known: Mapping[str, Vectors]) -> Vectors:
    """Each different text once, but for those whose vectors are known. Empty texts have the vector of nothing: zero."""
    if not texts:
        return np.zeros((0, embedder.size), np.float32)
    nothing = np.zeros(embedder.size, np.float32)
    new = [said for said in dict.fromkeys(texts) if said.strip() and said not in known]
    found = {**known, **dict(zip(new, embedder.embed(new), strict=True))} if new else known
    return np.array([found.get(said, nothing) for said in texts], np.float32).reshape(-1, embedder.size)
