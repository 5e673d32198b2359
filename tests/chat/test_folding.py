"""Chunks fold into the answer that they are, and a stored answer dressed as chunks folds back into itself."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.chat.collect import Fold, pieces, whole
from proxy.domain.message import Message
from proxy.domain.turn import Chunk, Completion
from tests.chat.road import Json, assistant, piece

WORDS = st.text(max_size=12)
CALLS = st.builds(
    lambda number, name, arguments: {
        "id": f"call_{number}",
        "type": "function",
        "function": {"name": name, "arguments": arguments},
    },
    st.integers(0, 999),
    st.sampled_from(["look", "run"]),
    WORDS,
)
MESSAGES = st.fixed_dictionaries(
    {"role": st.just("assistant"), "content": st.none() | WORDS},
    optional={
        "refusal": WORDS,
        "reasoning_content": WORDS,
        "tool_calls": st.lists(CALLS, min_size=1, max_size=3, unique_by=lambda call: call["id"]),
    },
)
REASONS = st.sampled_from(["stop", "length", "tool_calls", "content_filter"])
ENVELOPE = {"id": "c1", "created": 1, "model": "m", "system_fingerprint": "fp"}


def fold_of(chunks: Sequence[Chunk]) -> Fold:
    fold = Fold()
    for chunk in chunks:
        fold.add(chunk)
    return fold


def folded(chunks: Sequence[Chunk]) -> Completion:
    fold = fold_of(chunks)
    return fold.completion()


def completion(messages: Sequence[Json], reasons: Sequence[str], usage: Json | None = None) -> Completion:
    return Completion([Message(one) for one in messages], list(reasons), usage, ENVELOPE)


def streamed(message: Json, cuts: int) -> list[Json]:
    """The deltas of a message, every text in `cuts` pieces, tool calls after each other."""
    deltas: list[Json] = [{"role": "assistant"}]
    for name in ("reasoning_content", "content", "refusal"):
        if message.get(name) is not None:
            deltas += ({name: part} for part in slices(message[name], cuts))
    for index, call in enumerate(message.get("tool_calls") or ()):
        function = call["function"]
        head = {"index": index, **call, "function": {"name": function["name"], "arguments": ""}}
        deltas.append({"tool_calls": [head]})
        for part in slices(function["arguments"], cuts):
            deltas.append({"tool_calls": [{"index": index, "function": {"arguments": part}}]})
    return deltas


def slices(text: str, count: int) -> list[str]:
    step = max(1, -(-len(text) // count))
    return [text[i : i + step] for i in range(0, len(text), step)] or [""]


@given(MESSAGES, REASONS, st.integers(1, 5))
def test_deltas_fold_into_the_whole(message: Json, reason: str, cuts: int) -> None:
    chunks = [*(piece(delta) for delta in streamed(message, cuts)), piece({}, reason)]
    (told,) = folded(chunks).messages
    assert told.wire == message
    assert folded(chunks).finish_reasons == [reason]


@given(st.lists(st.tuples(MESSAGES, REASONS), min_size=1, max_size=3), st.none() | st.just({"total_tokens": 7}))
def test_a_stored_answer_folds_back_into_itself_streamed_or_whole(
    choices: list[tuple[Json, str]], usage: Json | None
) -> None:
    stored = completion([message for message, _ in choices], [reason for _, reason in choices], usage)
    assert folded(pieces(stored)) == stored
    again = folded([whole(stored)])
    assert (again.finish_reasons, again.usage, again.envelope) == (stored.finish_reasons, usage, ENVELOPE)
    for one, other in zip(again.messages, stored.messages, strict=True):
        assert {name: value for name, value in one.wire.items() if name != "refusal" or value} == {
            name: value for name, value in other.wire.items() if name != "refusal" or value
        }


def test_choices_arrive_in_any_order_and_stand_by_their_index() -> None:
    told = folded(
        [
            piece({"content": "B"}, index=1),
            piece({"content": "A"}),
            piece({}, "length"),
            piece({"content": "!"}, "stop", 1),
        ]
    )
    assert [message.text for message in told.messages] == ["A", "B!"]
    assert told.finish_reasons == ["length", "stop"]


def test_an_answer_has_ended_when_every_choice_says_so() -> None:
    assert not fold_of([]).ended
    assert not fold_of([piece({"content": "A"}, "stop"), piece({"content": "B"}, index=1)]).ended
    assert fold_of([piece({"content": "A"}, "stop"), piece({"content": "B"}, "length", index=1)]).ended


def test_a_message_or_a_delta_that_is_null_says_nothing() -> None:
    null: Json = {"index": 0, "message": None, "delta": None, "finish_reason": "stop"}
    fold = fold_of([piece({"role": "assistant", "content": "Hello"}), Chunk({"choices": [null]})])
    assert (fold.completion().messages[0].text, fold.ended) == ("Hello", True)


def test_nothing_was_said_until_a_field_has_a_value() -> None:
    fold = Fold()
    for silent in ({"role": "assistant"}, {"content": ""}, {"content": None, "tool_calls": []}):
        fold.add(piece(silent))
        assert not fold.started
    fold.add(piece({"reasoning_content": "Hm"}))
    assert fold.started


@pytest.mark.parametrize(
    ("deltas", "names"),
    [
        ([[{"index": 2, "id": "c"}], [{"index": 0, "id": "a"}]], "ac"),
        ([[{"index": 5, "id": "a"}, {"index": 9, "id": "b"}]], "ab"),
        ([[{"id": "a"}], [{"id": "b"}]], "ab"),
        ([[{"index": 0, "id": "a"}], [{"index": 0, "id": "b"}]], "ab"),
        ([[{"index": 0, "id": "a"}], [{"index": 0, "id": "a"}]], "a"),
        ([[{"index": 0}], [{"index": 0, "id": "a"}]], "a"),
        ([[{"id": "a"}, {"id": "b"}]], "ab"),
    ],
)
def test_tool_calls_are_told_apart_with_gaps_and_without_an_index(deltas: list[list[Json]], names: str) -> None:
    (told,) = folded([piece({"tool_calls": calls}) for calls in deltas]).messages
    assert [call["id"] for call in told.tool_calls] == list(names)
    assert all("index" not in call for call in told.tool_calls)


def test_arguments_go_to_the_call_that_was_named_last() -> None:
    told = folded(
        [
            piece({"tool_calls": [{"index": 0, "id": one, "function": {"name": "look", "arguments": ""}}]})
            if step == 0
            else piece({"tool_calls": [{"index": 0, "function": {"arguments": one}}]})
            for one in "ab"
            for step in range(3)
        ]
    )
    assert [call["function"]["arguments"] for call in told.messages[0].tool_calls] == ["aa", "bb"]


def test_the_envelope_is_the_first_and_usage_the_last() -> None:
    chunks = [
        Chunk({"id": "one", "object": "chat.completion.chunk", "choices": [], "usage": None}),
        Chunk({"id": "two", "object": "chat.completion.chunk", "model": "m", "choices": None}),
        Chunk({"object": "chat.completion.chunk", "choices": [], "usage": {"total_tokens": 1}}),
        Chunk({"object": "chat.completion.chunk", "choices": [], "usage": {"total_tokens": 2}}),
    ]
    assert folded(chunks) == Completion([], [], {"total_tokens": 2}, {"id": "one", "model": "m"})


def test_other_fields_are_kept_lists_joined_and_objects_merged() -> None:
    told = folded(
        [
            piece({"audio": {"id": "a1"}, "annotations": [{"n": 1}], "provider": "x"}),
            piece({"audio": {"transcript": "Hel"}, "annotations": [{"n": 2}]}),
            piece({"audio": {"transcript": "lo"}, "provider": "y"}),
        ]
    )
    assert told.messages[0].wire == assistant(
        None, audio={"id": "a1", "transcript": "Hello"}, annotations=[{"n": 1}, {"n": 2}], provider="y"
    )


def test_text_is_whole_whenever_it_is_looked_at_and_whatever_comes_between() -> None:
    fold = Fold()
    for text in ("", "Six", " metres"):
        fold.add(piece({"content": text}))
    assert fold.completion().messages[0].text == "Six metres"
    fold.add(piece({"content": ", "}))
    fold.add(piece({"reasoning_content": "the gauge"}))
    fold.add(piece({"content": "says the gauge."}))
    fold.add(piece({"content": " Sure."}, index=1))
    fold.add(piece({}, "stop"))
    fold.add(piece({"content": "?"}))
    done = fold.completion()
    assert [message.text for message in done.messages] == ["Six metres, says the gauge.?", " Sure."]
    assert done.messages[0].wire["reasoning_content"] == "the gauge"
    assert done.finish_reasons == ["stop", None]
