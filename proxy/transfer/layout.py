"""JSON documents that are written and read item by item, however large.

The document is one JSON object. Each plain entry stands on a line of its own; a list opens on one line, holds one item a
line, and closes on another:

    {"graft":1,
    "tree":{"name":"main"},
    "nodes":[
    {"id":"n_1"},
    {"id":"n_2"}
    ],
    "end":{"nodes":2}}

Any JSON reader takes it as it is. This one follows the lines, holding one at a time; a document that another tool has laid out
anew is read whole.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Final

import msgspec

from proxy.transfer.checks import TOP, decoded, fault

MAX_LINE: Final = 64_000_000
MAX_WHOLE: Final = 256_000_000
"""Bytes of a document that is read whole."""

_ENTRY: Final = re.compile(rb'\{?"(?P<name>\w+)":(?P<value>.*)', re.DOTALL)


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of the document, or one item of a list."""

    name: str
    raw: bytes | msgspec.Raw
    """JSON."""
    place: str
    """For errors: `line 12`, or a path such as `nodes[3]`."""


def entry(name: str, encoded: bytes, *, first: bool = False) -> bytes:
    """The line of a plain entry."""
    return b'%s"%s":%s,\n' % (b"{" if first else b"", name.encode(), encoded)


def opening(name: str) -> bytes:
    return b'"%s":[' % name.encode()


def item(encoded: bytes, *, first: bool) -> bytes:
    return b"%s\n%s" % (b"" if first else b",", encoded)


def closing() -> bytes:
    return b"\n],\n"


def ending(name: str, encoded: bytes) -> bytes:
    """The last line."""
    return b'"%s":%s}\n' % (name.encode(), encoded)


def is_laid_out(head: bytes, name: str) -> bool:
    """Whether a file that begins like this has the layout, with `name` for its first entry."""
    line, end, _ = head.partition(b"\n")
    return bool(end) and line.startswith(b'{"%s":' % name.encode()) and line.rstrip().endswith(b",")


def read_lines(source: BinaryIO) -> Iterator[Entry]:
    """The entries of a laid-out document, in order. Raises InvalidRequest with the line."""
    lines = _lines(source)
    for number, line in lines:
        place = f"line {number}"
        found = _ENTRY.fullmatch(line)
        if found is None or line.startswith(b"{") is not (number == 1):
            raise fault(place, "an entry of the document was expected here.")
        name, value = found["name"].decode(), found["value"]
        if value == b"[":
            yield from _items(name, lines)
        elif value.endswith(b","):
            yield Entry(name, value[:-1], place)
        else:
            yield Entry(name, value.removesuffix(b"}"), place)
            if not value.endswith(b"}"):
                raise fault(place, "the file ends in the middle, or its lines were changed.")
            for after, rest in lines:
                if rest:
                    raise fault(f"line {after}", "something follows the end of the document.")
            return
    raise fault("the end", "the file was cut off: the document is not closed.")


def read_whole(source: BinaryIO) -> Iterator[Entry]:
    """The same entries of a document in any layout."""
    for name, raw in decoded(whole(source), dict[str, msgspec.Raw], TOP).items():
        if not bytes(raw).startswith(b"["):
            yield Entry(name, raw, name)
            continue
        for index, one in enumerate(decoded(raw, list[msgspec.Raw], name)):
            yield Entry(name, one, f"{name}[{index}]")


def whole(source: BinaryIO) -> bytes:
    """All of a file. Raises InvalidRequest where it is too large for that."""
    content = source.read(MAX_WHOLE + 1)
    if len(content) > MAX_WHOLE:
        raise fault("the end", f"more than {MAX_WHOLE // 1_000_000} MB cannot be read in this layout.")
    return content.removeprefix(b"\xef\xbb\xbf")


def _items(name: str, lines: Iterator[tuple[int, bytes]]) -> Iterator[Entry]:
    more = None
    for number, line in lines:
        if line == b"],":
            if more:
                raise fault(f"line {number}", f"the list of {name} is closed where another item should come.")
            return
        if more is False:
            raise fault(f"line {number}", f"the list of {name} goes on without a comma before.")
        more = line.endswith(b",")
        yield Entry(name, line[:-1] if more else line, f"line {number}")
    raise fault("the end", f"the file was cut off: the list of {name} is not closed.")


def _lines(source: BinaryIO) -> Iterator[tuple[int, bytes]]:
    number = 0
    while line := source.readline(MAX_LINE + 1):
        number += 1
        if len(line) > MAX_LINE:
            raise fault(f"line {number}", f"a line of more than {MAX_LINE // 1_000_000} MB cannot be read.")
        yield number, line.strip()
