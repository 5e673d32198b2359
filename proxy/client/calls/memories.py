"""What a discussion remembers: made of a branch, written by hand, found, edited, and loaded into what is sent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from proxy.client import endpoints as api
from proxy.client.calls.common import every, told_only
from proxy.client.errors import NotFound
from proxy.client.records import Memory
from proxy.client.steps import Steps


def found(title: str) -> Steps[Memory]:
    """The memory of that title that came last. Raises NotFound."""
    for one in reversed((yield from every(api.LIST_MEMORIES))):
        if one["title"] == title:
            return Memory.of(one)
    raise NotFound(404, f"There is no memory {title!r}.")


def listed(tree_id: str | None) -> Steps[list[Memory]]:
    """Memories as they came: all of the user's, or those of one discussion."""
    return [Memory.of(one) for one in (yield from every(api.LIST_MEMORIES, {"tree_id": tree_id}))]


def added(title: str, content: str, tree_id: str | None, fields: dict[str, Any]) -> Steps[Memory]:
    """A memory written by hand; secrets are taken out before it is kept."""
    body = {"title": title, "content": content, "tree_id": tree_id, **fields}
    return Memory.of((yield api.ADD_MEMORY(json=body)).json)


def searched(words: str, tree_id: str | None, limit: int) -> Steps[list[Memory]]:
    """Memories by meaning and by words, the best first."""
    wire = (yield api.SEARCH_MEMORIES(query={"q": words, "limit": limit, "tree_id": tree_id})).json
    return [Memory.of(one["memory"]) for one in wire["data"]]


class MemoryCalls:
    """The calls of one discussion that concern its memories."""

    told: Any

    @property
    def id(self) -> str:
        return str(self.told["id"])

    def memorize(
        self,
        branch_tip_id: str | None = None,
        *,
        model: str | None = None,
        extractive: bool = False,
        everywhere: bool = False,
    ) -> Steps[Memory]:
        """Make a memory of a branch, the active one without an id: a title, a problem, its solution, facts.

        Args:
            extractive: Ask no model: pick sentences.
            everywhere: It belongs to all discussions.
        """
        tip = branch_tip_id or (yield api.GET_ACTIVE(tree_id=self.id)).json["node_id"]
        if tip is None:
            raise ValueError("Nothing was said yet.")
        body = {"extractive": extractive, "everywhere": everywhere, **told_only(model=model)}
        return Memory.of((yield api.MEMORIZE(node_id=tip, json=body)).json["memory"])

    def list_memories(self) -> Steps[list[Memory]]:
        """Those of this discussion, as they came."""
        return (yield from listed(self.id))

    def add_memory(
        self,
        title: str,
        content: str,
        *,
        problem: str | None = None,
        solution: str | None = None,
        facts: Sequence[str] | None = None,
        node_ids: Sequence[str] | None = None,
    ) -> Steps[Memory]:
        """Write one by hand. It is not sent with anything until it is loaded."""
        fields = told_only(problem=problem, solution=solution, facts=facts, node_ids=node_ids)
        return (yield from added(title, content, self.id, fields))

    def search_memories(self, words: str, *, limit: int = 10) -> Steps[list[Memory]]:
        """Those of this discussion and of all, by meaning and by words, the best first."""
        return (yield from searched(words, self.id, limit))

    def load_memory_into_context(self, title: str, *, node_id: str | None = None) -> Steps[Memory]:
        """Send it with this discussion, or for a message's subtree alone. Raises NotFound."""
        memory = yield from found(title)
        place = {"tree_id": self.id, "node_id": node_id}
        return Memory.of((yield api.LOAD_MEMORY(memory_id=memory.id, json=place)).json)

    def unload_memory_from_context(self, title: str, *, node_id: str | None = None) -> Steps[Memory]:
        """Send it no more from where it was loaded. Raises NotFound."""
        memory = yield from found(title)
        place = {"tree_id": self.id, "node_id": node_id}
        return Memory.of((yield api.UNLOAD_MEMORY(memory_id=memory.id, json=place)).json)
