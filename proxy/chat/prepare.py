"""From a place in the tree to what is sent: history adopted, path loaded, context composed, receipt drawn up."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Literal

from proxy.chat.history.cursor import Cursor
from proxy.chat.request import Request, loose_messages, new_nodes, rows, turn_messages, without, wording
from proxy.context.compose import Context, Draft, Window, compose, verbatim
from proxy.context.tokens import estimate, estimate_all
from proxy.domain import fingerprint
from proxy.domain.message import Message, Wire, said
from proxy.domain.placement import Attachment
from proxy.domain.ports import Adoption, TreeStore, Upstream
from proxy.domain.tree import Node, NodeId, Tree
from proxy.domain.turn import Receipt
from proxy.errors import ContextTooSmall

ZonesRule = Literal["auto", "system", "merge"]

NEAR = 0.5
"""Share of the window from which nodes are counted exactly instead of estimated."""
TIGHTER = 0.5
"""Share of what was sent that is tried once more when the upstream says that it was too long."""

_RECEIPT = tuple(part.name for part in fields(Receipt))


@dataclass(frozen=True, slots=True)
class Prepared:
    """A context, ready to be sent."""

    attachment: Attachment
    draft: Draft | None
    """What the context was composed from; `None` where the client's messages are sent as they came."""
    context: Context
    said_in: Sequence[str]
    """The conversations that contributed, each once."""

    @property
    def loose(self) -> list[Message]:
        """What was sent although no node holds it."""
        return [message for messages in self.draft.loose.values() for message in messages] if self.draft else []

    def tighter(self) -> Prepared | None:
        """The same with a good deal less of the path; `None` when there is nothing left to cut."""
        if self.draft is None:
            return None
        sent = Window(int(self.context.tokens * TIGHTER), reply_tokens=0, margin=0)
        try:
            context = compose(self.draft, sent)
        except ContextTooSmall as exc:
            context = compose(self.draft, replace(sent, tokens=exc.needed_tokens))
        shorter = replace(self, context=context, said_in=_said_in(context.path))
        return shorter if context.left_out > self.context.left_out else None

    def receipt(self, request: Request, tree: Tree, reply_id: NodeId) -> Receipt:
        """The account of the request, but for what `account` says of the context."""
        bare = Receipt(
            tree=tree.name,
            node_id=reply_id,
            parent_id=self.attachment.parent_id,
            route=self.attachment.route,
            confidence=self.attachment.confidence,
            reason=self.attachment.reason,
            sent_tokens=0,
            saved_tokens=0,
            context_from=(),
            unsure=self.attachment.unsure,
            overhead_ms=round((time.perf_counter() - request.started) * 1000, 2),
        )
        return self.account(bare, estimate_all(request.turn.messages))

    def account(self, receipt: Receipt, linear_tokens: int) -> Receipt:
        """A receipt that says what this context holds, against the history that the client sent again."""
        return replace(
            receipt,
            sent_tokens=self.context.tokens,
            saved_tokens=max(0, linear_tokens - self.context.tokens),
            context_from=list(self.said_in),
            left_out=self.context.left_out,
        )


def kept(receipt: Receipt) -> Wire:
    """A receipt as it is kept with its call."""
    return {name: getattr(receipt, name) for name in _RECEIPT}


class Preparation:
    """Prepares contexts over a store and an upstream."""

    def __init__(self, store: TreeStore, upstream: Upstream, zones_as: ZonesRule) -> None:
        self._store = store
        self._upstream = upstream
        self._zones_as = zones_as

    async def adopt(
        self, request: Request, tree: Tree, cursor: Cursor, pin: NodeId | None, conversation: str
    ) -> Cursor:
        """Store history that no node holds yet, up to the turn; returns the cursor behind it. What was deleted stays deleted.

        Raises:
            ContextTooSmall: The turn alone does not fit; nothing was stored.
        """
        transcript = request.transcript
        first, last = cursor.new_from, transcript.turn_from
        if first >= last or request.pinned:
            return cursor
        parent_id = pin if pin is not None else cursor.node_id
        links, secret = transcript.links[first:last], request.user.secret
        exacts = [fingerprint.exact(message, secret) for message in transcript.said[first:last]]
        before = transcript.links[first - 1].folded if first else fingerprint.NOTHING
        gone = await self._store.deleted(tree.user_id, exacts, links, before, within=first - 1 in cursor.skipped)
        brought = [message for i, message in enumerate(transcript.said[first:last]) if i not in gone]
        nodes = new_nodes(brought, tree.id, parent_id, conversation, request.system_text, request.turn.personality)
        rest = iter(nodes)
        placed = [None if i in gone else next(rest) for i in range(len(links))]
        adopted = cursor.behind(placed, [link.chain for link in links])
        if request.policy not in ("follow", "shadow"):
            compose(await self._draft(request, tree, adopted, nodes), _narrowed(request.window, tree))
        known = await self._store.adopt(
            Adoption(
                user_id=tree.user_id,
                tree_id=tree.id,
                nodes=nodes,
                exacts=[exact for i, exact in enumerate(exacts) if i not in gone],
                seen=rows(transcript, first, last, cursor.prev, placed, conversation),
            )
        )
        stored = {index: known.get(node_id, node_id) for index, node_id in adopted.nodes.items()}
        at = adopted.node_id
        return replace(
            adopted, nodes=stored, node_id=None if at is None else known.get(at, at), conversation=conversation
        )

    async def context(
        self, request: Request, tree: Tree, cursor: Cursor, attachment: Attachment, asked_again: Node | None
    ) -> Prepared:
        """What is sent for a turn at its place.

        Raises:
            ContextTooSmall: The turn alone does not fit.
        """
        if attachment.route == "follow":
            said_in = dict.fromkeys(name for _, name in sorted(cursor.said_in.items()) if name)
            return Prepared(attachment, None, await self._verbatim(request, tree, cursor), list(said_in))
        path = await self._store.path(tree.user_id, attachment.parent_id)
        if asked_again is not None:
            cursor = cursor.at(request.transcript.turn_from)
        if cursor.compacted_from is not None:
            path = path[next((i for i, node in enumerate(path) if node.id == cursor.compacted_from), 0) :]
        window = _narrowed(request.window, tree)
        draft = await self._draft(request, tree, cursor, await self._counted(request, path, window))
        context = compose(draft, window)
        return Prepared(attachment, draft, context, _said_in(context.path))

    async def _draft(self, request: Request, tree: Tree, cursor: Cursor, path: Sequence[Node]) -> Draft:
        """What the context of a turn is made from; the cursor stands before what is new in it."""
        front, loose = loose_messages(request.turn, cursor)
        standing = await self._store.standing(
            tree.user_id, tree.id, [node.id for node in path], request.turn.personality
        )
        return Draft(
            system=front,
            path=path,
            turn=turn_messages(request.turn, cursor.new_from),
            zones=standing.pieces,
            tree_prompt=None if request.turn.system else standing.system_prompt,
            wording=wording(request.transcript, cursor),
            loose=loose,
            zones_as=self._zones(request.turn.model),
        )

    async def _verbatim(self, request: Request, tree: Tree, cursor: Cursor) -> Context:
        commands = cursor.commands
        asked = {i for i in commands if request.transcript.said[i].role == "user"}
        messages = without(request.turn.messages, {i for i in commands if i not in asked or i + 1 in commands})
        standing = await self._store.standing(
            tree.user_id, tree.id, list(cursor.nodes.values()), request.turn.personality
        )
        if standing.system_prompt and not request.turn.system:
            messages.insert(0, said("system", standing.system_prompt))
        sent = verbatim(messages, standing.pieces, self._zones(request.turn.model))
        return Context(sent, estimate_all(sent), (), 0)

    async def _counted(self, request: Request, path: Sequence[Node], window: Window) -> Sequence[Node]:
        """The path with exact counts, where it comes near the window."""
        rough = sum(node.tokens or estimate(node.message) for node in path)
        unknown = [node for node in path if node.tokens is None]
        if rough < window.tokens * NEAR or not unknown:
            return path
        model = request.turn.model
        counts = {
            node.id: estimate(
                node.message, text_tokens=await asyncio.to_thread(self._upstream.count, model, node.message.text)
            )
            for node in unknown
        }
        await self._store.count_tokens(counts)
        return [replace(node, tokens=counts.get(node.id, node.tokens)) for node in path]

    def _zones(self, model: str) -> Literal["system", "merge"]:
        if self._zones_as != "auto":
            return self._zones_as
        return "merge" if self._upstream.takes_one_system(model) else "system"


def _said_in(path: Sequence[Node]) -> list[str]:
    return list(dict.fromkeys(node.conversation for node in path if node.conversation))


def _narrowed(window: Window, tree: Tree) -> Window:
    limit = tree.max_context_tokens
    return window if limit is None else replace(window, tokens=min(limit, window.tokens))
