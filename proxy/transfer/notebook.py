"""The conversation-tree notebook's file.

    {"tree_id": ..., "branches": [{"id", "parent_id", "attachment_point", "messages": [{"role", "content"}, ...]}, ...]}

A branch without `parent_id` hangs from the root; any other hangs from one message of its parent's own messages, by index: index 0
is the parent's first message. Ids may be any JSON value, and branches stand in any order. Other fields are kept as metadata of the
nodes. Ids are not kept: nodes get ids of their own, and branches are numbered anew when the tree is written again.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

import msgspec

from proxy.domain.archive import Carried, Item, TreeCopy, TreeFields
from proxy.domain.fingerprint import canonical
from proxy.domain.tree import Node, NodeId, TreeId
from proxy.transfer.branches import Branch, cut
from proxy.transfer.checks import TOP, check_depth, converted, fault, foreign_message
from proxy.transfer.encoding import encoded

NAMELESS: Final = "notebook"
"""The tree of a file without `tree_id`."""


class BranchFields(msgspec.Struct):
    id: Any
    messages: list[dict[str, Any]]
    parent_id: Any = None
    attachment_point: int | None = None


class Fields(msgspec.Struct):
    branches: list[dict[str, Any]]
    tree_id: Any = None


_BRANCH: Final = frozenset(BranchFields.__struct_fields__)


@dataclass(frozen=True, slots=True)
class _Read:
    """A branch of the file, its messages checked."""

    place: str
    fields: BranchFields
    nodes: list[Carried]


async def write(copy: TreeCopy) -> AsyncIterator[bytes]:
    """The document, a branch a line. The tree is held in memory meanwhile."""
    branches = cut([node async for node in copy.nodes()])
    yield b'{"tree_id":%s,"branches":[' % encoded(copy.tree.name)
    for index, branch in enumerate(branches):
        yield b"%s\n%s" % (b"," if index else b"", encoded(_told(branch)))
    yield b"\n]}\n"


def _told(branch: Branch) -> dict[str, object]:
    return {
        "id": branch.number,
        "parent_id": branch.parent,
        "attachment_point": branch.attachment,
        "messages": [node.message.wire for node in branch.nodes],
    }


def read(document: dict[str, Any]) -> Iterator[Item]:
    """The items of a decoded file. Raises InvalidRequest with the path of whatever is wrong."""
    fields = converted(document, Fields, TOP)
    now = time.time()
    branches = _by_id([_read(raw, f"branches[{index}]", index, now) for index, raw in enumerate(fields.branches)])
    yield TreeFields(_name(fields.tree_id), metadata=_others(document, frozenset(Fields.__struct_fields__), "imported"))
    for branch in _parents_first(branches):
        yield from _hung(branch, branches)


def _read(raw: dict[str, Any], place: str, index: int, now: float) -> _Read:
    fields = converted(raw, BranchFields, place)
    if fields.id is None:
        raise fault(f"{place}.id", "a branch needs an id.")
    nodes: list[Carried] = []
    for number, wire in enumerate(fields.messages):
        message, others = foreign_message(wire, f"{place}.messages[{number}]")
        told: dict[str, object] = {"message": others} if others else {}
        if number == 0:
            told |= _others(raw, _BRANCH, "branch")
        node = Node(
            id=NodeId(f"{index}/{number}"),
            tree_id=TreeId(""),
            parent_id=nodes[-1].node.id if nodes else None,
            message=message,
            state="whole",
            created_at=now,
            metadata={"imported": told} if told else {},
        )
        nodes.append(Carried(node, has_id=False))
    return _Read(place, fields, nodes)


def _others(raw: dict[str, Any], known: frozenset[str], name: str) -> dict[str, object]:
    """What else a file says, under a name of ours. Raises InvalidRequest where it nests too deeply."""
    others = {key: value for key, value in raw.items() if key not in known}
    check_depth(others, f"the other fields beside {' and '.join(sorted(known))}")
    return {name: others} if others else {}


def _by_id(branches: list[_Read]) -> dict[str, _Read]:
    found: dict[str, _Read] = {}
    for branch in branches:
        other = found.setdefault(canonical(branch.fields.id), branch)
        if other is not branch:
            raise fault(f"{branch.place}.id", f"{branch.fields.id!r} is the id of {other.place} too.")
    return found


def _parents_first(branches: dict[str, _Read]) -> list[_Read]:
    """The branches in an order in which each can be hung. Raises InvalidRequest for missing parents and cycles."""
    children: dict[str | None, list[_Read]] = {}
    for branch in branches.values():
        parent = None if branch.fields.parent_id is None else canonical(branch.fields.parent_id)
        if parent is not None and parent not in branches:
            raise fault(f"{branch.place}.parent_id", f"no branch has the id {branch.fields.parent_id!r}.")
        children.setdefault(parent, []).append(branch)
    ordered: list[_Read] = []
    waiting = deque(children.get(None, ()))
    while waiting:
        branch = waiting.popleft()
        ordered.append(branch)
        waiting.extend(children.get(canonical(branch.fields.id), ()))
    if len(ordered) < len(branches):
        reached = {id(branch) for branch in ordered}
        lost = next(branch for branch in branches.values() if id(branch) not in reached)
        raise fault(f"{lost.place}.parent_id", "the branch hangs from itself, by way of its parents.")
    return ordered


def _hung(branch: _Read, branches: dict[str, _Read]) -> Iterator[Carried]:
    """The nodes of a branch, the first under the message that it hangs from. Raises InvalidRequest."""
    fields = branch.fields
    place, point = f"{branch.place}.attachment_point", fields.attachment_point
    parent_id: NodeId | None = None
    if fields.parent_id is None:
        if point not in (None, 0):
            raise fault(place, f"{point} is a place in a parent, and the branch has none.")
    else:
        above = branches[canonical(fields.parent_id)].nodes
        if point is None:
            raise fault(place, "a branch that has a parent needs the index of the message that it hangs from.")
        if not 0 <= point < len(above):
            raise fault(place, f"{point} is no index of the parent's messages; there are {len(above)}.")
        parent_id = above[point].node.id
    for index, carried in enumerate(branch.nodes):
        yield carried if index else replace(carried, node=carried.node._replace(parent_id=parent_id))


def _name(tree_id: object) -> str:
    if tree_id is None or tree_id == "":
        return NAMELESS
    return tree_id if isinstance(tree_id, str) else canonical(tree_id)
