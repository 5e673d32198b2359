"""Databases with trees of a given size, made through the store as clients' histories would be."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

from proxy.api.auth import digest, new_key
from proxy.chat.request import Transcript, new_nodes, rows
from proxy.domain import fingerprint
from proxy.domain.fingerprint import NOTHING
from proxy.domain.message import Message
from proxy.domain.placement import Policy
from proxy.domain.ports import Adoption, User
from proxy.domain.tree import DEFAULT_TREE, Tree, UserId, new_id
from proxy.store.sqlite import SqliteStore
from tests.bench import texts

OWNER = UserId("bench")
EXCHANGES = 5
"""In each chat of a prepared tree: ten nodes."""


def prepare(database: Path, policy: Policy, users: int, nodes: int) -> str:
    """A database with one `app` key and that many people under it, each with a tree of that many nodes; returns the key."""
    return asyncio.run(_prepare(database, policy, users, nodes))


def user_names(count: int) -> list[str]:
    return [f"person-{number}" for number in range(count)]


async def _prepare(database: Path, policy: Policy, users: int, nodes: int) -> str:
    key = new_key()
    async with SqliteStore(f"sqlite:///{database}") as store:
        await store.add_key(OWNER, "app", digest(key), key[:13], "bench", policy)
        for name in user_names(users):
            user = await store.user(UserId(f"{OWNER}/{name}"))
            tree = await store.tree(user.id, DEFAULT_TREE)
            chance = random.Random(name)
            for _ in range(nodes // (2 * EXCHANGES)):
                await _grow(store, user, tree, chance)
    return key


async def _grow(store: SqliteStore, user: User, tree: Tree, chance: random.Random) -> None:
    """One chat more, from the root."""
    messages = [Message(wire) for wire in texts.exchanges(chance, EXCHANGES)]
    conversation = new_id("c")
    nodes = new_nodes(messages, tree.id, None, conversation, texts.SYSTEM)
    transcript = Transcript(messages, fingerprint.transcript(messages, user.secret), None)
    await store.adopt(
        Adoption(
            user_id=user.id,
            tree_id=tree.id,
            nodes=nodes,
            exacts=[fingerprint.exact(node.message, user.secret) for node in nodes],
            seen=rows(transcript, 0, len(messages), NOTHING, nodes, conversation),
        )
    )
