"""What would be sent from a discussion, what it takes of the window, and what is told in short to save room."""

from __future__ import annotations

from typing import Any

from proxy.client import endpoints as api
from proxy.client.calls.common import told_only
from proxy.client.records import Summary, Wire
from proxy.client.steps import Steps


class ContextCalls:
    """The calls of one discussion that concern what is sent."""

    told: Wire

    @property
    def id(self) -> str:
        return str(self.told["id"])

    def get_full_data_zone(self, *, personality: str | None = None, node_id: str | None = None) -> Steps[str]:
        """All zones as the one text that is sent."""
        return str((yield from self.get_composed(personality=personality, node_id=node_id))["text"])

    def get_composed(self, *, personality: str | None = None, node_id: str | None = None) -> Steps[Wire]:
        """All zones, as one text and piece by piece, with what each came from."""
        query = {"personality": personality, "node_id": node_id}
        wire: Wire = (yield api.COMPOSED(tree_id=self.id, query=query)).json
        return wire

    def get_context_status(self, branch_id: str | None = None, *, model: str | None = None) -> Steps[dict[str, Any]]:
        """Tokens by zone and part, of a branch, the active one without an id; `current_tokens` is all of them."""
        tip = branch_id or (yield from self._end())
        told = (yield api.STATUS(tree_id=self.id, query={"node_id": tip, "model": model})).json
        return {**told, "current_tokens": told["tokens"], "max_tokens": told["window_tokens"]}

    def count_discussion_tokens(self, branch_id: str | None = None, *, model: str | None = None) -> Steps[int]:
        """What a branch takes with all zones."""
        return int((yield from self.get_context_status(branch_id, model=model))["tokens"])

    def get_context(
        self, branch_id: str | None = None, *, user_message: str | None = None, model: str | None = None
    ) -> Steps[list[Wire]]:
        """The very messages that would be sent for a turn behind a branch, in OpenAI's shape. Raises ValueError before any."""
        tip = branch_id or (yield from self._end())
        if tip is None:
            raise ValueError("Nothing was said yet.")
        messages: list[Wire] = (yield api.CONTEXT(node_id=tip, query={"content": user_message, "model": model})).json[
            "messages"
        ]
        return messages

    def summarize_and_prune(
        self, max_tokens: int, preserve_last_n: int = 4, *, branch_id: str | None = None, model: str | None = None
    ) -> Steps[Summary | None]:
        """Send a summary in place of all but the last messages of a branch from now on; nothing is deleted.

        `None` where the branch takes no more than `max_tokens`, or has nothing that may be told in short.
        """
        body = {"max_tokens": max_tokens, "preserve_last_n": preserve_last_n, **told_only(model=model)}
        tip = branch_id or (yield from self._end())
        request = api.PRUNE_TREE(tree_id=self.id, json=body) if tip is None else api.PRUNE(node_id=tip, json=body)
        made = (yield request).json["summary"]
        return None if made is None else Summary.of(made)

    def list_summaries(self, branch_id: str | None = None) -> Steps[list[Summary]]:
        """Those on a branch, in its order; removed ones too."""
        tip = branch_id or (yield from self._end())
        if tip is None:
            return []
        return [Summary.of(one) for one in (yield api.LIST_SUMMARIES(node_id=tip)).json["data"]]

    def get_summary(self, summary_id: str) -> Steps[Summary]:
        """Raises NotFound."""
        return Summary.of((yield api.GET_SUMMARY(summary_id=summary_id)).json)

    def remove_summary(self, summary_id: str) -> Steps[Summary]:
        """What it covers is sent again as it was said."""
        return Summary.of((yield api.REMOVE_SUMMARY(summary_id=summary_id)).json)

    def restore_summary(self, summary_id: str) -> Steps[Summary]:
        """Use a removed one again."""
        return Summary.of((yield api.CHANGE_SUMMARY(summary_id=summary_id, json={"used": True})).json)

    def get_pruning_summary(self) -> Steps[str | None]:
        """What is told in short of the active branch; `None` where all of it is sent as it was said."""
        used = yield from self._used()
        return used.text if used else None

    def get_pruning_point_id(self) -> Steps[str | None]:
        """The last message that the summary of the active branch covers."""
        used = yield from self._used()
        return used.node_id if used else None

    def _used(self) -> Steps[Summary | None]:
        found = yield from self.list_summaries()
        return next((one for one in reversed(found) if one.removed_at is None), None)

    def _end(self) -> Steps[str | None]:
        found: str | None = (yield api.GET_ACTIVE(tree_id=self.id)).json["node_id"]
        return found
