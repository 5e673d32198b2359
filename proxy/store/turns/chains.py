"""Transcripts of nodes that no client told us: every path of an import, remembered as if a client had said it.

So a client that goes on with an imported chat is recognised like any other. Each node's link is made from that of the node above
it; the links of the nodes met last are at hand, others are read back.
"""

from __future__ import annotations

import sqlite3
from collections import OrderedDict
from typing import Final, NamedTuple

from proxy.domain import fingerprint
from proxy.domain.fingerprint import NOTHING, Hash, Link
from proxy.domain.transcript import Seen
from proxy.domain.tree import Node, NodeId, TreeId, UserId, new_id
from proxy.store import reading
from proxy.store.turns import writing

BATCH: Final = 500
"""Rows that are written together."""
KEPT: Final = 20_000
"""Places at hand."""

OWN: Final = """
    SELECT n.seq > ?, e.parent_id, t.chain, t.folded, t.assistants
    FROM edges e JOIN nodes n ON n.id = e.node_id LEFT JOIN transcripts t ON t.node_id = n.id WHERE e.node_id = ?
"""


class Spot(NamedTuple):
    """A place in the transcript of a path."""

    link: Link | None
    """Of the last message that was said; `None` at the start."""
    assistants: Hash
    """The chain of the assistant's messages so far."""


START: Final = Spot(None, NOTHING)


class Chains:
    """The transcripts of one import into one tree."""

    def __init__(self, db: sqlite3.Connection, user_id: UserId, tree_id: TreeId, secret: bytes, last_seq: int) -> None:
        """`last_seq` is that of the last node that was stored before."""
        self._db = db
        self._user_id = user_id
        self._tree_id = tree_id
        self._secret = secret
        self._last_seq = last_seq
        self._conversation = new_id("c")
        """Stands for the chat of nodes that name none."""
        self._spots: OrderedDict[NodeId, Spot] = OrderedDict()
        self._waiting: list[Seen] = []

    def after(self, node_id: NodeId | None) -> Spot:
        """Where a path stands after a stored node."""
        if node_id is None:
            return START
        spot = self._spots.get(node_id)
        return spot if spot is not None else self._keep(node_id, self._read_back(node_id))

    def link(self, node: Node, before: Spot) -> Link | None:
        """A node's link; `None` for system text, which is no part of a transcript."""
        if node.message.is_system:
            return None
        return fingerprint.extend(before.link, before.assistants, node.message, self._secret)

    def remember(self, node: Node, stored_id: NodeId, before: Spot, link: Link | None) -> None:
        """Take in a stored node under its link."""
        if link is None:
            self._keep(stored_id, before)
            return
        self._keep(stored_id, Spot(link, link.assistants or before.assistants))
        self._waiting.append(
            Seen(
                chain=link.chain,
                prev=before.link.chain if before.link else NOTHING,
                folded=link.folded,
                assistants=link.assistants,
                role=node.message.role,
                meaning="node",
                node_id=stored_id,
                tree_id=self._tree_id,
                conversation=node.conversation or self._conversation,
            )
        )
        if len(self._waiting) >= BATCH:
            self.flush()

    def remember_path(self, node_id: NodeId) -> None:
        """Take in a path that was stored before, so that what follows it has something to follow."""
        before = START
        for node in reading.path(self._db, self._user_id, node_id):
            self.remember(node, node.id, before, self.link(node, before))
            before = self.after(node.id)

    def flush(self) -> None:
        """Write what waits."""
        writing.remember(self._db, self._user_id, self._waiting, {})
        self._waiting.clear()

    def _keep(self, node_id: NodeId, spot: Spot) -> Spot:
        self._spots[node_id] = spot
        if len(self._spots) > KEPT:
            self._spots.popitem(last=False)
        return spot

    def _read_back(self, node_id: NodeId) -> Spot:
        """From the rows of the nodes above, as far as they are the import's own; else from what was said."""
        link: Link | None = None
        above: NodeId | None = node_id
        while above is not None:
            own, parent_id, chain, folded, assistants = self._db.execute(OWN, (self._last_seq, above)).fetchone()
            if not own:
                path = reading.path(self._db, self._user_id, above)
                links = fingerprint.transcript([node.message for node in path], self._secret)
                return Spot(link or (links[-1] if links else None), fingerprint.last_assistants(links))
            if chain is not None:
                link = link or Link(folded, chain, assistants)
            if assistants is not None:
                return Spot(link, assistants)
            above = parent_id
        return Spot(link, NOTHING)
