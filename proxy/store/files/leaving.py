"""What is kept beside the nodes of a tree, read for a file one by one: never more than one body is held.

Of a branch, it is what holds there: the tree's artefacts and images, what hangs on the branch's nodes, and those memories that are
loaded there or were made of nothing else. A memory of another tree that is loaded here comes along as this tree's.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Final

from proxy.domain.beside import (
    Beside,
    Body,
    CarriedArtefact,
    CarriedImage,
    CarriedMemory,
    CarriedVersion,
    Placed,
    SwitchedOff,
    name_of,
)
from proxy.domain.fingerprint import Hash
from proxy.domain.summary import Summary
from proxy.domain.tree import NodeId, TreeId, UserId
from proxy.domain.zone import Personality
from proxy.store import personalities as people
from proxy.store.pruning import SUMMARY, to_summary
from proxy.store.rows import Row, from_json, to_json
from proxy.store.sealing.values import opened, opened_bytes, unmarked
from proxy.store.shelf.telling import to_told

_IN_ORDER: Final = "n.visible IS NULL, n.visible, n.seq"
"""The order of nodes in a file."""

NAMED: Final = """
    SELECT personality FROM trees WHERE id = :tree AND personality IS NOT NULL
    UNION SELECT personality FROM nodes WHERE tree_id = :tree AND personality IS NOT NULL
        AND (:nodes IS NULL OR id IN (SELECT value FROM json_each(:nodes)))
"""
ARTEFACTS: Final = """
    SELECT id, title, type, tags, last, created_at, updated_at FROM artefacts WHERE user_id = ? AND tree_id = ?
"""
VERSIONS: Final = (
    "SELECT version, hash, at, note, reverts_to FROM artefact_versions WHERE artefact_id = ? ORDER BY version"
)
LOADS: Final = f"""
    SELECT l.node_id, l.at, l.version FROM loads l LEFT JOIN nodes n ON n.id = l.node_id
    WHERE l.user_id = ? AND l.tree_id = ? AND l.ref = ? ORDER BY l.at, l.node_id <> '', {_IN_ORDER}
"""
MEMORIES: Final = """
    SELECT m.id FROM memories m WHERE m.user_id = :user AND (
        m.tree_id = :tree OR EXISTS (SELECT 1 FROM loads l WHERE l.ref = m.id AND l.tree_id = :tree)
        OR (m.tree_id IS NULL AND EXISTS (
            SELECT 1 FROM memory_nodes p JOIN nodes n ON n.id = p.node_id WHERE p.memory_id = m.id AND n.tree_id = :tree)))
    ORDER BY m.seq
"""
MEMORY: Final = """
    SELECT id, title, problem, solution, facts, content, method, created_at, updated_at, redacted, model, personality, tree_id IS NULL
    FROM memories WHERE id = ?
"""
ORIGIN: Final = """
    SELECT p.node_id, n.tree_id FROM memory_nodes p JOIN nodes n ON n.id = p.node_id WHERE p.memory_id = ? ORDER BY p.position
"""
IMAGES: Final = f"""
    SELECT i.id, i.node_id, i.active, i.created_at, i.hash, i.url FROM images i LEFT JOIN nodes n ON n.id = i.node_id
    WHERE i.user_id = ? AND i.tree_id = ? ORDER BY i.node_id <> '', {_IN_ORDER}, i.position
"""
OFF: Final = f"""
    SELECT o.node_id, o.number FROM images_off o JOIN nodes n ON n.id = o.node_id
    WHERE o.user_id = ? AND o.tree_id = ? ORDER BY {_IN_ORDER}, o.number
"""
SUMMARIES: Final = f"""
    SELECT s.id, s.node_id FROM summaries s JOIN nodes n ON n.id = s.node_id
    WHERE s.user_id = ? AND s.tree_id = ? ORDER BY s.created_at, {_IN_ORDER}, s.id
"""
BODY: Final = "SELECT media_type, bytes FROM blobs WHERE user_id = ? AND hash = ?"


def personalities(
    db: sqlite3.Connection, user_id: UserId, tree_id: TreeId, nodes: Sequence[NodeId] | None
) -> list[Personality]:
    """Those that a tree, its nodes or the given ones name, by name; one that was deleted is a name alone."""
    names = db.execute(NAMED, {"tree": tree_id, "nodes": None if nodes is None else to_json(nodes)}).fetchall()
    found = (
        people.find(db, user_id, name) for name in sorted(unmarked(db, "personality", row[0], user_id) for row in names)
    )
    return [one for one in found if one is not None]


def beside(
    db: sqlite3.Connection, user_id: UserId, tree_id: TreeId, nodes: Sequence[NodeId] | None
) -> Iterator[Beside]:
    """What is kept beside all nodes of a tree, or beside those of a branch; inside one read transaction."""
    leaving = _Leaving(db, user_id, tree_id, None if nodes is None else frozenset(nodes))
    artefacts = leaving.artefacts()
    images = [row for row in db.execute(IMAGES, leaving.owned) if leaving.holds(row[1])]
    yield from leaving.bodies([row[0] for row in artefacts], [mark for *_, mark, _ in images if mark is not None])
    for found in artefacts:
        yield leaving.artefact(found)
    for (id_,) in db.execute(MEMORIES, {"user": user_id, "tree": tree_id}).fetchall():
        if (memory := leaving.memory(id_)) is not None:
            yield memory
    for id_, node_id, active, created_at, mark, url in images:
        body = None if mark is None else leaving.names[mark]
        address = opened(db, "images.url", url, id_)
        yield CarriedImage(id_, node_id or None, bool(active), created_at, body, address)
    off = [row for row in db.execute(OFF, leaving.owned) if leaving.holds(row[0])]
    for node_id, rows in groupby(off, key=lambda row: row[0]):
        yield SwitchedOff(node_id, [number for _, number in rows])
    yield from leaving.summaries()


@dataclass(slots=True)
class _Leaving:
    db: sqlite3.Connection
    user_id: UserId
    tree_id: TreeId
    nodes: frozenset[NodeId] | None
    """Those of the branch; `None` for all."""
    names: dict[Hash, str] = field(default_factory=dict)
    """What the bodies of the store are called in the file."""

    @property
    def owned(self) -> tuple[UserId, TreeId]:
        return self.user_id, self.tree_id

    def holds(self, node_id: str) -> bool:
        """Whether something on a node, or on none, is told."""
        return not node_id or self.nodes is None or node_id in self.nodes

    def bodies(self, artefacts: Sequence[str], marks: Sequence[Hash]) -> Iterator[Body]:
        """Each once, in the order in which they are referred to."""
        for id_ in artefacts:
            for _, mark, *_ in self.db.execute(VERSIONS, (id_,)).fetchall():
                yield from self._body(mark)
        for mark in marks:
            yield from self._body(mark)

    def _body(self, mark: Hash) -> Iterator[Body]:
        if mark not in self.names:
            media_type, data = self.db.execute(BODY, (self.user_id, mark)).fetchone()
            body = opened_bytes(self.db, "blobs.bytes", bytes(data), (self.user_id, mark))
            self.names[mark] = name_of(media_type, body)
            yield Body(self.names[mark], media_type, body)

    def artefacts(self) -> list[Row]:
        """All of the tree, by title; as `artefact` takes them."""
        rows = self.db.execute(ARTEFACTS, self.owned).fetchall()
        found = [(id_, unmarked(self.db, "artefact", title, self.user_id), *rest) for id_, title, *rest in rows]
        return sorted(found, key=lambda row: row[1])

    def artefact(self, row: Row) -> CarriedArtefact:
        id_, title, stored_type, tags, last, created_at, updated_at = row
        type_ = opened(self.db, "artefacts.type", stored_type, id_)
        told = from_json(opened(self.db, "artefacts.tags", tags, id_))
        versions = [
            CarriedVersion(
                number,
                self.names[mark],
                at,
                opened(self.db, "artefact_versions.note", note, (id_, str(number))),
                reverts_to,
            )
            for number, mark, at, note, reverts_to in self.db.execute(VERSIONS, (id_,))
        ]
        return CarriedArtefact(id_, title, type_, told, last, created_at, updated_at, versions, self._placed(id_))

    def memory(self, id_: str) -> CarriedMemory | None:
        """`None` for a memory that does not belong to the branch."""
        (_, *told, method, created_at, updated_at, redacted, model, personality, everywhere) = self.db.execute(
            MEMORY, (id_,)
        ).fetchone()
        origin, placed = self.db.execute(ORIGIN, (id_,)).fetchall(), self._placed(id_)
        here = [node_id for node_id, tree_id in origin if tree_id == self.tree_id and self.holds(node_id)]
        if self.nodes is not None and not placed and len(here) < len(origin):
            return None
        return CarriedMemory(
            id_,
            to_told(self.db, id_, tuple(told)),
            method,
            created_at,
            updated_at,
            redacted,
            model,
            unmarked(self.db, "personality", personality, self.user_id),
            bool(everywhere),
            here,
            placed,
        )

    def _placed(self, ref: str) -> list[Placed]:
        rows = self.db.execute(LOADS, (*self.owned, ref))
        return [Placed(node_id or None, at, version) for node_id, at, version in rows if self.holds(node_id)]

    def summaries(self) -> Iterator[Summary]:
        """One names the one before it where that is told above it."""
        told: set[str] = set()
        for id_, node_id in self.db.execute(SUMMARIES, self.owned).fetchall():
            if self.holds(node_id):
                row = list(self.db.execute(f"SELECT {SUMMARY} FROM summaries s WHERE s.id = ?", (id_,)).fetchone())
                row[3] = row[3] if row[3] in told else None
                told.add(id_)
                yield to_summary(self.db, tuple(row))


def some(items: Iterator[Beside], most: int, weight: Callable[[Beside], int]) -> list[Beside]:
    """The next items, until their weight reaches `most`; none when there are no more."""
    taken, weighs = [], 0
    for item in items:
        taken.append(item)
        weighs += weight(item)
        if weighs >= most:
            break
    return taken
