"""The ids that things of a file get: their own where they may be kept, else ones drawn from them, always the same."""

from __future__ import annotations

import re
import sqlite3
from dataclasses import dataclass
from typing import Final, Literal

from proxy.domain import fingerprint
from proxy.domain.tree import ROOT, TreeId, new_id

Table = Literal["nodes", "artefacts", "memories", "images", "summaries"]

FIT: Final = re.compile(r"[A-Za-z0-9_.:-]{1,100}")
"""Ids that can stand in a header and in a URL."""


@dataclass(frozen=True, slots=True)
class Ids:
    """The ids of one import into one tree."""

    db: sqlite3.Connection
    secret: bytes
    """The user's."""
    tree_id: TreeId
    keeps: bool
    """Whether ids of the file are kept where they are free; see `domain.archive.Target`."""

    def free(self, table: Table, id_: str, *, everywhere: bool = False) -> str:
        """An id that nobody has."""
        drawn = self.drawn(table, id_, everywhere=everywhere)
        # An image in a message is called by its node's id, a dot and a number.
        fit = self.keeps and id_ != ROOT and FIT.fullmatch(id_) and ("." not in id_ or table == "nodes")
        for wanted in (id_, drawn) if fit else (drawn,):
            if self.db.execute(f"SELECT 1 FROM {table} WHERE id = ?", (wanted,)).fetchone() is None:
                return wanted
        return new_id(table[0])

    def drawn(self, table: Table, id_: str, *, everywhere: bool = False) -> str:
        """The id that stands for one of a file in this tree, or in all: always the same one, and nobody else's."""
        tree_id = "" if everywhere else self.tree_id
        return f"{table[0]}_{fingerprint.keyed(self.secret, 'import', tree_id, id_)[:22]}"
