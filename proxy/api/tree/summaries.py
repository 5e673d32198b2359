"""Summaries that stand for the beginning of a path: asked for, told, removed and restored."""

from __future__ import annotations

from typing import Literal

from litestar import delete, get, patch, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import JSONBody
from pydantic import Field

from proxy.api.openai.models import Catalogue
from proxy.api.tree.contexts import model_of
from proxy.api.tree.wire import ERRORS, NODE_ID, TREE_ID, Asker, Body, InPath, Out
from proxy.chat.answer import Chat
from proxy.chat.tending import Prune
from proxy.domain.summary import Summary
from proxy.domain.tree import NodeId, TreeId
from proxy.domain.turn import Caller
from proxy.store.sqlite import SqliteStore

SUMMARY_ID = "s_4hQm2ZpVb8RkTn6XyWc1Ld"


class PruneIn(Body):
    """The wish to tell the beginning of a path in short."""

    max_tokens: int = Field(ge=1, description="A path that takes no more stays as it is.", examples=[4_000])
    preserve_last_n: int = Field(default=4, ge=0, description="Last messages that stay, rounded up to turns.")
    model: str | None = Field(default=None, max_length=500, description="Who writes; the first model without it.")


class SummaryPatch(Body):
    """Whether a summary is used."""

    used: bool = Field(description="False removes it, true restores it.", examples=[True])


class SummaryOut(Out):
    """What is sent in place of the beginning of every path through its node."""

    object: Literal["summary"] = "summary"
    id: str = Field(examples=[SUMMARY_ID])
    tree_id: str = Field(examples=[TREE_ID])
    node_id: str = Field(description="The last message that it covers.", examples=[NODE_ID])
    previous_id: str | None = Field(description="The summary that it goes on from.", examples=[None])
    kind: Literal["asked", "auto"] = Field(description="`auto`: sent only where the path does not fit.")
    text: str = Field(examples=["They chose rye and a hot oven."])
    tokens: int = Field(examples=[12])
    model: str = Field(description="Who wrote it; `extractive`: it quotes.", examples=["gpt-4o"])
    created_at: float = Field(description="Seconds since 1970, UTC.", examples=[1763776800.5])
    removed_at: float | None = Field(description="Set while it is not used.", examples=[None])

    @classmethod
    def of(cls, summary: Summary) -> SummaryOut:
        return cls(**{name: getattr(summary, name) for name in Summary.__dataclass_fields__})


class SummaryList(Out):
    object: Literal["list"] = "list"
    data: list[SummaryOut]


class Pruned(Out):
    """What became of the wish."""

    object: Literal["pruned"] = "pruned"
    pruned: bool = Field(description="False where the path is short enough, or nothing of it may be told in short.")
    summary: SummaryOut | None


def pruning(store: SqliteStore, chat: Chat, models: Catalogue) -> list[HTTPRouteHandler]:
    """The routes that tell a path in short."""

    @post("/nodes/{node_id:str}/prune", status_code=200, summary="Tell a path's beginning in short", responses=ERRORS)
    async def prune_node(node_id: InPath, data: JSONBody[PruneIn], caller: Asker) -> Pruned:
        """From now on a summary is sent in place of all but the last messages. What was said stays as it is, and so do other
        branches; removing the summary undoes it.
        """
        node = await store.node(caller.user_id, NodeId(node_id))
        return await pruned(caller, node.tree_id, node.id, data)

    @post("/trees/{tree_id:str}/prune", status_code=200, summary="The same for the newest branch", responses=ERRORS)
    async def prune_tree(tree_id: InPath, data: JSONBody[PruneIn], caller: Asker) -> Pruned:
        """The path to the newest node of the tree."""
        tree = await store.tree_of(caller.user_id, TreeId(tree_id))
        node_id = await store.newest(caller.user_id, tree.id)
        if node_id is None:
            return Pruned(pruned=False, summary=None)
        return await pruned(caller, tree.id, node_id, data)

    async def pruned(caller: Caller, tree_id: TreeId, node_id: NodeId, data: PruneIn) -> Pruned:
        model = model_of(models, data.model)
        wish = Prune(caller.user_id, tree_id, node_id, model, data.max_tokens, data.preserve_last_n)
        summary = await chat.prune(wish)
        return Pruned(pruned=summary is not None, summary=SummaryOut.of(summary) if summary else None)

    return [prune_node, prune_tree]


def routes(store: SqliteStore) -> list[HTTPRouteHandler]:
    """The routes of summaries that are there."""

    @get("/nodes/{node_id:str}/summaries", summary="Summaries on the path to a node", responses=ERRORS)
    async def get_summaries(node_id: InPath, caller: Asker) -> SummaryList:
        """In the order of the path, removed ones too."""
        found = await store.summaries(caller.user_id, NodeId(node_id))
        return SummaryList(data=[SummaryOut.of(summary) for summary in found])

    @get("/summaries/{summary_id:str}", summary="One summary", responses=ERRORS)
    async def get_summary(summary_id: InPath, caller: Asker) -> SummaryOut:
        """What it says, and what it covers."""
        return SummaryOut.of(await store.summary(caller.user_id, summary_id))

    @delete("/summaries/{summary_id:str}", status_code=200, summary="Remove a summary", responses=ERRORS)
    async def remove_summary(summary_id: InPath, caller: Asker) -> SummaryOut:
        """What it covers is sent again as it was said, or what the summary before it says."""
        return SummaryOut.of(await store.use_summary(caller.user_id, summary_id, used=False))

    @patch("/summaries/{summary_id:str}", summary="Remove or restore a summary", responses=ERRORS)
    async def change_summary(summary_id: InPath, data: JSONBody[SummaryPatch], caller: Asker) -> SummaryOut:
        """What was removed is used again, or the other way round."""
        return SummaryOut.of(await store.use_summary(caller.user_id, summary_id, used=data.used))

    return [get_summaries, get_summary, remove_summary, change_summary]
