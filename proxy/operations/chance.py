"""Letters of chance for ids, drawn from the system a block at a time: an id costs no call of its own, and none comes twice."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Final

_AT_ONCE: Final = 256
"""Texts that one call of the system makes."""


class Letters:
    """Unguessable texts of one length; safe in threads, and in processes that are forked."""

    def __init__(self, length: int, drawn: Callable[[int], str]) -> None:
        """`drawn` gives so many letters of chance."""
        self._length = length
        self._drawn = drawn
        self._ready: list[str] = []
        os.register_at_fork(after_in_child=self._ready.clear)

    def take(self) -> str:
        """A text that nobody else was given."""
        try:
            return self._ready.pop()
        except IndexError:
            length = self._length
            many = self._drawn(_AT_ONCE * length)
            self._ready.extend(many[at : at + length] for at in range(length, len(many), length))
            return many[:length]
