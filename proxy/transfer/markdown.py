"""A tree or a branch as Markdown, for people. It is not read in again: text may hold anything, headings too."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime

from proxy.domain.archive import TreeCopy
from proxy.domain.message import Message
from proxy.domain.tree import Node
from proxy.transfer.branches import Branch, cut
from proxy.transfer.encoding import encoded


async def write(copy: TreeCopy) -> AsyncIterator[bytes]:
    """The document, piece by piece. A tree is held in memory meanwhile."""
    yield _head(copy).encode("utf-8", "replace")
    if copy.is_branch:
        async for node in copy.nodes():
            yield told(node).encode("utf-8", "replace")
        return
    branches = cut([node async for node in copy.nodes()])
    for branch in branches:
        yield f"## Branch {branch.number}{_whence(branch)}\n\n".encode()
        for node in branch.nodes:
            yield told(node).encode("utf-8", "replace")


def told(node: Node) -> str:
    """One message under a heading that says who spoke, and when."""
    message = node.message
    who = node.sender or message.role.capitalize()
    at = datetime.fromtimestamp(node.created_at, UTC).strftime("%Y-%m-%d %H:%M")
    state = "" if node.state == "whole" else f", {node.state}"
    parts = [f"### {' '.join(who.split())} ({at} UTC{state})", *body(message, message.text)]
    return "\n\n".join(part for part in parts if part) + "\n\n"


def _head(copy: TreeCopy) -> str:
    tree = copy.tree
    parts = [f"# {' '.join((tree.title or tree.name).split())}"]
    if tree.system_prompt:
        parts += ["System prompt:", fenced(tree.system_prompt)]
    for zone in copy.zones:
        of = f"of the node `{zone.node_id}`" if zone.node_id else f"`{zone.name}`"
        parts += [f"Data zone {of}:", fenced(zone.text)]
    return "\n\n".join(parts) + "\n\n"


def _whence(branch: Branch) -> str:
    if branch.parent is None or branch.attachment is None:
        return ""
    return f" (from message {branch.attachment + 1} of branch {branch.parent})"


def body(message: Message, text: str) -> list[str]:
    """Parts of what a message says, beginning with its text; images and files are named, calls are shown."""
    content = message.wire.get("content")
    body = [text.strip()]
    if isinstance(content, list):
        body += [f"*({part.get('type', 'part')})*" for part in content if isinstance(part, dict) and "text" not in part]
    return body + [_called(call) for call in message.tool_calls]


def _called(call: Mapping[str, object]) -> str:
    function = call.get("function")
    if not isinstance(function, dict):
        return fenced(encoded(call).decode())
    arguments = function.get("arguments")
    return f"Calls `{function.get('name')}`:\n\n{fenced(arguments if isinstance(arguments, str) else '')}"


def fenced(text: str) -> str:
    """Text as a code block, with a fence longer than any inside it."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}\n{text}\n{fence}"
