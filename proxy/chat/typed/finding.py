"""What a person means who names a place of a tree: an id, an end of one, or words of a turn."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from proxy.domain.drawing import Outlined, shorten
from proxy.domain.fingerprint import fold_text
from proxy.domain.tree import ROOT, NodeId
from proxy.errors import InvalidRequest

TOP = frozenset({ROOT, "new"})
"""How the root is named."""
SHORT_ID = 8
"""Characters of an id that a person is shown, and from which one is taken for an id."""
_SIDES = re.compile(r"(LEFT|RIGHT|LOW|HIGH)\S* ")
_QUOTES = ("QUOTATION MARK", "CORNER BRACKET", "APOSTROPHE", "GRAVE ACCENT")
_ALIKE = 0.6
"""How much of a name must agree where no turn holds its words."""
_LISTED = 5


@dataclass(frozen=True, slots=True)
class Map:
    """A tree, to find places in."""

    nodes: Mapping[NodeId, Outlined]
    children: Mapping[NodeId | None, Sequence[Outlined]]

    @classmethod
    def of(cls, outlines: Sequence[Outlined]) -> Map:
        children: dict[NodeId | None, list[Outlined]] = {}
        for outline in outlines:
            children.setdefault(outline.parent_id, []).append(outline)
        return cls({outline.id: outline for outline in outlines}, children)

    def without(self, node_id: NodeId) -> Map:
        """The tree without a node and all below it."""
        gone, waiting = {node_id}, [node_id]
        while waiting:
            below = [child.id for child in self.children.get(waiting.pop(), ())]
            gone.update(below)
            waiting += below
        return Map.of([node for node in self.nodes.values() if node.id not in gone])

    def first(self, node_id: NodeId) -> NodeId:
        """The conversation's first node: what stands below the root on the way to a node."""
        while (above := self.nodes[node_id].parent_id) is not None:
            node_id = above
        return node_id

    def end(self, node_id: NodeId) -> NodeId:
        """The newest tip below a node that a turn can go on from; the node itself where there is none."""
        newest, waiting = self.nodes[node_id], [self.nodes[node_id]]
        while waiting:
            node = waiting.pop()
            below = [child for child in self.children.get(node.id, ()) if child.state != "unanswered"]
            waiting += below
            if not below and node.created_at >= newest.created_at:
                newest = node
        return newest.id


def short(node_id: NodeId) -> str:
    """The end of an id, by which a person can name it: the beginnings of those that were made at the same time are alike."""
    return node_id[-SHORT_ID:]


def title(node: Outlined) -> str:
    """A turn by its first words."""
    return shorten((node.preview or "(no text)").replace('"', "'"))


def unquoted(named: str) -> str | None:
    """A name without the pair of quotes or backticks around it; `None` where it has none, or nothing else."""
    opens, closes = (_SIDES.sub("", unicodedata.name(named[end], "")) for end in (0, -1))
    return named[1:-1].strip() or None if opens == closes and any(quote in opens for quote in _QUOTES) else None


def by_id(tree: Map, named: str) -> list[Outlined]:
    """The node of that id; else those whose id begins or ends so."""
    return [node for node in tree.nodes.values() if node.id == named] or [
        node
        for node in tree.nodes.values()
        if len(named) >= SHORT_ID and (node.id.startswith(named) or node.id.endswith(named))
    ]


def place(tree: Map, named: str, *, alike: bool = True) -> NodeId | None:
    """The node that a person names, where a turn can go on: that node by its id, or the end of the branch through a turn by its words.

    `alike` takes words that are only like it as well. Returns `None` for the root. Raises InvalidRequest where nothing, or more than one thing, is meant.
    """
    if named.casefold() in TOP:
        return None
    called = by_id(tree, named)
    if len(called) == 1:
        return _answered(tree, called[0])
    found = called or _titled(tree, named, alike=alike)
    if not found:
        raise InvalidRequest(f'Nothing here is called "{shorten(named)}".')
    if len({tree.first(node.id) for node in found}) > 1:
        several = "\n".join(f"- `{short(node.id)}` {title(node)}" for node in found[-_LISTED:])
        raise InvalidRequest(f'Several turns could be meant by "{shorten(named)}". Name one by its id:\n\n{several}')
    return tree.end(found[0].id)


def _answered(tree: Map, node: Outlined) -> NodeId:
    """A node that a turn can go on from: for a user's message its newest reply. Raises InvalidRequest where it has none."""
    if node.role != "user":
        return node.id
    replies = [child.id for child in tree.children.get(node.id, ()) if child.role == "assistant"]
    if not replies:
        raise InvalidRequest(f'"{title(node)}" has no reply yet; nothing can go on from there.')
    return replies[-1]


def _titled(tree: Map, named: str, *, alike: bool) -> list[Outlined]:
    """The turns that answer best to a name, oldest first; a conversation's first turn before those within it."""
    wanted = fold_text(named).casefold()
    scored = [(_score(node, wanted), node) for node in tree.nodes.values() if node.role == "user" and node.preview]
    best = max((score for score, _ in scored), default=(0.0, False))
    return [node for score, node in scored if score == best] if best[0] >= (_ALIKE if alike else 1.0) else []


def _score(node: Outlined, wanted: str) -> tuple[float, bool]:
    said = fold_text(node.preview or "").casefold()
    opens = node.parent_id is None
    if said == wanted:
        return 4.0, opens
    if said.startswith(wanted):
        return 3.0, opens
    if wanted in said:
        return 2.0, opens
    if all(word in said for word in wanted.split()):
        return 1.0, opens
    alike = SequenceMatcher(None, wanted, said[: len(wanted) + 4]).ratio()
    return (alike, opens) if alike >= _ALIKE else (0.0, False)
