"""The cursor: where in the tree the client believes it is, read from the history that it sent again.

The store says which chat the history is (`ports.TreeStore.recognise`) and up to where. This module lays the two beside each
other, message by message, and says what each message of the client is: a stored node, a stored node in new words, something
that no node holds, or something new. It refuses to know how the chat was found.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher

from proxy.domain.fingerprint import NOTHING, Hash, Link
from proxy.domain.message import Message
from proxy.domain.transcript import Seen, Sighting
from proxy.domain.tree import NodeId, TreeId


@dataclass(frozen=True, slots=True)
class Cursor:
    """The client's history laid beside a stored chat. Indices count what was said, system text left out."""

    node_id: NodeId | None = None
    """The last stored node that the client knows of."""
    tree_id: TreeId | None = None
    new_from: int = 0
    """Index of the first message that is not known; the length of the list when all of it is."""
    nodes: Mapping[int, NodeId] = field(default_factory=dict)
    """Which stored node a known message is."""
    rewritten: frozenset[int] = frozenset()
    """Known by their place although the client changed the words."""
    skipped: frozenset[int] = frozenset()
    """Deleted turns and commands that come back: neither stored nor sent."""
    prev: Hash = NOTHING
    """The row of the client's chat that new messages follow."""
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


def locate(said: Sequence[Message], links: Sequence[Link], sighting: Sighting) -> Cursor:
    """Lay what the client sent beside the chat that the store recognised.

    Args:
        said: The client's messages without system text, oldest first; never empty.
        links: One a message.
    """
    if sighting.anchor < 0 or not sighting.lineage:
        return Cursor()
    matched, rewritten, dropped_head = _align(said, links, sighting)
    stored = {i: row.node_id for i, row in matched.items() if row.node_id is not None and row.meaning == "node"}
    last = next((row for row in reversed(sighting.lineage) if row.node_id is not None), None)
    new_from = sighting.anchor + 1
    edited = None
    if sighting.continued and new_from == len(said) - 1 and said[new_from].role == "user":
        edited = sighting.continued.node_id
    first = min(matched, default=0)
    summarised = dropped_head and first > 0
    return Cursor(
        node_id=last.node_id if last else None,
        tree_id=last.tree_id if last else None,
        new_from=new_from,
        nodes=stored,
        rewritten=rewritten,
        skipped=frozenset(i for i, row in matched.items() if row.meaning in ("deleted", "command")),
        prev=sighting.lineage[-1].chain,
        conversation=sighting.lineage[-1].conversation,
        edited=edited,
        compacted_from=next((stored[i] for i in sorted(stored)), None) if summarised else None,
        found_by=sighting.found_by,
    )


def _align(
    said: Sequence[Message], links: Sequence[Link], sighting: Sighting
) -> tuple[dict[int, Seen], frozenset[int], bool]:
    """Which row each message is; which were rewritten; whether older rows are missing at the front."""
    rows = sighting.lineage
    count = sighting.anchor + 1
    marks = [link.folded for link in links[:count]]
    stored = [row.folded for row in rows]
    if marks == stored:
        return dict(enumerate(rows)), frozenset(), False
    matched: dict[int, Seen] = {}
    rewritten: set[int] = set()
    for what, i, i_end, j, j_end in SequenceMatcher(None, marks, stored, autojunk=False).get_opcodes():
        pairs = list(zip(range(i, i_end), rows[j:j_end], strict=False))
        if what == "equal":
            matched.update(pairs)
        elif what == "replace" and i_end - i == j_end - j and all(said[k].role == row.role for k, row in pairs):
            matched.update(pairs)
            rewritten.update(k for k, _ in pairs)
    matched[sighting.anchor] = rows[-1]
    oldest = matched[min(matched)]
    return matched, frozenset(rewritten), oldest is not rows[0] and oldest != rows[0]
