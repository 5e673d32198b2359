"""What would be sent, before anybody asks; and what was sent, afterwards."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import Protocol

from proxy.chat import manifest
from proxy.chat.prepared import Prepared
from proxy.context.compose import Window
from proxy.domain.message import Wire, said
from proxy.domain.picture import Hung
from proxy.domain.tree import CallId, Node, NodeId, Tree, UserId
from proxy.domain.turn import Call, Turn
from proxy.domain.zone import Image
from proxy.errors import NotFound


class SentStore(Protocol):
    """What telling what was sent needs of a store."""

    async def path(self, user_id: UserId, node_id: NodeId | None) -> list[Node]: ...

    async def sent(self, user_id: UserId, call_id: CallId) -> bytes | None:
        """What was sent with a call, as it was kept."""
        ...

    async def numbered(self, user_id: UserId, numbers: list[int]) -> list[Node]:
        """Nodes by their numbers, as far as they are there."""
        ...

    async def image(self, user_id: UserId, image_id: str) -> Hung:
        """One image with its bytes. Raises NotFound."""
        ...


@dataclass(frozen=True, slots=True)
class Look:
    """A place at which nobody has said anything yet."""

    tree: Tree
    node_id: NodeId | None
    """What the turn would answer; `None` is the root."""
    model: str
    personality: str | None = None
    content: str | None = None
    """What the user would say; without it, what stands before that is looked at."""

    def turn(self) -> Turn:
        """The request that would be made."""
        messages = [] if self.content is None else [said("user", self.content)]
        return Turn(self.model, messages, tree=self.tree.name, personality=self.personality)


@dataclass(frozen=True, slots=True)
class Looked:
    """What would be sent."""

    prepared: Prepared
    window: Window


async def sent(store: SentStore, user_id: UserId, call: Call) -> list[Wire] | None:
    """See `Chat.sent`."""
    kept = await store.sent(user_id, call.id)
    if kept is None or call.turn_id is None:
        return None
    items = manifest.parsed(kept)
    nodes = await store.numbered(user_id, manifest.numbers(items))
    followed = next((item["path"] for item in items if isinstance(item, dict) and "path" in item), None)
    again = manifest.Again(
        nodes={node.seq: node for node in nodes},
        turn=await store.path(user_id, call.turn_id),
        path=await _path(store, user_id, followed),
        images=await _images(store, user_id, manifest.pictures(items)),
    )
    return manifest.told(items, again)


async def _path(store: SentStore, user_id: UserId, node_id: object) -> list[Node]:
    """The path to a node; empty where it was deleted since."""
    if not isinstance(node_id, str):
        return []
    try:
        return await store.path(user_id, NodeId(node_id))
    except NotFound:
        return []


async def _images(store: SentStore, user_id: UserId, ids: list[str]) -> dict[str, Image]:
    """The pictures that are still there."""
    found: dict[str, Image] = {}
    for id_ in dict.fromkeys(ids):
        with contextlib.suppress(NotFound):
            found[id_] = (await store.image(user_id, id_)).image
    return found
