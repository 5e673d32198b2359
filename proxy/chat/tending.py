"""What is done behind a reply, so that the next turn need not: sizes counted, cuts kept, summaries made ahead.

A path that comes near its budget is summarised before it outgrows it, as far as the next cut will reach; so when the cut comes, its summary
is there, and the prefix of what is sent changes once, not twice. Where the path grew too fast for that, it is cut by turns alone until the
summary is made.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from proxy.chat.counting import Counting
from proxy.chat.prepared import Prepared
from proxy.chat.request import Request
from proxy.context.compose import uncounted
from proxy.context.fit import KEEP
from proxy.context.marking import marked
from proxy.context.tokens import estimate, rough
from proxy.domain.ports import Summariser, TreeStore
from proxy.domain.summary import Passage, Summary, SummaryKind
from proxy.domain.tree import Node, NodeId, Tree, TreeId, UserId, new_id, turns

NEAR = 0.15
"""Share of the budget from which a path is counted: well before a guess, which may be four times too low, could matter."""
AHEAD = 0.8
"""Share from which the next cut is prepared."""
SUMMARY_SHARE = 0.1
"""Of the budget, at most, for a summary."""


@dataclass(frozen=True, slots=True)
class Pruning:
    """How paths are told in short."""

    summarise: Summariser | None
    """`None` makes no summaries."""
    auto: bool = True
    """Whether paths that outgrow their budget are summarised unasked."""
    most_tokens: int = 1_024
    """The longest summary."""


@dataclass(frozen=True, slots=True)
class Prune:
    """The wish to have the beginning of a path told in short."""

    user_id: UserId
    tree_id: TreeId
    node_id: NodeId
    """The end of the path."""
    model: str
    max_tokens: int
    """A path that takes no more is left as it is."""
    preserve_last_n: int
    """At least so many of its last messages stay word for word."""


class Tending:
    """Looks after paths when their turns are answered."""

    def __init__(self, store: TreeStore, counting: Counting, pruning: Pruning) -> None:
        self._store = store
        self._counting = counting
        self._pruning = pruning
        self._busy: set[TreeId] = set()
        """Trees for which a summary is being written: one at a time."""

    def wanted(self, prepared: Prepared) -> bool:
        """Whether anything is to be done behind this reply."""
        context = prepared.context
        return prepared.draft is not None and context.tokens >= NEAR * context.budget_tokens

    async def tend(self, request: Request, tree: Tree, prepared: Prepared, reply_id: NodeId) -> None:
        """Keep where the path was cut, count what is new on it, and prepare the next cut."""
        draft, context = prepared.draft, prepared.context
        assert draft is not None
        if context.cut is not None:
            await self._store.keep_cut(tree.user_id, tree.id, context.cut)
        model = request.turn.model
        path = await self._store.path(tree.user_id, reply_id)
        unknown = [node for node in path if node.tokens is None]
        messages = [node.message for node in unknown] + uncounted(draft, 0)
        await self._counting.count(model, self._counting.unknown(model, messages))
        weigh = self._counting.weigh(model)
        counts = {node.id: weigh(node.message) for node in unknown}
        if counts:
            await self._store.count_tokens(counts)
        if self._pruning.auto:
            sizes = {node.id: counts.get(node.id) or node.tokens or estimate(node.message) for node in path}
            await self._ahead(tree, prepared, path, sizes, model)

    async def _ahead(
        self, tree: Tree, prepared: Prepared, path: Sequence[Node], sizes: dict[NodeId, int], model: str
    ) -> None:
        """Summarise what the next cut will take, or what the last one took."""
        start = _sent_from(path, prepared)
        room = prepared.context.room_tokens
        total = sum(sizes[node.id] for node in path[start:])
        known = await self._store.shortened(tree.user_id, tree.id, [node.id for node in path])
        covered = {node.id: i + 1 for i, node in enumerate(path)}
        newest = known.summaries[-1] if known.summaries else None
        done = covered[newest.node_id] if newest else 0
        end = start
        if total >= AHEAD * room:
            end = _next_start(path, start, sizes, KEEP * room - (room - total) - self._most(room))
        if end > done and tree.id not in self._busy:
            await self.summarise(tree.user_id, tree.id, path[:end], newest, "auto", model, self._most(room))

    async def prune(self, wish: Prune) -> Summary | None:
        """Summarise a path because somebody asked for it; `None` where it is short enough, or too little of it may be told.

        Raises NotFound.
        """
        path = await self._store.path(wish.user_id, wish.node_id)
        if sum(node.tokens or estimate(node.message) for node in path) <= wish.max_tokens:
            return None
        known = await self._store.shortened(wish.user_id, wish.tree_id, [node.id for node in path])
        end = 0
        for part in turns(path):
            if end + len(part) > len(path) - wish.preserve_last_n:
                break
            end += len(part)
        ends = [one for one in known.summaries if one.node_id in {node.id for node in path[:end]}]
        newest = ends[-1] if ends else None
        if not end or (newest and newest.kind == "asked" and newest.node_id == path[end - 1].id):
            return None
        most = max(1, min(self._pruning.most_tokens, wish.max_tokens // 2))
        return await self.summarise(wish.user_id, wish.tree_id, path[:end], newest, "asked", wish.model, most)

    def _most(self, room: int) -> int:
        return min(self._pruning.most_tokens, int(SUMMARY_SHARE * room))

    async def summarise(
        self,
        user_id: UserId,
        tree_id: TreeId,
        path: Sequence[Node],
        newest: Summary | None,
        kind: SummaryKind,
        model: str,
        most_tokens: int,
    ) -> Summary | None:
        """Write and keep a summary of a path; `None` where the path was changed meanwhile, or where nothing is written.

        Args:
            newest: A summary of its beginning, which the new one goes on from.
        """
        if self._pruning.summarise is None or most_tokens < 1:
            return None
        at = next((i + 1 for i, node in enumerate(path) if newest and node.id == newest.node_id), 0)
        passage = Passage(newest.text if newest else None, [node.message for node in path[at:]])
        self._busy.add(tree_id)
        try:
            written = await self._pruning.summarise(passage, model, most_tokens)
        finally:
            self._busy.discard(tree_id)
        summary = Summary(
            id=new_id("s"),
            tree_id=tree_id,
            node_id=path[-1].id,
            previous_id=newest.id if newest else None,
            kind=kind,
            text=written.text,
            tokens=rough(marked("history", "summary", written.text)),
            model=written.model,
            created_at=time.time(),
        )
        return summary if await self._store.add_summary(user_id, summary, [node.id for node in path]) else None


def _sent_from(path: Sequence[Node], prepared: Prepared) -> int:
    """Where what was sent of the path begins: with its last turn, if that was sent alone."""
    if not prepared.context.path:
        return len(path) - len(turns(path)[-1])
    first = prepared.context.path[0].id
    return next((i for i, node in enumerate(path) if node.id == first), 0)


def _next_start(path: Sequence[Node], start: int, sizes: dict[NodeId, int], keep_tokens: float) -> int:
    """Where the path begins once no more than this is left of it; between turns."""
    left = sum(sizes[node.id] for node in path[start:])
    for part in turns(path[start:])[:-1]:
        if left <= keep_tokens:
            break
        left -= sum(sizes[node.id] for node in part)
        start += len(part)
    return start
