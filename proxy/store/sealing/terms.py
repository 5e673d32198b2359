"""The words that sealing's files share."""

from __future__ import annotations

from typing import Final

Row = str | tuple[str, ...]
"""What tells a row from the others of its table."""

PLAIN: Final = "plain"
"""Takes a key's place in lists of keys: values as they are."""
