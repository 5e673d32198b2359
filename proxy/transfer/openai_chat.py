"""A branch as OpenAI's list of chat messages: what a model is sent, and what many programs keep.

A tree's system prompt stands first where the branch begins without a system message of its own. Read in are a bare list and
an object with `messages`.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterator
from typing import Any, Final

from proxy.domain.archive import Carried, Item, TreeCopy, TreeFields
from proxy.domain.message import said
from proxy.domain.tree import DEFAULT_TREE, Node, NodeId, TreeId
from proxy.transfer.checks import TOP, converted, fault, foreign_message
from proxy.transfer.encoding import encoded

MESSAGES: Final = "messages"


async def write(copy: TreeCopy) -> AsyncIterator[bytes]:
    """The list, a message a line."""
    yield b"["
    written = 0
    async for node in copy.nodes():
        if not written and copy.tree.system_prompt and not node.message.is_system:
            yield b"\n" + encoded(said("system", copy.tree.system_prompt).wire) + b","
        yield (b",\n" if written else b"\n") + encoded(node.message.wire)
        written += 1
    yield b"\n]\n"


def read(document: object) -> Iterator[Item]:
    """The items of a decoded file: one branch. Raises InvalidRequest with the path of whatever is wrong."""
    inside = isinstance(document, dict)
    wires = document.get(MESSAGES) if isinstance(document, dict) else document
    messages = converted(wires, list[dict[str, Any]], MESSAGES if inside else "the list")
    if not messages:
        raise fault(TOP, "there is no message.")
    yield TreeFields(DEFAULT_TREE)
    now = time.time()
    for index, wire in enumerate(messages):
        message, others = foreign_message(wire, f"{MESSAGES if inside else ''}[{index}]")
        parent_id = NodeId(str(index - 1)) if index else None
        metadata: dict[str, object] = {"imported": {"message": others}} if others else {}
        node = Node(NodeId(str(index)), TreeId(""), parent_id, message, "whole", now, metadata=metadata)
        yield Carried(node, has_id=False)
