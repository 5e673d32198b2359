"""A stored turn answered once more, from the place where it hangs now.

A regeneration asks for another reply beside the first. After a move the reply that was given from the wrong place stays too, and
is marked with the one that took its place. Nothing of the turn is stored again: only a call and its reply are new.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from proxy.chat.clients.ids import NamedMessages
from proxy.chat.history.cursor import Cursor
from proxy.chat.prepare import Preparation
from proxy.chat.prepared import Prepared
from proxy.chat.request import Request, read
from proxy.context.compose import Window
from proxy.context.wording import without_images
from proxy.domain.message import Message, said
from proxy.domain.placement import Attachment
from proxy.domain.ports import OpenTurn
from proxy.domain.transcript import Strand
from proxy.domain.tree import CallId, Node, NodeId, Tree, TreeId, UserId, new_id, turns
from proxy.domain.turn import Caller, Client, Turn
from proxy.errors import InvalidRequest

POLICY = "again"
"""What the call says of how its turn was placed."""


class StoredTurns(NamedMessages, Protocol):
    """What answering again needs of a store beyond a turn's own road."""

    async def children(self, user_id: UserId, tree_id: TreeId, node_id: NodeId | None) -> list[Node]: ...

    async def strands(self, user_id: UserId, node_id: NodeId) -> list[Strand]:
        """The chats in which a message was seen, the newest first."""
        ...

    async def answered_by(self, user_id: UserId, first: NodeId) -> NodeId | None:
        """The last message of the turn that begins with this node, as its client sent it."""
        ...


@dataclass(frozen=True, slots=True)
class StoredTurn:
    """A turn as it is stored."""

    asked: Sequence[Node]
    """What the user said, oldest first; replies hang under the last."""
    replies: Sequence[Node]
    """What hangs there and was said by the assistant, oldest first."""

    @property
    def first(self) -> Node:
        """What a move of the turn moves."""
        return self.asked[0]


@dataclass(frozen=True, slots=True)
class AskAgain:
    """The wish for another reply."""

    turn: StoredTurn
    model: str
    options: Mapping[str, object] = field(default_factory=dict)
    stream: bool = False
    supersedes: bool = False
    """Whether the replies before were given from the wrong place."""
    usage_wanted: bool = False
    pass_on: Mapping[str, str] = field(default_factory=dict)
    """Headers of the client that go to the provider."""


@dataclass(frozen=True, slots=True)
class Reopened:
    """A stored turn, ready to be asked again."""

    request: Request
    tree: Tree
    prepared: Prepared
    strands: Sequence[Strand]
    conversation: str
    opening: OpenTurn


async def turn_around(store: StoredTurns, user_id: UserId, node_id: NodeId) -> StoredTurn:
    """The turn that a node belongs to: one of its messages, its reply, or anything said in its tool loop.

    Raises:
        NotFound: The node is unknown.
        InvalidRequest: No user's message stands at or above the node.
    """
    part = turns(await store.path(user_id, node_id))[-1]
    asked = _asked(part)
    if asked[-1].id == part[-1].id:  # the node is no reply; the client may have sent more messages with it
        last = await store.answered_by(user_id, asked[0].id)
        path = await store.path(user_id, last) if last is not None else []
        if any(node.id == node_id for node in path):
            asked = _asked(turns(path)[-1])
    for index in range(len(asked) - 1, 0, -1):  # a turn may have been put right behind another user's message
        if await store.answered_by(user_id, asked[index].id) is not None:
            asked = asked[index:]
            break
    return await _with_replies(store, user_id, asked)


async def question_of(store: StoredTurns, user_id: UserId, node_id: NodeId) -> StoredTurn:
    """What a reply answers, or the node itself where it is no reply: what another reply would hang under.

    Raises as `turn_around`.
    """
    path = await store.path(user_id, node_id)
    if path[-1].message.role == "assistant":
        path = path[:-1]
    start = next((i + 1 for i in range(len(path) - 1, -1, -1) if path[i].message.role == "assistant"), 0)
    asked = [node for node in path[start:] if not node.message.is_system]
    if not asked:
        raise InvalidRequest(f"The node {node_id!r} answers nothing that could be asked again.")
    return await _with_replies(store, user_id, asked)


async def reopen(
    store: StoredTurns, preparation: Preparation, wish: AskAgain, caller: Caller, window: Window, started: float
) -> Reopened:
    """Put the context of a stored turn together at its present place.

    Raises ContextTooSmall.
    """
    asked = wish.turn.asked
    first, last = asked[0], asked[-1]
    user = await store.user(caller.user_id)
    tree = await store.tree_of(user.id, last.tree_id)
    system = [said("system", last.system)] if last.system is not None else []
    off = (await store.standing(user.id, tree.id, [node.id for node in asked], last.personality)).inactive
    said_again = [without_images(node.message, off.get(node.id, ())) for node in asked]
    messages: list[Message] = [*system, *said_again]
    turn = Turn(
        model=wish.model,
        messages=messages,
        options=wish.options,
        stream=wish.stream,
        usage_wanted=wish.usage_wanted,
        tree=tree.name,
        personality=last.personality,
        client=Client(pass_on=wish.pass_on),
    )
    request = Request(turn, caller, "auto", user, read(turn, user), window, started)
    attachment = Attachment(first.parent_id, "pinned", "answered again where it hangs", 1.0, "none")
    ids = [node.id for node in asked]
    prepared = await preparation.context(request, tree, Cursor(), attachment, None, turn_id=last.id, asked=ids)
    opening = OpenTurn(
        user_id=user.id,
        tree_id=tree.id,
        call_id=CallId(new_id("call")),
        nodes=(),
        exacts=(),
        seen=(),
        turn_id=last.id,
        model=wish.model,
        request_hash="",  # no client sent it, so no client's retry is answered with it
        idempotency_key=None,
        decision=None,
        policy=POLICY,
    )
    strands = await store.strands(user.id, last.id)
    return Reopened(request, tree, prepared, strands, last.conversation or new_id("c"), opening)


def _asked(part: Sequence[Node]) -> list[Node]:
    """The user's side of a turn: what stands before its first reply. Raises InvalidRequest where there is none."""
    end = next((i for i, node in enumerate(part) if node.message.role == "assistant"), len(part))
    asked = [node for node in part[:end] if not node.message.is_system]
    if not asked:
        raise InvalidRequest(f"The node {part[-1].id!r} belongs to no user's turn.")
    return asked


async def _with_replies(store: StoredTurns, user_id: UserId, asked: Sequence[Node]) -> StoredTurn:
    last = asked[-1]
    below = await store.children(user_id, last.tree_id, last.id)
    return StoredTurn(asked, [node for node in below if node.message.role == "assistant"])
