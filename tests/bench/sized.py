"""A database of many users for `size`, built in bulk through the store, and what a person does there.

All users have chats of ten messages; one has many more, and both that one and another have a chat of a thousand.
"""

from __future__ import annotations

import json
import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from proxy.chat.request import Transcript, new_nodes, rows
from proxy.domain import fingerprint
from proxy.domain.fingerprint import NOTHING
from proxy.domain.message import Message, said
from proxy.domain.ports import Adoption, User
from proxy.domain.tree import DEFAULT_TREE, NodeId, Tree, UserId, new_id
from proxy.store import SqliteStore
from tests.bench import texts

CHAT = 10
"""Messages of a chat."""
DEPTHS = (10, 100, 1_000)
RARE = "zanzibar"
"""A word of one message in a thousand."""


@dataclass(frozen=True, slots=True)
class Person:
    """A user whose trees are looked at."""

    store: SqliteStore
    user: User
    tree: Tree
    path: Sequence[NodeId]
    """The long chat."""
    messages: Sequence[Message]
    """A chat as its client sends it again."""
    middle: NodeId
    """A node from which a list of the tree goes on."""


async def user_with(store: SqliteStore, name: str, nodes: int, deepest: int = 0) -> Person:
    """A user with so many nodes, `deepest` of them on one path."""
    user = await store.user(UserId(name))
    tree = await store.tree(user.id, DEFAULT_TREE)
    chance = random.Random(name)
    path = await chat(store, user, tree, chance, deepest)
    messages = _chat(chance, CHAT)
    first = await _adopt(store, user, tree, messages)
    for _ in range((nodes - deepest) // CHAT - 1):
        await chat(store, user, tree, chance, CHAT)
    return Person(store, user, tree, path, messages, first[CHAT // 2])


def noted(person: Person, file: Path) -> None:
    """Write down beside a database what is needed to find the person there again."""
    messages = [message.wire for message in person.messages]
    told = {"path": person.path, "messages": messages, "middle": person.middle}
    file.with_suffix(f".{person.user.id}.json").write_text(json.dumps(told))


async def person_of(store: SqliteStore, file: Path, name: str) -> Person:
    """Somebody who was noted."""
    told = json.loads(file.with_suffix(f".{name}.json").read_text())
    user = await store.user(UserId(name))
    tree = await store.tree(user.id, DEFAULT_TREE)
    return Person(store, user, tree, told["path"], [Message(wire) for wire in told["messages"]], told["middle"])


async def chat(store: SqliteStore, user: User, tree: Tree, chance: random.Random, length: int) -> list[NodeId]:
    """One chat more, from the root."""
    return await _adopt(store, user, tree, _chat(chance, length)) if length else []


def _chat(chance: random.Random, length: int) -> list[Message]:
    wires = texts.exchanges(chance, length // 2)
    if chance.random() < length / 1_000:
        wires[0]["content"] += f" Or in {RARE}?"
    return [Message(wire) for wire in wires]


async def _adopt(store: SqliteStore, user: User, tree: Tree, messages: Sequence[Message]) -> list[NodeId]:
    conversation = new_id("c")
    nodes = new_nodes(messages, tree.id, None, conversation, texts.SYSTEM)
    transcript = Transcript(list(messages), fingerprint.transcript(messages, user.secret), None)
    exacts = [fingerprint.exact(node.message, user.secret) for node in nodes]
    seen = rows(transcript, 0, len(messages), NOTHING, nodes, conversation)
    known = await store.adopt(Adoption(user.id, tree.id, nodes, exacts, seen))
    return [known.get(node.id, node.id) for node in nodes]


def deeds(person: Person) -> Mapping[str, Callable[[], Awaitable[object]]]:
    """What a request or a look at a tree asks of the store, by what it is called in the table."""
    store, user, tree = person.store, person.user.id, person.tree.id
    links = fingerprint.transcript([*person.messages, said("user", "And now?")], person.user.secret)
    paths: dict[str, Callable[[], Awaitable[object]]] = {
        f"path of {depth:,}": partial(store.path, user, person.path[depth - 1])
        for depth in DEPTHS
        if depth <= len(person.path)
    }
    return {
        "find a user's tree": partial(store.tree, user, DEFAULT_TREE),
        "recognise a history": partial(store.recognise, user, links, tree_id=tree, conversation=None),
        **paths,
        "what stands beside a path": partial(store.standing, user, tree, person.path[:CHAT], None),
        "list of trees": partial(store.tree_page, user, None, 50),
        "page of a tree": partial(store.structure_page, user, tree, person.middle, 50),
        "page of branches": partial(store.children_page, user, tree, None, None, 50),
        "search a rare word": partial(store.search, user, RARE, tree, None, 20),
        "search a common word": partial(store.search, user, "how", tree, None, 20),
    }
