"""Token counts as providers report them, as far as they can be true.

A provider may write anything into its `usage`. A number that no model could have read would make sums of a key's day overflow,
and with them every later sum of every key, so it counts as no report.
"""

from __future__ import annotations

from typing import Final

MOST_TOKENS: Final = 1 << 40
"""Of one request; 2^23 of these still fit into an integer of SQLite."""


def tokens_of(value: object) -> int | None:
    """A reported number of tokens; `None` where it is no number, or one that cannot be."""
    return value if type(value) is int and 0 <= value <= MOST_TOKENS else None
