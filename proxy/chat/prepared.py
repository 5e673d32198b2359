"""A context that is ready to be sent, and the account of it."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from operator import attrgetter
from typing import Any

from proxy.chat.request import Request
from proxy.context.compose import Context, Draft, Window, compose
from proxy.context.parts import parts_of
from proxy.context.tokens import estimate_all
from proxy.domain.message import Message, Wire
from proxy.domain.placement import Attachment
from proxy.domain.tree import Node, NodeId, Tree
from proxy.domain.turn import Receipt
from proxy.domain.values import value
from proxy.domain.zone import Piece
from proxy.errors import ContextTooSmall

TIGHTER = 0.5
"""Share of what was sent that is tried once more when the upstream says that it was too long."""

_RECEIPT = tuple(part.name for part in fields(Receipt))
_values = attrgetter(*_RECEIPT)


@value(frozen=True, slots=True)
class Prepared:
    """A context, ready to be sent."""

    attachment: Attachment
    draft: Draft | None
    """What the context was composed from; `None` where the client's messages are sent as they came."""
    context: Context
    said_in: Sequence[str]
    """The conversations that contributed, each once."""
    pieces: Sequence[Piece] = ()
    """What Graft placed of its own."""
    buried: frozenset[int] = frozenset()
    """Messages, by `id()`, that the client sent again although they were deleted: they go out as they came, and are not kept."""
    linear_tokens: int | None = None
    """Of the history that the client sent again, with the new turn; `None` where putting the context together has not told."""

    @property
    def loose(self) -> list[Message]:
        """What was sent although no node holds it."""
        return [message for messages in self.draft.loose.values() for message in messages] if self.draft else []

    @property
    def parts(self) -> list[Wire]:
        """The context part by part."""
        return parts_of(self.context, self.pieces, self.draft.beside_tokens if self.draft else 0)

    def tighter(self) -> Prepared | None:
        """The same with a good deal less of the path; `None` when there is nothing left to cut."""
        if self.draft is None:
            return None
        sent = Window(int(self.context.tokens * TIGHTER), reply_tokens=0, margin=0)
        draft = replace(self.draft, beside_tokens=0)
        try:
            context = compose(draft, sent)
        except ContextTooSmall as exc:
            context = compose(draft, replace(sent, tokens=exc.needed_tokens))
        if len(context.path) >= len(self.context.path):
            return None
        # The cut is to hold under the budget that was too wide, not under this one.
        cut = replace(context.cut, budget_tokens=self.context.room_tokens) if context.cut else None
        return replace(self, context=replace(context, cut=cut), said_in=said_in(context.path))

    def receipt(self, request: Request, tree: Tree, reply_id: NodeId) -> Receipt:
        """The account of the request."""
        return Receipt(
            tree=tree.name,
            node_id=reply_id,
            parent_id=self.attachment.parent_id,
            route=self.attachment.route,
            confidence=self.attachment.confidence,
            reason=self.attachment.reason,
            unsure=self.attachment.unsure,
            overhead_ms=round((time.perf_counter() - request.started) * 1000, 2),
            stages_ms=request.stages.told(),
            **self._held(estimate_all(request.turn.messages) if self.linear_tokens is None else self.linear_tokens),
        )

    def account(self, receipt: Receipt, linear_tokens: int) -> Receipt:
        """A receipt that says what this context holds, against the history that the client sent again."""
        return replace(receipt, **self._held(linear_tokens))

    def _held(self, linear_tokens: int) -> dict[str, Any]:
        context = self.context
        return {
            "sent_tokens": context.tokens,
            "saved_tokens": max(0, linear_tokens - context.tokens),
            "context_from": list(self.said_in),
            "left_out": context.left_out,
            "summarised": context.summarised,
            "summary_id": context.summary.id if context.summary else None,
            "budget_tokens": context.budget_tokens,
            "linear_tokens": linear_tokens,
            "parts": self.parts,
        }


def kept(receipt: Receipt, extra: Mapping[str, object]) -> Wire:
    """A receipt as it is kept with its call, beside what was learnt when the call had ended."""
    told: dict[str, object] = dict(zip(_RECEIPT, _values(receipt), strict=True))
    told.update(extra)
    return told


def receipt_of(wire: Wire) -> Receipt:
    """A receipt that was kept with its call."""
    return Receipt(**{name: value for name, value in wire.items() if name in _RECEIPT})  # type: ignore[arg-type]


def said_in(path: Sequence[Node]) -> list[str]:
    """The conversations of a path, each once."""
    return list(dict.fromkeys(node.conversation for node in path if node.conversation))
