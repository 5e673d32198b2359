"""A tree as pairs of a user's message and what answered it: the unit that a turn is compared with.

A pair ends at the last message of the answer, which is where the next turn would join. The index is a `grove.Listener`: pairs are
added in place as nodes become visible. Their vectors are not computed then, for that is on a request's path, but in one batch by
`refresh`: off the path where the server calls `EmbeddedScorer.warm` after a reply, else at the next placement.
"""

from __future__ import annotations

import marshal
import math
import threading
from array import array
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from proxy.domain.placement import FeedNode
from proxy.domain.tree import NodeId
from proxy.routing.ancestors import KEPT, Ancestors
from proxy.routing.embedder import Embedder, Vectors
from proxy.routing.postings import Postings
from proxy.routing.reading import text
from proxy.routing.reading.text import READ
from proxy.routing.shelf import Shelf
from proxy.routing.supply import Before, Supply
from proxy.routing.told import Named, PairOf
from proxy.routing.vectors import Floats, Ints, PairVectors, grown

TRAITS = 5
OPEN, LENGTH, DEPTH, _, WAYS = range(TRAITS)
"""Rows of `PairIndex.traits`, in the order of features: 1 where the answer ends in a question, one half where it asks one before its end;
characters of the answer, as a square root; pairs above, as a logarithm; room for how old it is; ways on from it."""
MOST_WAYS = 4


class PairIndex:
    """The pairs of one tree, parents before children, numbered in the order in which they became visible."""

    def __init__(self, size: int, embedder: str, folder: Path | None = None) -> None:
        """`folder` is where a large tree may put texts and vectors; without one, all stays in memory."""
        self._size = size
        self._folder = folder
        self.embedder = embedder
        """Whose vectors these are."""
        self.lock = threading.RLock()
        """Held while pairs are added or read: an attachment may run in a thread of its own."""
        self._begin(None)

    def reset(self) -> None:
        """Begin anew; of texts that come again the vectors are known."""
        with self.lock:
            self._begin(self.supply.remembered(self.texts, len(self), self.systems.__getitem__))

    def _begin(self, before: Before | None) -> None:
        with self.lock:
            self.supply = Supply(self._size, self._folder, before)
            """Another one after every reset."""
            self.pair_of = PairOf()
            self._shelf = Shelf(self._folder)
            self._places: array[int] = array("q")
            """Where the shelf holds each pair's end and texts."""
            self._latest: tuple[int, tuple[NodeId, str, str]] = -1, (NodeId(""), "", "")
            """The pair that was said last, with its end and texts: of the next turn, most questions are about this one."""
            self.systems = Named()
            """The system text under which each pair was said."""
            self.personalities = Named()
            self.titles: dict[int, str] = {}
            """What conversations are called, by their first pair; see `reasons.title`."""
            self.postings = Postings()
            """Stem to the pairs that hold it, in either text."""
            self.asked_postings = Postings()
            self.name_postings = Postings()
            self.strand_ends: array[int] = array("i")
            """The last pair of each strand: a pair and what followed it first, and what followed that first."""
            self.ancestors: Ancestors | None = Ancestors()
            """Of a tree that is no larger than `KEPT`."""
            self.roots = 0
            """How many conversations there are."""
            self._parent = np.zeros(16, np.int32)
            self._depth = np.zeros(16, np.int32)
            self._root = np.zeros(16, np.int32)
            self._children = np.zeros(16, np.int32)
            self._traits = np.zeros((TRAITS, 16), np.float32)
            self._head = np.zeros(16, np.int32)
            self._strand = np.zeros(16, np.int32)
            self._jump = np.zeros(16, np.int32)

    def __len__(self) -> int:
        return len(self._places)

    def add(self, nodes: Sequence[FeedNode]) -> None:
        with self.lock:
            for node in nodes:
                self._add(node)

    def end(self, pair: int) -> NodeId:
        """The last node of a pair: where the next turn would join."""
        return self._said(pair)[0]

    def texts(self, pair: int) -> tuple[str, str]:
        """What the user said, and what was answered; of long texts the ends."""
        _, asked, replied = self._said(pair)
        return asked, replied

    @property
    def vectors(self) -> PairVectors:
        return self.supply.vectors

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
    def traits(self) -> Floats:
        """What no turn changes about a pair (second axis), as features: see `OPEN` and what follows it."""
        return self._traits[:, : len(self)]

    @property
    def head(self) -> Ints:
        """The first pair with the same user's message: another answer to it is a pair of its own."""
        return self._head[: len(self)]

    @property
    def strand(self) -> Ints:
        """The strand of each pair; see `strand_ends`."""
        return self._strand[: len(self)]

    def path(self, pair: int, most: int | None = None) -> list[int]:
        """First pair of the conversation to `pair`; of a long path no more than the last `most`."""
        path, parent = [pair], self._parent.item
        while len(path) != most and (above := parent(pair)) != pair:
            path.append(above)
            pair = above
        path.reverse()
        return path

    def above(self, pair: int, depth: int) -> int:
        """The pair at some depth of a path, in a number of steps that grows with the logarithm of its length."""
        depth_of = self._depth.item
        while depth_of(pair) > depth:
            jump = self._jump.item(pair)
            pair = jump if depth_of(jump) >= depth else self._parent.item(pair)
        return pair

    def is_above(self, pair: int, other: int) -> bool:
        """Whether a pair stands on the path to another, or is it."""
        return bool(self._depth[pair] <= self._depth[other]) and self.above(other, int(self._depth[pair])) == pair

    def beginning(self, pair: int) -> Ints:
        """The first pairs on the path to a pair."""
        return np.array(
            [self.above(pair, depth) for depth in range(min(BEGINNING, int(self._depth[pair]) + 1))], np.int32
        )

    @property
    def has_speakers(self) -> bool:
        """Whether the tree holds more than one system text, so that they tell branches apart."""
        return len(self.supply.systems) > 1

    def system_vector(self, pair: int) -> Vectors | None:
        """The vector of the system text under which a pair was said, where the tree holds more than one."""
        said = self.systems[pair]
        return self.supply.systems.get(said) if said is not None and self.has_speakers else None

    def vector_of(self, turn: str, embedder: Embedder) -> Vectors:
        """The vector of a turn that is placed here: computed once, also for when it is the user's text of a pair."""
        with self.lock:
            known = self.supply.turn(turn)
        if known is None:
            known = embedder.embed([turn])[0]
            with self.lock:
                self.supply.placed(turn, known)
        return known

    def refresh(self, embedder: Embedder, newest: int | None = None) -> int:
        """Compute the vectors of new and changed pairs; gives how many there were, 0 when nothing is lacking.

        `newest` bounds the work on a request's path: a history of a thousand turns that came at once gets the rest later.
        """
        with self.lock:
            self.supply.reuse(self.texts, self.systems.__getitem__)
            if not self.supply.lacking:
                return 0
            work = self.supply.work(self.texts, self.systems.__getitem__, newest)
        views, systems = work.done(embedder)
        with self.lock:
            if self.supply is work.of:
                self.supply.keep(work, views, systems)
        return len(work.pairs) or len(work.systems)

    def look_up(self, most: int) -> list[NodeId]:
        """The ends of some pairs that lack vectors, which may be stored; the one said last first, none twice."""
        with self.lock:
            self.supply.reuse(self.texts, self.systems.__getitem__)
            return [self.end(pair) for pair in self.supply.look_up(most)]

    def recall(self, stored: Mapping[NodeId, bytes]) -> int:
        """Take over stored vectors, by the ends of their pairs; gives how many were of use."""
        with self.lock:
            pairs = {self.pair_of[end]: body for end, body in stored.items() if end in self.pair_of}
            return self.supply.recall(pairs, self.texts, self.systems.__getitem__)

    def take_new(self, most: int) -> tuple[Mapping[NodeId, bytes], Sequence[NodeId]]:
        """Vectors that are not stored yet, by the ends of their pairs, and nodes that are such ends no longer; each is given once."""
        with self.lock:
            bodies, outdated = self.supply.take_new(self.texts, most)
            return {self.end(pair): body for pair, body in bodies.items()}, outdated

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
        else:
            self.pair_of[node.id] = self._answer(node, before)

    def _answer(self, node: FeedNode, before: int) -> int:
        """Take in an answer: to the pair that it ends, or as a pair of its own beside that of another answer."""
        end, asked, replied = self._said(before)
        if end == node.parent_id and not self._children[before]:
            self._say(before, node.id, asked, _joined(replied, node.text), end)
            return before
        follows = int(self._parent[before])
        said = _joined(replied, node.text) if end == node.parent_id else node.text
        pair = self._open_pair(node, None if follows == before else follows, asked, said)
        self.roots -= int(self._root[pair] == pair and self._root[before] != pair)
        self._root[pair], self._head[pair] = self._root[before], self._head[before]
        self.systems.copy(before, pair)
        self.personalities.copy(before, pair)
        return pair

    def _open_pair(self, node: FeedNode, before: int | None, asked: str, replied: str) -> int:
        pair = len(self)
        if pair == len(self._parent):
            self._grow(pair + 1)
        self._places.append(0)
        self.systems.append(node.system, before)
        self.personalities.append(node.personality, before)
        self._parent[pair] = pair if before is None else before
        self._depth[pair] = 0 if before is None else self._depth[before] + 1
        self._root[pair] = pair if before is None else self._root[before]
        self._jump[pair] = pair if before is None else self._landing(before)
        self._head[pair] = pair
        if pair == KEPT:
            self.ancestors = None
        if self.ancestors is not None:
            self.ancestors.add(int(self._parent[pair]), int(self._depth[pair]))
        self.roots += before is None
        if before is None or self._children[before]:
            self._strand[pair] = len(self.strand_ends)
            self.strand_ends.append(pair)
        else:
            self._strand[pair] = self._strand[before]
            self.strand_ends[self._strand[pair]] = pair
        self._traits[DEPTH, pair] = math.log1p(self._depth[pair])
        if before is not None:
            self._children[before] += 1
            self._traits[WAYS, before] = min(MOST_WAYS, self._children[before])
        said = text.read(asked)
        words = set(said.words)
        self.asked_postings.add(words, pair)
        self.postings.add(words, pair)
        self.name_postings.add(said.names, pair)
        self._say(pair, node.id, asked, replied)
        return pair

    def _landing(self, before: int) -> int:
        """Where a pair that follows `before` jumps to, so that every ancestor is a few jumps and steps away.

        Source: Myers, An applicative random-access stack (1983): jump twice as far where two jumps before were equally long.
        """
        jump = int(self._jump[before])
        further = int(self._jump[jump])
        even = self._depth[before] - self._depth[jump] == self._depth[jump] - self._depth[further]
        return further if even else before

    def _said(self, pair: int) -> tuple[NodeId, str, str]:
        latest, said = self._latest
        if pair == latest:
            return said
        end, asked, replied = marshal.loads(self._shelf.get(self._places[pair]))  # noqa: S302 - bytes that this process wrote
        return end, asked, replied

    def _say(self, pair: int, end: NodeId, asked: str, replied: str, former_end: NodeId | None = None) -> None:
        self.titles.pop(pair, None)
        read = replied if len(replied) <= READ else replied[: READ // 2] + "\n" + replied[-READ // 2 :]
        said = end, asked[:READ], read
        self._latest = pair, said
        self._places[pair] = self._shelf.put(marshal.dumps(said))
        if read:
            self.postings.add(set(text.words(read)), pair)
            self.name_postings.add(text.names(read), pair)
        self._traits[LENGTH, pair] = min(4000, len(replied)) ** 0.5
        last = replied.rstrip()[-300:]
        self._traits[OPEN, pair] = 1.0 if last.endswith("?") else 0.5 if "?" in last else 0.0
        self.supply.said(pair, former_end)

    def _grow(self, count: int) -> None:
        for name in ("_parent", "_depth", "_root", "_children", "_head", "_strand", "_jump"):
            setattr(self, name, grown(getattr(self, name), count))
        self._traits = grown(self._traits, count, axis=1)
        self.vectors.reserve(len(self._parent))


BEGINNING = 3
"""Pairs at the beginning of a path that are compared however long it is."""


def _joined(said: str, more: str) -> str:
    return f"{said}\n{more}" if said and more else said or more
