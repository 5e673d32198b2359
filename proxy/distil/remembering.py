"""What becomes a memory: branches distilled, notes written by hand, each without secrets."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from proxy.distil.memorize import Writer, memorize, redacted_told
from proxy.domain.memory import Memory, Origin, Told
from proxy.domain.ports import Scorer
from proxy.domain.tree import Node, NodeId, Tree, TreeId, UserId
from proxy.domain.turn import Call
from proxy.errors import ConfigError, ModelNotFound, NotFound


class MemoryStore(Protocol):
    """What remembering needs of a store; all raise NotFound."""

    async def node(self, user_id: UserId, node_id: NodeId) -> Node: ...
    async def path(self, user_id: UserId, node_id: NodeId | None) -> list[Node]: ...
    async def tree_of(self, user_id: UserId, tree_id: TreeId) -> Tree: ...
    async def call_behind(self, user_id: UserId, node_id: NodeId) -> Call: ...
    async def add_memory(self, user_id: UserId, told: Told, origin: Origin, redacted: int = 0) -> Memory: ...
    async def edit_memory(
        self, user_id: UserId, id_: str, told: Told, tree_id: TreeId | None, redacted: int = 0
    ) -> Memory: ...


class Writers(Protocol):
    """The models that can write."""

    def knows(self, model: str) -> bool: ...

    def scorer(self, model: str) -> Scorer:
        """Raises ConfigError for a model that cannot write."""
        ...

    def window_tokens(self, model: str) -> int: ...
    def honours_schema(self, model: str) -> bool | None: ...


@dataclass(frozen=True, slots=True)
class Remembered:
    """A memory that was made of a branch."""

    memory: Memory
    why: str | None
    """Why no model wrote it, where one was asked."""


class Remembering:
    """Writes memories over a store; `default_model` is the scorer's, if there is one; `without_placed` cleans a text of Graft's own."""

    def __init__(
        self, store: MemoryStore, writers: Writers, default_model: str | None, without_placed: Callable[[str], str]
    ) -> None:
        self._store = store
        self._writers = writers
        self._default_model = default_model
        self._without_placed = without_placed

    async def memorize(
        self, user_id: UserId, node_id: NodeId, *, model: str | None, extractive: bool, everywhere: bool
    ) -> Remembered:
        """Distil the branch from the root to a node.

        Args:
            model: Who writes; else the scorer's model, else the one that answered last on the branch, if it is still there.
            extractive: No model at all.
            everywhere: The memory belongs to all trees of the user.

        Raises NotFound, and InvalidRequest where nothing was said in words.
        """
        if model is not None and not self._writers.knows(model):
            raise ModelNotFound(model)
        node = await self._store.node(user_id, node_id)
        path = await self._store.path(user_id, node_id)
        name = None if extractive else model or self._default_model or await self._answered(user_id, path)
        writer = self._writer(name)
        made = await memorize(path, writer, self._without_placed)
        origin = Origin(
            tree_id=None if everywhere else node.tree_id,
            personality=await self._personality(user_id, path),
            nodes=[one.id for one in path],
            method="model" if made.model else "extractive",
            model=made.model,
        )
        why = made.why
        if name is not None and writer is None:
            why = f"The model {name!r} writes no memories."
        return Remembered(await self._store.add_memory(user_id, made.told, origin, made.redacted), why)

    async def note(self, user_id: UserId, told: Told, tree_id: TreeId | None, nodes: Sequence[NodeId]) -> Memory:
        """Keep what a person wrote. Raises NotFound."""
        clean, redacted = await asyncio.to_thread(redacted_told, told)
        return await self._store.add_memory(user_id, clean, Origin(tree_id, nodes=nodes), redacted)

    async def edit(self, user_id: UserId, id_: str, told: Told, tree_id: TreeId | None) -> Memory:
        """Say a memory in other words. Raises NotFound."""
        clean, redacted = await asyncio.to_thread(redacted_told, told)
        return await self._store.edit_memory(user_id, id_, clean, tree_id, redacted)

    def _writer(self, name: str | None) -> Writer | None:
        if name is None:
            return None
        try:
            scorer = self._writers.scorer(name)
        except ConfigError:
            return None
        return Writer(scorer, name, self._writers.window_tokens(name), self._writers.honours_schema(name) is True)

    async def _answered(self, user_id: UserId, path: Sequence[Node]) -> str | None:
        """The model that answered last on a path, where it can still be asked."""
        for node in reversed(path):
            if node.call_id is not None:
                try:
                    model = (await self._store.call_behind(user_id, node.id)).model
                except NotFound:
                    return None
                return model if self._writers.knows(model) else None
        return None

    async def _personality(self, user_id: UserId, path: Sequence[Node]) -> str | None:
        named = next((node.personality for node in reversed(path) if node.personality is not None), None)
        return named or (await self._store.tree_of(user_id, path[-1].tree_id)).personality
