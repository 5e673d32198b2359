"""What clients were told, and whether the database keeps it.

The rules: every acknowledged turn and reply is stored, whole and in the client's words; no turn stands twice and none has two whole
replies; a reply that was cut is a beginning of the whole one, marked as interrupted, and holds what had arrived at its last
checkpoint; nothing of a dead server is open; `verify` finds nothing.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from proxy.domain.tree import Node
from proxy.store import SqliteStore

USER = "local"
QUIET_S = 30
"""Longer than any answer takes; what is open then is answered by nobody."""


@dataclass(slots=True)
class Told:
    """One request, as its client saw it."""

    marks: list[str]
    """Texts that were new in it, each said once in the whole run."""
    echoes: str
    """The user's text that the reply repeats."""
    calls_tools: bool = False
    node: str | None = None
    """The reply's node, as the header named it."""
    reply: str = ""
    """The text of the reply, as far as it came."""
    chunks: list[tuple[float, str]] = field(default_factory=list)
    """When the text had come how far."""
    is_whole: bool = False
    """Acknowledged: the body, or `[DONE]`, has come."""


class Broken(Exception):
    """The database breaks a promise; the message says which and where."""


def owed(told: Told, checkpoint_s: float, jitter_s: float) -> str:
    """What of a cut reply must have been kept: what had come so long before the last chunk but one that a checkpoint lay between."""
    if len(told.chunks) < 2:
        return ""
    until = told.chunks[-2][0] - checkpoint_s - jitter_s
    return max((text for at, text in told.chunks if at <= until), key=len, default="")


async def check(
    store: SqliteStore, ledger: Sequence[Told], checkpoint_s: float, jitter_s: float = 1.0
) -> dict[str, int]:
    """Compare everything; returns counts. Raises Broken."""
    await _quiet(store)
    nodes: dict[str, Node] = {}
    for tree in await store.trees(USER):
        nodes |= {node.id: node async for node in store.nodes(USER, tree.id)}
    said: defaultdict[str, list[Node]] = defaultdict(list)
    below: defaultdict[str, list[Node]] = defaultdict(list)
    for node in nodes.values():
        if node.message.role == "assistant":
            below[node.parent_id or ""].append(node)
        else:
            said[node.message.text].append(node)
    counts = {"acknowledged": 0, "interrupted": 0, "unanswered": 0, "checkpoints": 0}
    for told in ledger:
        _check_turn(told, nodes, said, below)
        counts["acknowledged"] += told.is_whole
        if not told.is_whole and (kept := owed(told, checkpoint_s, jitter_s)):
            counts["checkpoints"] += 1
            stored = nodes.get(told.node or "")
            if stored is None or not stored.message.text.startswith(kept):
                raise Broken(f"{told.echoes!r} lost what had come before its last checkpoint: {kept!r}, {stored!r}")
    counts["interrupted"] = sum(node.state == "interrupted" for node in nodes.values())
    counts["unanswered"] = sum(node.state == "unanswered" for node in nodes.values())
    _check_interrupted(nodes)
    if violations := await store.verify():
        raise Broken(f"verify finds {violations}")
    return counts


async def _quiet(store: SqliteStore) -> None:
    """Wait for what living servers still answer: requests that waited on the socket while there was none. Raises Broken."""
    deadline = time.monotonic() + QUIET_S
    while calls := await store._read(
        lambda db: db.execute("SELECT id, place FROM calls WHERE status = 'open'").fetchall()
    ):
        if time.monotonic() > deadline:
            raise Broken(f"Calls of dead servers are open: {calls}")
        await asyncio.sleep(0.05)


def _check_turn(told: Told, nodes: dict[str, Node], said: dict[str, list[Node]], below: dict[str, list[Node]]) -> None:
    for mark in told.marks:
        stored = said.get(mark, [])
        if len(stored) > 1:
            raise Broken(f"{mark!r} stands more than once: {[(one.id, one.parent_id, one.state) for one in stored]}")
        if told.is_whole and not (stored and stored[0].state == "whole"):
            raise Broken(f"The acknowledged turn {mark!r} is {stored[0].state if stored else 'not there'}.")
        for turn in stored:
            whole = [node.id for node in below[turn.id] if node.state == "whole"]
            if len(whole) > 1:
                raise Broken(f"{mark!r} has whole replies {whole}")
    if told.is_whole:
        _check_reply(told, nodes)


def _check_reply(told: Told, nodes: dict[str, Node]) -> None:
    reply = nodes.get(told.node or "")
    if reply is None or reply.state != "whole":
        state = reply.state if reply else "not there"
        raise Broken(f"The acknowledged reply {told.node!r} to {told.echoes!r} is {state}.")
    if not told.calls_tools and reply.message.text != told.reply:
        raise Broken(f"The reply {told.node!r} is {reply.message.text!r}, and its client was told {told.reply!r}.")
    parent = nodes[reply.parent_id or ""]
    if parent.message.text != told.marks[-1]:
        raise Broken(f"The reply to {told.marks[-1]!r} hangs under {parent.message.text!r}.")


def _check_interrupted(nodes: dict[str, Node]) -> None:
    for node in nodes.values():
        if node.state != "interrupted" or node.message.wire.get("tool_calls"):
            continue
        parent = nodes[node.parent_id or ""]
        while parent.message.role in {"tool", "assistant"}:
            parent = nodes[parent.parent_id or ""]
        whole = f"You said: {parent.message.text} (context "
        text = node.message.text
        if not (
            whole.startswith(text) or (text.startswith(whole) and re.fullmatch(r"[0-9a-f]*\)?", text[len(whole) :]))
        ):
            raise Broken(f"The interrupted reply {node.id} is no beginning of the whole one: {text!r}")
