"""Data zones: persistent text that is sent with every request under its scope."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from proxy.domain.tree import TreeId, UserId

ZoneName = Literal["user", "discussion"]
"""`user` holds for all trees of a user, `discussion` for one tree."""

ZONES: tuple[ZoneName, ...] = ("user", "discussion")


@dataclass(frozen=True, slots=True)
class DataZone:
    """One zone's text; empty text is no zone."""

    name: ZoneName
    user_id: UserId
    tree_id: TreeId | None
    """`None` for zones that hold for all trees."""
    text: str
    updated_at: float
