"""What a user hangs on trees and nodes to be sent with requests there: the part of `SqliteStore` about zones, images and personalities."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Protocol

from proxy.domain.picture import Hung, Picture
from proxy.domain.tree import NodeId, TreeId, UserId
from proxy.domain.zone import DataZone, Personality, Scope
from proxy.store import images, personalities, zones
from proxy.store.reading import node
from proxy.store.threads import Threads
from proxy.store.trees import tree_of
from proxy.store.zones import Spot


class Scoped(Threads, Protocol):
    """Every look-up is by user first; a foreign id is an unknown id."""

    async def zones(self, user_id: UserId, tree_id: TreeId | None) -> list[DataZone]:
        """The user's zones and a tree's own, in the order in which they are sent, empty ones left out."""
        return await self._glance(partial(zones.zones, user_id=user_id, tree_id=tree_id))

    async def node_zones(self, user_id: UserId, tree_id: TreeId) -> list[DataZone]:
        """The zones that hang on nodes of a tree, the one written last first. Raises NotFound."""
        return await self._read(partial(zones.of_nodes, user_id=user_id, tree_id=tree_id))

    async def node_zone(self, user_id: UserId, node_id: NodeId) -> DataZone:
        """The zone of a node, empty where nothing was written. Raises NotFound."""
        return await self._glance(partial(zones.of_node, user_id=user_id, node_id=node_id))

    async def put_zone(
        self, user_id: UserId, tree_id: TreeId | None, name: Scope, text: str, *, node_id: NodeId | None = None
    ) -> None:
        """Replace a zone's text: a node's, else a tree's, else one that holds for all trees. Raises NotFound."""
        spot = Spot(tree_id, node_id)
        await self._write(partial(zones.put, user_id=user_id, spot=spot, name=name, text=text))

    async def append_zone(
        self,
        user_id: UserId,
        tree_id: TreeId | None,
        name: Scope,
        text: str,
        most: int,
        *,
        node_id: NodeId | None = None,
    ) -> str:
        """Add to a zone's text on a line of its own; returns the whole.

        Raises NotFound, and InvalidRequest when the whole would be longer than `most` characters.
        """
        spot = Spot(tree_id, node_id)
        return await self._write(lambda db: zones.append(db, user_id, spot, name, text, most))

    async def personality(self, user_id: UserId, name: str) -> Personality:
        """Raises NotFound."""
        return await self._glance(partial(personalities.get, user_id=user_id, name=name))

    async def personalities(self, user_id: UserId) -> list[Personality]:
        """The user's, by name."""
        return await self._read(partial(personalities.personalities, user_id=user_id))

    async def create_personality(
        self,
        user_id: UserId,
        name: str,
        *,
        system_prompt: str | None = None,
        zone: str = "",
        metadata: Mapping[str, object] | None = None,
    ) -> Personality:
        """Raises InvalidRequest when the name is taken."""
        return await self._write(
            lambda db: personalities.create(db, user_id, name, system_prompt, zone, metadata or {})
        )

    async def update_personality(self, user_id: UserId, name: str, changes: Mapping[str, object]) -> Personality:
        """Change what is named; metadata item by item. Raises NotFound."""
        return await self._write(partial(personalities.update, user_id=user_id, name=name, changes=changes))

    async def delete_personality(self, user_id: UserId, name: str) -> None:
        """Trees that had it have none; what was said under it stays behind its wall. Raises NotFound."""
        await self._write(partial(personalities.delete, user_id=user_id, name=name))

    async def add_image(self, user_id: UserId, tree_id: TreeId, brought: Picture) -> Hung:
        """Hang an image on a tree. Raises NotFound, and InvalidRequest where too many hang there."""
        return await self._write(lambda db: images.add(db, user_id, tree_of(db, user_id, tree_id).id, None, brought))

    async def add_node_image(self, user_id: UserId, node_id: NodeId, brought: Picture) -> Hung:
        """Hang an image on a node, for its subtree. Raises as `add_image`."""
        return await self._write(
            lambda db: images.add(db, user_id, node(db, user_id, node_id).tree_id, node_id, brought)
        )

    async def tree_images(self, user_id: UserId, tree_id: TreeId) -> list[Hung]:
        """What hangs on a tree, oldest first; without bytes. Raises NotFound."""
        return await self._read(partial(images.of_tree, user_id=user_id, tree_id=tree_id))

    async def node_images(self, user_id: UserId, node_id: NodeId) -> list[Hung]:
        """What is in a node's message, then what hangs on the node; without bytes. Raises NotFound."""
        return await self._read(partial(images.of_node, user_id=user_id, node_id=node_id))

    async def image(self, user_id: UserId, image_id: str) -> Hung:
        """One image with its bytes. Raises NotFound."""
        return await self._read(partial(images.get, user_id=user_id, id_=image_id))

    async def switch_image(self, user_id: UserId, image_id: str, *, active: bool) -> Hung:
        """Send an image from now on, or send it no more. Raises NotFound."""
        return await self._write(partial(images.switch, user_id=user_id, id_=image_id, active=active))

    async def delete_image(self, user_id: UserId, image_id: str) -> None:
        """Raises NotFound, and InvalidRequest for an image in a message."""
        await self._write(partial(images.delete, user_id=user_id, id_=image_id))
