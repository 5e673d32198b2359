"""The cursor by the client's own message ids, for frontends that send them.

A frontend that names the message its turn answers says exactly where it is. It is believed as far as the text agrees: what a
client has rewritten is found by its words, so that they are sent. An id that is not known says nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from proxy.chat.history.cursor import Cursor, locate
from proxy.chat.request import Request
from proxy.domain.ports import TreeStore
from proxy.domain.transcript import Seen, Sighting
from proxy.domain.tree import NodeId, UserId


class NamedMessages(TreeStore, Protocol):
    """What of a store knows the names of clients."""

    async def name_messages(self, user_id: UserId, chat: str, names: Mapping[str, NodeId]) -> None:
        """Remember what a client calls its messages in one of its chats."""
        ...

    async def named_message(self, user_id: UserId, chat: str, message_id: str) -> NodeId | None: ...

    async def first_said(self, user_id: UserId, chat: str) -> NodeId | None:
        """The message that a chat with named messages began with."""
        ...

    async def lineage(self, user_id: UserId, chat: str, node_id: NodeId) -> tuple[list[Seen], Seen | None]:
        """The client's chat up to a message, oldest first, and what it said next last time."""
        ...


async def by_ids(store: NamedMessages, request: Request) -> Cursor | None:
    """Where the client says that it is; `None` where it does not say, or says what is not known here."""
    client, transcript = request.turn.client, request.transcript
    if request.pinned or transcript.said[-1].role != "user":
        return None
    found: Cursor | None = None
    user_id, chat = request.user.id, request.turn.hint or ""
    if client.message_id and (turn := await store.named_message(user_id, chat, client.message_id)):
        found = _said_again(request, await _rows(store, user_id, chat, turn), turn)
    elif client.parent_id and (parent := await store.named_message(user_id, chat, client.parent_id)):
        rows, after = await store.lineage(user_id, chat, parent)
        found = _said_after(request, rows, after)
    elif _begins(request) and (first := await store.first_said(user_id, chat)):
        node = await store.node(user_id, first)
        found = _edited(node.parent_id, await _rows(store, user_id, chat, first))
    if found is None or request.turn.tree is None:
        return found
    return found if found.tree_id == (await store.tree(user_id, request.turn.tree)).id else None


def names(request: Request, turn_id: NodeId, reply_id: NodeId) -> Mapping[str, NodeId]:
    """What the client calls a turn and the reply to come."""
    client = request.turn.client
    if not client.message_id and not client.reply_id:
        return {}
    given = {client.message_id: turn_id, client.reply_id: reply_id}
    return {name: node_id for name, node_id in given.items() if name}


def _begins(request: Request) -> bool:
    """Whether the client says of a named message that nothing stands before it."""
    client = request.turn.client
    return bool(client.message_id) and client.parent_id == "" and request.transcript.turn_from == 0


async def _rows(store: NamedMessages, user_id: UserId, chat: str, node_id: NodeId) -> list[Seen]:
    return (await store.lineage(user_id, chat, node_id))[0]


def _said_again(request: Request, rows: Sequence[Seen], turn: NodeId) -> Cursor | None:
    """A turn that was named before: asked again, or edited under the same name."""
    links = request.transcript.links
    if not rows:
        return None
    if links[-1].folded == rows[-1].folded:
        return _laid(request, rows, None, len(links) - 1)
    if len(rows) == 1:
        return _edited(None, rows)
    return _said_after(request, rows[:-1], rows[-1]) if rows[-1].node_id == turn else None


def _said_after(request: Request, rows: Sequence[Seen], after: Seen | None) -> Cursor | None:
    """A turn that answers a message that was named before; the history may have been left out."""
    before = request.transcript.turn_from - 1
    if not rows:
        return None
    if before < 0:
        at = rows[-1]
        return Cursor(node_id=at.node_id, tree_id=at.tree_id, conversation=at.conversation or None, found_by="ids")
    if request.transcript.links[before].folded != rows[-1].folded:
        return None
    return _laid(request, rows, after, before)


def _laid(request: Request, rows: Sequence[Seen], after: Seen | None, anchor: int) -> Cursor:
    transcript = request.transcript
    return locate(transcript.said, transcript.links, Sighting(anchor, "ids", tuple(rows), after))


def _edited(parent: NodeId | None, rows: Sequence[Seen]) -> Cursor | None:
    """The first message of a chat, in new words."""
    if len(rows) != 1 or rows[0].node_id is None:
        return None
    first = rows[0]
    return Cursor(
        node_id=parent,
        tree_id=first.tree_id,
        conversation=first.conversation or None,
        edited=first.node_id,
        found_by="ids",
    )
