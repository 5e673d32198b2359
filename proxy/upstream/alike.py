"""Reads that differ from an earlier one in nothing but their text, which is most of a stream.

Once one chunk was read and checked, the bytes before and behind its text are known, its frame as an event among them. A read with the same
bytes around one JSON string, or around several that follow each other, brings the same chunk with another text: so neither is it taken
apart and parsed as a whole, nor are its checks made again.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import msgspec

from proxy.domain.message import Wire
from proxy.domain.turn import Chunk, Text

_TEXT = re.compile(rb'"content"\s*:\s*("(?:[^"\\]|\\.)*")')
_PATIENCE = 4
"""So many reads in a row that are not alike: from then on none is looked at, for a server may number its chunks."""

_decode = msgspec.json.Decoder(str).decode


class Alike:
    """What the chunks of one stream have in common."""

    def __init__(self) -> None:
        self._misses = 0
        self._head = self._tail = self._between = b""
        """What stands before a text, behind it, and between two."""
        self._told: tuple[bytes, bytes, bytes] = b"", b"", b""
        """The same in what the client is told."""
        self._like: Wire | None = None
        """The chunk that was read."""

    def read(self, data: bytes) -> tuple[Text | None, bytes]:
        """The text at the beginning of a read that is like the one that was learned, as far as it goes, and what stands behind it.

        Args:
            data: What came since the end of an event.
        """
        if self._like is None or not data.startswith(self._head):
            return None, data
        rest = b""
        if not data.endswith(self._tail):
            end = data.rfind(self._tail) + len(self._tail)
            data, rest = data[:end], data[end:]
        literals = data[len(self._head) : -len(self._tail)].split(self._between)
        try:
            texts = list(map(_decode, literals))
        except (msgspec.DecodeError, UnicodeDecodeError):  # more than texts, or none, or half a character
            return None, data + rest
        head, between, tail = self._told
        said = between.join(literals)
        if b"\r" in said or said.count(b"\n") != 2 * (len(texts) - 1):  # white space beside a text that ends its line
            return None, data + rest
        self._misses = 0
        return Text(texts, head + said + tail, self._like), rest

    def learn(self, data: bytes, payloads: Sequence[bytes], chunk: Chunk) -> None:
        """Take a read for a model of those to come, if its first chunk holds one text and nothing else that counts.

        Args:
            data: What came since the end of an event, to the end of an event.
            payloads: What was found in it.
            chunk: What was read of the first of these.
        """
        if self._misses >= _PATIENCE:
            self._like = None
            return
        self._misses += 1
        choices: Any = chunk.wire.get("choices")
        if not choices or len(choices) != 1 or chunk.raw is None or chunk.wire.get("usage") is not None:
            return
        delta = choices[0].get("delta")
        if choices[0].get("index") not in (None, 0):  # texts are those of the first choice
            return
        if not isinstance(delta, dict) or delta.keys() != {"content"} or not isinstance(delta["content"], str):
            return
        frame, around, told = (
            _frame(data, payloads),
            *(_around(one, delta["content"]) for one in (payloads[0], chunk.raw)),
        )
        if frame is None or around is None or told is None:
            return
        self._head, self._tail = frame[0] + around[0], around[1] + frame[1]
        self._between = self._tail + self._head
        self._told = b"data: " + told[0], told[1] + b"\n\ndata: " + told[0], told[1] + b"\n\n"
        self._like = chunk.wire


def _frame(data: bytes, payloads: Sequence[bytes]) -> tuple[bytes, bytes] | None:
    """What stands before and behind the first payload of a read; `None` where it cannot be told."""
    head, found, rest = data.partition(payloads[0])
    if not found:  # it came in several lines
        return None
    if len(payloads) == 1:
        return head, rest
    between, found, _ = rest.partition(payloads[1])
    return (head, between.removesuffix(head)) if found and between.endswith(head) else None


def _around(payload: bytes, text: str) -> tuple[bytes, bytes] | None:
    """What stands before and behind the text; `None` where it cannot be told for sure which that is."""
    found = _TEXT.search(payload)
    if found is None or payload.count(b'"content"') != 1 or _read(found[1]) != text:
        return None
    return payload[: found.start(1)], payload[found.end(1) :]


def _read(literal: bytes) -> str | None:
    """The text that a JSON string is; `None` where it is none, or holds half a character."""
    try:
        return _decode(literal)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
