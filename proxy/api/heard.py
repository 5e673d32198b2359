"""What clients send in headers: values as they were meant, and names without control characters."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")
"""C0, DEL and C1: a terminal takes them for orders."""


@dataclass(frozen=True, slots=True)
class Heard(Mapping[str, str]):
    """Headers whose values are read as UTF-8 where they are UTF-8, else as Latin-1.

    Source: RFC 9110, 5.5 (a field value is bytes, historically Latin-1); curl and browsers' extensions send what was typed, which is UTF-8.
    """

    headers: Mapping[str, str]
    """As ASGI's libraries give them: Latin-1; names in lower case."""

    def __getitem__(self, name: str) -> str:
        return meant(self.headers[name])

    def __contains__(self, name: object) -> bool:
        return name in self.headers

    def __iter__(self) -> Iterator[str]:
        return iter(self.headers)

    def __len__(self) -> int:
        return len(self.headers)


def meant(value: str) -> str:
    """A value that was read as Latin-1, as its sender meant it."""
    if value.isascii():
        return value
    try:
        return value.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return value


def plain(name: str | None) -> str | None:
    """A name as it is. Raises ValueError for one with control characters."""
    if name is not None and _CONTROL.search(name):
        raise ValueError("it must not hold control characters")
    return name
