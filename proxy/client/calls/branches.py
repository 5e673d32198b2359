"""A discussion's messages and branches: added, said and answered, read, switched, deleted."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Generic, TypeVar

from proxy.client import endpoints as api
from proxy.client.calls.common import Home, every, told_only
from proxy.client.calls.message import path, regenerated
from proxy.client.calls.talk import Talking, Tool
from proxy.client.images import parts
from proxy.client.records import ChatResult, Outline, Wire
from proxy.client.steps import Steps

D = TypeVar("D")
M = TypeVar("M")


class BranchCalls(Generic[D, M]):
    """The calls of one discussion that concern its messages."""

    def __init__(self, home: Home[D, M], told: Wire) -> None:
        self.home = home
        self.told = told

    @property
    def id(self) -> str:
        return str(self.told["id"])

    def add_message(
        self,
        /,
        sender: str | None,
        content: str | Sequence[Wire] | None,
        parent_id: str | None = None,
        images: Sequence[str] = (),
        *,
        role: str | None = None,
        metadata: Wire | None = None,
        **fields: Any,
    ) -> Steps[M]:
        """Add a message, and make its branch the active one.

        Args:
            sender: Who spoke; a participant needs no role. `user` and `assistant` are senders that everybody knows.
            parent_id: What it answers; the end of the active branch without one, and `root` begins a topic.
            images: Base64 or URLs.
            fields: What else the server takes: `labels`, `sources`, `scratchpad`, `tool_calls`, `tool_call_id`, `name`.
        """
        at = parent_id if parent_id is not None else (yield from self.get_active_branch_id())
        known = self.told.get("participants", {})
        if role is None and sender not in known:
            role = sender if sender in ("user", "assistant", "system") else "user"
        body = told_only(sender=sender, role=role, metadata=metadata, **fields)
        body |= {"parent_id": at or "root", "content": parts(content, images)}
        added = (yield api.ADD_NODE(tree_id=self.id, json=body)).json
        yield from self.switch_to_branch(added["id"])
        return self.home.message(added)

    def add_branch(self, messages: Sequence[Wire], parent_id: str | None = None) -> Steps[list[M]]:
        """Begin a branch: messages in OpenAI's shape under a node, or under the root; all of them, or none."""
        added = (yield api.ADD_BRANCH(tree_id=self.id, json={"parent_id": parent_id, "messages": list(messages)})).json
        return [self.home.message(one) for one in added["data"]]

    def chat(
        self,
        /,
        user_message: str | Sequence[Wire],
        *,
        sender: str | None = None,
        images: Sequence[str] = (),
        parent_id: str | None = None,
        placed: bool = False,
        model: str | None = None,
        personality: str | None = None,
        tools: Sequence[Wire] | None = None,
        functions: Mapping[str, Tool] | None = None,
        streaming_callback: Callable[[str], object] | None = None,
        **options: Any,
    ) -> Steps[ChatResult[M]]:
        """Say something and have it answered.

        Args:
            parent_id: What it answers; the end of the active branch without one.
            placed: Let the router decide where the turn belongs.
            tools: What the model may call, as OpenAI describes it.
            functions: Functions of this program, by their names in `tools`: they are called with the model's arguments and their
                results said to it, until it calls none.
            streaming_callback: Told the reply's words as they come.
            options: OpenAI's request fields, such as `temperature`.
        """
        options |= told_only(tools=None if tools is None else list(tools))
        body = told_only(
            sender=sender, parent_id=parent_id, model=model, personality=personality, options=options or None
        )
        body |= {"content": parts(user_message, images), "placed": placed}
        return (yield from Talking(self.home, self.id).turn(body, functions or {}, streaming_callback))

    def regenerate_branch(
        self, /, branch_tip_id: str | None = None, *, model: str | None = None, **options: Any
    ) -> Steps[M]:
        """Another reply to the last prompt of a branch, the active one without an id. The reply before stays beside it."""
        tip = branch_tip_id or (yield from self._tip())
        return (yield from regenerated(self.home, tip, model, options))

    def get_message(self, message_id: str) -> Steps[M]:
        """Raises NotFound."""
        return self.home.message((yield api.GET_NODE(node_id=message_id)).json)

    def get_messages(self, branch_id: str | None = None) -> Steps[list[M]]:
        """From the root to the end of a branch, the active one without an id."""
        tip = branch_id or (yield from self.get_active_branch_id())
        return [] if tip is None else (yield from path(self.home, tip))

    def get_all_messages_flat(self) -> Steps[list[M]]:
        """All messages, whatever branch they are in, topic by topic."""
        found: list[Wire] = []
        for top in (yield from every(api.TOPS, tree_id=self.id)):
            found += yield from every(api.SUBTREE, node_id=top["id"])
        return [self.home.message(one) for one in found]

    def get_structure(self) -> Steps[list[Outline]]:
        """All messages without contents, in order of arrival."""
        return [Outline.of(one) for one in (yield from every(api.STRUCTURE, tree_id=self.id))]

    def list_branches(self) -> Steps[list[str]]:
        """The ids in which branches end."""
        nodes = yield from self.get_structure()
        parents = {node.parent_id for node in nodes}
        return [node.id for node in nodes if node.id not in parents]

    def get_active_branch_id(self) -> Steps[str | None]:
        """Where the active branch ends; `None` as long as nothing was said."""
        found: str | None = (yield api.GET_ACTIVE(tree_id=self.id)).json["node_id"]
        return found

    def switch_to_branch(self, branch_id: str) -> Steps[None]:
        """What is said from now on goes on from there."""
        yield api.SET_ACTIVE(tree_id=self.id, json={"node_id": branch_id})

    def delete_branch(self, message_id: str) -> Steps[int]:
        """Delete a message with all its descendants; returns how many are gone."""
        return int((yield api.DELETE_NODE(node_id=message_id)).json["nodes"])

    def _tip(self) -> Steps[str]:
        tip = yield from self.get_active_branch_id()
        if tip is None:
            raise ValueError("Nothing was said yet.")
        return tip
