"""Trees get titles: when somebody asks for one, and, where the operator wants it, behind the first reply."""

from __future__ import annotations

from typing import Protocol

from proxy.chat.clients.ids import NamedMessages
from proxy.domain.title import Titled, TitleWriter
from proxy.domain.tree import Node, NodeId, Tree, TreeId, UserId
from proxy.errors import InvalidRequest, NotFound

SHOWN_TURNS = 3
"""Of a tree's first topic."""


class TitledStore(NamedMessages, Protocol):
    """What titles need of a store."""

    async def children(self, user_id: UserId, tree_id: TreeId, node_id: NodeId | None) -> list[Node]: ...

    async def set_title(self, user_id: UserId, tree_id: TreeId, title: str, *, only_first: bool) -> bool:
        """Title a tree; with `only_first` one that has no title yet. Whether it was done. Raises NotFound."""
        ...


class Titling:
    """Gives trees their titles."""

    def __init__(self, store: TitledStore, titles: TitleWriter, *, auto: bool = False) -> None:
        self._store = store
        self._titles = titles
        self._auto = auto

    def wanted(self, tree: Tree) -> bool:
        """Whether a tree is to get a title behind a reply."""
        return self._auto and tree.title is None

    async def behind(self, tree: Tree, reply_id: NodeId, model: str) -> None:
        """Title a tree by the branch that a reply ends, unless somebody does so meanwhile, or deletes it."""
        try:
            path = await self._store.path(tree.user_id, reply_id)
            titled = await self._titles([node.message for node in path], model)
            if titled is not None:
                await self._store.set_title(tree.user_id, tree.id, titled.title, only_first=True)
        except NotFound:
            return

    async def title(self, tree: Tree, node_id: NodeId | None, model: str | None) -> Titled:
        """Title a tree by a branch; by how its first topic began, where no node is named.

        Raises NotFound, InvalidRequest.
        """
        path = await self._store.path(tree.user_id, node_id) if node_id is not None else await self._beginning(tree)
        if any(node.tree_id != tree.id for node in path):
            raise NotFound(f"The node {node_id!r} does not exist here.")
        titled = await self._titles([node.message for node in path], model)
        if titled is None:
            raise InvalidRequest("Nothing was said yet that a title could be made of.")
        await self._store.set_title(tree.user_id, tree.id, titled.title, only_first=False)
        return titled

    async def _beginning(self, tree: Tree) -> list[Node]:
        """The first topic's first messages, as far as they were not branched from."""
        path: list[Node] = []
        at: NodeId | None = None
        while len(path) < 2 * SHOWN_TURNS:
            below = await self._store.children(tree.user_id, tree.id, at)
            if not below:
                break
            path.append(below[0])
            at = below[0].id
        return path
