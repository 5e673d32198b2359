"""What a user has beside single discussions: all of them, what is said in them, the zones and personalities of all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Generic, TypeVar

from proxy.client import endpoints as api
from proxy.client.calls import memories
from proxy.client.calls.common import Home, every, told_only
from proxy.client.errors import NotFound
from proxy.client.records import Found, Memory, Personality, Wire, Zone
from proxy.client.steps import Steps

D = TypeVar("D")
M = TypeVar("M")


class AccountCalls(Generic[D, M]):
    """The calls of one user."""

    def __init__(self, home: Home[D, M]) -> None:
        self.home = home

    def create_discussion(
        self,
        name: str | None = None,
        *,
        title: str | None = None,
        system_prompt: str | None = None,
        discussion_metadata: Mapping[str, Any] | None = None,
        participants: Mapping[str, str] | None = None,
        max_context_size: int | None = None,
        personality: str | None = None,
        user_data_zone: str | None = None,
        discussion_data_zone: str | None = None,
        memory: str | None = None,
        temporary: bool = False,
    ) -> Steps[D]:
        """A new discussion, under a name that is unique among the user's; without one it is called by its id.

        Args:
            temporary: Deleted when it is closed.
        """
        body = told_only(
            name=name,
            title=title,
            system_prompt=system_prompt,
            metadata=discussion_metadata,
            participants=participants,
            max_context_tokens=max_context_size,
            personality=personality,
        )
        told = (yield api.MAKE_TREE(json=body)).json
        for zone, text in (("user", user_data_zone), ("memory", memory)):
            if text is not None:
                yield api.PUT_OWN_ZONE(name=zone, json={"text": text})
        if discussion_data_zone is not None:
            yield api.PUT_ZONE(tree_id=told["id"], name="discussion", json={"text": discussion_data_zone})
        return self.home.discussion(told, temporary=temporary)

    def get_discussion(self, discussion_id: str) -> Steps[D]:
        """Raises NotFound."""
        return self.home.discussion((yield api.GET_TREE(tree_id=discussion_id)).json)

    def find_discussion(self, name: str) -> Steps[D]:
        """The discussion of that name; `main` is the one that chats grow in. Raises NotFound."""
        for told in (yield from every(api.LIST_TREES)):
            if told["name"] == name:
                return self.home.discussion(told)
        raise NotFound(404, f"There is no discussion {name!r}.")

    def list_discussions(self) -> Steps[list[D]]:
        """The one used last comes first."""
        return [self.home.discussion(told) for told in (yield from every(api.LIST_TREES))]

    def delete_discussion(self, discussion_id: str) -> Steps[int]:
        """With all its messages; returns how many are gone. Raises NotFound."""
        return int((yield api.DELETE_TREE(tree_id=discussion_id)).json["nodes"])

    def search(self, words: str) -> Steps[Found[D, M]]:
        """Titles and messages with all of these words, or words that begin with them; the newest first."""
        wire = (yield api.SEARCH(query={"q": words, "limit": 100})).json
        messages = [self.home.message(one["node"]) for one in wire["data"]]
        return Found([self.home.discussion(told) for told in wire["trees"]], messages)

    def import_from_json_str(self, text: str, *, name: str | None = None, parent_id: str | None = None) -> Steps[D]:
        """A discussion from what `export_to_json_str` wrote, or from a notebook's tree or a list of chat messages.

        All of it, or nothing where anything in it is wrong.

        Args:
            name: The discussion to make, or to grow; else the name in the file.
            parent_id: A message to hang all of it under.
        """
        query = {"tree": name, "parent_id": parent_id}
        reply = yield api.IMPORT_TREE(query=query, content=text.encode("utf-8", "surrogatepass"))
        return self.home.discussion(reply.json["tree"])

    def get_zone(self, name: str) -> Steps[Zone]:
        """A zone that holds for all discussions: `user` or `memory`."""
        return Zone.of((yield api.GET_OWN_ZONE(name=name)).json)

    def set_zone(self, name: str, text: str) -> Steps[Zone]:
        """Replace it."""
        return Zone.of((yield api.PUT_OWN_ZONE(name=name, json={"text": text})).json)

    def append_to_zone(self, name: str, text: str) -> Steps[Zone]:
        """Add to it on a line of its own."""
        return Zone.of((yield api.APPEND_OWN_ZONE(name=name, json={"text": text})).json)

    def clear_zone(self, name: str) -> Steps[Zone]:
        """Nothing is sent for it any more."""
        return Zone.of((yield api.CLEAR_OWN_ZONE(name=name)).json)

    def list_personalities(self) -> Steps[list[Personality]]:
        """By name."""
        return [Personality.of(one) for one in (yield api.LIST_PERSONALITIES()).json["data"]]

    def create_personality(
        self, name: str, *, system_prompt: str | None = None, zone: str | None = None, metadata: Wire | None = None
    ) -> Steps[Personality]:
        """A named personality: instructions, and a zone of its own."""
        body = told_only(name=name, system_prompt=system_prompt, zone=zone, metadata=metadata)
        return Personality.of((yield api.MAKE_PERSONALITY(json=body)).json)

    def get_personality(self, name: str) -> Steps[Personality]:
        """Raises NotFound."""
        return Personality.of((yield api.GET_PERSONALITY(name=name)).json)

    def change_personality(self, name: str, /, **changes: Any) -> Steps[Personality]:
        """Change `system_prompt`, `zone` or items of `metadata`. Raises NotFound."""
        return Personality.of((yield api.CHANGE_PERSONALITY(name=name, json=changes)).json)

    def delete_personality(self, name: str) -> Steps[None]:
        """Raises NotFound."""
        yield api.DELETE_PERSONALITY(name=name)

    def list_memories(self) -> Steps[list[Memory]]:
        """All of the user's, as they came."""
        return (yield from memories.listed(None))

    def add_memory(self, title: str, content: str) -> Steps[Memory]:
        """Write one by hand that belongs to all discussions; secrets are taken out before it is kept."""
        return (yield from memories.added(title, content, None, {}))

    def search_memories(self, words: str, *, limit: int = 10) -> Steps[list[Memory]]:
        """By meaning and by words, the best first."""
        return (yield from memories.searched(words, None, limit))

    def get_memory(self, title: str) -> Steps[Memory]:
        """The one of that title that came last, read anew. Raises NotFound."""
        memory = yield from memories.found(title)
        return Memory.of((yield api.GET_MEMORY(memory_id=memory.id)).json)

    def change_memory(self, memory_id: str, /, **changes: Any) -> Steps[Memory]:
        """Change `title`, `problem`, `solution`, `facts` or `content`. Raises NotFound."""
        return Memory.of((yield api.CHANGE_MEMORY(memory_id=memory_id, json=changes)).json)

    def delete_memory(self, memory_id: str) -> Steps[None]:
        """Raises NotFound."""
        yield api.DELETE_MEMORY(memory_id=memory_id)

    def count_asides(self) -> Steps[Mapping[str, int]]:
        """How often which requests were answered and not remembered, by the name of what they were."""
        return {one["name"]: one["count"] for one in (yield api.ASIDES()).json["data"]}

    def get_account(self) -> Steps[Wire]:
        """Who asks, and how much is stored of them: `id`, `trees`, `nodes`, `keys`, `created_at`."""
        told: Wire = (yield api.ME()).json
        return told

    def export_account(self) -> Steps[bytes]:
        """Everything that is stored about who asks: a zip file."""
        return (yield api.EXPORT_ME()).content

    def delete_account(self, user_id: str) -> Steps[None]:
        """Delete who asks, with everything; the id says that it is meant. Nothing brings it back."""
        yield api.DELETE_ME(query={"confirm": user_id})
