"""What providers do wrong, and what becomes of it: the table of the README, as data.

A fault does something to a connection that has brought a whole request. Its outcome is the same on all three lanes.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import repeat

from tests.upstream.faults.provider import DONE, TEXT, Fault, Wire, event, whole

MOST_MB = 12
"""`upstream.answer_mb` in these tests."""
MEGABYTE = 1 << 20
HALF = event({"role": "assistant", "content": "Half"})


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the client is told, and what is stored."""

    status: int
    code: str | None = None
    """Of the error, be it the answer or an event of the stream."""
    breaks: bool = False
    """Whether the error comes as an event, behind what was received."""
    text: str = TEXT
    """What a whole reply says."""

    @property
    def is_whole(self) -> bool:
        return self.status == 200 and not self.breaks

    @property
    def kept(self) -> str:
        """The state of what is stored of the turn's end: of the reply, or of the turn where there is none."""
        return "whole" if self.is_whole else "interrupted" if self.breaks else "unanswered"


WHOLE = Outcome(200)
BAD = Outcome(502)
CUT = Outcome(502, "answer_cut")
LATE = Outcome(504)
ASLEEP = Outcome(502, "asleep")
HALVED = Outcome(200, text="half \ufffd")
LARGE = Outcome(200, text="y" * 10 * MEGABYTE)
TOO_LARGE = Outcome(502, "answer_too_large")


def broken(code: str | None) -> Outcome:
    return Outcome(200, code, breaks=True)


NO_END = broken(None)
"""The provider has ended the answer as if it were complete."""


@dataclass(frozen=True, slots=True)
class Row:
    """One fault."""

    name: str
    fault: Fault
    plain: Outcome
    streamed: Outcome
    takes_long: bool = False
    """Whether the time that is given to a provider that hangs is too short for it."""

    def outcome(self, *, streams: bool) -> Outcome:
        return self.streamed if streams else self.plain


def hangs_before(wire: Wire) -> None:
    wire.left.wait()


def hangs_after(wire: Wire) -> None:
    wire.answer()
    wire.left.wait()


def hangs_within(wire: Wire) -> None:
    wire.answer(HALF if wire.streams else wire.good()[:30])
    wire.left.wait()


def half_json(wire: Wire) -> None:
    wire.answer(HALF + HALF[:30] if wire.streams else wire.good()[:30])


def half_event(wire: Wire) -> None:
    """Half of the JSON, in an event that is whole."""
    wire.answer(HALF + HALF[:30] + b"\n\n" if wire.streams else wire.good()[:30])


def no_choice(wire: Wire) -> None:
    none = json.dumps({**whole(""), "choices": []}).encode()
    wire.answer(b"data: " + none + b"\n\n" + DONE if wire.streams else none)


def no_message(wire: Wire) -> None:
    """Null where a message belongs, or the last delta."""
    wire.answer(wire.good().replace(b'"delta": {}', b'"delta": null') if wire.streams else NULL)


def another_type(wire: Wire) -> None:
    wire.answer(wire.good(), content_type="text/html")


ERROR = json.dumps({"error": {"message": "The model is asleep.", "type": "server_error", "code": "asleep"}}).encode()


def error_as_answer(wire: Wire) -> None:
    wire.answer(b"data: " + ERROR + b"\n\n" if wire.streams else ERROR)


def error_in_words(wire: Wire) -> None:
    wire.answer(b'{"error": "The model is asleep."}')


def error_in_one_piece(wire: Wire) -> None:
    wire.answer(ERROR, content_type="application/json")


def one_piece(wire: Wire) -> None:
    wire.answer(json.dumps(whole(TEXT)).encode(), content_type="application/json")


def error_in_the_middle(wire: Wire) -> None:
    wire.answer(HALF + b"data: " + ERROR + b"\n\n" if wire.streams else ERROR)


def endless(wire: Wire) -> None:
    """Chunk after chunk, or a text without end."""
    wire.answer(b"" if wire.streams else wire.good()[:-40])
    for piece in repeat(event({"content": "x" * 60_000}) if wire.streams else b"x" * 60_000):
        wire.send(piece)


NULL = json.dumps({**whole(""), "choices": [{"index": 0, "message": None, "finish_reason": "stop"}]}).encode()
NOT_A_NUMBER = b'"confidence": [NaN, Infinity, -Infinity, 1e999], "choices"'


def no_numbers(wire: Wire) -> None:
    wire.answer(wire.good().replace(b'"choices"', NOT_A_NUMBER).replace(b'"created": 5', b'"created": NaN'))


def half_a_character(wire: Wire) -> None:
    wire.answer(wire.good("half @").replace(b"half @", rb"half \ud83d"))


def impossible_counts(wire: Wire) -> None:
    """No model has read or written so many."""
    usage = b'"usage": {"prompt_tokens": -5, "completion_tokens": "many", "total_tokens": %d}, "choices"' % (10**400)
    wire.answer(wire.good().replace(b'"choices"', usage))


def impossible_status(wire: Wire) -> None:
    wire.answer(wire.good(), status="999 Odd")


def absurd_depth(wire: Wire) -> None:
    deep = b'"deep": ' + b"[" * 5000 + b"]" * 5000 + b', "choices"'
    wire.answer(wire.good().replace(b'"choices"', deep))


def nul_characters(wire: Wire) -> None:
    wire.answer(wire.good("a\x00b"))


def nul_bytes(wire: Wire) -> None:
    wire.answer(b"\x00" * 100 + wire.good().replace(b"data: ", b"data: \x00"))


def large_chunk(wire: Wire) -> None:
    wire.answer(wire.good("y" * 10 * MEGABYTE))


def garbage_behind(wire: Wire) -> None:
    wire.answer(wire.good() + b"<!-- debug: 5 ms -->\n\n")


def bomb(packing: str) -> Fault:
    def packed() -> Iterator[bytes]:
        made = zlib.compressobj(9, zlib.DEFLATED, 31 if packing == "gzip" else 15)
        yield made.compress(b'{"object": "chat.completion", "choices": [{"message": {"content": "')
        zeros = b"0" * MEGABYTE
        for _ in range(1024):
            yield made.compress(zeros)
        yield made.flush()

    def fault(wire: Wire) -> None:
        wire.answer(content_encoding=packing)
        for piece in packed():
            wire.send(piece)

    return fault


def unknown_packing(wire: Wire) -> None:
    wire.answer(b"\x1b\x07\x00 what is brotli?", content_encoding="br")


def broken_packing(wire: Wire) -> None:
    wire.answer(zlib.compress(wire.good())[:12] + b"\xff" * 40, content_encoding="gzip")


def no_utf_8(wire: Wire) -> None:
    wire.answer(wire.good().replace("ü".encode(), b"\xff"))


def done_twice(wire: Wire) -> None:
    wire.answer(wire.good() + DONE * 2 + HALF if wire.streams else wire.good())


def no_empty_lines(wire: Wire) -> None:
    wire.answer(wire.good().replace(b"\n\n", b"\n"))


def large_headers(wire: Wire) -> None:
    wire.answer(wire.good(), x_filler="x" * MEGABYTE)


def foreign_headers(wire: Wire) -> None:
    """Latin-1 and UTF-8, of which HTTP allows every byte."""
    head = b"HTTP/1.1 200 OK\r\nconnection: close\r\nx-place: caf\xe9\r\nx-request-id: \xe6\x97\xa5\r\n\r\n"
    wire.send(head, wire.good())


def length_too_long(wire: Wire) -> None:
    body = wire.good() if not wire.streams else HALF
    wire.answer(body, content_length=str(len(body) + 100))


def length_too_short(wire: Wire) -> None:
    """The rest of the answer stands outside of it."""
    body = wire.good()[:-10]
    wire.answer(HALF if wire.streams else body, content_length=str(len(HALF) if wire.streams else len(body)))


def no_http(wire: Wire) -> None:
    wire.send(b"220 mail.example ESMTP\r\n\r\n")


def empty(wire: Wire) -> None:
    wire.answer()


def hangs_up(wire: Wire) -> None:
    """Nothing at all."""


ROWS = (
    Row("hangs up without a word", hangs_up, CUT, CUT),
    Row("speaks no HTTP", no_http, BAD, BAD),
    Row("hangs before the headers", hangs_before, LATE, LATE),
    Row("hangs behind the headers", hangs_after, LATE, LATE),
    Row("hangs in the middle", hangs_within, LATE, broken(None)),
    Row("sends nothing but headers", empty, BAD, BAD),
    Row("sends half of the JSON", half_json, BAD, broken("stream_cut")),
    Row("closes an event in the middle of its JSON", half_event, BAD, broken("stream_cut")),
    Row("answers without a choice", no_choice, BAD, BAD),
    Row("says null in the place of a message", no_message, BAD, WHOLE),
    Row("names another content type", another_type, WHOLE, WHOLE),
    Row("sends an error with status 200", error_as_answer, ASLEEP, ASLEEP),
    Row("tells an error in plain words", error_in_words, BAD, BAD),
    Row("answers a stream with an error in one piece", error_in_one_piece, ASLEEP, ASLEEP),
    Row("answers a stream in one piece", one_piece, WHOLE, WHOLE),
    Row("sends an error in the middle", error_in_the_middle, ASLEEP, broken("asleep")),
    Row("never ends", endless, TOO_LARGE, broken("answer_too_large")),
    Row("says a number that is none", no_numbers, WHOLE, WHOLE),
    Row("says half of a character", half_a_character, HALVED, HALVED),
    Row("counts impossible tokens", impossible_counts, WHOLE, WHOLE),
    Row("answers with an impossible status", impossible_status, BAD, BAD),
    Row("nests absurdly deep", absurd_depth, BAD, BAD),
    Row("says NUL", nul_characters, Outcome(200, text="a\x00b"), Outcome(200, text="a\x00b")),
    Row("sends NUL bytes", nul_bytes, BAD, BAD),
    Row("sends 10 MB in one chunk", large_chunk, LARGE, LARGE, takes_long=True),
    Row("sends garbage behind the end", garbage_behind, BAD, WHOLE),
    Row("sends a bomb of gzip", bomb("gzip"), TOO_LARGE, TOO_LARGE),
    Row("sends a bomb of deflate", bomb("deflate"), TOO_LARGE, TOO_LARGE),
    Row("packs as nobody asked", unknown_packing, BAD, BAD),
    Row("packs wrongly", broken_packing, BAD, BAD),
    Row("sends no UTF-8", no_utf_8, BAD, BAD),
    Row("ends a stream twice", done_twice, WHOLE, WHOLE),
    Row("forgets the empty lines", no_empty_lines, WHOLE, WHOLE),
    Row("sends a header of 1 MB", large_headers, BAD, BAD),
    Row("sends a header that is not in ASCII", foreign_headers, WHOLE, WHOLE),
    Row("promises more than it sends", length_too_long, CUT, broken("stream_cut")),
    Row("promises less than it owes", length_too_short, BAD, NO_END),
)
