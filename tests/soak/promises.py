"""What a soaking client was told, and whether its tree still says so."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


class Broken(Exception):
    """A promise was broken; the message says which."""


@dataclass(frozen=True, slots=True)
class Told:
    """One acknowledged turn: its body, or `[DONE]`, had come."""

    said: str
    """The user's text, said once in the whole run."""
    node: str
    """The reply's node."""
    reply: str | None
    """The reply's text, where it has one."""


def kept(exported: Mapping[str, Any], told: Sequence[Told]) -> int:
    """Compare a tree, as its native file tells it, with what its client was told; returns how many turns. Raises Broken."""
    nodes = {node["id"]: node for node in exported["nodes"]}
    times = Counter(_text(node) for node in nodes.values() if node["message"]["role"] == "user")
    for one in told:
        reply = nodes.get(one.node)
        if reply is None or reply["state"] != "whole":
            raise Broken(f"The acknowledged reply {one.node!r} to {one.said!r} is {reply and reply['state']!r}.")
        if one.reply is not None and _text(reply) != one.reply:
            raise Broken(f"The reply {one.node!r} is {_text(reply)!r}, and its client was told {one.reply!r}.")
        if times[one.said] != 1:
            raise Broken(f"The acknowledged turn {one.said!r} stands {times[one.said]} times.")
        if one.said not in _above(nodes, reply):
            raise Broken(f"The reply {one.node!r} stands under another turn than {one.said!r}.")
    return len(told)


def _above(nodes: Mapping[str, Any], reply: Mapping[str, Any]) -> list[str]:
    """The texts of the turn that a reply ends: of the messages above it, up to the first of a user."""
    texts = []
    parent = nodes.get(reply["parent"])
    while parent is not None:
        texts.append(_text(parent))
        if parent["message"]["role"] == "user":
            break
        parent = nodes.get(parent["parent"])
    return texts


def _text(node: Mapping[str, Any]) -> str:
    content = node["message"].get("content") or ""
    return content if isinstance(content, str) else "".join(part.get("text", "") for part in content)
