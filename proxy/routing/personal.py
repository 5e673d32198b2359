"""What one user's corrections changed: a small shift of the shipped decision, kept in a file of its own.

The shift is linear in the scaled evidence and starts at nothing, so where a user corrected nothing alike the shipped answer stands. It is
bounded, so no correction turns what is certain. A file names its user; one user's shift never meets another's turns.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Container, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from proxy.domain.tree import UserId
from proxy.errors import ConfigError
from proxy.routing.decision import CLASSES, CLIP, Weights
from proxy.routing.evidence import COLUMNS
from proxy.routing.features import Row, Rows

log = logging.getLogger(__name__)

MOST = 3.0
"""Log odds by which a class may be shifted at the most."""


@dataclass(frozen=True, slots=True)
class Personal:
    """One user's shift."""

    user_id: UserId
    embedder: str
    shift: Rows
    """One row a class; the columns are `COLUMNS`, scaled, and one for the bias."""

    def adjusted(self, chances: Row, row: Row, weights: Weights) -> Row:
        """Chances after the shift; a class without a place still has none."""
        moved = np.clip(self.shift @ scaled(row[None, :], weights)[0], -MOST, MOST)
        told = chances * np.exp(moved)
        return np.asarray(told / told.sum(), np.float64)

    def flat(self) -> dict[str, Any]:
        """As it is written."""
        rows = [[float(f"{value:.4g}") for value in row] for row in self.shift.tolist()]
        return {"user": self.user_id, "embedder": self.embedder, "columns": list(COLUMNS), "shift": rows}

    @classmethod
    def read(cls, flat: Mapping[str, Any]) -> Personal:
        """Raises ConfigError for a shift that was fitted for other features."""
        shift = np.asarray(flat["shift"], np.float32)
        if tuple(flat["columns"]) != COLUMNS or shift.shape != (len(CLASSES), len(COLUMNS) + 1):
            raise ConfigError(
                f"What was learned for {flat['user']!r} was fitted for other features: run `graft optimize --embedded --user` again."
            )
        return cls(UserId(flat["user"]), str(flat["embedder"]), shift)


def scaled(rows: Rows, weights: Weights) -> Rows:
    """Rows of evidence as the shipped regression sees them, shrunk to about length 1, and a column for the bias."""
    linear = weights.linear
    seen = np.clip((rows - linear.mean) / linear.scale, -CLIP, CLIP) / np.sqrt(rows.shape[1])
    return np.concatenate([seen, np.ones((len(rows), 1))], axis=1).astype(np.float32)


def file_for(user_id: UserId) -> str:
    """The name of a user's file: ids may hold what file names may not."""
    return f"{hashlib.blake2b(user_id.encode(), digest_size=12).hexdigest()}.json"


def remove(folder: Path, users: Container[UserId]) -> None:
    """Take away what was learned from users; a file that cannot be read or removed is told in the log."""
    for file in sorted(folder.glob("*.json")):
        try:
            if json.loads(file.read_text(encoding="utf-8")).get("user") in users:
                file.unlink(missing_ok=True)
        except (OSError, ValueError, AttributeError) as exc:
            log.warning("%s cannot be removed: %s", file, exc)


def load(folder: Path, embedder: str) -> dict[UserId, Personal]:
    """Everybody's shifts; those for another embedder are left out.

    Raises ConfigError where there is no folder, and for a file that cannot be read.
    """
    if not folder.is_dir():
        raise ConfigError(f"routing.personal names {str(folder)!r}, which is no folder.")
    found = {}
    for file in sorted(folder.glob("*.json")):
        try:
            one = Personal.read(json.loads(file.read_text(encoding="utf-8")))
        except (ValueError, KeyError, TypeError) as exc:
            raise ConfigError(f"{file.name} in routing.personal cannot be read: {exc}.") from exc
        if one.embedder == embedder:
            found[one.user_id] = one
    return found
