"""The shape of a chat request is checked once at the door, and what passes travels on untouched."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from proxy.api.openai import wire
from proxy.api.openai.chat_completions import header_text, placement_headers
from proxy.api.openai.models import split
from proxy.domain.tree import NodeId
from proxy.domain.turn import Receipt
from proxy.errors import InvalidRequest, ModelNotFound
from tests.api.house import Person

HELLO = {"role": "user", "content": "Hello"}
CALL = {"role": "assistant", "content": None, "tool_calls": [{"id": "a", "function": {"name": "f", "arguments": "{}"}}]}
RESULT = {"role": "tool", "tool_call_id": "a", "content": "done"}


def body(*messages: Any, **more: Any) -> dict[str, Any]:
    return {"model": "m", "messages": list(messages), **more}


@pytest.mark.parametrize("raw", [b"", b"{", b"[1]", b"7", b"\xff", b'"text"', b"[" * 100_000])
def test_what_is_no_json_object_is_refused(raw: bytes) -> None:
    with pytest.raises(InvalidRequest):
        wire.decode(raw)


@pytest.mark.parametrize(
    ("sent", "param"),
    [
        ({"messages": [HELLO]}, "model"),
        ({"model": "m"}, "messages"),
        (body(), "messages"),
        (body(HELLO, {"role": "pirate", "content": "Arr"}), "messages[1].role"),
        (body({"role": "user", "content": 7}), "messages[0].content"),
        (body({"role": "user"}), "messages[0].content"),
        (body({"role": "user", "content": " \n"}), "messages[0].content"),
        (body({"role": "user", "content": [{"type": "text"}]}), "messages[0].content[0].text"),
        (body(HELLO, CALL, {"role": "tool", "content": "done"}), "messages[2].tool_call_id"),
        (body({**CALL, "role": "user", "content": "Hi"}), "messages[0].tool_calls"),
        (body(HELLO, n=0), "n"),
        (body(HELLO, max_tokens="many"), "max_tokens"),
        (body(HELLO, stream="yes"), "stream"),
        (body(HELLO, metadata=[]), "metadata"),
    ],
)
def test_a_fault_is_named_by_its_place(sent: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        wire.check(sent)
    assert refused.value.param == param


@pytest.mark.parametrize(
    "messages",
    [
        [HELLO, RESULT],
        [HELLO, CALL],
        [HELLO, CALL, HELLO],
        [HELLO, CALL, {**RESULT, "tool_call_id": "b"}],
        [HELLO, CALL, RESULT, RESULT],
        [HELLO, CALL, {"role": "system", "content": "Now"}, RESULT],
    ],
)
def test_broken_tool_pairs_are_refused(messages: list[dict[str, Any]]) -> None:
    with pytest.raises(InvalidRequest):
        wire.check_tool_pairs(messages, parent_named=False)


def test_whole_tool_pairs_pass_and_results_may_answer_a_named_parent() -> None:
    wire.check_tool_pairs([HELLO, CALL, RESULT, HELLO, CALL, RESULT], parent_named=False)
    wire.check_tool_pairs([RESULT], parent_named=True)
    with pytest.raises(InvalidRequest):
        wire.check_tool_pairs([RESULT, CALL, HELLO], parent_named=True)


def test_messages_and_options_travel_as_they_came() -> None:
    odd = {
        "role": "user",
        "content": [{"type": "image_url", "image_url": {"url": "data:x"}, "x": 1}],
        "provider": {"a": 1},
    }
    sent = body(odd, stream=True, stream_options={"include_usage": True}, top_k=3, seed=None)
    turn = wire.turn_of(sent, wire.check(sent), model="m")
    assert [message.wire for message in turn.messages] == [odd]
    assert turn.options == {"stream_options": {"include_usage": True}, "top_k": 3}
    assert (turn.stream, turn.usage_wanted) == (True, True)


def test_a_models_name_carries_its_form() -> None:
    names = ["m", "m:off", "vendor/m"]
    assert split("m", names) == ("m", None, None)
    assert split("m:off", names) == ("m:off", None, None)  # a configured name is a name
    assert split("m:follow", names) == ("m", "follow", None)
    assert split("vendor/m:off", names) == ("vendor/m", "off", None)
    assert split("m@baker", names) == ("m", None, "baker")
    assert split("m@baker:follow", names) == ("m", "follow", "baker")
    for unknown in ("", "m:auto", ":off", "M", "m:follow:off", "m@", "@baker", "x@baker"):
        with pytest.raises(ModelNotFound):
            split(unknown, names)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("travel", "travel"),
        ("Zürich", "Z\\xfcrich"),
        ("日本", "\\u65e5\\u672c"),
        ("a\r\nset-cookie: x=1", "a  set-cookie: x=1"),
        ("a\x00\x7f\tb", "a   b"),
        ("\ud83d", "\\ud83d"),
        ("x" * 900, "x" * 500),
    ],
)
def test_text_in_a_header_is_one_line_of_printable_ascii(text: str, told: str) -> None:
    assert header_text(text) == told


def test_no_text_of_a_receipt_can_add_a_header() -> None:
    evil = "x\r\nset-cookie: a=b"
    receipt = Receipt(evil, NodeId("n_1"), None, "root", 0.5, evil, 1, 0, [evil, evil])
    headers = placement_headers(receipt)
    assert not [value for value in headers.values() if "\r" in value or "\n" in value]
    assert headers["x-graft-parent"] == "root"
    assert placement_headers(None) == {"x-graft-route": "aside"}


def test_a_tree_of_any_name_is_told_in_plain_ascii(ada: Person) -> None:
    told = ada.say("Hello", x_graft_tree="Z\\u00fcrich %0d%0a")
    assert told["x-graft-tree"] == "Z\\u00fcrich %0d%0a"
    assert "set-cookie" not in told


def test_the_deepest_body_is_a_bad_request_and_no_failure(ada: Person) -> None:
    for depth in (50, 500, 900, 950, 980, 100_000):
        raw = b'{"model":"mirror","messages":[{"role":"user","content":"Hi"}],"x":' + b"[" * depth + b"]" * depth + b"}"
        headers = {**ada.headers, "content-type": "application/json"}
        answer = ada.house.client.post("/v1/chat/completions", content=raw, headers=headers)
        assert answer.status_code in (200, 400), (depth, answer.text)


def nested(levels: int, kinds: str) -> bytes:
    """An object with so many levels of lists and objects in it, of these kinds in turn."""
    value: Any = 1
    for level in range(levels):
        value = [value] if kinds[level % len(kinds)] == "[" else {"a": value}
    return msgspec.json.encode({"x": value})


@pytest.mark.parametrize("kinds", ["[", "{", "[{"], ids=["lists", "objects", "both in turn"])
def test_json_is_read_to_a_hundred_levels_and_no_deeper(kinds: str) -> None:
    assert wire.decode(nested(wire.MAX_DEPTH - 1, kinds))["x"]
    with pytest.raises(InvalidRequest, match="100 levels"):
        wire.decode(nested(wire.MAX_DEPTH, kinds))
    with pytest.raises(InvalidRequest, match="100 levels"):  # so deep that no reader comes to its end
        wire.decode(b'{"x":' * 100_000 + b"1" + b"}" * 100_000)


@pytest.mark.parametrize(("kind", "told"), [(None, "has no Content-Type"), ("text/plain; x=y", "not as 'text/plain'")])
def test_a_body_that_is_not_declared_as_json_is_told_what_it_was_declared_as(
    ada: Person, kind: str | None, told: str
) -> None:
    headers = {**ada.headers, **({"content-type": kind} if kind else {})}
    answer = ada.house.client.post("/v1/chat/completions", content=b'{"model": "mirror"}', headers=headers)
    assert answer.status_code == 400
    assert told in answer.json()["error"]["message"]
