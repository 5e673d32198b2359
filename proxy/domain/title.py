"""A title, and who writes titles, as a Protocol."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from proxy.domain.message import Message


@dataclass(frozen=True, slots=True)
class Titled:
    """A title, and who wrote it."""

    title: str
    by: str
    """A model's name, or `extractive`."""


class TitleWriter(Protocol):
    """Writes titles."""

    async def __call__(self, messages: Sequence[Message], model: str | None = None) -> Titled | None:
        """The title of a conversation; `None` where nothing was said that one could be made of."""
        ...
