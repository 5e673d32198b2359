"""Chunks that are read by what they have in common give what reading each as a whole gives."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.errors import UpstreamError
from proxy.upstream import exchange
from proxy.upstream.alike import Alike
from proxy.upstream.events import EventReader

MODEL: Any = SimpleNamespace(name="m", id="m")
TEXT = st.text('ab ",:{}\\\n\u00e9\u2028\U0001f44b\ud83d', max_size=6)
DELTAS = st.fixed_dictionaries({"content": TEXT}) | st.dictionaries(
    st.sampled_from(["content", "role", "refusal", "tool_calls"]), TEXT | st.none(), max_size=3
)
CHUNKS = st.fixed_dictionaries(
    {"id": st.sampled_from(["a", "b"]), "choices": st.lists(st.fixed_dictionaries({"delta": DELTAS}), max_size=2)},
    optional={"usage": st.none() | st.just({"total_tokens": 3}), "content": TEXT, "created": st.integers(0, 3)},
)


def payload(text: str, **besides: Any) -> bytes:
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": None}
    return json.dumps({"id": "c1", "object": "chat.completion.chunk", "choices": [choice], **besides}).encode()


def whole(data: bytes) -> Any:
    return exchange._chunk(data, MODEL, Alike(), usage_wanted=False, last=False)


def taught(*payloads: bytes) -> Alike:
    alike = Alike()
    for data in payloads:
        exchange._chunk(data, MODEL, alike, usage_wanted=False, last=False)
    return alike


@pytest.mark.parametrize("text", ["", "word", 'a "quoted" \\ word', "é\n\u2028", "\U0001f44b", '","content":"', '"}'])
def test_a_chunk_that_differs_in_its_text_alone_is_read_without_reading_all_of_it(text: str) -> None:
    for besides in ({}, {"usage": None}):
        spelled = payload(text, **besides)
        assert taught(payload("first", **besides)).read(spelled) == whole(spelled)


@given(st.lists(CHUNKS, max_size=6), st.booleans(), st.booleans())
def test_a_stream_reads_as_if_each_chunk_was_read_whole(
    chunks: list[Any], ascii_only: bool, usage_wanted: bool
) -> None:
    alike = Alike()
    for chunk in chunks:
        data = json.dumps(chunk, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
        told: list[Any] = []
        for fresh in (alike, Alike()):
            try:
                told.append(
                    fresh.read(data) or exchange._chunk(data, MODEL, fresh, usage_wanted=usage_wanted, last=False)
                )
            except UpstreamError as exc:
                told.append(str(exc))
        assert told[0] == told[1]


@pytest.mark.parametrize(
    "other",
    [
        payload("x", model="m"),
        payload("x")[:-1] + b',"error":{"message":"no"}}',
        payload("x").replace(b'"x"', b'"x","role":"tool"'),
        payload("x").replace(b'"x"', b'["x"]'),
        payload("x").replace(b'"x"', b'"\\ud83d"'),
        payload("x").replace(b'"x"', b'"x'),
        payload("x").replace(b'"x"', b""),
        payload("x").replace(b'"finish_reason": null', b'"finish_reason": "stop"'),
        b"",
        b"[DONE]",
    ],
)
def test_what_differs_in_more_than_its_text_is_left_to_be_read_whole(other: bytes) -> None:
    assert taught(payload("first")).read(other) is None


@pytest.mark.parametrize(
    "first",
    [
        payload("x").replace(b'{"content": "x"}', b'{"role": "assistant", "content": "x"}'),
        payload("x").replace(b'{"content": "x"}', b'{"content": null}'),
        payload("\\ud83d").replace(rb"\\ud83d", rb"\ud83d"),
        payload("x", choices=[]),
        payload("x", content="x"),
    ],
)
def test_only_a_chunk_of_one_text_alone_is_taken_for_a_model(first: bytes) -> None:
    assert taught(first).read(first) is None


def test_chunks_that_all_differ_are_not_looked_at_for_long() -> None:
    numbered = [payload("x", created=number) for number in range(9)]
    alike = taught(*numbered)
    assert alike.read(numbered[-1]) is None
    alike.learn(numbered[0], whole(numbered[0]))
    assert alike.read(numbered[0]) is None


def test_an_event_of_its_own_is_read_as_events_in_one_piece_are() -> None:
    a, b = payload("a"), payload("b")
    one_by_one, at_once = EventReader(), EventReader()
    pieces = [b"data: %s\n\n" % data for data in (a, b, a, b"", b"[DONE]")]
    assert [data for piece in pieces for data in one_by_one.feed(piece)] == at_once.feed(b"".join(pieces))
