"""Server-sent events, read from the bytes of a stream as they arrive.

A read may end anywhere: inside a line, a character or a line ending. Comments, event names and ids are skipped; what is handed
on are the payloads that are not empty, as bytes, for the JSON in them is read only once and may be passed on unopened.

Source: HTML standard, 9.2.6 "Interpreting an event stream".
"""

from __future__ import annotations

DONE = b"[DONE]"
"""OpenAI's payload that ends a stream."""

_BOM = b"\xef\xbb\xbf"
_SHORT = 4096
"""So much of an event may be taken back."""


class EventReader:
    """Payloads out of bytes."""

    def __init__(self) -> None:
        self._rest = b""
        self._pieces: list[bytes] = []
        """What came of a line before `_rest`; joined once its end has come, however large it grows."""
        self._lines: list[bytes] = []
        self._begun = False

    @property
    def is_between(self) -> bool:
        """Whether all that has come was read."""
        return self._begun and not (self._rest or self._pieces or self._lines)

    def unread(self) -> bytes | None:
        """What has come since the end of the last event, taken back: nothing, as a rule. `None` where it is long, or was read in part."""
        if self.is_between:
            return b""
        begun = b"".join((*self._pieces, self._rest))
        if not self._begun or self._lines or len(begun) > _SHORT:
            return None
        self._pieces.clear()
        self._rest = b""
        return begun

    def feed(self, data: bytes) -> list[bytes]:
        """The payloads that are complete with `data`."""
        if self._begun and b"\n" not in data and b"\r" not in data and not self._rest.endswith(b"\r"):
            self._pieces += (self._rest, data)
            self._rest = b""
            return []
        if self._rest or self._pieces:
            data = b"".join((*self._pieces, self._rest, data))
            self._pieces.clear()
        if not self._begun:
            if len(data) < len(_BOM) and _BOM.startswith(data):  # the rest of the mark may be on its way
                self._rest = data
                return []
            self._begun = True
            data = data.removeprefix(_BOM)
        half = b""
        if b"\r" in data:
            if data.endswith(b"\r"):  # the line feed that belongs to it may be on its way
                data, half = data[:-1], b"\r"
            data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        *lines, rest = data.split(b"\n")
        self._rest = rest + half
        payloads: list[bytes] = []
        for line in lines:
            if line.startswith(b"data:"):
                self._lines.append(line[6:] if line[5:6] == b" " else line[5:])
            elif not line and self._lines:
                payloads += self._dispatched()
        return payloads

    def end(self) -> list[bytes]:
        """What was left when the stream ended: some servers leave out the last empty line."""
        return self.feed(b"\n\n")

    def _dispatched(self) -> list[bytes]:
        lines, self._lines = self._lines, []
        if len(lines) == 1:
            return lines if lines[0] else []
        if all(line == DONE or (line.startswith(b"{") and line.endswith(b"}")) for line in lines):
            return lines  # a server that forgets the empty lines between its events
        return [b" ".join(lines)]  # a line break between JSON tokens is white space, and one line is easier to pass on
