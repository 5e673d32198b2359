"""Server-sent events, read from the bytes of a stream as they arrive.

A read may end anywhere: inside a line, a character or a line ending. Comments, event names and ids are skipped; what is handed
on are the payloads that are not empty, as bytes, for the JSON in them is read only once and may be passed on unopened.

Source: HTML standard, 9.2.6 "Interpreting an event stream".
"""

from __future__ import annotations

DONE = b"[DONE]"
"""OpenAI's payload that ends a stream."""

_BOM = b"\xef\xbb\xbf"


class EventReader:
    """Payloads out of bytes."""

    def __init__(self) -> None:
        self._rest = b""
        self._pieces: list[bytes] = []
        """What came of a line before `_rest`; joined once its end has come, however large it grows."""
        self._lines: list[bytes] = []
        self._begun = False
        self._is_between = False
        """Whether all that has come was read: as a rule whole events come."""

    def feed(self, data: bytes) -> list[bytes]:
        """The payloads that are complete with `data`."""
        if self._is_between and data.startswith(b"data: ") and data.endswith(b"\n\n") and b"\r" not in data:
            events = data[6:-2].split(b"\n\ndata: ")
            if data.count(b"\n") == 2 * len(events):  # so there is none inside of an event
                return events if all(events) else [event for event in events if event]
        payloads = self._read(data)
        self._is_between = self._begun and not (self._rest or self._pieces or self._lines)
        return payloads

    def _read(self, data: bytes) -> list[bytes]:
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
