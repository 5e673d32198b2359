"""Random trees as values, and the short way from them to bytes, into stores and back."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st

from proxy.domain.archive import Imported, Target, TreeCopy
from proxy.domain.beside import Beside
from proxy.domain.message import Message
from proxy.domain.tree import Node, NodeId, Tree, TreeId, UserId
from proxy.domain.zone import DataZone, Personality
from proxy.store import SqliteStore
from proxy.transfer import formats, moving
from tests.transfer import beside

TREE = Tree(TreeId("t_1"), UserId("ada"), "main", None, None, 1.5, 2.25)


@dataclass
class Copy:
    """A tree as it leaves, without a store behind it."""

    kept: Sequence[Node]
    tree: Tree = TREE
    zones: Sequence[DataZone] = ()
    scratchpad: str = ""
    is_branch: bool = False
    personalities: Sequence[Personality] = ()
    things: Sequence[Beside] = ()

    async def nodes(self) -> AsyncIterator[Node]:
        for node in self.kept:
            yield node

    async def beside(self) -> AsyncIterator[Beside]:
        for thing in self.things:
            yield thing


def node(id_: str, parent: str | None, wire: dict[str, Any] | str, state: str = "whole", **others: Any) -> Node:
    message = Message({"role": "user", "content": wire} if isinstance(wire, str) else wire)
    parent_id = None if parent is None else NodeId(parent)
    return Node(NodeId(id_), TREE.id, parent_id, message, state, others.pop("created_at", 1000.0), **others)


async def written(copy: TreeCopy, form: str = "native") -> bytes:
    return b"".join([piece async for piece in formats.write(form, copy)])


async def exported(
    store: SqliteStore, imported: Imported | Tree, form: str = "native", node_id: NodeId | None = None
) -> bytes:
    tree = imported.tree if isinstance(imported, Imported) else imported
    newest = form in formats.BRANCH_ONLY
    async with store.snapshot(tree.user_id, tree.id, node_id, newest=newest) as copy:
        return await written(copy, form)


async def brought(
    store: SqliteStore,
    content: bytes | str,
    user: str = "ada",
    tree: str | None = None,
    form: str = "auto",
    parent: NodeId | None = None,
    *,
    keeps_ids: bool = True,
) -> Imported:
    source = io.BytesIO(content.encode() if isinstance(content, str) else content)
    return await moving.bring_in(store, UserId(user), source, Target(tree, parent, keeps_ids), form)


async def everything(store: SqliteStore) -> list[tuple[Any, ...]]:
    """Every row of every table: what must be the same when nothing was changed."""

    def rows(db: Any) -> list[tuple[Any, ...]]:
        tables = [name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")]
        return [(table, *row) for table in tables for row in db.execute(f"SELECT * FROM {table}")]

    return await store._read(rows)


texts = st.text(max_size=20)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
calls = st.lists(
    st.fixed_dictionaries(
        {"id": texts, "type": st.just("function")},
        optional={"function": st.fixed_dictionaries({"name": texts, "arguments": texts})},
    ),
    max_size=2,
)
parts = st.lists(
    st.fixed_dictionaries({"type": st.just("text"), "text": texts})
    | st.fixed_dictionaries({"type": st.just("image_url"), "image_url": st.fixed_dictionaries({"url": texts})}),
    max_size=3,
)
wires = st.one_of(
    st.fixed_dictionaries({"role": st.sampled_from(["user", "system", "developer"]), "content": texts | parts}),
    st.fixed_dictionaries(
        {"role": st.just("assistant"), "content": st.none() | texts},
        optional={"tool_calls": calls, "reasoning_content": texts, "provider": json_values},
    ),
    st.fixed_dictionaries({"role": st.just("tool"), "content": texts, "tool_call_id": texts}),
)
plain_wires = st.fixed_dictionaries(
    {"role": st.sampled_from(["user", "assistant", "system"]), "content": texts | parts}
)
seconds = st.floats(0, 4e9)


@dataclass
class Grown:
    """A random tree: nodes in an order in which they may have come."""

    nodes: list[Node]
    tree: Tree
    zones: list[DataZone] = field(default_factory=list)
    personalities: list[Personality] = field(default_factory=list)
    things: list[Beside] = field(default_factory=list)

    @property
    def copy(self) -> Copy:
        return Copy(self.nodes, self.tree, self.zones, personalities=self.personalities, things=self.things)


@st.composite
def trees(draw: st.DrawFn) -> Grown:
    nodes: list[Node] = []
    for index in range(draw(st.integers(0, 14))):
        above = draw(st.none() | st.sampled_from(nodes)) if nodes else None
        waits = above is not None and above.state == "unanswered"
        state = "unanswered" if waits else draw(st.sampled_from(["whole", "whole", "interrupted", "unanswered"]))
        nodes.append(
            node(
                f"n_{index}",
                above.id if above else None,
                draw(wires),
                state,
                created_at=draw(seconds),
                sender=draw(st.none() | texts),
                conversation=draw(st.none() | texts),
                system=draw(st.none() | st.sampled_from(["", "Be brief.", "Be\nlong."]) | texts),
                tokens=draw(st.none() | st.integers(0, 10**6)),
                metadata=draw(st.dictionaries(texts, json_values, max_size=2)),
                personality=draw(st.none() | st.sampled_from(["tutor", "guide"])),
            )
        )
    tree = Tree(
        id=TREE.id,
        user_id=TREE.user_id,
        name=draw(texts.filter(str.strip)),
        title=draw(st.none() | texts),
        system_prompt=draw(st.none() | texts),
        created_at=draw(seconds),
        updated_at=draw(seconds),
        max_context_tokens=draw(st.none() | st.integers(1, 10**6)),
        metadata=draw(st.dictionaries(texts, json_values, max_size=2)),
        personality=draw(st.none() | st.sampled_from(["tutor", "judge"])),
    )
    zones = [DataZone("discussion", TREE.user_id, TREE.id, text, draw(seconds)) for text in draw(_zone_texts)]
    hung = draw(st.lists(st.sampled_from(nodes), unique_by=lambda one: one.id, max_size=3)) if nodes else []
    on_nodes = [
        DataZone("node", TREE.user_id, TREE.id, draw(texts.filter(bool)), draw(seconds), one.id) for one in hung
    ]
    all_zones = [*zones, *sorted(on_nodes, key=lambda zone: (-zone.updated_at, str(zone.node_id)))]
    needed = {tree.personality} - {None}
    named = {one.personality for one in nodes} - {None, *needed}
    told = needed | (draw(st.sets(st.sampled_from(sorted(named)))) if named else set())
    people = draw(beside.personalities(sorted(told)))
    return Grown(nodes, tree, all_zones, people, draw(beside.things(nodes, TREE.id)))


_zone_texts = st.lists(texts.filter(bool), max_size=1)


@st.composite
def notebooks(draw: st.DrawFn) -> dict[str, Any]:
    """A notebook's file: ids of any kind, branches of branches, in any order."""
    ids = draw(st.lists(st.integers() | texts | st.booleans(), max_size=7, unique_by=lambda one: (type(one), one)))
    branches: list[dict[str, Any]] = []
    for id_ in ids:
        above = draw(st.none() | st.sampled_from(branches)) if branches else None
        branches.append(
            {
                "id": id_,
                "parent_id": above["id"] if above else None,
                "attachment_point": draw(st.integers(0, len(above["messages"]) - 1)) if above else None,
                "messages": draw(st.lists(plain_wires, min_size=1, max_size=4)),
            }
        )
    return {"tree_id": draw(st.integers() | texts.filter(str.strip)), "branches": draw(st.permutations(branches))}
