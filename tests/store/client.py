"""A client with a linear chat of its own, and the part of the chat floor that stores what it says."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Self

from proxy.domain import fingerprint
from proxy.domain.fingerprint import NOTHING, Link
from proxy.domain.message import Message, said
from proxy.domain.placement import Attachment
from proxy.domain.ports import Adoption, CloseTurn, OpenTurn, User
from proxy.domain.transcript import Seen, Sighting
from proxy.domain.tree import CallId, Node, NodeId, Tree, UserId, new_id
from proxy.store import SqliteStore

LONG = "It depends on how deep the water is, how cold it was last week, and on whether the lock is open at noon."


class Client:
    """Every answer is stored as it would be after a request; `said` is what the client sees."""

    def __init__(self, store: SqliteStore, user: User, tree: Tree, conversation: str) -> None:
        self.store = store
        self.user = user
        self.tree = tree
        self.conversation = conversation
        self.said: list[Message] = []
        self.nodes: list[NodeId] = []
        """The stored node of each message said."""

    @classmethod
    async def of(cls, store: SqliteStore, name: str, conversation: str = "chat", tree: str = "main") -> Self:
        user = await store.user(UserId(name))
        return cls(store, user, await store.tree(user.id, tree), conversation)

    async def another(self, conversation: str) -> Client:
        """The same user in another chat of the same tree."""
        return await Client.of(self.store, self.user.id, conversation, self.tree.name)

    @property
    def at(self) -> NodeId | None:
        return self.nodes[-1] if self.nodes else None

    def links(self, messages: Sequence[Message] | None = None) -> list[Link]:
        return fingerprint.transcript(self.said if messages is None else messages, self.user.secret)

    def exacts(self, nodes: Sequence[Node]) -> list[str]:
        return [fingerprint.exact(node.message, self.user.secret) for node in nodes]

    async def recognise(
        self, *messages: Message, tree: Tree | None = None, conversation: str | None = None
    ) -> Sighting:
        links = self.links(messages or self.said)
        tree_id = tree.id if tree else None
        return await self.store.recognise(self.user.id, links, tree_id=tree_id, conversation=conversation)

    async def say(
        self, text: str, reply: str = "Very well.", *, under: NodeId | str | None = "cursor", system: str | None = None
    ) -> tuple[NodeId, NodeId]:
        """A turn and its answer; `under` places it elsewhere than where the chat stands."""
        call_id, turn_id = await self.ask(text, under=under, system=system)
        return turn_id, (await self.answered(call_id, turn_id, reply))[0]

    async def ask(
        self,
        text: str,
        *,
        under: NodeId | str | None = "cursor",
        system: str | None = None,
        decision: Attachment | None = None,
        idempotency_key: str | None = None,
    ) -> tuple[CallId, NodeId]:
        """A turn that waits for its answer."""
        parent = self.at if under == "cursor" else under
        turn = self.turn(text, parent, system=system, decision=decision, idempotency_key=idempotency_key)
        opened = await self.store.open_turn(turn)
        self.said.append(turn.nodes[0].message)
        self.nodes.append(opened.turn_id)
        return turn.call_id, opened.turn_id

    def turn(
        self,
        text: str,
        parent: NodeId | str | None,
        *,
        system: str | None = None,
        decision: Attachment | None = None,
        idempotency_key: str | None = None,
    ) -> OpenTurn:
        message = said("user", text)
        node = self.node(message, None if parent is None else NodeId(parent), "unanswered", system=system)
        return OpenTurn(
            user_id=self.user.id,
            tree_id=self.tree.id,
            call_id=CallId(new_id("call")),
            nodes=[node],
            exacts=self.exacts([node]),
            seen=self.rows([node]),
            turn_id=node.id,
            model="m",
            request_hash=self.links([*self.said, message])[-1].chain,
            idempotency_key=idempotency_key,
            decision=decision,
            policy="auto",
        )

    async def again(self, turn_id: NodeId) -> CallId:
        """A stored turn, asked again."""
        call_id = CallId(new_id("call"))
        turn = OpenTurn(self.user.id, self.tree.id, call_id, [], [], [], turn_id, "m", "h", None, None, "auto")
        await self.store.open_turn(turn)
        return call_id

    async def answered(
        self,
        call_id: CallId,
        turn_id: NodeId,
        *texts: str,
        status: str = "done",
        key: str = "k",
        hint: str | None = None,
        completion: str | None = "chatcmpl-1",
    ) -> list[NodeId]:
        """The answer to a turn, one reply a text; `completion` is what the provider called it."""
        state = "whole" if status == "done" else "interrupted"
        replies = [self.node(said("assistant", text), turn_id, state, call_id=call_id) for text in texts]
        await self.store.close_turn(
            CloseTurn(
                user_id=self.user.id,
                tree_id=self.tree.id,
                call_id=call_id,
                turn_id=turn_id,
                replies=replies,
                exacts=self.exacts(replies),
                seen=self.rows(replies[:1]),
                status=status,
                finish_reason="stop" if status == "done" else None,
                usage={"total_tokens": 3},
                sent=b"in short",
                envelope={"id": completion} if completion else {},
                receipt={"route": "continue"},
                active_key=key,
                hint=hint,
            )
        )
        if replies:
            self.said.append(replies[0].message)
            self.nodes.append(replies[0].id)
        return [node.id for node in replies]

    async def adopt(self, *messages: Message, under: NodeId | None = None) -> list[NodeId]:
        """History from elsewhere; returns the stored ids."""
        nodes: list[Node] = []
        for message in messages:
            nodes.append(self.node(message, nodes[-1].id if nodes else under, "whole"))
        known = await self.store.adopt(
            Adoption(self.user.id, self.tree.id, nodes, self.exacts(nodes), self.rows(nodes))
        )
        self.said += messages
        self.nodes += [known.get(node.id, node.id) for node in nodes]
        return self.nodes[-len(nodes) :]

    def node(
        self,
        message: Message,
        parent: NodeId | None,
        state: str,
        *,
        system: str | None = None,
        call_id: CallId | None = None,
    ) -> Node:
        return Node(
            id=NodeId(new_id("n")),
            tree_id=self.tree.id,
            parent_id=parent,
            message=message,
            state=state,
            created_at=time.time(),
            conversation=self.conversation,
            system=system,
            call_id=call_id,
        )

    def rows(self, nodes: Sequence[Node]) -> list[Seen]:
        """The transcript rows of new nodes, after all that was said."""
        links = self.links([*self.said, *(node.message for node in nodes)])
        first = len(self.said)
        prevs = [NOTHING, *(link.chain for link in links)]
        return [
            Seen(
                chain=link.chain,
                prev=prevs[first + offset],
                folded=link.folded,
                assistants=link.assistants,
                role=node.message.role,
                meaning="node",
                node_id=node.id,
                tree_id=self.tree.id,
                conversation=self.conversation,
            )
            for offset, (node, link) in enumerate(zip(nodes, links[first:], strict=True))
        ]


def texts(path: Sequence[Node]) -> list[str]:
    return [node.message.text for node in path]
