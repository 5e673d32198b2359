"""Images: on a tree, on a node for its subtree, in messages. Listed, added, read, switched on and off, deleted.

The server never fetches an address; a picture that came as bytes is of the kind that its bytes say.
"""

from __future__ import annotations

import asyncio
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from litestar import delete, get, patch, post
from litestar.handlers import HTTPRouteHandler
from litestar.openapi import ResponseSpec
from litestar.params import JSONBody, PathParameter
from pydantic import Field

from proxy.api.tree.wire import ERRORS, TREE_ID, Asker, Body, ErrorOut, InPath, Out
from proxy.domain.picture import LINK_MAX, Hung, Picture, decoded
from proxy.domain.tree import NodeId, TreeId
from proxy.errors import InvalidRequest
from proxy.store.sqlite import SqliteStore

IMAGE_ID = "i_4kV9bQmXcT2nHyWzRfEsJa"
DOT = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
"""A picture of one point, for the examples."""

TAKEN = {**ERRORS, 413: ResponseSpec(ErrorOut, description="The picture is too large.", generate_examples=False)}

Which = Annotated[
    str,
    PathParameter(description="An image's id. One in a message: its node's id, a dot and its number.", max_length=220),
]


class ImageIn(Body):
    """A picture: its bytes, or where it is."""

    data: str | None = Field(default=None, description="Base64, or a data URL that holds it.", examples=[DOT])
    url: str | None = Field(
        default=None, max_length=LINK_MAX, description="An http or https address in place of `data`; it is passed on."
    )
    media_type: str | None = Field(
        default=None,
        max_length=100,
        description="What it is said to be; refused where its bytes say otherwise.",
        examples=["image/png"],
    )
    active: bool = Field(default=True, description="Whether it is sent.")

    def picture(self, place: str = "") -> Picture:
        """What was brought. Raises InvalidRequest, RequestTooLarge."""
        if (self.data is None) == (self.url is None):
            raise InvalidRequest("An image has either `data` or `url`.", param=f"{place}data")
        if self.url is not None:
            return Picture(None, None, _address(self.url, f"{place}url"), self.active)
        try:
            found = decoded(self.data or "", self.media_type)
        except InvalidRequest as exc:
            exc.param = f"{place}data"
            raise
        return Picture(found.media_type, found.data, None, self.active)


class ImagePatch(Body):
    """Whether an image is sent."""

    active: bool = Field(examples=[False])


class ImageOut(Out):
    """One image, without its bytes."""

    object: Literal["image"] = "image"
    id: str = Field(examples=[IMAGE_ID])
    on: Literal["tree", "node", "message"] = Field(description="Where it hangs.", examples=["tree"])
    tree_id: str = Field(examples=[TREE_ID])
    node_id: str | None = Field(description="The node on which it hangs, or in whose message it is.", examples=[None])
    media_type: str | None = Field(description="By its first bytes; null for one elsewhere.", examples=["image/png"])
    bytes: int = Field(description="0 for one elsewhere.", examples=[70])
    url: str | None = Field(description="Where it is, if it is not kept here.", examples=[None])
    active: bool = Field(examples=[True])
    created_at: float | None = Field(description="Seconds since 1970, UTC.", examples=[1763776800.5])

    @classmethod
    def of(cls, hung: Hung) -> ImageOut:
        return cls(**_told(hung))


class ImageWhole(ImageOut):
    """One image."""

    data: str | None = Field(description="Base64; null for one elsewhere.", examples=[DOT])

    @classmethod
    def of(cls, hung: Hung) -> ImageWhole:
        return cls.model_construct(object="image", data=hung.image.data_b64, **_told(hung))


class ImageList(Out):
    """Images in the order in which they are sent."""

    object: Literal["list"] = "list"
    data: list[ImageOut]

    @classmethod
    def of(cls, found: list[Hung]) -> ImageList:
        return cls(data=[ImageOut.of(one) for one in found])


class ImageDeleted(Out):
    id: str = Field(examples=[IMAGE_ID])
    object: Literal["image.deleted"] = "image.deleted"
    deleted: bool = True


def routes(store: SqliteStore) -> list[HTTPRouteHandler]:
    """The routes over a store."""

    @get("/trees/{tree_id:str}/images", summary="The images of a tree", responses=ERRORS)
    async def list_tree_images(tree_id: InPath, caller: Asker) -> ImageList:
        """Those that hang on the tree itself, inactive ones too; without their bytes."""
        return ImageList.of(await store.tree_images(caller.user_id, TreeId(tree_id)))

    @post("/trees/{tree_id:str}/images", summary="Add an image to a tree", responses=TAKEN)
    async def add_tree_image(tree_id: InPath, data: JSONBody[ImageIn], caller: Asker) -> ImageOut:
        """Sent with every request in the tree while it is active. The same bytes are kept once."""
        await store.tree_of(caller.user_id, TreeId(tree_id))
        brought = await asyncio.to_thread(data.picture)
        return ImageOut.of(await store.add_image(caller.user_id, TreeId(tree_id), brought))

    @get("/nodes/{node_id:str}/images", summary="The images of a node", responses=ERRORS)
    async def list_node_images(node_id: InPath, caller: Asker) -> ImageList:
        """Those in its message, then those that hang on it; inactive ones too, without their bytes."""
        return ImageList.of(await store.node_images(caller.user_id, NodeId(node_id)))

    @post("/nodes/{node_id:str}/images", summary="Add an image to a node", responses=TAKEN)
    async def add_node_image(node_id: InPath, data: JSONBody[ImageIn], caller: Asker) -> ImageOut:
        """Sent right behind the node, wherever a path leads through it; its message stays as it is."""
        await store.node(caller.user_id, NodeId(node_id))
        brought = await asyncio.to_thread(data.picture)
        return ImageOut.of(await store.add_node_image(caller.user_id, NodeId(node_id), brought))

    @get("/images/{image_id:str}", summary="One image", responses=ERRORS)
    async def get_image(image_id: Which, caller: Asker) -> ImageWhole:
        """With its bytes, where they are kept here."""
        return ImageWhole.of(await store.image(caller.user_id, image_id))

    @patch("/images/{image_id:str}", summary="Switch an image on or off", responses=ERRORS)
    async def update_image(image_id: Which, data: JSONBody[ImagePatch], caller: Asker) -> ImageOut:
        """An inactive image stays where it is and is not sent; also one in a message."""
        return ImageOut.of(await store.switch_image(caller.user_id, image_id, active=data.active))

    @delete("/images/{image_id:str}", status_code=200, summary="Delete an image", responses=ERRORS)
    async def delete_image(image_id: Which, caller: Asker) -> ImageDeleted:
        """From a tree or a node. One in a message is switched off, or goes with its node."""
        await store.delete_image(caller.user_id, image_id)
        return ImageDeleted(id=image_id)

    return [
        list_tree_images,
        add_tree_image,
        list_node_images,
        add_node_image,
        get_image,
        update_image,
        delete_image,
    ]


def _told(hung: Hung) -> dict[str, Any]:
    image = hung.image
    return {
        "id": image.id,
        "on": "message" if hung.number is not None else "node" if hung.node_id else "tree",
        "tree_id": hung.tree_id,
        "node_id": hung.node_id,
        "media_type": image.media_type,
        "bytes": image.bytes,
        "url": image.url,
        "active": image.active,
        "created_at": hung.created_at,
    }


def _address(url: str, param: str) -> str:
    """An address as it is passed on; one that holds the picture itself belongs into `data`. Raises InvalidRequest."""
    try:
        told = urlsplit(url)
        is_address = told.scheme in ("http", "https") and bool(told.hostname)
    except ValueError:
        is_address = False
    if not is_address or not url.isprintable() or " " in url:
        raise InvalidRequest("An image's `url` is an http or https address; bytes go into `data`.", param=param)
    return url
