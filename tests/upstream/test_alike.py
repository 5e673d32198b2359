"""Reads that are taken by what they have in common give what reading each chunk as a whole gives."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.chat.collect import Fold
from proxy.domain.turn import Chunk, Completion, Text
from proxy.errors import UpstreamError
from proxy.upstream.reading import Reading

MODEL: Any = SimpleNamespace(name="m", id="m", secrets=())
TEXT = st.text('ab ",:{}\\\n\u00e9\u2028\U0001f44b\ud83d', max_size=6)
DELTAS = st.fixed_dictionaries({"content": TEXT}) | st.dictionaries(
    st.sampled_from(["content", "role", "refusal", "tool_calls"]), TEXT | st.none(), max_size=3
)
CHOICES = st.fixed_dictionaries({"delta": DELTAS}, optional={"index": st.integers(0, 1)})
CHUNKS = st.fixed_dictionaries(
    {"id": st.sampled_from(["a", "b"]), "choices": st.lists(CHOICES, max_size=2)},
    optional={
        "usage": st.none() | st.just({"total_tokens": 3}),
        "content": TEXT,
        "created": st.integers(0, 3),
        "obfuscation": st.sampled_from(["", "aB3", "x y", '"', "\n", 7]),
    },
)
FRAMES = [b"data: %b\n\n", b"data:%b\r\n\r\n", b": ping\n\nevent: message\ndata: %b\n\n", b"data: %b\n\n\n"]
BEGINNING = b": hello\n\n"


def payload(text: str, **besides: Any) -> bytes:
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": None}
    return json.dumps({"id": "c1", "object": "chat.completion.chunk", "choices": [choice], **besides}).encode()


def event(text: str, **besides: Any) -> bytes:
    return b"data: %b\n\n" % payload(text, **besides)


def reading(*reads: bytes, usage_wanted: bool = False) -> Reading:
    """A stream that has brought so much."""
    begun = Reading(MODEL, usage_wanted=usage_wanted)
    for data in (BEGINNING, *reads):
        list(begun.of(data))
    return begun


def outcome(streams: Iterable[tuple[Reading, bytes]]) -> tuple[bytes, Completion, str]:
    """What a client is told of some reads, what is stored of them, and what was wrong."""
    told, fold, wrong = b"", Fold(), ""
    try:
        for stream, data in streams:
            for chunk in stream.of(data):
                told += chunk.events or b"data: %b\n\n" % chunk.raw if chunk.raw else chunk.events or b""
                fold.add(chunk)
    except UpstreamError as exc:
        wrong = str(exc)
    return told, fold.completion(), wrong


def cut(data: bytes, at: Sequence[int]) -> list[bytes]:
    """The same in several reads."""
    places = [0, *sorted({place % (len(data) + 1) for place in at}), len(data)]
    return [data[a:b] for a, b in pairwise(places) if a < b]


@pytest.mark.parametrize("frame", FRAMES)
@pytest.mark.parametrize("text", ["", "word", 'a "quoted" \\ word', "é\n\u2028", "\U0001f44b", '","content":"', '"}'])
def test_a_read_that_differs_in_its_text_alone_is_taken_for_its_text(text: str, frame: bytes) -> None:
    for besides in ({}, {"usage": None}):
        spelled = payload(text, **besides)
        (chunk,) = reading(frame % payload("first", **besides)).of(frame % spelled)
        assert isinstance(chunk, Text)
        (whole,) = Reading(MODEL, usage_wanted=False).of(frame % spelled)
        assert (chunk.wire, chunk.events, chunk.is_whole) == (whole.wire, b"data: %b\n\n" % whole.raw, False)


@pytest.mark.parametrize("usage_wanted", [True, False])
@pytest.mark.parametrize("padding", ["", "x", "aB3dE5"])
def test_a_read_that_differs_in_its_text_and_its_padding_is_taken_for_its_text(
    padding: str, usage_wanted: bool
) -> None:
    stream = reading(event("a", usage=None, obfuscation="Zz"), usage_wanted=usage_wanted)
    framed = event("b", usage=None, obfuscation=padding) + event('",', usage=None, obfuscation=f"{padding}9")
    (chunk,) = stream.of(framed)
    told = framed if usage_wanted else framed.replace(b' "usage": null,', b"")
    assert isinstance(chunk, Text)
    assert (chunk.texts, chunk.events) == (["b", '",'], told)


@pytest.mark.parametrize("odd", ["a b", 'a"', "\u00e9", 7, None, ["a"], {"a": "b"}])
def test_padding_that_is_none_is_read_whole(odd: Any) -> None:
    stream = reading(event("a", obfuscation="Zz"))
    (chunk,) = stream.of(event("b", obfuscation=odd))
    assert (type(chunk), chunk.raw) == (Chunk, payload("b", obfuscation=odd))


def test_a_client_that_wants_usage_gets_the_bytes_as_they_came() -> None:
    (chunk,) = reading(event("a", usage=None), usage_wanted=True).of(event("b", usage=None))
    assert (chunk.texts, chunk.events) == (["b"], event("b", usage=None))


def test_several_that_came_together_are_one() -> None:
    (chunk,) = reading(event("a")).of(event("b") + event(" \u00e9") + event("d"))
    assert (chunk.texts, chunk.events) == (["b", " \u00e9", "d"], event("b") + event(" \u00e9") + event("d"))
    assert chunk.wire["choices"] == [{"index": 0, "delta": {"content": "b \u00e9d"}, "finish_reason": None}]
    assert chunk.raws() == [payload("b"), payload(" \u00e9"), payload("d")]


def test_what_stands_behind_texts_is_read_with_them() -> None:
    stream = reading(event("a"))
    end = payload("").replace(b"null", b'"stop"')
    text, last = stream.of(event("b") + event("c") + b"data: %b\n\ndata: [DONE]\n\n" % end)
    assert (text.texts, text.followed, last.raw, last.followed, stream.done) == (["b", "c"], True, end, False, True)


def test_texts_that_only_the_end_of_the_stream_follows_leave_at_once() -> None:
    stream = reading(event("a"))
    (text,) = stream.of(event("b") + b"data: [DONE]\n\n")
    assert (text.texts, text.followed, stream.done) == (["b"], False, True)


def test_a_read_that_ends_in_the_middle_of_a_chunk_is_taken_up_to_there() -> None:
    stream = reading(event("a"))
    (first,) = stream.of(event("b") + event("c")[:40])
    (second,) = stream.of(event("c")[40:] + event("d"))
    assert isinstance(first, Text)
    assert isinstance(second, Text)
    assert (first.texts, first.followed, second.texts) == (["b"], False, ["c", "d"])


def test_chunks_that_always_come_in_twos_are_learned_from_the_first() -> None:
    for frame in FRAMES:
        (chunk,) = reading(frame % payload("a") + frame % payload("b")).of(frame % payload("c"))
        assert isinstance(chunk, Text)


@given(
    st.lists(CHUNKS, max_size=6),
    st.booleans(),
    st.booleans(),
    st.sampled_from(FRAMES),
    st.lists(st.integers(0, 500), max_size=6),
)
def test_a_stream_reads_as_if_each_chunk_was_read_whole(
    chunks: list[Any], ascii_only: bool, usage_wanted: bool, frame: bytes, at: list[int]
) -> None:
    data = [json.dumps(chunk, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass") for chunk in chunks]
    framed = [frame % one for one in data]
    stream = Reading(MODEL, usage_wanted=usage_wanted)
    at_once = outcome((stream, read) for read in cut(b"".join(framed), at))
    assert at_once == outcome((Reading(MODEL, usage_wanted=usage_wanted), one) for one in framed)


@given(
    st.lists(st.tuples(TEXT, st.text("aB3", max_size=3)), max_size=9),
    st.booleans(),
    st.sampled_from(FRAMES),
    st.lists(st.integers(0, 900), max_size=9),
)
def test_a_stream_of_texts_reads_as_if_each_chunk_was_read_whole(
    said: list[tuple[str, str]], padded: bool, frame: bytes, at: list[int]
) -> None:
    besides = [{"obfuscation": padding} if padded else {} for _, padding in said]
    framed = [frame % payload(text, usage=None, **more) for (text, _), more in zip(said, besides, strict=True)]
    stream = reading()
    at_once = outcome((stream, read) for read in cut(b"".join(framed), at))
    assert at_once == outcome((Reading(MODEL, usage_wanted=False), one) for one in framed)


@pytest.mark.parametrize(
    "other",
    [
        payload("x", model="m"),
        payload("x").replace(b'"x"', b'"x","role":"tool"'),
        payload("x").replace(b'"x"', b'[{"type":"text","text":"x"}]'),
        payload("x").replace(b'"x"', b'"\\ud83d"'),
        payload("x").replace(b'"finish_reason": null', b'"finish_reason": "stop"'),
    ],
)
def test_what_differs_in_more_than_its_text_is_read_whole(other: bytes) -> None:
    framed = b"data: %b\n\n" % other
    (chunk,) = reading(event("first")).of(framed)
    assert type(chunk) is Chunk
    assert outcome([(reading(event("first")), framed)]) == outcome([(Reading(MODEL, usage_wanted=False), framed)])


def test_texts_of_another_choice_are_stored_in_that_choice() -> None:
    other = [event(text).replace(b'"index": 0', b'"index": 1') for text in "xyz"]
    framed = [event("a"), event("b"), *other, event("c"), *other]
    stream = reading()
    at_once = outcome((stream, one) for one in framed)
    assert at_once == outcome((Reading(MODEL, usage_wanted=False), one) for one in framed)
    assert [message.wire["content"] for message in at_once[1].messages] == ["abc", "xyzxyz"]


@pytest.mark.parametrize("broken", [b'"x', b"", b'"x\ny"', b'"a" "b"', b'"x"\n', b'\r"x"'])
def test_what_is_no_text_is_no_chunk(broken: bytes) -> None:
    with pytest.raises(UpstreamError):
        list(reading(event("first")).of(event("x").replace(b'"x"', broken)))


def test_an_error_that_comes_between_texts_is_told() -> None:
    with pytest.raises(UpstreamError, match="no more"):
        list(reading(event("first")).of(event("x", error={"message": "no more"})))


@pytest.mark.parametrize(
    "first",
    [
        event("x").replace(b'{"content": "x"}', b'{"role": "assistant", "content": "x"}'),
        event("x").replace(b'{"content": "x"}', b'{"content": null}'),
        event("\\ud83d").replace(rb"\\ud83d", rb"\ud83d"),
        event("x", choices=[]),
        event("x", content="x"),
        event("x", usage={"total_tokens": 3}),
    ],
)
def test_only_a_chunk_of_one_text_alone_is_taken_for_a_model(first: bytes) -> None:
    (again,) = reading(first).of(first)
    assert type(again) is Chunk


def test_chunks_that_all_differ_are_not_looked_at_for_long() -> None:
    numbered = [event("x", created=number) for number in range(9)]
    for last in (numbered[-1], numbered[0]):
        (chunk,) = reading(*numbered, numbered[0]).of(last)
        assert type(chunk) is Chunk
