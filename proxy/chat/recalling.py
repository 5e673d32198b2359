"""Memories that a turn is about, placed at its head: looked for once a turn, and the same again in its tool loop and its retries.

The next turn gets its own, and those of turns before it are sent no more: what was said stays as it was, so the provider's prompt cache
holds up to the last turn.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from proxy.context.compose import Draft
from proxy.context.marking import marked
from proxy.context.tokens import rough
from proxy.domain.memory import Recaller
from proxy.domain.tree import Node, NodeId, Tree, UserId
from proxy.domain.zone import Piece


class TurnPieces(Protocol):
    """What was placed with turns."""

    async def keep_turn_pieces(self, user_id: UserId, node_id: NodeId, pieces: Sequence[Piece]) -> None:
        """What was kept before stays."""
        ...

    async def turn_pieces(self, user_id: UserId, node_id: NodeId) -> list[Piece] | None:
        """`None` where nothing was looked for."""
        ...


@dataclass(frozen=True, slots=True)
class Recalling:
    """Places memories in drafts."""

    recaller: Recaller
    most: int
    """Memories a turn."""
    tokens: int
    """Most tokens of all of them."""

    async def placed(
        self, store: TurnPieces, tree: Tree, personality: str | None, draft: Draft, asked_again: NodeId | None
    ) -> Draft:
        """A draft with the memories that its turn is about."""
        said = [message for message in draft.turn if message.role == "user"]
        if not said:
            return await self._gone_on(store, tree, draft)
        pieces = await store.turn_pieces(tree.user_id, asked_again) if asked_again is not None else None
        if pieces is None:
            found = await self.recaller.relevant(
                tree.user_id, tree.id, said[-1].text, most=self.most, personality=personality or tree.personality
            )
            standing = {piece.source for piece in draft.zones}
            pieces = self._fitting([piece for piece in found if piece.source not in standing])
        return replace(draft, per_turn=pieces)

    async def _gone_on(self, store: TurnPieces, tree: Tree, draft: Draft) -> Draft:
        """A running tool loop: what was placed with its turn stays there."""
        turn = _turn_of(draft.path)
        pieces = await store.turn_pieces(tree.user_id, turn[-1].id) if turn else None
        return replace(draft, frozen={**draft.frozen, turn[0].id: pieces}) if pieces else draft

    def _fitting(self, pieces: Sequence[Piece]) -> list[Piece]:
        """As many as there is room for, the best first; one that is too long makes room for the next."""
        kept, room = [], self.tokens
        for piece in pieces:
            tokens = rough(marked(piece.scope, piece.source, piece.text))
            if tokens <= room:
                kept.append(piece)
                room -= tokens
        return kept


def _turn_of(path: Sequence[Node]) -> list[Node]:
    """The user's messages that the end of a path answers."""
    last = next((i for i in range(len(path) - 1, -1, -1) if path[i].message.role == "user"), -1)
    first = last
    while first > 0 and path[first - 1].message.role == "user":
        first -= 1
    return list(path[first : last + 1]) if last >= 0 else []
