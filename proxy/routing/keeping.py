"""Vectors that outlive the process: read from the database when a tree is read, written to it when nobody waits.

What is stored is known by the embedder that made it and by the texts it was made of; anything else is computed anew.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Protocol

import anyio.to_thread

from proxy.domain.tree import NodeId, UserId
from proxy.routing.grove import TreeModel

AT_ONCE = 256
"""Exchanges whose vectors are read or written at a time: half a megabyte."""

ON_LOOP = 8
"""Most that are taken in on the event loop."""


class VectorStore(Protocol):
    """Where vectors are kept, by the last node of the exchange that they stand for."""

    async def vectors(self, user_id: UserId, embedder: str, nodes: Sequence[NodeId]) -> Mapping[NodeId, bytes]: ...

    async def keep_vectors(
        self, user_id: UserId, embedder: str, bodies: Mapping[NodeId, bytes], outdated: Sequence[NodeId]
    ) -> None: ...


class Derived(Protocol):
    """The scorer, as far as its vectors go. Synchronous."""

    def look_up(self, model: TreeModel, most: int) -> list[NodeId]:
        """Nodes whose exchanges lack vectors that may be stored; the one said last first, none twice."""
        ...

    def new(self, model: TreeModel) -> int:
        """How many exchanges have vectors that are not stored yet."""
        ...

    def recall(self, model: TreeModel, stored: Mapping[NodeId, bytes]) -> int:
        """Take over stored vectors; gives how many were of use."""
        ...

    def take_new(self, model: TreeModel, most: int) -> tuple[Mapping[NodeId, bytes], Sequence[NodeId]]:
        """Vectors that are not stored yet, and nodes whose stored ones are outdated; each is given once."""
        ...


class Keeping:
    """Carries vectors between a scorer and a store. Whoever calls holds the tree's lock."""

    def __init__(self, store: VectorStore, scorer: Derived, maker: Callable[[], str], least: int = 1) -> None:
        """Carry vectors for one embedder.

        Args:
            maker: Names the embedder with a digest of all that its vectors depend on; slow, so called on a worker thread.
            least: Exchanges whose vectors are worth a transaction; fewer are computed again by the next process.
        """
        self._least = least
        self._store = store
        self._scorer = scorer
        self._ask_maker = maker
        self._maker: str | None = None

    async def recall(self, user_id: UserId, model: TreeModel) -> None:
        """Read what a tree's exchanges lack, the newest first. Raises the StoreError family."""
        while nodes := self._scorer.look_up(model, AT_ONCE):
            stored = await self._store.vectors(user_id, await self._named(), nodes)
            if len(stored) <= ON_LOOP:
                self._scorer.recall(model, stored)
            else:
                await anyio.to_thread.run_sync(partial(self._scorer.recall, model, stored))

    def is_due(self, model: TreeModel) -> bool:
        """Whether what was computed since is worth a transaction."""
        return self._scorer.new(model) >= self._least

    async def keep(self, user_id: UserId, model: TreeModel) -> None:
        """Write what was computed since, where it is worth it. Raises the StoreError family."""
        while self.is_due(model):
            bodies, outdated = self._scorer.take_new(model, AT_ONCE)
            await self._store.keep_vectors(user_id, await self._named(), bodies, outdated)

    async def _named(self) -> str:
        if self._maker is None:
            self._maker = await anyio.to_thread.run_sync(self._ask_maker)
        return self._maker
