"""One discussion as a whole: what is kept of it, its twin, its texts for models, readers and other programs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, TypeVar

from proxy.client import endpoints as api
from proxy.client.calls.artefacts import ArtefactCalls
from proxy.client.calls.branches import BranchCalls
from proxy.client.calls.common import told_only
from proxy.client.calls.context import ContextCalls
from proxy.client.calls.images import ImageCalls
from proxy.client.calls.memories import MemoryCalls
from proxy.client.calls.zones import ZoneCalls
from proxy.client.records import Found
from proxy.client.steps import Steps

D = TypeVar("D")
M = TypeVar("M")
Format = Literal["openai_chat", "lollms_text", "markdown", "notebook", "native"]


class DiscussionCalls(BranchCalls[D, M], ZoneCalls, ArtefactCalls, MemoryCalls, ImageCalls, ContextCalls):
    """All calls of one discussion."""

    def refresh(self) -> Steps[None]:
        """Read what is kept of it anew."""
        self.told = (yield api.GET_TREE(tree_id=self.id)).json

    def update(
        self,
        *,
        title: str | None = None,
        system_prompt: str | None = None,
        max_context_size: int | None = None,
        personality: str | None = None,
        participants: Mapping[str, str | None] | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> Steps[None]:
        """Change what is kept of it; `None` leaves a field as it is, in `participants` and `metadata` it takes an item away."""
        fields = told_only(
            title=title,
            system_prompt=system_prompt,
            max_context_tokens=max_context_size,
            personality=personality,
            participants=participants,
            metadata=metadata,
        )
        yield from self.put(fields)

    def put(self, fields: Mapping[str, Any]) -> Steps[None]:
        """Change fields by the server's names; `None` clears them."""
        self.told = (yield api.CHANGE_TREE(tree_id=self.id, json=dict(fields))).json

    def set_metadata_item(self, name: str, value: Any) -> Steps[None]:
        """Keep a JSON value under a name; `None` takes it away."""
        yield from self.put({"metadata": {name: value}})

    def auto_title(self, *, branch_id: str | None = None, model: str | None = None) -> Steps[str]:
        """Have it titled, by its first topic or by a branch: by a model, or by first words where none can be asked."""
        body = told_only(node_id=branch_id, model=model)
        title = str((yield api.TITLE_TREE(tree_id=self.id, json=body)).json["title"])
        self.told = {**self.told, "title": title}
        return title

    def delete(self) -> Steps[int]:
        """With all its messages; returns how many are gone."""
        return int((yield api.DELETE_TREE(tree_id=self.id)).json["nodes"])

    def clone_without_messages(self, name: str | None = None) -> Steps[D]:
        """A twin with everything but the messages."""
        return self.home.discussion((yield api.CLONE_TREE(tree_id=self.id, json=told_only(name=name))).json)

    def search(self, words: str) -> Steps[Found[D, M]]:
        """Messages of this discussion with all of these words, or words that begin with them; the newest first."""
        wire = (yield api.SEARCH(query={"q": words, "tree_id": self.id, "limit": 100})).json
        return Found((), [self.home.message(one["node"]) for one in wire["data"]])

    def export(
        self, format: Format = "openai_chat", branch_id: str | None = None, *, whole: bool = False
    ) -> Steps[Any]:
        """A branch, the active one without an id, or the whole tree: text, or for JSON formats what it holds."""
        tip = None if whole else branch_id or (yield from self.get_active_branch_id())
        reply = yield api.EXPORT_TREE(tree_id=self.id, query={"format": format, "node_id": tip})
        return reply.content.decode() if format in ("lollms_text", "markdown") else reply.json

    def export_to_json_str(self) -> Steps[str]:
        """All of it as text that `import_from_json_str` reads: messages, zones, artefacts, memories, images, summaries, personality, notes."""
        return (yield api.EXPORT_TREE(tree_id=self.id, query={"format": "native"})).content.decode()

    def get_shadow_report(self) -> Steps[Mapping[str, Any]]:
        """What placement would have done with turns that followed their client under policy `shadow`."""
        wire: Mapping[str, Any] = (yield api.SHADOW(tree_id=self.id)).json
        return wire
