"""What is made of a whole tree: its twin."""

from __future__ import annotations

from litestar import post
from litestar.handlers import HTTPRouteHandler
from litestar.params import JSONBody

from proxy.api.tree.trees import NAME, TreeOut
from proxy.api.tree.wire import ERRORS, Asker, Body, InPath
from proxy.domain.tree import TreeId
from proxy.store.sqlite import SqliteStore


class CloneIn(Body):
    """A twin of a tree."""

    name: str | None = NAME


def routes(store: SqliteStore) -> list[HTTPRouteHandler]:
    """The routes over a store."""

    @post("/trees/{tree_id:str}/clone", summary="A tree's twin without its messages", responses=ERRORS)
    async def clone_tree(tree_id: InPath, data: JSONBody[CloneIn], caller: Asker) -> TreeOut:
        """All that is kept of the tree itself, its zones too, under a name of its own; no message."""
        return TreeOut.of(await store.clone_tree(caller.user_id, TreeId(tree_id), data.name))

    return [clone_tree]
