"""The texts that are sent with a discussion, and the notes beside it that never are."""

from __future__ import annotations

from collections.abc import Sequence

from proxy.client import endpoints as api
from proxy.client.calls.common import told_only
from proxy.client.records import Wire, Zone
from proxy.client.steps import Steps

OWN = ("user", "memory")
"""Zones of all trees of the user."""


class ZoneCalls:
    """The calls of one discussion that concern its zones."""

    told: Wire

    @property
    def id(self) -> str:
        return str(self.told["id"])

    def list_zones(self) -> Steps[list[Zone]]:
        """All zones that are sent, in the order in which they are; empty ones too."""
        return [Zone.of(one) for one in (yield api.LIST_ZONES(tree_id=self.id)).json["data"]]

    def get_zone(self, name: str) -> Steps[str]:
        """The text of a zone."""
        if name in OWN:
            return str((yield api.GET_OWN_ZONE(name=name)).json["text"])
        return str((yield api.GET_ZONE(tree_id=self.id, name=name)).json["text"])

    def set_zone(self, name: str, text: str) -> Steps[Zone]:
        """Replace a zone; that of the user holds for all discussions. Empty text clears it."""
        if name in OWN:
            return Zone.of((yield api.PUT_OWN_ZONE(name=name, json={"text": text})).json)
        return Zone.of((yield api.PUT_ZONE(tree_id=self.id, name=name, json={"text": text})).json)

    def append_to_zone(self, name: str, text: str) -> Steps[Zone]:
        """Add to a zone on a line of its own."""
        if name in OWN:
            return Zone.of((yield api.APPEND_OWN_ZONE(name=name, json={"text": text})).json)
        return Zone.of((yield api.APPEND_ZONE(tree_id=self.id, name=name, json={"text": text})).json)

    def clear_zone(self, name: str) -> Steps[Zone]:
        """Nothing is sent for it any more."""
        if name in OWN:
            return Zone.of((yield api.CLEAR_OWN_ZONE(name=name)).json)
        return Zone.of((yield api.CLEAR_ZONE(tree_id=self.id, name=name)).json)

    def get_user_data_zone(self) -> Steps[str]:
        """What is sent with all discussions of the user."""
        return (yield from self.get_zone("user"))

    def get_discussion_data_zone(self) -> Steps[str]:
        """What is sent with this one."""
        return (yield from self.get_zone("discussion"))

    def get_personality_data_zone(self) -> Steps[str]:
        """What the discussion's personality brings."""
        name = self.told["personality"]
        return "" if name is None else str((yield api.GET_PERSONALITY(name=name)).json["zone"])

    def set_personality_data_zone(self, text: str) -> Steps[None]:
        """Change what the discussion's personality brings, wherever it is attached. Raises ValueError without one."""
        name = self.told["personality"]
        if name is None:
            raise ValueError("The discussion has no personality: make one, and set `personality` to its name.")
        yield api.CHANGE_PERSONALITY(name=name, json={"zone": text})

    def get_memory(self) -> Steps[str]:
        """The zone of what is remembered."""
        return (yield from self.get_zone("memory"))

    def get_scratchpad(self) -> Steps[str]:
        """A program's notes beside the discussion."""
        return str((yield api.GET_SCRATCHPAD(tree_id=self.id)).json["text"])

    def set_scratchpad(self, text: str) -> Steps[None]:
        """Replace the notes."""
        yield api.PUT_SCRATCHPAD(tree_id=self.id, json={"text": text})

    def append_to_scratchpad(self, text: str) -> Steps[None]:
        """Add to the notes on a line of their own."""
        yield api.APPEND_SCRATCHPAD(tree_id=self.id, json={"text": text})

    def clear_scratchpad(self) -> Steps[None]:
        """Take the notes away."""
        yield api.CLEAR_SCRATCHPAD(tree_id=self.id)

    def preview_route(self, messages: Sequence[Wire], *, cursor: str | None = None) -> Steps[Wire]:
        """Where a turn would go and why; nothing is stored."""
        body = {"tree_id": self.id, "messages": list(messages), **told_only(cursor=cursor)}
        wire: Wire = (yield api.PREVIEW(json=body)).json
        return wire
