"""How a stream begins: with its first choice.

Azure sends what its filters found in the prompt ahead of it, in a chunk without any. Such a chunk is passed on together with the first
choice, and not before: a stream that ends or fails until then has not begun, and another server may still be asked.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from proxy.domain.turn import Chunk
from proxy.upstream.shapes import says

_MOST = 64
"""A stream with more chunks than these before the first choice is taken to have begun."""


class Opening:
    """What has come of a stream before it began."""

    def __init__(self) -> None:
        self._held: list[Chunk] = []
        self.over = False
        """Whether it has begun: from then on there is nothing to look at."""

    def of(self, chunks: Iterable[Chunk]) -> Iterator[Chunk]:
        """Those of some chunks that may be passed on, behind those that were held back."""
        for chunk in chunks:
            if self.over:
                yield chunk
            elif says(chunk.wire) or len(self._held) >= _MOST:
                self.over = True
                yield from self._held
                yield chunk
            else:
                chunk.followed = True
                self._held.append(chunk)
