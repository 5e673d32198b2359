"""What memories look like on the wire."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field

from proxy.api.tree.artefact_wire import PlaceOut
from proxy.api.tree.wire import NODE_ID, TITLE_MAX, TREE_ID, Body, Listed, Out
from proxy.domain.memory import Memory, Method, Recalled, Told
from proxy.store.browse.pages import Page

MEMORY_ID: Final = "m_7yTgV1cKe9QsWxU3oZrNpH"
PART: Final = 20_000
CONTENT: Final = 100_000
FACTS: Final = 100
NODES: Final = 1_000

Title = Annotated[str, Field(min_length=1, max_length=TITLE_MAX, examples=["The oven reaches 230 °C only"])]
Problem = Annotated[str, Field(max_length=PART, examples=["The crust stays pale."])]
Solution = Annotated[str, Field(max_length=PART, examples=["Ten minutes more, without the lid."])]
Facts = Annotated[
    list[Annotated[str, Field(min_length=1, max_length=2_000)]],
    Field(max_length=FACTS, examples=[["The oven reaches 230 °C."]]),
]
Content = Annotated[str, Field(max_length=CONTENT, description="Free text.", examples=[""])]
OfTree = Annotated[
    str | None,
    Field(max_length=200, description="The tree that it belongs to; null for all trees.", examples=[TREE_ID]),
]


class MemoryIn(Body):
    """A memory written by hand."""

    title: Title
    problem: Problem = ""
    solution: Solution = ""
    facts: Facts = Field(default=[])
    content: Content = ""
    tree_id: OfTree = None
    node_ids: list[Annotated[str, Field(max_length=200)]] = Field(
        default=[], max_length=NODES, description="Nodes that it came from.", examples=[[NODE_ID]]
    )

    def told(self) -> Told:
        return Told(self.title, self.problem, self.solution, tuple(self.facts), self.content)


class MemoryPatch(Body):
    """What changes; fields that are left out stay."""

    title: Title | None = None
    problem: Problem | None = None
    solution: Solution | None = None
    facts: Facts | None = None
    content: Content | None = None
    tree_id: OfTree = None


class MemorizeIn(Body):
    """How a branch becomes a memory."""

    model: str | None = Field(
        default=None,
        min_length=1,
        max_length=200,
        description="Who writes it; else `routing.model`, else the model that answered last on the branch.",
        examples=["mirror"],
    )
    extractive: bool = Field(default=False, description="Ask no model: pick sentences.")
    everywhere: bool = Field(default=False, description="It belongs to all trees, not to the branch's alone.")


class MemoryPlace(Body):
    """Where it is sent: with all trees, with one, or with a node's subtree."""

    tree_id: str | None = Field(default=None, max_length=200, description="Null for all trees.", examples=[TREE_ID])
    node_id: str | None = Field(
        default=None, max_length=200, description="Null for the whole tree.", examples=[NODE_ID]
    )


class MemoryOut(Out):
    """One memory."""

    object: Literal["memory"] = "memory"
    id: str = Field(examples=[MEMORY_ID])
    title: str = Field(examples=["The oven reaches 230 °C only"])
    problem: str = Field(examples=["The crust stays pale."])
    solution: str = Field(examples=["Ten minutes more, without the lid."])
    facts: list[str] = Field(examples=[["The oven reaches 230 °C."]])
    content: str = Field(examples=[""])
    tree_id: str | None = Field(description="Null for all trees.", examples=[TREE_ID])
    personality: str | None = Field(description="The one under which the branch was spoken.", examples=[None])
    node_ids: list[str] = Field(
        description="What it came from, root first; deleted ones left out.", examples=[[NODE_ID]]
    )
    method: Method = Field(
        description="Who wrote it: a model, Graft by picking sentences, or a person.", examples=["model"]
    )
    model: str | None = Field(examples=["gpt"])
    redacted: int = Field(description="Secrets that were taken out before it was written.", examples=[0])
    loads: list[PlaceOut] = Field(description="Where it is sent.")
    created_at: float = Field(description="Seconds since 1970, UTC.", examples=[1763776800.5])
    updated_at: float = Field(examples=[1763780400.25])

    @classmethod
    def of(cls, memory: Memory) -> MemoryOut:
        told, origin = memory.told, memory.origin
        return cls(
            id=memory.id,
            title=told.title,
            problem=told.problem,
            solution=told.solution,
            facts=list(told.facts),
            content=told.content,
            tree_id=origin.tree_id,
            personality=origin.personality,
            node_ids=list(origin.nodes),
            method=origin.method,
            model=origin.model,
            redacted=memory.redacted,
            loads=[PlaceOut.of(load) for load in memory.loads],
            created_at=memory.created_at,
            updated_at=memory.updated_at,
        )


class MemorizedOut(Out):
    """What became of a branch."""

    object: Literal["memorized"] = "memorized"
    memory: MemoryOut
    why: str | None = Field(description="Why no model wrote it, where one was asked.", examples=[None])


class MemoryList(Listed):
    """Memories, as they came."""

    data: list[MemoryOut]

    @classmethod
    def of(cls, page: Page[Memory]) -> MemoryList:
        last = page.items[-1].id if page.items else None
        return cls(has_more=page.has_more, last_id=last, data=[MemoryOut.of(one) for one in page.items])


class RecalledOut(Out):
    """A memory that was found."""

    memory: MemoryOut
    score: float = Field(description="How much it is about what was asked, 0 to 1.", examples=[0.62])


class MemoriesFound(Out):
    """Memories that a text is about, the best first."""

    object: Literal["list"] = "list"
    data: list[RecalledOut]

    @classmethod
    def of(cls, found: list[Recalled]) -> MemoriesFound:
        return cls(data=[RecalledOut(memory=MemoryOut.of(one.memory), score=round(one.score, 4)) for one in found])


class MemoryDeleted(Out):
    id: str = Field(examples=[MEMORY_ID])
    object: Literal["memory.deleted"] = "memory.deleted"
    deleted: bool = True
