"""From a place in the tree to what is sent: history adopted, path loaded, context composed, receipt drawn up."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Literal

from proxy.chat.cursor import Cursor
from proxy.chat.request import Request, loose_messages, new_nodes, rows, turn_messages, wording
from proxy.context.compose import Context, Draft, Window, compose, verbatim
from proxy.context.tokens import estimate, estimate_all
from proxy.domain import fingerprint
from proxy.domain.message import Message, Wire, said
from proxy.domain.placement import Attachment
from proxy.domain.ports import Adoption, TreeStore, Upstream
from proxy.domain.tree import Node, NodeId, Tree
from proxy.domain.turn import Receipt
from proxy.domain.zone import DataZone

ZonesRule = Literal["auto", "system", "merge"]

NEAR = 0.5
"""Share of the window from which nodes are counted exactly instead of estimated."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A context, ready to be sent."""

    attachment: Attachment
    draft: Draft | None
    """What the context was composed from; `None` where the client's messages are sent as they came."""
    context: Context

    @property
    def wires(self) -> list[Wire]:
        return [message.wire for message in self.context.messages]

    @property
    def loose(self) -> list[Message]:
        """What was sent although no node holds it."""
        return [message for messages in self.draft.loose.values() for message in messages] if self.draft else []

    def tighter(self, window: Window) -> Prepared | None:
        """The same for a narrower window; `None` when there is nothing left to cut."""
        if self.draft is None or not self.context.path:
            return None
        return replace(self, context=compose(self.draft, window))

    def receipt(self, request: Request, tree: Tree, reply_id: NodeId) -> Receipt:
        linear = estimate_all(request.turn.messages)
        return Receipt(
            tree=tree.name,
            node_id=reply_id,
            parent_id=self.attachment.parent_id,
            route=self.attachment.route,
            confidence=self.attachment.confidence,
            reason=self.attachment.reason,
            sent_tokens=self.context.tokens,
            saved_tokens=max(0, linear - self.context.tokens),
            context_from=list(dict.fromkeys(node.conversation for node in self.context.path if node.conversation)),
            left_out=self.context.left_out,
            unsure=self.attachment.unsure,
            overhead_ms=round((time.perf_counter() - request.started) * 1000, 2),
        )


def stored(receipt: Receipt) -> Wire:
    """A receipt as it is kept with its call."""
    return asdict(receipt)


class Preparation:
    """Prepares contexts over a store and an upstream."""

    def __init__(self, store: TreeStore, upstream: Upstream, zones_as: ZonesRule) -> None:
        self._store = store
        self._upstream = upstream
        self._zones_as = zones_as

    async def adopt(
        self, request: Request, tree: Tree, cursor: Cursor, pin: NodeId | None, conversation: str
    ) -> Cursor:
        """Store history that no node holds yet, up to the turn; returns the cursor behind it.

        Raises:
            ContextTooSmall: The turn alone does not fit; nothing was stored.
        """
        transcript = request.transcript
        first, last = cursor.new_from, transcript.turn_from
        if first >= last:
            return cursor
        compose(Draft(request.turn.system, (), turn_messages(request.turn, last)), request.window)
        parent_id = pin if pin is not None else cursor.node_id
        nodes = new_nodes(transcript.said[first:last], tree.id, parent_id, conversation, request.system_text)
        known = await self._store.adopt(
            Adoption(
                user_id=tree.user_id,
                tree_id=tree.id,
                nodes=nodes,
                exacts=[fingerprint.exact(node.message, request.user.secret) for node in nodes],
                seen=rows(transcript, first, last, cursor.prev, nodes, conversation),
            )
        )
        ids = [known.get(node.id, node.id) for node in nodes]
        return replace(
            cursor,
            node_id=ids[-1],
            tree_id=tree.id,
            new_from=last,
            nodes={**cursor.nodes, **dict(zip(range(first, last), ids, strict=True))},
            prev=transcript.links[last - 1].chain,
            conversation=conversation,
            found_by=cursor.found_by if cursor.known else "adopted",
        )

    async def context(
        self, request: Request, tree: Tree, cursor: Cursor, attachment: Attachment, asked_again: Node | None
    ) -> Prepared:
        """What is sent for a turn at its place."""
        zones = await self._store.zones(tree.user_id, tree.id)
        zones_as = self._zones(request.turn.model)
        window = self._narrowed(request.window, tree)
        if attachment.route == "follow":
            return Prepared(attachment, None, await self._verbatim(request, tree, attachment, zones, zones_as))
        first = max(cursor.new_from, request.transcript.turn_from)
        if asked_again is not None:
            first = request.transcript.turn_from
            cursor = replace(cursor, new_from=first)
        path = await self._store.path(tree.user_id, attachment.parent_id)
        if cursor.compacted_from is not None:
            kept = next((i for i, node in enumerate(path) if node.id == cursor.compacted_from), 0)
            path = path[kept:]
        front, loose = loose_messages(request.turn, cursor)
        draft = Draft(
            system=front,
            path=await self._counted(request, path, window),
            turn=turn_messages(request.turn, first),
            zones=zones,
            tree_prompt=tree.system_prompt,
            wording=wording(request.transcript, cursor),
            loose=loose,
            zones_as=zones_as,
        )
        return Prepared(attachment, draft, compose(draft, window))

    async def _verbatim(
        self,
        request: Request,
        tree: Tree,
        attachment: Attachment,
        zones: Sequence[DataZone],
        zones_as: Literal["system", "merge"],
    ) -> Context:
        messages = list(request.turn.messages)
        if tree.system_prompt and not request.turn.system:
            messages.insert(0, said("system", tree.system_prompt))
        sent = verbatim(messages, zones, zones_as)
        path = await self._store.path(tree.user_id, attachment.parent_id)
        return Context(sent, estimate_all(sent), path, 0)

    async def _counted(self, request: Request, path: Sequence[Node], window: Window) -> Sequence[Node]:
        """The path with exact counts, where it comes near the window."""
        rough = sum(node.tokens or estimate(node.message) for node in path)
        if rough < window.tokens * NEAR:
            return path
        model = request.turn.model
        counts = {
            node.id: estimate(node.message)
            - len(node.message.text) // 4
            + await asyncio.to_thread(self._upstream.count, model, node.message.text)
            for node in path
            if node.tokens is None
        }
        await self._store.count_tokens(counts)
        return [replace(node, tokens=counts.get(node.id, node.tokens)) for node in path]

    def _zones(self, model: str) -> Literal["system", "merge"]:
        if self._zones_as != "auto":
            return self._zones_as
        return "merge" if self._upstream.takes_one_system(model) else "system"

    def _narrowed(self, window: Window, tree: Tree) -> Window:
        limit = tree.max_context_tokens
        return window if limit is None else replace(window, tokens=min(limit, window.tokens))
