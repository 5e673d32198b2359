"""The trees as the router reads them: held in memory, followed by mark, nothing rebuilt per request.

A `TreeModel` holds one tree's visible nodes. Before each placement it is handed what became visible since it last looked
(`ports.TreeFeed`), so it is right after a restart and beside other processes; a move or a deletion starts it anew. The
`Grove` keeps the models that were used last. Scorers hang what they derive from nodes (vectors, word counts) on the model
through `TreeModel.listeners`, so that it is updated in place too.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Container, Sequence
from itertools import islice
from pathlib import Path
from typing import Protocol

import anyio
import anyio.to_thread

from proxy.domain.placement import FeedNode, Mark, TreeSlice
from proxy.domain.ports import TreeFeed
from proxy.domain.tree import NodeId, TreeId, UserId
from proxy.routing.nodes import Nodes

_AT_ONCE = 1_000

_ON_LOOP = 16
"""Most nodes that are taken in on the event loop."""

KEPT_TREES = 128
KEPT_NODES = 1_000_000
"""Most that is held of all trees together; a tree that was let go is read again when it is used."""


class Listener(Protocol):
    """Something derived from a tree's nodes that is kept beside it."""

    def reset(self) -> None: ...

    def add(self, nodes: Sequence[FeedNode]) -> None: ...


class TreeModel:
    """One tree's visible nodes, their children and tips."""

    def __init__(self, folder: Path | None = None) -> None:
        """`folder` is where a large tree may put what is seldom needed; without one, all stays in memory."""
        self.folder = folder
        self.mark: Mark | None = None
        self.system_prompt: str | None = None
        self.nodes = Nodes(folder)
        """In the order in which they became visible: parents before children."""
        self.listeners: list[Listener] = []

    def apply(self, news: TreeSlice) -> None:
        """Take in what became visible since the mark."""
        if news.reset:
            self.nodes.clear()
            for listener in self.listeners:
                listener.reset()
        for node in news.nodes:
            self.nodes.add(node)
        self.mark = news.mark
        self.system_prompt = news.system_prompt
        if news.nodes:
            for listener in self.listeners:
                listener.add(news.nodes)

    def listen(self, listener: Listener) -> None:
        """Keep a listener in step from now on, after showing it all that is here."""
        listener.reset()
        nodes = iter(self.nodes.values())
        while some := list(islice(nodes, _AT_ONCE)):
            listener.add(some)
        self.listeners.append(listener)

    def path(self, node_id: NodeId | None) -> list[FeedNode]:
        """Root to node, oldest first."""
        path: list[FeedNode] = []
        while node_id is not None:
            node = self.nodes[node_id]
            path.append(node)
            node_id = node.parent_id
        path.reverse()
        return path

    def tips(self) -> list[NodeId]:
        """The nodes without children, oldest first."""
        return self.nodes.tips()


class Grove:
    """The tree models that were used last."""

    def __init__(
        self,
        feed: TreeFeed,
        build: Callable[[Path | None], TreeModel] = TreeModel,
        keep: int = KEPT_TREES,
        folder: Path | None = None,
        keep_nodes: int = KEPT_NODES,
    ) -> None:
        """`folder` is where large trees may put what is seldom needed: texts and full vectors."""
        self._keep_nodes = keep_nodes
        self._folder = folder
        self._feed = feed
        self._build = build
        self._keep = keep
        self._models: OrderedDict[tuple[UserId, TreeId], TreeModel] = OrderedDict()
        self._one_thread = anyio.CapacityLimiter(1)
        """Many trees that are read at once take turns: it is all work of the interpreter, which does one thing at a time."""

    def held(self, user_id: UserId, tree_id: TreeId) -> TreeModel | None:
        """The tree's model as it was last; `None` for a tree that is not held."""
        return self._models.get((user_id, tree_id))

    async def follow(self, user_id: UserId, tree_id: TreeId) -> TreeModel:
        """The tree's model, up to date. Whoever calls sees to it that nobody else follows that tree meanwhile.

        Who gives up half-way leaves a model that the next caller goes on with.
        """
        key = (user_id, tree_id)
        model = self._models.get(key)
        if model is None:
            model = self._models[key] = self._build(self._folder)
        self._models.move_to_end(key)
        more = True
        while more:
            more = await self._take_more(model, user_id, tree_id)
        return model

    async def _take_more(self, model: TreeModel, user_id: UserId, tree_id: TreeId) -> bool:
        """Take in the next news; whether there is more."""
        asked_from = model.mark
        news = await self._feed.slice(user_id, tree_id, asked_from)
        if model.mark != asked_from:  # a concurrent request brought the same news first
            return news.reset or news.mark != model.mark
        await self._take(model, news)
        if news.nodes or news.reset:
            self._let_go()
        return news.more

    async def _take(self, model: TreeModel, news: TreeSlice) -> None:
        """Take in news; much of it off the event loop, for others wait there: a thousand nodes are a quarter of a second."""
        if len(news.nodes) <= _ON_LOOP:
            model.apply(news)
        else:
            await anyio.to_thread.run_sync(model.apply, news, limiter=self._one_thread)

    def forget(self, users: Container[str], trees: Container[str]) -> None:
        """Hold nothing of these users and trees any more."""
        for key in [key for key in self._models if key[0] in users or key[1] in trees]:
            del self._models[key]

    def clear(self) -> None:
        """Hold no tree any more."""
        self._models.clear()

    def _let_go(self) -> None:
        """Forget the trees that were used longest ago, until what is left is within bounds; never the one in use."""
        held = sum(len(model.nodes) for model in self._models.values())
        while len(self._models) > 1 and (len(self._models) > self._keep or held > self._keep_nodes):
            _, forgotten = self._models.popitem(last=False)
            held -= len(forgotten.nodes)
