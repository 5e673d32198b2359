"""What Graft sends of its own at one place in a tree: all zones that hold there, as one text and piece by piece."""

from __future__ import annotations

from typing import Annotated, Literal

from litestar import get
from litestar.handlers import HTTPRouteHandler
from litestar.params import QueryParameter
from pydantic import Field

from proxy.api.tree.wire import ERRORS, TREE_ID, Asker, InPath, Out
from proxy.context import zones
from proxy.domain.tree import NodeId, TreeId
from proxy.domain.zone import Piece, Scope
from proxy.errors import NotFound
from proxy.store.sqlite import SqliteStore

Under = Annotated[str | None, QueryParameter(max_length=200, description="As if a request named this personality.")]
Behind = Annotated[str | None, QueryParameter(max_length=200, description="For a turn behind this node.")]


class PieceOut(Out):
    """One text that is sent, and what it came from."""

    scope: Scope = Field(examples=["discussion"])
    source: str = Field(examples=["zone"])
    node_id: str | None = Field(description="Whose subtree it holds for.", examples=[None])
    text: str = Field(examples=["We bake on Sundays."])
    images: list[str] = Field(description="The ids of the pictures sent with it.", examples=[[]])

    @classmethod
    def of(cls, piece: Piece) -> PieceOut:
        images = [image.id for image in piece.images]
        return cls(scope=piece.scope, source=piece.source, node_id=piece.node_id, text=piece.text, images=images)


class Composed(Out):
    """All that Graft sends of its own at one place."""

    object: Literal["zones.composed"] = "zones.composed"
    tree_id: str = Field(examples=[TREE_ID])
    node_id: str | None = Field(examples=[None])
    system_prompt: str | None = Field(description="Sent where the client brings none.", examples=[None])
    text: str = Field(
        description="The zones as one text.",
        examples=['<graft scope="discussion" source="zone">\nWe bake on Sundays.\n</graft>'],
    )
    pieces: list[PieceOut]


def routes(store: SqliteStore) -> list[HTTPRouteHandler]:
    """The route over a store."""

    @get("/trees/{tree_id:str}/composed", summary="What is sent beside the conversation", responses=ERRORS)
    async def get_composed(
        tree_id: InPath, caller: Asker, node_id: Behind = None, personality: Under = None
    ) -> Composed:
        """All zones that hold at one place, with what is loaded into them: as one text, and piece by piece."""
        tree = await store.tree_of(caller.user_id, TreeId(tree_id))
        if personality is not None:
            await store.personality(caller.user_id, personality)
        path = await store.path(caller.user_id, None if node_id is None else NodeId(node_id))
        if path and path[-1].tree_id != tree.id:
            raise NotFound(f"The node {node_id!r} does not exist here.")
        standing = await store.standing(caller.user_id, tree.id, [node.id for node in path], personality)
        return Composed(
            tree_id=tree.id,
            node_id=node_id,
            system_prompt=standing.system_prompt,
            text=zones.text(standing.pieces),
            pieces=[PieceOut.of(piece) for piece in standing.pieces],
        )

    return [get_composed]
