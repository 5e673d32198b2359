"""A tree or a branch as one headed text, as LoLLMs writes prompts: what stands over a piece says who speaks.

    !@>system:
    the system prompt, then each data zone under a line that names it

    !@>Ada:
    a message

Who speaks is the sender, or the role where no sender is known. It is not read in again: a message may hold such lines itself, and
they are told apart by nobody.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from proxy.domain.archive import TreeCopy
from proxy.domain.message import Message
from proxy.domain.tree import Node
from proxy.transfer.branches import cut
from proxy.transfer.markdown import body

MARK = "!@>"


async def write(copy: TreeCopy) -> AsyncIterator[bytes]:
    """The text, piece by piece. A tree is written branch by branch, and held in memory meanwhile."""
    if head := _head(copy):
        yield _piece("system", head)
    if copy.is_branch:
        async for node in copy.nodes():
            yield told(node)
        return
    for branch in cut([node async for node in copy.nodes()]):
        if branch.parent is not None and branch.attachment is not None:
            whence = f"from message {branch.attachment + 1} of branch {branch.parent}"
            yield _piece("system", f"[Branch {branch.number}, {whence}]")
        for node in branch.nodes:
            yield told(node)


def told(node: Node) -> bytes:
    """One message under its heading."""
    return _piece(node.sender or node.message.role, said(node.message))


def said(message: Message) -> str:
    """The words of a message without thinking blocks; what is no text is named."""
    return "\n\n".join(part for part in body(message, message.spoken) if part)


def _head(copy: TreeCopy) -> str:
    """The instructions and the zones as one text."""
    parts = [copy.tree.system_prompt or ""]
    parts += [f"-- {zone.name} data zone --\n{zone.text}" for zone in copy.zones]
    return "\n\n".join(part.strip() for part in parts if part.strip())


def _piece(who: str, text: str) -> bytes:
    return f"{MARK}{' '.join(who.split())}:\n{text.strip()}\n\n".encode("utf-8", "replace")
