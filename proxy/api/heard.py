"""What clients send in headers: values as they were meant, and names without control characters."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")
"""C0, DEL and C1: a terminal takes them for orders."""


def heard(scope: Mapping[str, Any]) -> dict[str, str]:
    """The headers of a request, names in lower case; of several with one name the first."""
    headers: Sequence[tuple[bytes, bytes]] = scope["headers"]
    try:
        return {name.decode(): value.decode() for name, value in reversed(headers)}
    except UnicodeDecodeError:
        return {name.decode("latin-1"): meant(value) for name, value in reversed(headers)}


def meant(value: bytes) -> str:
    """A value as its sender meant it: UTF-8 where it is UTF-8, else Latin-1.

    Source: RFC 9110, 5.5 (a field value is bytes, historically Latin-1); curl and browsers' extensions send what was typed, which is UTF-8.
    """
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")


def plain(name: str) -> str:
    """A name as it is. Raises ValueError for one with control characters."""
    if _CONTROL.search(name):
        raise ValueError("it must not hold control characters")
    return name
