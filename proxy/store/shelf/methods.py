"""Artefacts and memories: the part of `SqliteStore` that keeps them. It only says which function runs on which thread."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from proxy.domain.artefact import Artefact, Brought, Version
from proxy.domain.memory import Memory, Origin, Told
from proxy.domain.tree import NodeId, TreeId, UserId
from proxy.domain.zone import Piece
from proxy.store.browse.pages import Page
from proxy.store.shelf import artefacts, memories, turn_pieces
from proxy.store.threads import Threads


class Shelf(Threads, Protocol):
    """Every look-up is by user first; a foreign id is an unknown id: all of these raise NotFound."""

    # Artefacts

    async def add_artefact(
        self, user_id: UserId, tree_id: TreeId, title: str, type: str, tags: Sequence[str], brought: Sequence[Brought]
    ) -> Artefact:
        """Raises InvalidRequest for a title that is taken or a text that is too long."""
        return await self._write(lambda db: artefacts.add(db, user_id, tree_id, title, type, tags, brought))

    async def artefact(self, user_id: UserId, id_: str) -> Artefact:
        return await self._read(lambda db: artefacts.artefact(db, user_id, id_))

    async def artefact_page(
        self,
        user_id: UserId,
        tree_id: TreeId,
        after: str | None,
        limit: int,
        type: str | None = None,
        tag: str | None = None,
    ) -> Page[Artefact]:
        """A tree's artefacts by title."""
        return await self._read(lambda db: artefacts.page(db, user_id, tree_id, after, limit, type, tag))

    async def update_artefact(self, user_id: UserId, id_: str, text: str, note: str | None = None) -> Artefact:
        """Add a version. Raises InvalidRequest for a text that is too long."""
        return await self._write(lambda db: artefacts.update(db, user_id, id_, text, note))

    async def revert_artefact(self, user_id: UserId, id_: str, number: int, note: str | None = None) -> Artefact:
        """Bring an earlier version's text back as a new one."""
        return await self._write(lambda db: artefacts.revert(db, user_id, id_, number, note))

    async def change_artefact(self, user_id: UserId, id_: str, changes: Mapping[str, object]) -> Artefact:
        """Change title, type or tags. Raises InvalidRequest for a title that is taken."""
        return await self._write(lambda db: artefacts.change(db, user_id, id_, changes))

    async def artefact_text(self, user_id: UserId, id_: str, number: int | None = None) -> tuple[Version, str]:
        """A version with its text; `None` for the newest."""
        return await self._read(lambda db: artefacts.text(db, user_id, id_, number))

    async def artefact_history(self, user_id: UserId, id_: str, newer_than: int, limit: int) -> Page[Version]:
        """The versions, oldest first."""
        return await self._read(lambda db: artefacts.history(db, user_id, id_, newer_than, limit))

    async def remove_artefact_version(self, user_id: UserId, id_: str, number: int) -> bool:
        """Whether the artefact went with its last version."""
        return await self._write(lambda db: artefacts.remove_version(db, user_id, id_, number))

    async def remove_artefact(self, user_id: UserId, id_: str) -> None:
        await self._write(lambda db: artefacts.remove(db, user_id, id_))

    async def load_artefact(
        self, user_id: UserId, id_: str, node_id: NodeId | None, number: int | None = None
    ) -> Artefact:
        """Send it with every turn of its tree, or of a node's subtree; pinned to a version, or the newest of each time."""
        return await self._write(lambda db: artefacts.load(db, user_id, id_, node_id, number))

    async def unload_artefact(self, user_id: UserId, id_: str, node_id: NodeId | None) -> Artefact:
        return await self._write(lambda db: artefacts.unload(db, user_id, id_, node_id))

    # Memories

    async def add_memory(self, user_id: UserId, told: Told, origin: Origin, redacted: int = 0) -> Memory:
        return await self._write(lambda db: memories.add(db, user_id, told, origin, redacted))

    async def memory(self, user_id: UserId, id_: str) -> Memory:
        return await self._read(lambda db: memories.memory(db, user_id, id_))

    async def memory_page(
        self, user_id: UserId, after: str | None, limit: int, tree_id: TreeId | None = None
    ) -> Page[Memory]:
        """The user's memories, or those of one tree, as they came."""
        return await self._read(lambda db: memories.page(db, user_id, after, limit, tree_id))

    async def memories_mark(self, user_id: UserId) -> int:
        """A number that changes with every change of the user's memories."""
        return await self._glance(lambda db: memories.mark(db, user_id))

    async def all_memories(self, user_id: UserId) -> list[Memory]:
        """All of the user's memories, as they came."""
        return await self._read(lambda db: memories.every(db, user_id))

    async def edit_memory(
        self, user_id: UserId, id_: str, told: Told, tree_id: TreeId | None, redacted: int = 0
    ) -> Memory:
        """Say it in other words, or make it belong to another tree, or to all (`None`)."""
        return await self._write(lambda db: memories.edit(db, user_id, id_, told, tree_id, redacted))

    async def delete_memory(self, user_id: UserId, id_: str) -> None:
        await self._write(lambda db: memories.delete(db, user_id, id_))

    async def load_memory(self, user_id: UserId, id_: str, tree_id: TreeId | None, node_id: NodeId | None) -> Memory:
        """Send it with every turn: of all trees, of one, or of a node's subtree."""
        return await self._write(lambda db: memories.load(db, user_id, id_, tree_id, node_id))

    async def unload_memory(self, user_id: UserId, id_: str, tree_id: TreeId | None, node_id: NodeId | None) -> Memory:
        return await self._write(lambda db: memories.unload(db, user_id, id_, tree_id, node_id))

    # What was placed with one turn

    async def keep_turn_pieces(self, user_id: UserId, node_id: NodeId, pieces: Sequence[Piece]) -> None:
        """Keep what was placed at the head of a turn; what was kept before stays."""
        await self._write(lambda db: turn_pieces.keep(db, user_id, node_id, pieces))

    async def turn_pieces(self, user_id: UserId, node_id: NodeId) -> list[Piece] | None:
        """What was placed at the head of a turn; `None` where nothing was looked for."""
        return await self._glance(lambda db: turn_pieces.kept(db, user_id, node_id))
