"""Random trees with zones, artefacts, memories, images and summaries: a context holds what hangs on its path, and nothing else."""

from __future__ import annotations

import asyncio
import random
import re

from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.chat.looking import Look
from proxy.domain.artefact import Brought
from proxy.domain.memory import Origin, Told
from proxy.domain.message import said
from proxy.domain.picture import Picture
from proxy.domain.summary import Summary
from proxy.domain.tree import Node, NodeId, Tree, TreeId, UserId, new_id
from proxy.store import SqliteStore
from tests.chat.road import ANN, Road

WHO, STRANGER = UserId("ann"), UserId("eve")
WORD = re.compile(r"w-\d+-w")
"""No id looks like one: ids are letters and digits."""
KINDS = ("zone", "artefact", "memory", "image", "summary")


class Grown:
    """Trees of two users, and which word hangs where."""

    def __init__(self, road: Road, dice: random.Random) -> None:
        self.store = road.store
        self.dice = dice
        self.count = 0
        self.at: dict[str, tuple[UserId, TreeId | None, NodeId | None, str | None]] = {}
        """Word by owner, tree, node and personality; a word without a tree holds for all trees of its owner."""
        self.covers: dict[str, list[NodeId]] = {}
        """What a summary stands for."""
        self.zones: set[str] = set()
        self.said: set[str] = set()

    def word(self, user: UserId, tree: TreeId | None, node: NodeId | None = None, persona: str | None = None) -> str:
        self.count += 1
        word = f"w-{self.count}-w"
        self.at[word] = (user, tree, node, persona)
        return word

    async def grow(self, user: UserId, name: str) -> tuple[Tree, list[Node]]:
        """One tree of questions and answers, with things hung on it."""
        tree = await self.store.tree(user, name)
        await self.store.put_zone(user, tree.id, "discussion", self.word(user, tree.id))
        replies: list[Node] = []
        for _ in range(self.dice.randint(1, 6)):
            parent = self.dice.choice([None, *(node.id for node in replies)])
            pair: list[Node] = []
            for role in ("user", "assistant"):
                id_ = NodeId(new_id("n"))
                text = self.word(user, tree.id, id_)
                pair.append(Node(id_, tree.id, parent, said(role, text), "whole", 1.0))
                parent = id_
            await self.store.append(user, tree.id, pair)
            replies.append(pair[1])
        for kind in self.dice.choices(KINDS, k=8):
            await getattr(self, f"hang_{kind}")(user, tree, self.dice.choice(replies).id)
        return tree, replies

    async def hang_zone(self, user: UserId, tree: Tree, node: NodeId) -> None:
        self.at = {w: p for w, p in self.at.items() if not (p[2] == node and w in self.zones)}
        word = self.word(user, tree.id, node)
        self.zones.add(word)
        await self.store.put_zone(user, tree.id, "node", word, node_id=node)

    async def hang_artefact(self, user: UserId, tree: Tree, node: NodeId) -> None:
        place = self.dice.choice([None, node])
        word = self.word(user, tree.id, place)
        made = await self.store.add_artefact(user, tree.id, f"title {word}", "text", [], [Brought(f"body {word}")])
        await self.store.load_artefact(user, made.id, place)

    async def hang_memory(self, user: UserId, tree: Tree, node: NodeId) -> None:
        where = self.dice.choice([(None, None), (tree.id, None), (tree.id, node)])
        made = await self.store.add_memory(user, Told(self.word(user, *where)), Origin())
        await self.store.load_memory(user, made.id, *where)

    async def hang_image(self, user: UserId, tree: Tree, node: NodeId) -> None:
        place = self.dice.choice([None, node])
        picture = Picture(None, None, f"https://example.org/{self.word(user, tree.id, place)}.png")
        if place is None:
            await self.store.add_image(user, tree.id, picture)
        else:
            await self.store.add_node_image(user, node, picture)

    async def hang_summary(self, user: UserId, tree: Tree, node: NodeId) -> None:
        path = [one.id for one in await self.store.path(user, node)]
        word = self.word(user, tree.id, node)
        self.covers[word] = path
        told = Summary(new_id("s"), tree.id, node, None, "asked", word, 5, "m", float(self.count))
        assert await self.store.add_summary(user, told, path)

    def expected(self, user: UserId, tree: TreeId, path: list[NodeId], persona: str | None) -> set[str]:
        """The words that belong into a context."""
        held = {
            word
            for word, (owner, of, node, who) in self.at.items()
            if owner == user and of in (None, tree) and (node is None or node in path) and who in (None, persona)
        }
        summaries = [word for word in self.covers if word in held]
        if not summaries:
            return held
        newest = max(summaries, key=lambda word: (len(self.covers[word]), int(word.strip("w-"))))
        covered = {word for word in held if self.at[word][2] in self.covers[newest] and word in self.said}
        return held - covered - (set(summaries) - {newest})


async def checked(seed: int, one_system: bool) -> None:
    dice = random.Random(seed)
    async with SqliteStore("sqlite://:memory:") as store:
        road = Road(store)
        road.upstream.one_system = one_system
        grown = Grown(road, dice)
        for user in (WHO, STRANGER):
            await store.user(user)
            await store.put_zone(user, None, "user", grown.word(user, None))
            for name in ("tutor", "guide"):
                await store.create_personality(user, name, zone=grown.word(user, None, None, name))
        trees = [(user, *await grown.grow(user, name)) for user in (WHO, STRANGER) for name in ("main", "other")]
        for user, tree, _ in trees:
            async for node in store.nodes(user, tree.id):
                grown.said.add(node.message.text)
        for user, tree, replies in trees:
            if user != WHO:
                continue
            for node_id in [None, *(node.id for node in replies)]:
                persona = dice.choice([None, "tutor", "guide"])
                path = [node.id for node in await store.path(WHO, node_id)]
                found = await road.chat.look(Look(tree, node_id, "m", persona, "New?"), ANN)
                sent = repr([message.wire for message in found.prepared.context.messages])
                assert set(WORD.findall(sent)) == grown.expected(WHO, tree.id, path, persona), persona


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**9), st.booleans())
def test_a_context_holds_what_hangs_on_its_path_and_nothing_else(seed: int, one_system: bool) -> None:
    asyncio.run(checked(seed, one_system))
