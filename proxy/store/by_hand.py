"""Trees read and changed by hand: the part of `SqliteStore` that stands behind the tree API.

Like the rest of that class it only says which function runs on which thread.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Protocol

from proxy.domain.fingerprint import Hash
from proxy.domain.placement import Attachment
from proxy.domain.ports import Active
from proxy.domain.transcript import Seen, Strand, Waypoint
from proxy.domain.tree import Node, NodeId, Tree, TreeId, UserId
from proxy.domain.turn import Call
from proxy.errors import StoreUnavailable
from proxy.store import trees
from proxy.store.browse import cloning, completions, labelling, reports, reshaping, scanning, search
from proxy.store.browse import pages as browsing
from proxy.store.browse.pages import Page
from proxy.store.browse.reports import Move, Shadow
from proxy.store.browse.search import Hit
from proxy.store.records import Decision, Outline, Stored
from proxy.store.threads import Threads
from proxy.store.turns import waypoints

log = logging.getLogger(__name__)


class ByHand(Threads, Protocol):
    """Every look-up is by user first; a foreign id is an unknown id."""

    # Trees

    async def create_tree(
        self,
        user_id: UserId,
        name: str | None,
        *,
        title: str | None = None,
        system_prompt: str | None = None,
        metadata: Mapping[str, object] | None = None,
        max_context_tokens: int | None = None,
        participants: Mapping[str, str] | None = None,
        personality: str | None = None,
    ) -> Tree:
        """A new tree; without a name it is called by its id.

        Raises InvalidRequest when the name is taken, NotFound for an unknown personality.
        """
        told = (name, title, system_prompt, metadata or {}, max_context_tokens, participants or {}, personality)
        return await self._write(lambda db: trees.create_tree(db, user_id, *told))

    async def clone_tree(self, user_id: UserId, tree_id: TreeId, name: str | None) -> Tree:
        """A new tree with all that is kept of another but its nodes. Raises NotFound, InvalidRequest."""
        return await self._write(lambda db: cloning.clone(db, user_id, tree_id, name))

    async def set_title(self, user_id: UserId, tree_id: TreeId, title: str, *, only_first: bool) -> bool:
        """Title a tree; with `only_first` one that has no title yet. Whether it was done. Raises NotFound."""
        return await self._write(lambda db: trees.set_title(db, user_id, tree_id, title, only_first=only_first))

    async def scratchpad(self, user_id: UserId, tree_id: TreeId) -> str:
        """A program's notes beside a tree; empty for none. Raises NotFound."""
        return await self._read(lambda db: trees.scratchpad(db, user_id, tree_id))

    async def set_scratchpad(self, user_id: UserId, tree_id: TreeId, text: str) -> None:
        """Raises NotFound."""
        await self._write(lambda db: trees.set_scratchpad(db, user_id, tree_id, text))

    async def append_scratchpad(self, user_id: UserId, tree_id: TreeId, text: str, most: int) -> str:
        """Raises as `append_zone`."""
        return await self._write(lambda db: trees.append_scratchpad(db, user_id, tree_id, text, most))

    async def update_tree(self, user_id: UserId, tree_id: TreeId, changes: Mapping[str, object]) -> Tree:
        """Change columns by name, `metadata` item by item (`None` takes one away). Raises NotFound."""
        return await self._write(lambda db: trees.update_tree(db, user_id, tree_id, changes))

    async def delete_tree(self, user_id: UserId, tree_id: TreeId) -> int:
        """Delete a tree with all that is in it; returns how many nodes are gone. Raises NotFound."""
        return await self._write(lambda db: reshaping.delete_tree(db, user_id, tree_id))

    async def tree_page(self, user_id: UserId, after: TreeId | None, limit: int) -> Page[Tree]:
        return await self._read(lambda db: browsing.trees(db, user_id, after, limit))

    async def append_system_prompt(self, user_id: UserId, tree_id: TreeId, text: str, most: int) -> str:
        """Add to a tree's system prompt on a line of its own; returns the whole. Raises as `append_zone`."""
        return await self._write(lambda db: trees.append_system_prompt(db, user_id, tree_id, text, most))

    # Nodes, read

    async def structure_page(self, user_id: UserId, tree_id: TreeId, after: NodeId | None, limit: int) -> Page[Outline]:
        return await self._read(lambda db: browsing.structure(db, user_id, tree_id, after, limit))

    async def children_page(
        self, user_id: UserId, tree_id: TreeId, parent_id: NodeId | None, after: NodeId | None, limit: int
    ) -> Page[Node]:
        return await self._read(lambda db: browsing.children(db, user_id, tree_id, parent_id, after, limit))

    async def subtree_page(self, user_id: UserId, top: NodeId, after: NodeId | None, limit: int) -> Page[Node]:
        return await self._read(lambda db: browsing.subtree(db, user_id, top, after, limit))

    async def search(
        self, user_id: UserId, words: str, tree_id: TreeId | None, after: NodeId | None, limit: int
    ) -> Page[Hit]:
        """Nodes with all of these words, the newest first; takes what is new into the index before. Raises NotFound."""
        if self.is_encrypted or not await self._indexed(user_id):
            return await self._scan(user_id, words, tree_id, after, limit)
        return await self._read(lambda db: search.nodes(db, user_id, words, tree_id, after, limit))

    async def _indexed(self, user_id: UserId) -> bool:
        """Bring the index up to date; false where nothing can be written for the moment."""
        try:
            while await self._write(lambda db: search.index(db, user_id)):
                pass
        except StoreUnavailable as exc:
            log.warning("A search goes without its index: %s", exc)
            return False
        return True

    async def _scan(
        self, user_id: UserId, words: str, tree_id: TreeId | None, after: NodeId | None, limit: int
    ) -> Page[Hit]:
        """The same without an index. Raises NotFound."""
        scan, before = await self._read(lambda db: scanning.begin(db, user_id, words, tree_id, after))
        hits: list[Hit] = []
        while before and len(hits) <= limit:
            more, before = await self._read(partial(scanning.some, scan=scan, before=before))
            hits += more
        return Page(hits[:limit], len(hits) > limit)

    async def search_titles(self, user_id: UserId, words: str) -> list[Tree]:
        return await self._read(lambda db: search.titles(db, user_id, words))

    # Nodes, written

    async def annotate(
        self, user_id: UserId, node_id: NodeId, ours: Mapping[str, object], items: Mapping[str, object]
    ) -> Node:
        """Replace Graft's own items of a node, such as labels, and single ones of the user's; what is empty goes. Raises NotFound."""
        return await self._write(lambda db: labelling.annotate(db, user_id, node_id, ours, items))

    async def point(self, user_id: UserId, key_id: str, hint: str | None, node_id: NodeId) -> Active:
        """Make a node the user's active one, through one key and one chat. Raises NotFound, InvalidRequest."""
        return await self._write(lambda db: reshaping.point_at(db, user_id, key_id, hint, node_id))

    # What is told about a turn

    async def placed(self, user_id: UserId, node_id: NodeId) -> Decision | None:
        """The decision that placed the turn which begins with this node."""
        return await self._read(lambda db: reports.placed(db, user_id, node_id))

    async def moves(self, user_id: UserId, node_id: NodeId) -> list[Move]:
        """Where a node hung before, oldest first. Raises NotFound."""
        return await self._read(lambda db: reports.moves(db, user_id, node_id))

    async def call_behind(self, user_id: UserId, node_id: NodeId) -> Call:
        """The call that produced a reply, or the newest one that answers a turn. Raises NotFound."""
        return await self._read(lambda db: reports.call_behind(db, user_id, node_id))

    async def answered_by(self, user_id: UserId, first: NodeId) -> NodeId | None:
        return await self._read(lambda db: reports.answered_by(db, user_id, first))

    async def placed_as(self, user_id: UserId, node_id: NodeId) -> Attachment | None:
        decided = await self.placed(user_id, node_id)
        return decided.attachment if decided else None

    async def moved_from(self, user_id: UserId, node_id: NodeId) -> tuple[NodeId | None] | None:
        """The parent before the last move, as a tuple of one; `None` for a node that was never moved. Raises NotFound."""
        moves = await self.moves(user_id, node_id)
        return (moves[-1].from_parent,) if moves else None

    async def moved_for(self, user_id: UserId, node_id: NodeId) -> str | None:
        """Why the last move was made; `None` for a node that was never moved. Raises NotFound."""
        moves = await self.moves(user_id, node_id)
        return moves[-1].why if moves else None

    async def strands(self, user_id: UserId, node_id: NodeId) -> list[Strand]:
        return await self._read(lambda db: reports.strands(db, user_id, node_id))

    async def before(self, user_id: UserId, node_id: NodeId) -> tuple[bool, NodeId | None]:
        return await self._read(lambda db: reports.before(db, user_id, node_id))

    async def shadows(self, user_id: UserId, tree_id: TreeId, before_id: int | None, limit: int) -> Page[Shadow]:
        return await self._read(lambda db: reports.shadows(db, user_id, tree_id, before_id, limit))

    async def path_lengths(self, user_id: UserId, node_ids: Sequence[NodeId]) -> dict[NodeId, tuple[int, int]]:
        """Messages and characters from the root to each of these nodes; unknown ones left out."""
        return await self._read(lambda db: reports.path_lengths(db, user_id, node_ids))

    # Answers, as OpenAI's API lists them

    async def stored_page(
        self,
        user_id: UserId,
        after: str | None,
        limit: int,
        order: completions.Order,
        model: str | None,
        metadata: Mapping[str, str],
    ) -> Page[Stored]:
        """The user's completions, after one of them. Raises NotFound for an unknown `after`."""
        return await self._read(lambda db: completions.page(db, user_id, after, limit, order, model, metadata))

    async def stored(self, user_id: UserId, completion_id: str) -> Stored:
        """Raises NotFound."""
        return await self._read(lambda db: completions.one(db, user_id, completion_id))

    async def note_stored(self, user_id: UserId, completion_id: str, metadata: Mapping[str, str]) -> Stored:
        """Replace what is noted about a completion. Raises NotFound."""
        return await self._write(lambda db: completions.annotate(db, user_id, completion_id, metadata))

    async def forget_stored(self, user_id: UserId, completion_id: str) -> int:
        """Take a completion off the list, and out of the tree what nothing goes on from; returns how many nodes went."""
        return await self._write(lambda db: completions.forget(db, user_id, completion_id))

    # Commands typed in a chat

    async def commanded(
        self, user_id: UserId, seen: Sequence[Seen], name: str, to: Waypoint | None, waits: tuple[str, str] | None
    ) -> None:
        """Remember a command and its answer by their hashes, and where it sends the next turn."""
        await self._write(lambda db: waypoints.commanded(db, user_id, seen, name, to, waits))

    async def sent_on(self, user_id: UserId, chains: Sequence[Hash]) -> Waypoint | None:
        return await self._glance(lambda db: waypoints.sent_on(db, user_id, chains))

    async def awaited(self, user_id: UserId, tree_id: TreeId, key_id: str, hint: str | None) -> Waypoint | None:
        return await self._glance(lambda db: waypoints.awaited(db, user_id, tree_id, key_id, hint))

    async def reached(self, user_id: UserId, key_id: str, hint: str | None) -> None:
        await self._write(lambda db: waypoints.reached(db, user_id, key_id, hint))
