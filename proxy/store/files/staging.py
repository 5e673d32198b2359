"""Large imports made ready beside the database, so that chat turns wait for a moment only.

The file is read, hashed and indexed into a database of its own (`importing` does not know the difference); then whole tables are
copied in one transaction. So the lock on the real database is held for the copying alone, and all of the file comes or nothing.

That goes for a tree that is not there yet. Where it is, or where one of the ids is taken meanwhile, the import takes the plain way.
"""

from __future__ import annotations

import os
import sqlite3
import tempfile
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from proxy.domain.archive import Imported, Item, Progress, Target
from proxy.domain.beside import Body
from proxy.domain.ports import User
from proxy.domain.tree import UserId
from proxy.store import trees
from proxy.store.connection import CACHE_KB, configure
from proxy.store.files import importing
from proxy.store.migrating import migrate
from proxy.store.sealing.values import Connection, unmarked
from proxy.store.shelf import forgetting
from proxy.store.troubles import translated
from proxy.store.turns import buried

if TYPE_CHECKING:
    from proxy.store.sealing.cipher import Cipher

LARGE: Final = 2_000
"""Items from which an import is made ready beside the database."""
HEAVY: Final = 10_000
"""Bytes of a body that cost as much as an item."""

AT_HAND_KB: Final = 128_000

_COPIED: Final = {
    "trees": "",
    "zones": "",
    "nodes": "ORDER BY n.seq",
    "edges": "",
    "transcripts": "ORDER BY n.id",
    "artefacts": "",
    "artefact_versions": "",
    "memories": "ORDER BY n.seq",
    "memory_nodes": "",
    "loads": "",
    "images": "",
    "images_off": "",
    "summaries": "",
}
"""What is copied, in which order: rows that others point at come first."""
_NODE_SYSTEM: Final = """
    (SELECT m.id FROM staged.systems s JOIN main.systems m ON m.user_id = s.user_id AND m.hash = s.hash WHERE s.id = n.system_id)
"""
_MEMORY_SEQ: Final = "n.seq + :last"
_SHARED: Final = ("personalities", "blobs")
"""Tables whose rows the user may have already; then those stay."""
_TAKEN: Final = """
    SELECT 1 FROM staged.nodes s JOIN main.nodes n ON n.id = s.id
    UNION ALL SELECT 1 FROM staged.trees s JOIN main.trees t ON t.id = s.id OR (t.user_id = s.user_id AND t.name = s.name)
    UNION ALL SELECT 1 FROM staged.artefacts s JOIN main.artefacts m ON m.id = s.id
    UNION ALL SELECT 1 FROM staged.memories s JOIN main.memories m ON m.id = s.id
    UNION ALL SELECT 1 FROM staged.images s JOIN main.images m ON m.id = s.id
    UNION ALL SELECT 1 FROM staged.summaries s JOIN main.summaries m ON m.id = s.id
    UNION ALL SELECT 1 FROM staged.memories s JOIN main.memories m ON m.user_id = s.user_id
        WHERE s.tree_id IS NULL AND m.tree_id IS NULL
    LIMIT 1
"""
"""Also where both have memories of all trees, which may be the same under other ids."""
_REMARKED: Final = """
    SELECT 1 FROM staged.users s JOIN main.users m ON m.id = s.id WHERE m.marked_with <> s.marked_with LIMIT 1
"""
"""Where the user's marks have another key since."""
_KEPT: Final = """
    SELECT p.name FROM staged.personalities p JOIN main.personalities m ON m.user_id = p.user_id AND m.name = p.name ORDER BY p.name
"""
_LIFTED: Final = "DELETE FROM main.{} WHERE user_id = ? AND {}"


class Stage:
    """A file made ready. Close it in any case."""

    def __init__(self, cipher: Cipher | None = None) -> None:
        """`cipher` seals as in the real database, so that rows can be copied as they are."""
        self._cipher = cipher
        handle, self.file = tempfile.mkstemp(prefix="graft-import-", suffix=".db")  # for nobody else to read
        os.close(handle)

    def close(self) -> None:
        """Nothing of it stays."""
        Path(self.file).unlink(missing_ok=True)

    def fill(
        self, user: User, marked_with: str, items: Iterable[Item], target: Target, progress: Progress | None
    ) -> Imported:
        """Import into the stage; on a thread of its own. Raises InvalidRequest, StoreError."""
        db = sqlite3.connect(self.file, isolation_level=None, factory=Connection)
        try:
            configure(db, synchronous="OFF", read_only=False, cipher=self._cipher)
            db.execute("PRAGMA journal_mode = MEMORY")
            db.execute("PRAGMA cache_size = -64000")
            migrate(db)
            db.execute("BEGIN")
            trees.add_user(db, user, 0, marked_with)
            imported = importing.bring_in(db, user.id, items, target, progress)
            db.execute("COMMIT")
        except sqlite3.Error as exc:
            raise translated(exc) from exc
        finally:
            db.close()
        return imported

    def attach(self, db: sqlite3.Connection) -> None:
        """Show the stage to a connection, outside of any transaction.

        Rows with random keys touch most pages of an index, so many are kept at hand while they are copied.
        """
        db.execute("ATTACH ? AS staged", (self.file,))
        db.execute(f"PRAGMA main.cache_size = -{AT_HAND_KB}")

    def detach(self, db: sqlite3.Connection) -> None:
        """Undo `attach`."""
        db.execute("DETACH staged")
        db.execute(f"PRAGMA main.cache_size = -{CACHE_KB}")


def copy(db: sqlite3.Connection, imported: Imported) -> Imported | None:
    """Copy an attached stage, in one transaction; `None` where something of it is taken, and then nothing was done."""
    if db.execute(_TAKEN).fetchone() is not None or db.execute(_REMARKED).fetchone() is not None:
        return None
    user_id = imported.tree.user_id
    if buried.any_of(db, user_id):
        db.execute(_LIFTED.format("tombstones", "exact IN (SELECT exact FROM staged.nodes)"), (user_id,))
        deleted = "meaning = 'deleted' AND chain IN (SELECT chain FROM staged.transcripts)"
        db.execute(_LIFTED.format("transcripts", deleted), (user_id,))
    systems = "user_id, hash, content"
    db.execute(f"INSERT OR IGNORE INTO main.systems ({systems}) SELECT {systems} FROM staged.systems")
    kept = sorted(unmarked(db, "personality", name, user_id) for (name,) in db.execute(_KEPT))
    for table in _SHARED:
        names = ", ".join(_columns(db, table))
        db.execute(f"INSERT OR IGNORE INTO main.{table} ({names}) SELECT {names} FROM staged.{table}")
    _copy_tables(db, user_id)
    beside = Counter(imported.beside) - Counter(personalities=len(kept))
    if beside["memories"]:
        forgetting.count_up(db, user_id)
    return replace(
        imported, tree=trees.tree_of(db, user_id, imported.tree.id), beside=dict(beside), kept_personalities=kept
    )


def _copy_tables(db: sqlite3.Connection, user_id: UserId) -> None:
    (last,) = db.execute("SELECT coalesce(max(seq), 0) FROM main.memories WHERE user_id = ?", (user_id,)).fetchone()
    values = {"system_id": _NODE_SYSTEM, "seq": _MEMORY_SEQ}
    for table, order in _COPIED.items():
        names = _columns(db, table)
        told = ", ".join(values.get(name, f"n.{name}") for name in names)
        sql = f"INSERT INTO main.{table} ({', '.join(names)}) SELECT {told} FROM staged.{table} n {order}"
        db.execute(sql, {"last": last})


def is_worth_it(items: Iterable[Item]) -> bool:
    """Whether there is so much that chat turns would wait for it."""
    weighs = 0
    for item in items:
        weighs += 1 + (len(item.data) // HEAVY if isinstance(item, Body) else 0)
        if weighs >= LARGE:
            return True
    return False


def _columns(db: sqlite3.Connection, table: str) -> list[str]:
    """The columns whose values are copied: not the numbers that each database gives its rows."""
    told = db.execute(f"PRAGMA main.table_info({table})").fetchall()
    return [name for _, name, kind, _, _, key in told if not (key == 1 and kind == "INTEGER")]
