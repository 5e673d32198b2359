"""Pictures of discussions and messages: added, listed, switched on and off, taken away."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from proxy.client import endpoints as api
from proxy.client.records import Image, Wire
from proxy.client.steps import Steps


def body_of(image: str, *, active: bool) -> dict[str, Any]:
    """What the server is told of a picture: base64 or a data URL, or the address of one elsewhere."""
    return {"url" if image.startswith(("http://", "https://")) else "data": image, "active": active}


def toggled(images: Sequence[Image], index: int, active: bool | None) -> Steps[Image]:
    """Switch one of some pictures on or off; without a word to what it is not. Raises IndexError."""
    wanted = not images[index].active if active is None else active
    return Image.of((yield api.CHANGE_IMAGE(image_id=images[index].id, json={"active": wanted})).json)


class ImageCalls:
    """The calls of one discussion that concern its pictures."""

    told: Wire

    @property
    def id(self) -> str:
        return str(self.told["id"])

    def add_discussion_image(self, image: str, *, active: bool = True) -> Steps[Image]:
        """Base64, a data URL, or the address of one elsewhere, which the server does not fetch."""
        return Image.of((yield api.ADD_IMAGE(tree_id=self.id, json=body_of(image, active=active))).json)

    def get_images(self) -> Steps[list[Image]]:
        """In the order in which they are sent, those that are off too."""
        return [Image.of(one) for one in (yield api.LIST_IMAGES(tree_id=self.id)).json["data"]]

    def get_active_images(self) -> Steps[list[Image]]:
        """Those that are sent."""
        return [image for image in (yield from self.get_images()) if image.active]

    def toggle_image_activation(self, index: int, active: bool | None = None) -> Steps[Image]:
        """Switch a picture on or off; without a word to what it is not. Raises IndexError."""
        return (yield from toggled((yield from self.get_images()), index, active))

    def remove_image(self, index: int) -> Steps[None]:
        """Take a picture away. Raises IndexError."""
        yield api.DELETE_IMAGE(image_id=(yield from self.get_images())[index].id)

    def get_image(self, image_id: str) -> Steps[Image]:
        """With its bytes as base64. Raises NotFound."""
        return Image.of((yield api.GET_IMAGE(image_id=image_id)).json)
