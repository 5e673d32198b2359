"""From a place in the tree to what is sent: history adopted, path loaded, context composed and fitted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Literal

import msgspec

from proxy.chat.counting import Counting
from proxy.chat.history.cursor import Cursor
from proxy.chat.prepared import Prepared, said_in
from proxy.chat.recalling import Recalling
from proxy.chat.request import Request, loose_messages, new_nodes, rows, turn_messages, without, wording
from proxy.context.compose import Context, Draft, Window, compose, uncounted, verbatim
from proxy.context.tokens import most
from proxy.context.zones import ZonesAs
from proxy.domain import fingerprint
from proxy.domain.message import said
from proxy.domain.placement import Attachment
from proxy.domain.ports import Adoption, TreeStore, Upstream
from proxy.domain.tree import Node, NodeId, Tree
from proxy.errors import ContextTooSmall

ZonesRule = Literal["auto", "system", "merge", "user"]

SLACK = 0.1
"""Share of the budget that texts nobody has counted may take at their most, without being counted on the way."""
BYTES_A_WINDOW_TOKEN = 8
"""Of a history that came just now, no more than this is counted: what is further back does not fit."""
BYTES_A_TOOL_TOKEN = 3
"""Of the JSON of tools and schemas, which is denser than prose."""
BESIDE = ("tools", "functions", "response_format")
"""Fields of a request that take room in the window."""

_encode = msgspec.json.Encoder().encode


class Preparation:
    """Prepares contexts over a store and an upstream."""

    def __init__(
        self, store: TreeStore, upstream: Upstream, zones_as: ZonesRule, recalling: Recalling | None = None
    ) -> None:
        self._store = store
        self._upstream = upstream
        self._zones_as = zones_as
        self._recalling = recalling
        self.counting = Counting(upstream)

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
        exacts = [transcript.memo.exact(message, secret) for message in transcript.said[first:last]]
        before = transcript.links[first - 1].folded if first else fingerprint.NOTHING
        gone = await self._store.deleted(tree.user_id, exacts, links, before, within=first - 1 in cursor.skipped)
        brought = [message for i, message in enumerate(transcript.said[first:last]) if i not in gone]
        nodes = new_nodes(brought, tree.id, parent_id, conversation, request.system_text, request.turn.personality)
        rest = iter(nodes)
        placed = [None if i in gone else next(rest) for i in range(len(links))]
        adopted = cursor.behind(placed, [link.chain for link in links])
        if request.policy not in ("follow", "shadow"):
            await self._fitted(request, tree, await self._draft(request, tree, adopted, nodes))
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
        self,
        request: Request,
        tree: Tree,
        cursor: Cursor,
        attachment: Attachment,
        asked_again: Node | None,
        *,
        turn_id: NodeId | None = None,
        asked: Sequence[NodeId] = (),
    ) -> Prepared:
        """What is sent for a turn at its place.

        Args:
            asked_again: The stored turn that the client sent once more.
            turn_id: The stored turn that is answered anew without its client.
            asked: The turn's messages, where they are stored: what hangs on them is sent behind them.

        Raises:
            ContextTooSmall: The turn alone does not fit.
        """
        if attachment.route == "follow":
            return await self._verbatim(request, tree, cursor, attachment)
        path = await self._store.path(tree.user_id, attachment.parent_id)
        if asked_again is not None:
            cursor = cursor.at(request.transcript.turn_from)
            asked = [asked_again.id] if asked_again.message.role == "user" else ()
        if cursor.compacted_from is not None:
            path = path[next((i for i, node in enumerate(path) if node.id == cursor.compacted_from), 0) :]
        draft = await self._draft(request, tree, cursor, path, asked)
        if self._recalling is not None:
            again = asked_again.id if asked_again else turn_id
            draft = await self._recalling.placed(self._store, tree, request.turn.personality, draft, again)
        draft, context = await self._fitted(request, tree, draft)
        frozen = [piece for pieces in draft.frozen.values() for piece in pieces]
        return Prepared(attachment, draft, context, said_in(context.path), [*draft.zones, *frozen, *draft.per_turn])

    async def _draft(
        self, request: Request, tree: Tree, cursor: Cursor, path: Sequence[Node], asked: Sequence[NodeId] = ()
    ) -> Draft:
        """What the context of a turn is made from; the cursor stands before what is new in it."""
        front, loose = loose_messages(request.turn, cursor)
        ids = [node.id for node in path]
        standing = await self._store.standing(tree.user_id, tree.id, [*ids, *asked], request.turn.personality)
        return Draft(
            system=front,
            path=path,
            turn=turn_messages(request.turn, cursor.new_from),
            zones=standing.pieces,
            tree_prompt=None if request.turn.system else standing.system_prompt,
            wording=wording(request.transcript, cursor),
            loose=loose,
            zones_as=self._zones(request.turn.model),
            inactive=standing.inactive,
            asked=asked,
            known=await self._store.shortened(tree.user_id, tree.id, ids),
            beside_tokens=_beside(request.turn.options),
        )

    async def _fitted(self, request: Request, tree: Tree, draft: Draft) -> tuple[Draft, Context]:
        """A draft and its context, fitted to the window by counts wherever guesses could be wrong. Raises ContextTooSmall."""
        window = narrowed(request.window, tree)
        try:
            context = compose(draft, window)
            if context.cut is None and context.most_tokens <= context.budget_tokens:
                return draft, context
        except ContextTooSmall:
            pass
        model = request.turn.model
        careful = replace(draft, weigh=self.counting.weigh(model))
        texts = self.counting.unknown(model, uncounted(draft, window.tokens * BYTES_A_WINDOW_TOKEN))
        if sum(map(most, texts)) > window.tokens * SLACK:
            await self.counting.count(model, texts)
        try:
            return careful, compose(careful, window)
        except ContextTooSmall:
            await self.counting.count(model, texts)
            return careful, compose(careful, window)

    async def _verbatim(self, request: Request, tree: Tree, cursor: Cursor, attachment: Attachment) -> Prepared:
        """The client's own list, under policy `follow`."""
        turn, commands = request.turn, cursor.commands
        gone = {i for i in commands if turn.said[i].role != "user" or i + 1 in commands}
        standing = await self._store.standing(tree.user_id, tree.id, list(cursor.nodes.values()), turn.personality)
        messages = without(turn.messages, gone)
        kept = [i for i in range(len(turn.said)) if i not in gone] if gone else range(len(turn.said))
        prompt = None if turn.system else standing.system_prompt
        if prompt:
            messages.insert(0, said("system", prompt))
        zones_as = self._zones(turn.model) if standing.pieces else "system"
        lines = verbatim(messages, standing.pieces, zones_as, list(map(cursor.nodes.get, kept)))
        context = Context(lines, sum([line.tokens for line in lines]), (), 0)
        names = dict.fromkeys([name for _, name in sorted(cursor.said_in.items()) if name])
        buried = frozenset([id(turn.said[i]) for i in cursor.skipped - commands if i < len(turn.said)])
        as_it_came = not (gone or prompt or standing.pieces)
        return Prepared(
            attachment,
            draft=None,
            context=context,
            said_in=list(names),
            pieces=standing.pieces,
            buried=buried,
            linear_tokens=context.tokens if as_it_came else None,
        )

    def _zones(self, model: str) -> ZonesAs:
        if self._zones_as != "auto":
            return self._zones_as
        return "merge" if self._upstream.takes_one_system(model) else "system"


def narrowed(window: Window, tree: Tree) -> Window:
    """A window within the tree's own limit."""
    limit = tree.max_context_tokens
    return window if limit is None else replace(window, tokens=min(limit, window.tokens))


def _beside(options: Mapping[str, object]) -> int:
    """About how many tokens the fields beside the messages take."""
    fields = [options[name] for name in BESIDE if options.get(name)]
    if not fields:
        return 0
    try:
        return len(_encode(fields)) // BYTES_A_TOOL_TOKEN
    except (UnicodeEncodeError, OverflowError):  # half an emoji, very long integers
        return len(str(fields)) // BYTES_A_TOOL_TOKEN
