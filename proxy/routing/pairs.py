"""A tree as pairs of a user's message and what answered it: the unit that a turn is compared with.

A pair ends at the last message of the answer, which is where the next turn would join. The index is a `grove.Listener`: pairs are
added in place as nodes become visible. Their vectors are not computed then, for that is on a request's path, but in one batch by
`refresh`: off the path where the server calls `EmbeddedScorer.warm` after a reply, else at the next placement.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from proxy.domain.placement import FeedNode
from proxy.domain.tree import NodeId
from proxy.routing.embedder import Embedder, Vectors
from proxy.routing.reading import text

Ints = NDArray[np.int32]
Floats = NDArray[np.float32]

VIEWS = 3
"""Vectors a pair: the user's text, the user's text with the answer, and the end of the answer (what a user replies to)."""

ASKED, BOTH, TAIL = range(VIEWS)


class PairIndex:
    """The pairs of one tree, parents before children, numbered in the order in which they became visible."""

    def __init__(self, size: int, embedder: str) -> None:
        self._size = size
        self.embedder = embedder
        """Whose vectors these are."""
        self.lock = threading.RLock()
        """Held while pairs are added or read: an attachment may run in a thread of its own."""
        self.reset()

    def reset(self) -> None:
        with self.lock:
            self.generation = object()
            """Another one after every reset, so that vectors computed meanwhile are not written to other pairs."""
            self.pair_of: dict[NodeId, int] = {}
            self.ends: list[NodeId] = []
            self.heads: list[NodeId] = []
            """The user's node of each pair."""
            self.asked: list[str] = []
            self.replied: list[str] = []
            self.systems: list[str | None] = []
            self.personalities: list[str | None] = []
            self.postings: dict[str, list[int]] = {}
            """Stem to the pairs that hold it, in either text."""
            self.asked_postings: dict[str, list[int]] = {}
            self.name_postings: dict[str, list[int]] = {}
            self._parent = np.zeros(16, np.int32)
            self._depth = np.zeros(16, np.int32)
            self._root = np.zeros(16, np.int32)
            self._children = np.zeros(16, np.int32)
            self._length = np.zeros(16, np.float32)
            self._open = np.zeros(16, np.float32)
            self._vectors = np.zeros((16, VIEWS, self._size), np.int8)
            self._sum = np.zeros(self._size, np.float32)
            """Of all pairs' vectors: what the whole tree has in common."""
            self._systems: dict[str, Vectors] = {}
            self._scales = np.zeros((16, VIEWS), np.float32)
            self._stale: dict[int, None] = {}

    def __len__(self) -> int:
        return len(self.ends)

    def add(self, nodes: Sequence[FeedNode]) -> None:
        with self.lock:
            for node in nodes:
                self._add(node)

    @property
    def parent(self) -> Ints:
        """The pair that each pair follows; itself for the first of a conversation."""
        return self._parent[: len(self)]

    @property
    def depth(self) -> Ints:
        return self._depth[: len(self)]

    @property
    def root(self) -> Ints:
        """The first pair of each pair's conversation."""
        return self._root[: len(self)]

    @property
    def children(self) -> Ints:
        """How many pairs follow each pair."""
        return self._children[: len(self)]

    @property
    def length(self) -> Floats:
        """Characters of each answer, as a square root."""
        return self._length[: len(self)]

    @property
    def open(self) -> Floats:
        """1 where the answer ends in a question, one half where it asks one before its end."""
        return self._open[: len(self)]

    def path(self, pair: int) -> list[int]:
        """First pair of the conversation to `pair`."""
        path = [pair]
        while self._parent[path[-1]] != path[-1]:
            path.append(int(self._parent[path[-1]]))
        path.reverse()
        return path

    def similarities(self, vector: NDArray[np.float32]) -> tuple[Floats, Floats]:
        """Cosine of a text with every pair's vectors, one column a view; and of every pair with the mean of all.

        A pair near the mean is near to much, and its nearness says less.
        """
        count = len(self)
        mean = self._sum / (float(np.linalg.norm(self._sum)) + 1e-6)
        both = np.stack([vector, mean], axis=1)
        similar = np.empty((count, VIEWS, 2), np.float32)
        for start in range(0, count, 512):  # blocks stay in the processor's cache
            end = min(count, start + 512)
            block = self._vectors[start:end].reshape(-1, self._size).astype(np.float32)
            similar[start:end] = (block @ both).reshape(-1, VIEWS, 2)
        similar *= self._scales[:count, :, None]
        return similar[:, :, 0], similar[:, BOTH, 1]

    def system_vector(self, pair: int) -> Vectors | None:
        """The vector of the system text under which a pair was said, where the tree holds more than one."""
        said = self.systems[pair]
        return self._systems.get(said) if said is not None and len(self._systems) > 1 else None

    def refresh(self, embedder: Embedder, newest: int | None = None) -> int:
        """Compute the vectors of new and changed pairs; gives how many there were.

        `newest` bounds the work on a request's path: a history of a thousand turns that came at once gets the rest later.
        """
        with self.lock:
            generation, pairs = self.generation, list(self._stale)
            later = [] if newest is None else pairs[:-newest]
            pairs = pairs[len(later) :]
            views = [view for pair in pairs for view in _views(self.asked[pair], self.replied[pair])]
            systems = list({said for pair in pairs if (said := self.systems[pair]) and said not in self._systems})
            self._stale.clear()
            self._stale.update(dict.fromkeys(later))
        if not pairs:
            return 0
        vectors = _embed_some(embedder, views)
        system_vectors = _embed_some(embedder, [said[:SYSTEM_READ] for said in systems])
        with self.lock:
            if self.generation is generation:
                self._keep(pairs, vectors)
                self._systems.update(zip(systems, system_vectors, strict=True))
        return len(pairs)

    def _keep(self, pairs: Sequence[int], vectors: Vectors) -> None:
        """Store vectors as one byte a value, scaled by the largest of each."""
        scales = np.abs(vectors).max(axis=1) / 127 + 1e-12
        before = self._vectors[pairs, BOTH] * self._scales[pairs, BOTH][:, None]
        self._sum += vectors.reshape(-1, VIEWS, self._size)[:, BOTH].sum(axis=0) - before.sum(axis=0)
        self._vectors[pairs] = np.rint(vectors / scales[:, None]).astype(np.int8).reshape(-1, VIEWS, self._size)
        self._scales[pairs] = scales.reshape(-1, VIEWS)

    def _add(self, node: FeedNode) -> None:
        before = None if node.parent_id is None else self.pair_of.get(node.parent_id)
        if node.role in ("system", "developer"):
            if before is not None:
                self.pair_of[node.id] = before
            return
        if node.role == "user":
            self.pair_of[node.id] = self._open_pair(node, before, node.text, "")
        elif before is None:
            self.pair_of[node.id] = self._open_pair(node, None, "", node.text)
        elif self.ends[before] == node.parent_id and not self._children[before]:
            self.pair_of[node.id] = before
            self.ends[before] = node.id
            self._say(before, _joined(self.replied[before], node.text))
        else:  # another answer to the same message: a pair of its own beside the first
            follows = int(self._parent[before])
            said = _joined(self.replied[before], node.text) if self.ends[before] == node.parent_id else node.text
            pair = self._open_pair(node, None if follows == before else follows, self.asked[before], said)
            self._root[pair] = self._root[before]
            self.heads[pair] = self.heads[before]
            self.systems[pair], self.personalities[pair] = self.systems[before], self.personalities[before]
            self.pair_of[node.id] = pair

    def _open_pair(self, node: FeedNode, before: int | None, asked: str, replied: str) -> int:
        pair = len(self.ends)
        if pair == len(self._parent):
            self._grow()
        self.ends.append(node.id)
        self.heads.append(node.id)
        self.asked.append(asked)
        self.replied.append("")
        self.systems.append(node.system if node.system is not None or before is None else self.systems[before])
        self.personalities.append(
            node.personality if node.personality is not None or before is None else self.personalities[before]
        )
        self._parent[pair] = pair if before is None else before
        self._depth[pair] = 0 if before is None else self._depth[before] + 1
        self._root[pair] = pair if before is None else self._root[before]
        if before is not None:
            self._children[before] += 1
        _post(self.asked_postings, set(text.words(asked[:READ])), pair)
        _post(self.postings, set(text.words(asked[:READ])), pair)
        _post(self.name_postings, text.names(asked[:READ]), pair)
        self._say(pair, replied)
        return pair

    def _say(self, pair: int, replied: str) -> None:
        self.replied[pair] = replied
        read = replied if len(replied) <= READ else replied[: READ // 2] + "\n" + replied[-READ // 2 :]
        _post(self.postings, set(text.words(read)), pair)
        _post(self.name_postings, text.names(read), pair)
        self._length[pair] = min(4000, len(replied)) ** 0.5
        end = replied.rstrip()[-300:]
        self._open[pair] = 1.0 if end.endswith("?") else 0.5 if "?" in end else 0.0
        self._stale[pair] = None

    def _grow(self) -> None:
        for name in ("_parent", "_depth", "_root", "_children", "_length", "_open", "_vectors", "_scales"):
            old = getattr(self, name)
            new = np.zeros((2 * len(old), *old.shape[1:]), old.dtype)
            new[: len(old)] = old
            setattr(self, name, new)


READ = 4000
"""Characters of a text whose words are indexed."""

SYSTEM_READ = 500
"""Characters of a system text that say who speaks."""


def _views(asked: str, replied: str) -> tuple[str, str, str]:
    return asked, f"{asked[:300]}\n{replied[:400]}", replied[-300:]


def _embed_some(embedder: Embedder, texts: Sequence[str]) -> Vectors:
    """Empty texts have the vector of nothing: zero."""
    vectors = np.zeros((len(texts), embedder.size), np.float32)
    rows = [row for row, said in enumerate(texts) if said.strip()]
    if rows:
        vectors[rows] = embedder.embed([texts[row] for row in rows])
    return vectors


def _joined(said: str, more: str) -> str:
    return f"{said}\n{more}" if said and more else said or more


def _post(postings: dict[str, list[int]], found: set[str] | frozenset[str], pair: int) -> None:
    for word in found:
        pairs = postings.setdefault(word, [])
        if not pairs or pairs[-1] != pair:
            pairs.append(pair)
