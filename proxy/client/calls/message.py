"""One message: what stands around it, what is kept beside it, why it stands there, and where it goes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Generic, TypeVar

from proxy.client import endpoints as api
from proxy.client.calls.common import Home, every, told_only
from proxy.client.calls.images import body_of, toggled
from proxy.client.records import Image, Moved, Wire, Zone
from proxy.client.steps import Steps

D = TypeVar("D")
M = TypeVar("M")


class MessageCalls(Generic[D, M]):
    """The calls of one message."""

    def __init__(self, home: Home[D, M], told: Wire) -> None:
        self.home = home
        self.told = told

    @property
    def id(self) -> str:
        return str(self.told["id"])

    def refresh(self) -> Steps[None]:
        """Read it anew."""
        self.told = (yield api.GET_NODE(node_id=self.id)).json

    def set_metadata_item(self, name: str, value: Any) -> Steps[None]:
        """Keep a JSON value under a name; `None` takes it away."""
        self.told = (yield api.CHANGE_NODE(node_id=self.id, json={"metadata": {name: value}})).json

    def annotate(
        self,
        *,
        labels: Sequence[str] | None = None,
        sources: Sequence[Wire] | None = None,
        scratchpad: str | None = None,
    ) -> Steps[None]:
        """Replace labels, sources or notes; `None` leaves them as they are."""
        changes = told_only(labels=labels, sources=sources, scratchpad=scratchpad)
        self.told = (yield api.CHANGE_NODE(node_id=self.id, json=changes)).json

    def delete(self) -> Steps[int]:
        """With all its descendants; returns how many messages are gone."""
        return int((yield api.DELETE_NODE(node_id=self.id)).json["nodes"])

    def get_path(self) -> Steps[list[M]]:
        """From the root to it, oldest first."""
        return (yield from path(self.home, self.id))

    def get_children(self) -> Steps[list[M]]:
        """What answers it, oldest first."""
        return [self.home.message(one) for one in (yield from every(api.CHILDREN, node_id=self.id))]

    def get_siblings(self) -> Steps[list[M]]:
        """All that hang where it hangs, itself included."""
        return [self.home.message(one) for one in (yield from every(api.SIBLINGS, node_id=self.id))]

    def get_subtree(self) -> Steps[list[M]]:
        """It and all below it, in order of arrival."""
        return [self.home.message(one) for one in (yield from every(api.SUBTREE, node_id=self.id))]

    def get_route(self) -> Steps[Wire]:
        """The decision behind its turn: why it stands where it stands, what else was considered, and its moves since."""
        wire: Wire = (yield api.WHY_THERE(node_id=self.id)).json
        return wire

    def get_receipt(self) -> Steps[Wire]:
        """What was sent for it and what it cost."""
        wire: Wire = (yield api.RECEIPT(node_id=self.id)).json
        return wire

    def move(self, parent_id: str | None, *, why: str = "move", answer_again: bool = False) -> Steps[Moved[M]]:
        """Hang it with all below it elsewhere in its tree; `root` or `None` is the root."""
        body = {"parent_id": parent_id, "why": why, "answer_again": answer_again}
        return self._moved((yield api.MOVE(node_id=self.id, json=body)).json)

    def undo(self, *, answer_again: bool = False) -> Steps[Moved[M]]:
        """Take the placement of its turn back."""
        return self._moved((yield api.UNDO(node_id=self.id, json={"answer_again": answer_again})).json)

    def regenerate(self, /, *, model: str | None = None, **options: Any) -> Steps[M]:
        """Another reply beside the first, which stays. `options` are OpenAI's request fields."""
        return (yield from regenerated(self.home, self.id, model, options))

    def get_zone(self) -> Steps[Zone]:
        """The data zone that holds for its subtree alone."""
        return Zone.of((yield api.GET_NODE_ZONE(node_id=self.id)).json)

    def set_zone(self, text: str) -> Steps[Zone]:
        """Replace it; empty text clears it."""
        return Zone.of((yield api.PUT_NODE_ZONE(node_id=self.id, json={"text": text})).json)

    def append_to_zone(self, text: str) -> Steps[Zone]:
        """Add to it on a line of its own."""
        return Zone.of((yield api.APPEND_NODE_ZONE(node_id=self.id, json={"text": text})).json)

    def clear_zone(self) -> Steps[Zone]:
        """Nothing is sent for it any more."""
        return Zone.of((yield api.CLEAR_NODE_ZONE(node_id=self.id)).json)

    def get_all_images(self) -> Steps[list[Image]]:
        """Those in what was said and those that hang on it, in the order in which they are sent; those that are off too."""
        return [Image.of(one) for one in (yield api.LIST_NODE_IMAGES(node_id=self.id)).json["data"]]

    def get_active_images(self) -> Steps[list[Image]]:
        """Those that are sent."""
        return [image for image in (yield from self.get_all_images()) if image.active]

    def toggle_image_activation(self, index: int, active: bool | None = None) -> Steps[Image]:
        """Switch a picture on or off; without a word to what it is not. Raises IndexError."""
        return (yield from toggled((yield from self.get_all_images()), index, active))

    def add_image(self, image: str, *, active: bool = True) -> Steps[Image]:
        """Hang a picture on it: base64, a data URL, or an address. It holds for all that is said below."""
        return Image.of((yield api.ADD_NODE_IMAGE(node_id=self.id, json=body_of(image, active=active))).json)

    def _moved(self, wire: Wire) -> Moved[M]:
        if wire["node"]["id"] == self.id:
            self.told = wire["node"]
        reply = None if wire["reply"] is None else self.home.message(wire["reply"])
        return Moved(self.home.message(wire["node"]), wire["from_parent_id"], reply, wire["superseded"])


def path(home: Home[D, M], node_id: str) -> Steps[list[M]]:
    """All of a path, read from its end."""
    found: list[Wire] = []
    at: str | None = node_id
    while at is not None:
        page = (yield api.PATH(node_id=at)).json
        found = page["data"] + found
        at = found[0]["parent_id"] if page["has_more"] else None
    return [home.message(one) for one in found]


def regenerated(home: Home[D, M], node_id: str, model: str | None, options: dict[str, Any]) -> Steps[M]:
    """Another reply where a node is, or hangs."""
    body = told_only(model=model, options=options or None)
    return home.message((yield api.REGENERATE(node_id=node_id, json=body)).json)
