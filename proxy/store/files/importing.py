"""A file's items into a user's tree: one transaction, so all of it or nothing.

Hashes are made anew with the user's own secret, and the router sees the nodes as it sees any others. Every path is remembered as
if a client had told it, so a client that goes on with an imported chat is recognised.

What is there already is left as it is: a node with the same id and words in the same tree, or, in a format without ids, the same
words under the same parent. So importing a file twice adds nothing, and a newer file of the same tree adds what is new.

Ids are unique among all users, so an id that is kept only where it is free would tell whether somebody else has it. So a node gets an
id that is drawn from the file's with the user's secret: the same one for the same file, whoever else has what. The operator,
who sees the database anyway, may keep the file's own ids (`Target.keeps_ids`), where they are free.

What was deleted comes back when its user imports it: that is the user's own wish, and it lifts the marks that keep a client's old
history from bringing it back.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Final

from proxy.domain import fingerprint
from proxy.domain.archive import Carried, Imported, Item, Progress, Target, TreeFields, ZoneText
from proxy.domain.fingerprint import NOTHING, Hash, Link
from proxy.domain.tree import Node, NodeId, Tree, TreeId, UserId, new_id
from proxy.domain.zone import DataZone, Scope
from proxy.errors import InvalidRequest
from proxy.store import reading, trees, zones
from proxy.store.browse.labelling import OURS, SUPERSEDED_BY, supersede
from proxy.store.files.ids import FIT, Ids
from proxy.store.files.settling import Settling
from proxy.store.rows import from_json, plain, to_json
from proxy.store.sealing.values import marked, opened, sealed
from proxy.store.turns import buried
from proxy.store.turns.chains import Chains
from proxy.store.turns.planting import Planting

BATCH: Final = 500
"""Nodes between two words about progress."""
NAME_MAX: Final = 200


def bring_in(
    db: sqlite3.Connection, user_id: UserId, items: Iterable[Item], target: Target, progress: Progress | None = None
) -> Imported:
    """See `domain.archive.ArchiveStore.bring_in`. Raises NotFound, InvalidRequest."""
    trees.make_user(db, user_id)
    arrival: _Arrival | None = None
    for item in items:
        match item:
            case TreeFields():
                arrival = _arrive(db, user_id, item, target)
            case _ if arrival is None:
                raise InvalidRequest("The file cannot be imported: it names no tree before what belongs to it.")
            case ZoneText():
                arrival.zone(item)
            case Carried():
                arrival.node(item)
                if progress is not None and not arrival.done % BATCH:
                    progress(arrival.done)
            case _:
                arrival.settling.take(item)
    if arrival is None:
        raise InvalidRequest("The file cannot be imported: it names no tree.")
    return arrival.end()


def _arrive(db: sqlite3.Connection, user_id: UserId, fields: TreeFields, target: Target) -> _Arrival:
    """Find the tree, or make it."""
    if target.parent is not None:
        parent = reading.node(db, user_id, target.parent)
        tree = trees.tree_of(db, user_id, parent.tree_id)
        if target.tree not in (None, tree.name):
            raise InvalidRequest(
                f"The node {target.parent!r} stands in the tree {tree.name!r}, not in {target.tree!r}."
            )
        if parent.state == "unanswered":
            raise InvalidRequest(f"The node {target.parent!r} has no answer yet; nothing can be hung under it.")
        return _Arrival.begin(db, user_id, tree, fields, target, is_new=False)
    name = plain(target.tree if target.tree is not None else fields.name) or ""
    if not name.strip() or len(name) > NAME_MAX:
        raise InvalidRequest(f"{name[:NAME_MAX]!r} is no name for a tree: 1 to {NAME_MAX} characters are needed.")
    known = trees.find_tree(db, user_id, name)
    tree = known or trees.make_tree(db, user_id, name, _kept_id(db, fields) if target.keeps_ids else None)
    return _Arrival.begin(db, user_id, tree, fields, target, is_new=known is None)


@dataclass(slots=True)
class _Arrival:
    """One import on its way into one tree."""

    db: sqlite3.Connection
    user_id: UserId
    tree: Tree
    fields: TreeFields
    is_new: bool
    takes_fields: bool
    """The tree holds no node yet: what it lacks, the file may tell."""
    under: NodeId | None
    ids: Ids
    planting: Planting
    settling: Settling
    """What is kept beside the nodes."""
    chains: Chains
    last_seq: int
    """Nodes beyond this one are the import's own."""
    lifts: bool
    """Whether the user has deleted anything."""
    known: set[NodeId]
    displaced: set[NodeId]
    """Stored nodes whose path is not the one in the file."""
    hanging: list[ZoneText] = field(default_factory=list)
    """Zones of nodes, which come after them."""
    added: int = 0
    renamed: int = 0
    spoken: dict[NodeId, NodeId] = field(default_factory=dict)
    """Nodes of the file with a system text, and the nodes that were stored for them."""
    superseded: dict[NodeId, list[NodeId]] = field(default_factory=dict)
    """Stored replies that a node of the file has replaced."""
    texts: dict[NodeId, str] = field(default_factory=dict)
    """Their system texts, where nothing was stored for them."""

    @classmethod
    def begin(
        cls,
        db: sqlite3.Connection,
        user_id: UserId,
        tree: Tree,
        fields: TreeFields,
        target: Target,
        *,
        is_new: bool,
    ) -> _Arrival:
        under = target.parent
        (last_seq,) = db.execute("SELECT coalesce(max(seq), 0) FROM nodes").fetchone()
        is_empty = db.execute("SELECT 1 FROM nodes WHERE tree_id = ? LIMIT 1", (tree.id,)).fetchone() is None
        if is_empty:
            tree = _filled(db, tree, fields, is_new=is_new)
        planting = Planting.begin(db, user_id, tree.id)
        chains = Chains(db, user_id, tree.id, planting.secret, last_seq)
        if under is not None:
            chains.remember_path(under)
        ids = Ids(db, planting.secret, tree.id, target.keeps_ids)
        known: set[NodeId] = set()
        displaced: set[NodeId] = set()
        return cls(
            db,
            user_id,
            tree,
            fields,
            is_new,
            is_empty,
            under,
            ids,
            planting,
            Settling(db, user_id, tree.id, under, ids, planting, known, displaced),
            chains,
            last_seq,
            lifts=buried.any_of(db, user_id),
            known=known,
            displaced=displaced,
        )

    @property
    def done(self) -> int:
        return self.added + len(self.known)

    def zone(self, zone: ZoneText) -> None:
        """A zone that the tree has already stays as it is; one of a node waits for it."""
        if zone.node_id is not None:
            self.hanging.append(zone)
        elif self.takes_fields:
            self._keep(zone, None)

    def _hang(self, zone: ZoneText) -> None:
        """A zone that the node has already stays as it is."""
        stored_id = self.planting.stored(zone.node_id)
        if stored_id is not None and self.planting.has(stored_id):
            self._keep(zone, stored_id)

    def _keep(self, zone: ZoneText, node_id: NodeId | None) -> None:
        name: Scope = zone.name if node_id is None else "node"
        told = DataZone(name, self.user_id, self.tree.id, zone.text, zone.updated_at, node_id)
        zones.keep(self.db, told, replaces=False)

    def node(self, carried: Carried) -> None:
        """Raises NotFound for a parent that was not there before."""
        node = carried.node
        parent_id = self.under if node.parent_id is None else self.planting.stored(node.parent_id)
        exact = fingerprint.exact(node.message, self.planting.secret)
        before = self.chains.after(parent_id)
        link = self.chains.link(node, before)
        stored_id = self._recall(carried, parent_id, exact)
        if stored_id is None:
            stored_id = self._plant(carried, parent_id, exact, link)
        else:
            self.known.add(stored_id)
            if self._hangs_from(stored_id) != parent_id:
                self.displaced.add(stored_id)
            if node.system is not None:
                self.texts[node.id] = node.system
        if parent_id in self.displaced:
            self.displaced.add(stored_id)
        if stored_id != node.id:
            self.planting.known[node.id] = stored_id
        self.chains.remember(node, stored_id, before, link)

    def _plant(self, carried: Carried, parent_id: NodeId | None, exact: Hash, link: Link | None) -> NodeId:
        node = carried.node
        stored_id = self._free_id(carried)
        planted = Node(
            stored_id,
            self.tree.id,
            parent_id,
            node.message,
            node.state,
            node.created_at,
            sender=node.sender,
            conversation=node.conversation,
            system=self._system(carried),
            tokens=node.tokens,
            metadata=node.metadata,
            personality=node.personality,
        )
        self.planting.plant(planted, exact, parent_id, node.state, link.folded if link else None)
        if self.lifts:
            buried.lift(self.db, self.user_id, exact, link.chain if link else NOTHING)
        self._note_superseded(planted)
        if node.system is not None:
            self.spoken[node.id] = stored_id
        self.added += 1
        self.renamed += carried.has_id and stored_id != node.id
        return stored_id

    def end(self) -> Imported:
        self.chains.flush()
        for zone in self.hanging:
            self._hang(zone)
        for by, replaced in self.superseded.items():
            stored_id = self.planting.known.get(by, by)
            if stored_id != by:
                supersede(self.db, self.user_id, replaced, stored_id)
        at = self.fields.updated_at if self.is_new else None
        self.settling.end()
        beside = dict(+self.settling.counts)  # what there is none of is not told
        if self.is_new or self.added or beside:
            sql = "UPDATE trees SET updated_at = ? WHERE id = ?"
            self.db.execute(sql, (time.time() if at is None else at, self.tree.id))
        tree = trees.tree_of(self.db, self.user_id, self.tree.id)
        kept = self.settling.kept_personalities
        return Imported(tree, self.is_new, self.added, len(self.known), self.renamed, beside, kept)

    def _note_superseded(self, node: Node) -> None:
        """A reply that another one replaced names it, and the other may come later in the file and get another id."""
        ours = node.metadata.get(OURS)
        if isinstance(ours, dict) and SUPERSEDED_BY in ours:
            self.superseded.setdefault(ours[SUPERSEDED_BY], []).append(node.id)

    def _recall(self, carried: Carried, parent_id: NodeId | None, exact: Hash) -> NodeId | None:
        """The node of this tree that the file's node is, if it is there."""
        if self.is_new:
            return None
        if carried.has_id:
            sql = "SELECT id FROM nodes WHERE id IN (?, ?) AND user_id = ? AND tree_id = ? AND exact = ?"
            id_ = carried.node.id
            row = self.db.execute(
                sql, (id_, self.ids.drawn("nodes", id_), self.user_id, self.tree.id, exact)
            ).fetchone()
            return row[0] if row else None
        if parent_id is not None and parent_id != self.under and parent_id not in self.known:
            return None
        sql = """
            SELECT n.id FROM edges e JOIN nodes n ON n.id = e.node_id
            WHERE e.parent_id IS ? AND e.tree_id = ? AND e.exact = ? AND n.seq <= ? ORDER BY n.seq
        """
        rows = self.db.execute(sql, (parent_id, self.tree.id, exact, self.last_seq))
        return next((id_ for (id_,) in rows if id_ not in self.known), None)

    def _free_id(self, carried: Carried) -> NodeId:
        return NodeId(self.ids.free("nodes", carried.node.id) if carried.has_id else new_id("n"))

    def _hangs_from(self, stored_id: NodeId) -> NodeId | None:
        (parent_id,) = self.db.execute("SELECT parent_id FROM edges WHERE node_id = ?", (stored_id,)).fetchone()
        return NodeId(parent_id) if parent_id is not None else None

    def _system(self, carried: Carried) -> str | None:
        first = carried.system_of
        if first is None or first in self.texts:
            return carried.node.system if first is None else self.texts[first]
        sql = "SELECT s.content, s.hash FROM nodes n JOIN systems s ON s.id = n.system_id WHERE n.id = ?"
        content, mark = self.db.execute(sql, (self.spoken[first],)).fetchone()
        text: str = from_json(opened(self.db, "systems.content", content, mark))
        return text


def _kept_id(db: sqlite3.Connection, fields: TreeFields) -> TreeId | None:
    """The tree's id in the file, if it is fit and nobody has it."""
    if fields.id is None or not FIT.fullmatch(fields.id):
        return None
    return None if db.execute("SELECT 1 FROM trees WHERE id = ?", (fields.id,)).fetchone() else fields.id


def _filled(db: sqlite3.Connection, tree: Tree, fields: TreeFields, *, is_new: bool) -> Tree:
    """A tree without nodes, with what the file tells and the tree lacks."""
    filled = replace(
        tree,
        title=tree.title if tree.title is not None else plain(fields.title),
        system_prompt=tree.system_prompt if tree.system_prompt is not None else plain(fields.system_prompt),
        max_context_tokens=tree.max_context_tokens or fields.max_context_tokens,
        metadata={**fields.metadata, **tree.metadata},
        participants={**fields.participants, **tree.participants},
        personality=tree.personality if tree.personality is not None else plain(fields.personality),
        created_at=fields.created_at if is_new and fields.created_at is not None else tree.created_at,
    )
    db.execute(
        "UPDATE trees SET title = ?, system_prompt = ?, max_context_tokens = ?, metadata = ?, participants = ?,"
        " personality = ?, scratchpad = coalesce(scratchpad, ?), created_at = ? WHERE id = ?",
        (
            sealed(db, "trees.title", filled.title, tree.id),
            sealed(db, "trees.system_prompt", filled.system_prompt, tree.id),
            filled.max_context_tokens,
            sealed(db, "trees.metadata", to_json(filled.metadata), tree.id),
            sealed(db, "trees.participants", to_json(filled.participants), tree.id),
            marked(db, "personality", filled.personality, tree.user_id),
            sealed(db, "trees.scratchpad", plain(fields.scratchpad), tree.id),
            filled.created_at,
            tree.id,
        ),
    )
    return filled
