"""Chunks that differ from an earlier one in nothing but their text, which is most of a stream.

Once one chunk was read and checked, the bytes before and behind its text are known. A chunk with the same bytes around one JSON string is
the same chunk with another text, so neither it is parsed as a whole nor are its checks made again.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from proxy.domain.turn import Chunk

_TEXT = re.compile(rb'"content"\s*:\s*("(?:[^"\\]|\\.)*")')
_PATIENCE = 4
"""So many chunks in a row that are not alike: from then on none is looked at, for a server may number its chunks."""

_decode = msgspec.json.Decoder(str).decode


class Alike:
    """What the chunks of one stream have in common."""

    def __init__(self) -> None:
        self._misses = 0
        self._around: tuple[bytes, bytes] | None = None
        """What stands before and behind the text."""
        self._told: tuple[bytes, bytes] = b"", b""
        """The same in what the client is told."""
        self._wire: dict[str, Any] = {}
        self._choice: dict[str, Any] = {}

    def read(self, payload: bytes) -> Chunk | None:
        """The chunk in a payload that is like the one that was learned; `None` for any other."""
        if self._around is None:
            return None
        head, tail = self._around
        if not (payload.startswith(head) and payload.endswith(tail)):
            return None
        literal = payload[len(head) : -len(tail)]
        if (text := _read(literal)) is None:
            return None
        self._misses = 0
        before, behind = self._told
        wire = self._wire.copy()
        wire["choices"] = [{**self._choice, "delta": {"content": text}}]
        return Chunk(wire, before + literal + behind)

    def learn(self, payload: bytes, chunk: Chunk) -> None:
        """Take a chunk that was read and checked for a model of those to come, if it holds one text and nothing else."""
        if self._misses >= _PATIENCE:
            self._around = None
            return
        self._misses += 1
        choices: Any = chunk.wire.get("choices")
        if not choices or len(choices) != 1 or chunk.raw is None:
            return
        delta = choices[0].get("delta")
        if not isinstance(delta, dict) or delta.keys() != {"content"} or not isinstance(delta["content"], str):
            return
        text = delta["content"]
        around, told = _around(payload, text), _around(chunk.raw, text)
        if around is not None and told is not None:
            self._around, self._told = around, told
            self._wire, self._choice = dict(chunk.wire), choices[0]


def _around(payload: bytes, text: str) -> tuple[bytes, bytes] | None:
    """What stands before and behind the text; `None` where it cannot be told for sure which that is."""
    found = _TEXT.search(payload)
    if found is None or payload.count(b'"content"') != 1 or _read(found[1]) != text:
        return None
    return payload[: found.start(1)], payload[found.end(1) :]


def _read(literal: bytes) -> str | None:
    """The text that a JSON string is; `None` where it is more than one, or none, or holds half a character."""
    try:
        return _decode(literal)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
