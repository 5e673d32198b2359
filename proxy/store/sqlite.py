"""`SqliteStore`: the trees of all users in one SQLite database. It is `domain.ports.TreeStore`, and what the tree API needs.

This class only says which function runs on which thread; the statements stand in the modules that it names, and how a database is
opened and left in `opening`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import TYPE_CHECKING, Any, BinaryIO

import anyio

from proxy.domain.archive import Imported, Item, Progress, Target, TreeFields
from proxy.domain.fingerprint import Hash, Link
from proxy.domain.placement import Attachment, Mark, TreeSlice
from proxy.domain.ports import Active, Adoption, AskedBefore, CloseTurn, Opened, OpenTurn, User
from proxy.domain.transcript import Seen, Sighting
from proxy.domain.tree import CallId, Node, NodeId, Tree, TreeId, UserId
from proxy.domain.turn import Call
from proxy.domain.zone import Standing
from proxy.errors import StoreError
from proxy.store import images, reading, standing, trees, verify
from proxy.store.accounts import Accounts
from proxy.store.browse import reshaping
from proxy.store.by_hand import ByHand
from proxy.store.connection import MEMORY, Reader, connect, whole
from proxy.store.expiring import Expires
from proxy.store.files import exporting, importing, staging
from proxy.store.opening import Opening
from proxy.store.persons import telling
from proxy.store.persons.methods import Persons
from proxy.store.pruning import Pruned
from proxy.store.records import AsideCount, Correction, Decision, Outline, Violation
from proxy.store.scoped import Scoped
from proxy.store.shelf import rules
from proxy.store.shelf.methods import Shelf
from proxy.store.turns import again, asides, buried, client_ids, recognising, retracing, writing
from proxy.store.vectors import KeepsVectors

if TYPE_CHECKING:
    from proxy.store.sealing.cipher import Cipher

KEPT_USERS = 10_000


class SqliteStore(Opening, Accounts, ByHand, Expires, KeepsVectors, Persons, Pruned, Scoped, Shelf):
    """Opened by `start` or `async with`, closed by `close` or at the end of that."""

    def __init__(
        self, url: str, *, durability: str = "process", recover: bool = True, cipher: Cipher | None = None
    ) -> None:
        """Name a database; nothing is opened yet; see `Opening`. Raises ConfigError."""
        super().__init__(url, durability=durability, recover=recover, cipher=cipher)
        self._stages = asyncio.Lock()
        self._users: dict[UserId, User] = {}
        """Users never change, so those seen lately need no question; those who are deleted are forgotten by `forget_users`."""

    # Users, trees, zones

    async def user(self, user_id: UserId) -> User:
        user = self._users.get(user_id) or await self._glance(partial(trees.staying_user, user_id=user_id))
        if user is None:
            user = await self._write(partial(trees.make_user, user_id=user_id))
        if len(self._users) >= KEPT_USERS:
            self._users.clear()
        self._users[user_id] = user
        return user

    def forget_users(self, users: Collection[UserId] | None) -> None:
        """Users were deleted, or (`None`) any may have been: under their names somebody new may come."""
        for user_id in list(self._users) if users is None else users:
            self._users.pop(user_id, None)

    async def tree(self, user_id: UserId, name: str) -> Tree:
        tree = await self._glance(partial(trees.find_tree, user_id=user_id, name=name))
        if tree is None:
            tree = await self._write(partial(trees.make_tree, user_id=user_id, name=name))
        return tree

    async def tree_of(self, user_id: UserId, tree_id: TreeId) -> Tree:
        return await self._glance(partial(trees.tree_of, user_id=user_id, tree_id=tree_id))

    async def trees(self, user_id: UserId) -> list[Tree]:
        """The user's trees, the one used last first."""
        return await self._read(partial(trees.trees, user_id=user_id))

    async def standing(
        self, user_id: UserId, tree_id: TreeId, path: Sequence[NodeId], personality: str | None
    ) -> Standing:
        found = await self._glance(lambda db: standing.standing(db, user_id, tree_id, path, personality))
        if images.lacks_bytes(found):
            found = await self._read(lambda db: images.with_bytes(db, user_id, found))
        return found

    # Nodes, read

    async def node(self, user_id: UserId, node_id: NodeId) -> Node:
        return await self._glance(partial(reading.node, user_id=user_id, node_id=node_id))

    async def path(self, user_id: UserId, node_id: NodeId | None) -> list[Node]:
        if node_id is None:
            return []
        if self._glances is not None:
            short = await self._glance(partial(reading.short_path, user_id=user_id, node_id=node_id))
            if short is not None:
                return short
        return await self._read(partial(reading.path, user_id=user_id, node_id=node_id))

    async def children(self, user_id: UserId, tree_id: TreeId, node_id: NodeId | None) -> list[Node]:
        """What hangs right under a node, or under the root (`None`); oldest first. Raises NotFound."""
        return await self._read(partial(reading.children, user_id=user_id, tree_id=tree_id, node_id=node_id))

    async def nodes(self, user_id: UserId, tree_id: TreeId) -> AsyncIterator[Node]:
        """All of a tree's nodes in order of arrival, unanswered ones too. Raises NotFound."""
        after = 0
        while True:
            page = await self._read(
                partial(reading.nodes, user_id=user_id, tree_id=tree_id, after=after, limit=reading.PAGE)
            )
            for node in page:
                yield node
            if len(page) < reading.PAGE:
                return
            after = page[-1].seq

    async def structure(
        self, user_id: UserId, tree_id: TreeId, *, preview: bool = False, newest: int | None = None
    ) -> list[Outline]:
        """A tree without contents, in order of arrival; with the text's first letters where asked for. Raises NotFound."""
        return await self._read(
            partial(reading.structure, user_id=user_id, tree_id=tree_id, preview=preview, newest=newest)
        )

    async def slice(self, user_id: UserId, tree_id: TreeId, mark: Mark | None) -> TreeSlice:
        """A page of it; see `TreeSlice.more`."""
        if mark is not None:  # whoever has a mark lacks no more than what was said since, as a rule
            ask = partial(reading.slice_page, user_id=user_id, tree_id=tree_id, mark=mark, limit=reading.SHORT)
            page = await self._glance(ask)
            if not page.more:
                return page
        return await self._read(partial(reading.slice_page, user_id=user_id, tree_id=tree_id, mark=mark))

    async def recognise(
        self, user_id: UserId, links: Sequence[Link], *, tree_id: TreeId | None, conversation: str | None
    ) -> Sighting:
        if self._glances is not None and links:
            retraced = await self._glance(lambda db: retracing.retrace(db, user_id, links, tree_id, conversation))
            if retraced is not None:
                return retraced
        return await self._read(lambda db: recognising.recognise(db, user_id, links, tree_id, conversation))

    async def name_messages(self, user_id: UserId, chat: str, names: Mapping[str, NodeId]) -> None:
        await self._write(partial(client_ids.name, user_id=user_id, chat=chat, names=names))

    async def named_message(self, user_id: UserId, chat: str, message_id: str) -> NodeId | None:
        return await self._glance(partial(client_ids.named, user_id=user_id, chat=chat, message_id=message_id))

    async def first_said(self, user_id: UserId, chat: str) -> NodeId | None:
        return await self._read(partial(client_ids.first_said, user_id=user_id, chat=chat))

    async def lineage(self, user_id: UserId, chat: str, node_id: NodeId) -> tuple[list[Seen], Seen | None]:
        return await self._read(partial(client_ids.lineage, user_id=user_id, chat=chat, node_id=node_id))

    async def active(self, user_id: UserId, tree_id: TreeId, key_id: str, hint: str | None) -> Active | None:
        return await self._glance(partial(reading.active, user_id=user_id, tree_id=tree_id, key_id=key_id, hint=hint))

    async def earlier(
        self, user_id: UserId, *, request_hash: Hash, idempotency_key: str | None
    ) -> tuple[Call, list[Node]] | None:
        return await self._read(
            partial(reading.earlier, user_id=user_id, request_hash=request_hash, idempotency_key=idempotency_key)
        )

    async def asked_before(self, user_id: UserId, *, request_hash: Hash, idempotency_key: str | None) -> AskedBefore:
        number, place = await self._glance(lambda db: again.asked_before(db, user_id, request_hash, idempotency_key))
        return AskedBefore(number, await self.is_answering(place))

    async def call(self, user_id: UserId, call_id: CallId) -> Call:
        """Raises NotFound, also for a call whose turn was deleted."""
        return await self._read(partial(reading.call, user_id=user_id, call_id=call_id))

    async def decision(self, user_id: UserId, node_id: NodeId, *, shadow: bool = False) -> Decision | None:
        """The newest decision about the turn that a node belongs to: its first message, its last, or a reply to it."""
        return await self._read(partial(reading.decision, user_id=user_id, node_id=node_id, shadow=shadow))

    async def corrections(self, user_id: UserId) -> list[Correction]:
        """The user's corrections, oldest first."""
        return await self._read(partial(reading.corrections, user_id=user_id))

    async def tombstones(self, user_id: UserId, exacts: Sequence[Hash]) -> set[Hash]:
        """Which of these exact hashes were deleted, and not brought back by an import."""
        return await self._read(partial(buried.tombstones, user_id=user_id, exacts=exacts))

    async def deleted(
        self, user_id: UserId, exacts: Sequence[Hash], links: Sequence[Link], before: Hash, *, within: bool
    ) -> set[int]:
        return await self._read(
            partial(buried.deleted, user_id=user_id, exacts=exacts, links=links, before=before, within=within)
        )

    def snapshot(
        self, user_id: UserId, tree_id: TreeId, node_id: NodeId | None = None, *, newest: bool = False
    ) -> AbstractAsyncContextManager[exporting.Snapshot]:
        return exporting.snapshot(self._file, self._reader, self._cipher, user_id, tree_id, node_id, newest=newest)

    async def tell_everything(self, user_id: UserId, out: BinaryIO, tell: telling.Told = lambda _: None) -> int:
        """Write all that is stored about a user into a file; returns how many rows. Raises NotFound, StoreError."""
        if self._file == MEMORY:
            return await self._read(lambda db: telling.write(db, user_id, out, tell))
        connection = await connect(self._file, read_only=True, cipher=self._cipher)
        try:
            return await Reader(connection).run(lambda db: telling.write(db, user_id, out, tell))
        finally:
            with anyio.CancelScope(shield=True):  # a client that leaves must not leave the connection behind
                await connection.close()

    # Nodes, written

    async def adopt(self, adoption: Adoption) -> Mapping[NodeId, NodeId]:
        return await self._write(partial(writing.adopt, adoption=adoption))

    async def append(self, user_id: UserId, tree_id: TreeId, nodes: Sequence[Node]) -> None:
        """Add nodes as they are, parents first, none recalled: for imports and the tree API. Raises NotFound."""
        await self._write(partial(writing.append, user_id=user_id, tree_id=tree_id, nodes=nodes))

    async def bring_in(
        self, user_id: UserId, items: Iterable[Item], target: Target, progress: Progress | None = None
    ) -> Imported:
        if target.parent is None and self._file != MEMORY and await asyncio.to_thread(staging.is_worth_it, items):
            staged = await self._bring_in_staged(await self.user(user_id), items, target, progress)
            if staged is not None:
                return staged
        return await self._write(lambda db: importing.bring_in(db, user_id, items, target, progress))

    async def _bring_in_staged(
        self, user: User, items: Iterable[Item], target: Target, progress: Progress | None
    ) -> Imported | None:
        """The same by way of a stage; `None` where it is no way, and nothing was done."""
        first = next(iter(items), None)
        name = target.tree or (first.name if isinstance(first, TreeFields) else "")
        if any(tree.name == name for tree in await self.trees(user.id)):
            return None
        async with self._stages:
            stage = staging.Stage(self._cipher)
            try:
                marked_with = await self._read(partial(trees.marked_with, user_id=user.id))
                imported = await asyncio.to_thread(stage.fill, user, marked_with, items, target, progress)
                await whole(self._connections[0], stage.attach)
                try:
                    return await self._write(partial(staging.copy, imported=imported))
                finally:
                    with anyio.CancelScope(shield=True):
                        await whole(self._connections[0], stage.detach)
            finally:
                stage.close()

    async def open_turn(self, turn: OpenTurn) -> Opened:
        return await self._write(partial(writing.open_turn, turn=turn, place=self.place))

    async def checkpoint(self, call_id: CallId, replies: Sequence[Node]) -> None:
        await self._write(partial(writing.checkpoint, call_id=call_id, replies=replies))

    async def close_turn(self, turn: CloseTurn) -> None:
        await self._write(partial(writing.close_turn, turn=turn))

    async def note_shadow(
        self, user_id: UserId, tree_id: TreeId, turn_id: NodeId, call_id: CallId, attachment: Attachment
    ) -> None:
        await self._write(lambda db: writing.note_shadow(db, user_id, tree_id, turn_id, call_id, attachment))

    async def aside(self, user_id: UserId, seen: Sequence[Seen], name: str) -> None:
        await self._write(partial(asides.note, user_id=user_id, seen=seen, name=name))

    async def asides(self, user_id: UserId) -> list[AsideCount]:
        """How often which requests of a user were answered and not remembered, the commonest first."""
        return await self._read(partial(asides.counts, user_id=user_id))

    async def count_tokens(self, counts: Mapping[NodeId, int]) -> None:
        await self._write(partial(writing.count_tokens, counts=counts))

    async def move(
        self, user_id: UserId, node_id: NodeId, new_parent: NodeId | None, why: str, *, who: str = "user"
    ) -> None:
        """Hang a node, with all its descendants, elsewhere in its tree. Raises NotFound, InvalidRequest."""
        await self._write(lambda db: reshaping.move(db, user_id, node_id, new_parent, why, who))

    async def correct(self, user_id: UserId, node_id: NodeId, to_parent: NodeId | None, source: str) -> None:
        """Keep a user's word on where a turn belongs, without moving it. Raises NotFound."""
        await self._write(
            partial(reshaping.correct, user_id=user_id, node_id=node_id, to_parent=to_parent, source=source)
        )

    async def delete(self, user_id: UserId, node_id: NodeId) -> int:
        """Delete a node with all its descendants; returns how many nodes are gone. Raises NotFound."""
        return await self._write(partial(reshaping.delete, user_id=user_id, node_id=node_id))

    async def verify(self) -> list[Violation]:
        """Every stored row that breaks a rule. Slow, and no obstacle to writers."""
        found = await self._read(verify.broken_file)
        for check in (*verify.CHECKS, rules.broken_bodies):
            after: Any = 0
            try:
                while after is not None:
                    page, after = await self._read(partial(verify.one_page, check, after))
                    found += page
            except StoreError:
                if not found:  # else it is the damage that was found in the file
                    raise
        return found
