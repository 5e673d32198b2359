"""Reads that differ from an earlier one in nothing but their text, which is most of a stream.

Once one chunk was read and checked, the bytes before and behind its text are known, its frame as an event among them. A read with the same
bytes around one JSON string, or around several that follow each other, brings the same chunk with another text: so neither is it taken
apart and parsed as a whole, nor are its checks made again. A chunk may end in padding besides, which hides how long its text is.

Source of the padding: OpenAI API reference, create chat completion, `stream_options.include_obfuscation`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import msgspec

from proxy.domain.message import Wire
from proxy.domain.turn import Chunk, Text

_TEXT = re.compile(rb'"content"\s*:\s*("(?:[^"\\]|\\.)*")')
_PADDING = re.compile(rb'"obfuscation"\s*:\s*"([A-Za-z0-9]*)"')
_PATIENCE = 4
"""So many reads in a row that are not alike: from then on none is looked at, for a server may number its chunks."""

_decode = msgspec.json.Decoder(str).decode


class Alike:
    """What the chunks of one stream have in common."""

    def __init__(self) -> None:
        self._misses = 0
        self._head = self._middle = self._tail = b""
        """What stands before a text, with its first quote, behind it, with its last one, up to the padding, and behind that: no tail where
        there is no padding."""
        self._told: tuple[bytes, bytes, bytes] = b"", b"", b""
        """The same in what the client is told."""
        self._like: Wire | None = None
        """The chunk that was read."""

    def read(self, data: bytes) -> tuple[Text | None, bytes]:
        """The texts at the beginning of a read that are like the one that was learned, as far as they go, and what stands behind them.

        Args:
            data: What came since the end of an event.
        """
        if self._like is None:
            return None, data
        head, middle, tail = self._head, self._middle, self._tail
        told_head, told_middle, told_tail = self._told
        texts: list[str] = []
        told: list[bytes] = []
        at = 0
        while data.startswith(head, at):
            opens = at + len(head) - 1
            shuts = data.find(middle, opens + 1)
            try:
                text = _decode(data[opens : shuts + 1])
            except (msgspec.DecodeError, UnicodeDecodeError):  # more than a text, or none, or half a character
                break
            padded = ends = shuts + len(middle)
            if tail and (ends := _ends(data, padded, tail)) < 0:
                break
            texts.append(text)
            told.append(told_head + data[opens + 1 : shuts] + told_middle + data[padded:ends] + told_tail)
            at = ends + len(tail)
        if not texts:
            return None, data
        self._misses = 0
        return Text(texts, b"".join(told), self._like), data[at:]

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
        frame = _frame(data, payloads)
        parts, told = (_parts(one, delta["content"], chunk.wire) for one in (payloads[0], chunk.raw))
        if frame is None or parts is None or told is None:
            return
        self._head, self._middle, self._tail = _framed(parts, *frame)
        self._told = _framed(told, b"data: ", b"\n\n")
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


def _parts(payload: bytes, text: str, wire: Wire) -> tuple[bytes, bytes, bytes] | None:
    """What stands before the text, between it and the padding, and behind that; `None` where it cannot be told for sure which they are."""
    found = _TEXT.search(payload)
    if found is None or payload.count(b'"content"') != 1 or _read(found[1]) != text:
        return None
    head, behind = payload[: found.start(1) + 1], payload[found.end(1) - 1 :]
    padding = _PADDING.search(behind)
    if padding is None or payload.count(b'"obfuscation"') != 1 or padding[1].decode() != wire.get("obfuscation"):
        return head, behind, b""
    return head, behind[: padding.start(1)], behind[padding.end(1) :]


def _framed(parts: tuple[bytes, bytes, bytes], before: bytes, behind: bytes) -> tuple[bytes, bytes, bytes]:
    """The parts of an event."""
    head, middle, tail = parts
    return (before + head, middle, tail + behind) if tail else (before + head, middle + behind, b"")


def _ends(data: bytes, at: int, tail: bytes) -> int:
    """Where the padding that begins there ends; -1 where it is none."""
    end = data.find(tail, at)
    return end if end == at or data[at:end].isalnum() else -1


def _read(literal: bytes) -> str | None:
    """The text that a JSON string is; `None` where it is none, or holds half a character."""
    try:
        return _decode(literal)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
