"""The cursor: where in the tree the client believes it is, read from the history that it sent again.

The store says which chat the history is (`ports.TreeStore.recognise`) and up to where. This module lays the two beside each
other, message by message (`align`), and says what each message of the client is: a stored node, a stored node in new words,
something that no node holds, or something new. It refuses to know how the chat was found.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field, replace
from typing import TypeVar

from proxy.chat.history.align import align
from proxy.domain.fingerprint import NOTHING, Hash, Link
from proxy.domain.message import Message
from proxy.domain.transcript import Meaning, Sighting
from proxy.domain.tree import Node, NodeId, TreeId
from proxy.domain.values import value

T = TypeVar("T")


@value(frozen=True, slots=True)
class Cursor:
    """The client's history laid beside a stored chat. Indices count what was said, system text left out."""

    node_id: NodeId | None = None
    """The last stored node that the client knows of."""
    tree_id: TreeId | None = None
    new_from: int = 0
    """Index of the first message that is new; the length of the list when none is."""
    nodes: Mapping[int, NodeId] = field(default_factory=dict)
    """Which stored node a known message is."""
    rewritten: frozenset[int] = frozenset()
    """Known by their place although the client changed the words."""
    skipped: frozenset[int] = frozenset()
    """Deleted turns and commands that come back: neither stored nor sent."""
    commands: frozenset[int] = frozenset()
    """Those of them that are commands, or Graft's answers to them."""
    chains: Mapping[int, Hash] = field(default_factory=dict)
    """Which row of the client's chat a known message is."""
    said_in: Mapping[int, str] = field(default_factory=dict)
    """The conversation in which a stored message was said."""
    conversation: str | None = None
    edited: NodeId | None = None
    """The turn that the client's new turn stands in for."""
    compacted_from: NodeId | None = None
    """The first stored node behind a summary that the client put in place of older turns."""
    found_by: str = "none"

    @property
    def known(self) -> bool:
        """Whether anything of the history was recognised."""
        return self.found_by != "none"

    @property
    def prev(self) -> Hash:
        """The row of the client's chat that new messages follow."""
        return self.chains[max(self.chains)] if self.chains else NOTHING

    def commands_before(self, index: int) -> list[Hash]:
        """The rows of the unbroken run of commands and answers right before a message, the last one first."""
        run: list[Hash] = []
        while (index := index - 1) in self.commands:
            run.append(self.chains[index])
        return run

    def at(self, index: int) -> Cursor:
        """The same with everything from `index` on taken as new; what is unknown before it stays with no node."""
        nodes = _before(index, self.nodes)
        return replace(
            self,
            node_id=self.node_id if len(nodes) == len(self.nodes) else nodes[max(nodes)] if nodes else None,
            new_from=index,
            nodes=nodes,
            rewritten=frozenset(i for i in self.rewritten if i < index),
            skipped=frozenset(i for i in self.skipped if i < index),
            commands=frozenset(i for i in self.commands if i < index),
            chains=_before(index, self.chains),
            said_in=_before(index, self.said_in),
        )

    def behind(self, nodes: Sequence[Node | None], chains: Sequence[Hash]) -> Cursor:
        """The cursor when the next messages have become nodes, one each; `None` for those that were deleted before."""
        first = self.new_from
        adopted = {first + n: node for n, node in enumerate(nodes) if node is not None}
        newest = adopted[max(adopted)] if adopted else None
        return replace(
            self,
            node_id=newest.id if newest else self.node_id,
            tree_id=newest.tree_id if newest else self.tree_id,
            new_from=first + len(nodes),
            nodes={**self.nodes, **{i: node.id for i, node in adopted.items()}},
            skipped=self.skipped | {first + n for n, node in enumerate(nodes) if node is None},
            chains={**self.chains, **dict(enumerate(chains, start=first))},
            said_in={**self.said_in, **{i: node.conversation or "" for i, node in adopted.items()}},
            found_by=self.found_by if self.known else "adopted",
        )


def locate(said: Sequence[Message], links: Sequence[Link], sighting: Sighting) -> Cursor:
    """Lay what the client sent beside the chat that the store recognised.

    Args:
        said: The client's messages without system text, oldest first; never empty.
        links: One a message.
    """
    if sighting.anchor < 0 or not sighting.lineage:
        return Cursor()
    aligned = align(said, links, sighting)
    rows = aligned.rows
    chains: dict[int, Hash] = {}
    stored: dict[int, NodeId] = {}
    said_in: dict[int, str] = {}
    unsaid: dict[int, Meaning] = {}
    for i, row in rows.items():
        chains[i] = row.chain
        if row.meaning != "node":
            unsaid[i] = row.meaning
        elif row.node_id is not None:
            stored[i], said_in[i] = row.node_id, row.conversation
    last = next((row for row in reversed(sighting.lineage) if row.node_id is not None), None)
    new_from = sighting.anchor + 1
    edited = None
    if sighting.continued and new_from == len(said) - 1 and said[new_from].role == "user":
        edited = sighting.continued.node_id
    return Cursor(
        node_id=last.node_id if last else None,
        tree_id=last.tree_id if last else None,
        new_from=new_from,
        nodes=stored,
        rewritten=aligned.rewritten,
        skipped=frozenset([i for i, meaning in unsaid.items() if meaning != "aside"]),
        commands=frozenset([i for i, meaning in unsaid.items() if meaning == "command"]),
        chains=chains,
        said_in=said_in,
        conversation=sighting.lineage[-1].conversation or None,
        edited=edited,
        compacted_from=stored[min(stored)] if aligned.compacted and stored else None,
        found_by=sighting.found_by,
    )


def _before(index: int, known: Mapping[int, T]) -> dict[int, T]:
    return {i: value for i, value in known.items() if i < index}
