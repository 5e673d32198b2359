"""What a file keeps beside its nodes, into a user's tree: artefacts, memories, images, summaries, personalities.

What is there already is left as it is, and what it lacks is added: versions of an artefact beyond its last one, and places where
something is loaded. An artefact whose title is taken by another gets a number behind it; a personality whose name is taken is not
touched, and named in the account of the import. Below a node of another tree, what held for the whole tree holds for that node.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from typing import assert_never

from proxy.domain.beside import (
    Beside,
    Body,
    CarriedArtefact,
    CarriedImage,
    CarriedMemory,
    CarriedVersion,
    Placed,
    SwitchedOff,
)
from proxy.domain.fingerprint import Hash
from proxy.domain.summary import Summary
from proxy.domain.tree import NodeId, TreeId, UserId
from proxy.domain.zone import Personality
from proxy.errors import InvalidRequest
from proxy.store import personalities
from proxy.store.files.ids import Ids, Table
from proxy.store.images import MOST
from proxy.store.rows import plain, to_json
from proxy.store.sealing.values import marked, sealed
from proxy.store.shelf import blobs, forgetting
from proxy.store.shelf.loads import Kind
from proxy.store.shelf.telling import from_told
from proxy.store.turns.planting import Planting


@dataclass(slots=True)
class Settling:
    """The things of one import."""

    db: sqlite3.Connection
    user_id: UserId
    tree_id: TreeId
    under: NodeId | None
    ids: Ids
    planting: Planting
    """Knows which nodes were stored for those of the file."""
    known: AbstractSet[NodeId]
    """Nodes that were there before."""
    displaced: AbstractSet[NodeId]
    """Stored nodes whose path is not the one in the file."""
    counts: Counter[str] = field(default_factory=Counter)
    """What was added, by its kind."""
    kept_personalities: list[str] = field(default_factory=list)
    bodies: dict[str, tuple[Hash, str]] = field(default_factory=dict)
    """By their hashes in the file: what they are found by, and their media types."""
    summaries: dict[str, str] = field(default_factory=dict)
    """Ids in the file, and those that were stored for them."""

    def take(self, item: Beside) -> None:
        """Raises InvalidRequest for an image where there are too many."""
        match item:
            case Personality():
                self._personality(item)
            case Body(name, media_type, data):
                self.bodies[name] = blobs.keep(self.db, self.user_id, media_type, data), media_type
            case CarriedArtefact():
                self._artefact(item)
            case CarriedMemory():
                self._memory(item)
            case CarriedImage():
                self._image(item)
            case SwitchedOff():
                self._switch_off(item)
            case Summary():
                self._summary(item)
            case _:
                assert_never(item)

    def end(self) -> None:
        """Let go of bodies that only what was there before refers to in the file."""
        blobs.drop_unused(self.db, self.user_id, [mark for mark, _ in self.bodies.values()])
        if self.counts["memories"]:
            forgetting.count_up(self.db, self.user_id)

    def _personality(self, one: Personality) -> None:
        if personalities.find(self.db, self.user_id, one.name) is not None:
            self.kept_personalities.append(plain(one.name) or "")
            return
        personalities.keep(self.db, replace(one, user_id=self.user_id))
        self.counts["personalities"] += 1

    def _artefact(self, one: CarriedArtefact) -> None:
        row = self._there("artefacts", one.id, "id, last")
        id_, last = row or (self.ids.free("artefacts", one.id), 0)
        if row is None:
            title = self._title(self._free_title(plain(one.title) or ""))
            told = sealed(self.db, "artefacts.tags", to_json([plain(tag) for tag in one.tags]), id_)
            type_ = sealed(self.db, "artefacts.type", plain(one.type), id_)
            self.db.execute(
                "INSERT INTO artefacts (id, user_id, tree_id, title, type, tags, last, created_at, updated_at)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (id_, self.user_id, self.tree_id, title, type_, told, one.last, one.created_at, one.updated_at),
            )  # fmt: skip
            self.counts["artefacts"] += 1
        new = [version for version in one.versions if version.number > last]
        if new and row is not None:
            sql = "UPDATE artefacts SET last = ?, updated_at = max(updated_at, ?) WHERE id = ?"
            self.db.execute(sql, (one.last, one.updated_at, id_))
        self._versions(id_, new)
        self._load("artefact", id_, one.placed)

    def _versions(self, id_: str, versions: Sequence[CarriedVersion]) -> None:
        self.db.executemany(
            "INSERT INTO artefact_versions (artefact_id, version, user_id, hash, note, reverts_to, at)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            [
                (id_, one.number, self.user_id, self.bodies[one.body][0], self._note(id_, one), one.reverts_to, one.at)
                for one in versions
            ],
        )
        self.counts["versions"] += len(versions)

    def _note(self, id_: str, version: CarriedVersion) -> str | None:
        return sealed(self.db, "artefact_versions.note", plain(version.note), (id_, str(version.number)))

    def _free_title(self, title: str) -> str:
        sql = "SELECT 1 FROM artefacts WHERE user_id = ? AND tree_id = ? AND title = ?"
        free, number = title, 1
        while self.db.execute(sql, (self.user_id, self.tree_id, self._title(free))).fetchone():
            number += 1
            free = f"{title} ({number})"
        return free

    def _title(self, title: str) -> str:
        return marked(self.db, "artefact", title, self.user_id)

    def _memory(self, one: CarriedMemory) -> None:
        id_ = self._known_memory(one)
        if id_ is None:
            id_ = self.ids.free("memories", one.id, everywhere=one.everywhere)
            sql = "SELECT coalesce(max(seq), 0) FROM memories WHERE user_id = ?"
            (last,) = self.db.execute(sql, (self.user_id,)).fetchone()
            self.db.execute(
                "INSERT INTO memories (id, user_id, seq, title, problem, solution, facts, content, tree_id, personality, method,"
                " model, redacted, created_at, updated_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (id_, self.user_id, last + 1, *from_told(self.db, id_, one.told), None if one.everywhere else self.tree_id,
                 marked(self.db, "personality", plain(one.personality), self.user_id), one.method, plain(one.model), one.redacted, one.created_at, one.updated_at),
            )  # fmt: skip
            self.db.executemany(
                "INSERT INTO memory_nodes (memory_id, position, node_id) VALUES (?, ?, ?)",
                [(id_, position, self.planting.stored(node_id)) for position, node_id in enumerate(one.nodes)],
            )
            self.counts["memories"] += 1
        self._load("memory", id_, one.placed)

    def _known_memory(self, one: CarriedMemory) -> str | None:
        """One of this tree, of all trees, or of another tree and loaded in this one."""
        sql = """
            SELECT id FROM memories m WHERE id IN (?, ?) AND user_id = ? AND (
                tree_id IS NULL OR tree_id = ? OR EXISTS (SELECT 1 FROM loads l WHERE l.ref = m.id AND l.tree_id = ?))
        """
        drawn = self.ids.drawn("memories", one.id, everywhere=one.everywhere)
        row = self.db.execute(sql, (one.id, drawn, self.user_id, self.tree_id, self.tree_id)).fetchone()
        return row[0] if row else None

    def _load(self, kind: Kind, ref: str, placed: Sequence[Placed]) -> None:
        """Where it is not loaded yet; a version that was removed here is not sent."""
        for one in placed:
            if one.version is not None:
                sql = "SELECT 1 FROM artefact_versions WHERE artefact_id = ? AND version = ?"
                if self.db.execute(sql, (ref, one.version)).fetchone() is None:
                    continue
            self.db.execute(
                "INSERT INTO loads (user_id, tree_id, node_id, kind, ref, version, at) VALUES (?, ?, ?, ?, ?, ?, ?)"
                " ON CONFLICT DO NOTHING",
                (self.user_id, self.tree_id, self._place(one.node_id), kind, ref, one.version, one.at),
            )

    def _image(self, one: CarriedImage) -> None:
        if self._there("images", one.id) is not None:
            return
        place = (self.user_id, self.tree_id, self._place(one.node_id))
        count, last = self.db.execute(
            "SELECT count(*), coalesce(max(position), 0) FROM images WHERE user_id = ? AND tree_id = ? AND node_id = ?",
            place,
        ).fetchone()
        if count >= MOST:
            raise InvalidRequest(f"The file cannot be imported: with its images more than {MOST} hung in one place.")
        mark, media_type = self.bodies[one.body] if one.body is not None else (None, None)
        id_ = self.ids.free("images", one.id)
        url = sealed(self.db, "images.url", one.url, id_)
        self.db.execute(
            "INSERT INTO images (id, user_id, tree_id, node_id, hash, url, media_type, active, position, created_at)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (id_, *place, mark, url, media_type, one.active, last + 1, one.created_at),
        )
        self.counts["images"] += 1

    def _switch_off(self, one: SwitchedOff) -> None:
        """In messages that are new: in others their user may have switched them on again."""
        stored_id = self.planting.stored(one.node_id)
        if stored_id not in self.known:
            self.db.executemany(
                "INSERT INTO images_off (user_id, tree_id, node_id, number) VALUES (?, ?, ?, ?)",
                [(self.user_id, self.tree_id, stored_id, number) for number in one.numbers],
            )

    def _summary(self, one: Summary) -> None:
        """Left out where the path that it tells of is another one here."""
        stored_id = self.planting.stored(one.node_id)
        if self.under is not None or stored_id in self.displaced:
            return
        row = self._there("summaries", one.id)
        id_ = row[0] if row else self.ids.free("summaries", one.id)
        self.summaries[one.id] = id_
        if row is None:
            previous = self.summaries.get(one.previous_id or "")
            text = sealed(self.db, "summaries.text", to_json(one.text), id_)
            self.db.execute(
                "INSERT INTO summaries (id, user_id, tree_id, node_id, previous_id, kind, text, tokens, model, created_at,"
                " removed_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (id_, self.user_id, self.tree_id, stored_id, previous, one.kind, text, one.tokens,
                 plain(one.model), one.created_at, one.removed_at),
            )  # fmt: skip
            self.counts["summaries"] += 1

    def _place(self, node_id: NodeId | None) -> str:
        """The stored node on which something hangs, or none."""
        return (self.under if node_id is None else self.planting.stored(node_id)) or ""

    def _there(self, table: Table, id_: str, columns: str = "id") -> tuple[str, int] | None:
        """The row that stands for one of the file in this tree."""
        sql = f"SELECT {columns} FROM {table} WHERE id IN (?, ?) AND user_id = ? AND tree_id = ?"
        values = (id_, self.ids.drawn(table, id_), self.user_id, self.tree_id)
        row: tuple[str, int] | None = self.db.execute(sql, values).fetchone()
        return row
