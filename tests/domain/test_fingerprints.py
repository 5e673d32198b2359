"""Messages and transcripts are recognised again, for one user and no other."""

from __future__ import annotations

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.domain import fingerprint
from proxy.domain.fingerprint import (
    NOTHING,
    Memo,
    canonical,
    exact,
    fold_text,
    folded,
    keyed,
    last_assistants,
    transcript,
)
from proxy.domain.message import Message, said
from proxy.errors import InvalidRequest

KEY, OTHER = b"one user's secret", b"another's secret"
WORDS = st.text(st.characters(codec="utf-8"), max_size=40)
ROLES = st.sampled_from(["user", "assistant", "tool"])
CHATS = st.lists(st.builds(said, ROLES, WORDS), min_size=1, max_size=6)


def message(role: str = "user", content: object = "Hello there", **more: object) -> Message:
    return Message({"role": role, "content": content, **more})


def call(arguments: object, name: str = "weather", id: str = "call_1") -> Message:
    function = {"name": name, "arguments": arguments}
    return message("assistant", None, tool_calls=[{"id": id, "type": "function", "function": function}])


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (message(content="Hello there"), message(content="  Hello \n\t there\r\n")),
        (message(content="caf\u00e9"), message(content="cafe\u0301")),
        (message(content="Hello there"), message(content=[{"type": "text", "text": "Hello there"}])),
        (message(content="Hello\nthere"), message(content=[{"type": "text", "text": t} for t in ("Hello", "there")])),
        (message("assistant", "<think>\nHm.\n</think>\n\nYes."), message("assistant", "Yes.")),
        (message("assistant", "Yes.<THINKING>cut off"), message("assistant", "Yes.")),
        (message("assistant", "Yes.", reasoning_content="Hm."), message("assistant", "Yes.")),
        (message("assistant", "Yes.", refusal=None, annotations=[]), message("assistant", "Yes.")),
        (message("assistant", None), message("assistant", "")),
        (call('{"a": 1, "b": [2]}'), call('{"b":[2],"a":1}')),
    ],
)
def test_folding_forgives_what_clients_do_to_a_message(one: Message, other: Message) -> None:
    assert folded(one, KEY) == folded(other, KEY)
    assert exact(one, KEY) != exact(other, KEY)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (message(content="Hello there"), message(content="Hello here")),
        (message(content="ab"), message(content="a b")),
        (message("user"), message("assistant")),
        (message("user", "<think>a</think>b"), message("user", "b")),
        (call('{"a": 1}'), call('{"a": 2}')),
        (call("{}"), call("{}", name="time")),
        (call("{}"), call("{}", id="call_2")),
        (call('{"a": 1'), call('{"a": 2')),
        (message("tool", "Rain", tool_call_id="a"), message("tool", "Rain", tool_call_id="b")),
        (
            message("assistant", None, function_call={"name": "f", "arguments": "{}"}),
            message("assistant", None, function_call={"name": "g", "arguments": "{}"}),
        ),
        (
            message(content=[{"type": "image_url", "image_url": {"url": "data:a"}}]),
            message(content=[{"type": "image_url", "image_url": {"url": "data:b"}}]),
        ),
        (message(), message(content=[{"type": "text", "text": "Hello there"}, {"type": "image_url", "image_url": {}}])),
    ],
)
def test_folding_keeps_apart_what_says_something_else(one: Message, other: Message) -> None:
    assert folded(one, KEY) != folded(other, KEY)


@given(WORDS)
def test_folding_a_text_twice_changes_nothing_more(text: str) -> None:
    assert fold_text(fold_text(text)) == fold_text(text)
    assert fold_text(text) == fold_text(unicodedata.normalize("NFD", text))


@given(st.dictionaries(WORDS.filter(lambda word: word != "role"), st.integers() | WORDS | st.none(), max_size=5))
def test_the_canonical_form_does_not_depend_on_the_order_of_keys(value: dict[str, object]) -> None:
    backwards = dict(reversed(value.items()))
    assert canonical(value) == canonical(backwards)
    assert json.loads(canonical(value)) == value
    assert exact(Message({"role": "user", **value}), KEY) == exact(Message({**backwards, "role": "user"}), KEY)


@given(st.lists(WORDS, max_size=4), st.lists(WORDS, max_size=4))
def test_the_boundaries_of_hashed_strings_count(one: list[str], other: list[str]) -> None:
    assert (keyed(KEY, *one) == keyed(KEY, *other)) == (one == other)


def test_half_an_emoji_and_deep_arguments_have_hashes_too() -> None:
    assert folded(message(content="\ud83d"), KEY) != folded(message(content="\ud83e"), KEY)
    assert folded(call("[" * 100_000), KEY) == folded(call("[" * 100_000), KEY)


def test_a_value_nested_beyond_reason_is_a_bad_request() -> None:
    deep: list[object] = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(InvalidRequest):
        canonical(deep)


@given(CHATS)
def test_hashes_of_two_users_never_agree(chat: list[Message]) -> None:
    ours, theirs = transcript(chat, KEY), transcript(chat, OTHER)
    assert {link.chain for link in ours}.isdisjoint(link.chain for link in theirs)
    assert exact(chat[0], KEY) != exact(chat[0], OTHER)


@given(CHATS, st.data())
def test_a_chain_names_everything_said_up_to_there(chat: list[Message], data: st.DataObject) -> None:
    links = transcript(chat, KEY)
    changed = data.draw(st.integers(0, len(chat) - 1))
    other = transcript([*chat[:changed], said("user", "something else entirely"), *chat[changed + 1 :]], KEY)
    same = [a.chain == b.chain for a, b in zip(links, other, strict=True)]
    assert same == [i < changed for i in range(len(chat))] or chat[changed].text == "something else entirely"
    assert transcript(chat[: changed + 1], KEY) == links[: changed + 1]


def test_system_text_is_no_part_of_a_transcript() -> None:
    chat = [said("user", "Hi"), said("assistant", "Hello")]
    assert transcript([said("system", "Be brief."), chat[0], said("developer", "Now!"), chat[1]], KEY) == transcript(
        chat, KEY
    )


def test_the_assistant_chain_does_not_see_what_users_said() -> None:
    one = transcript([said("user", "Hi"), said("assistant", "Hello"), said("user", "?"), said("assistant", "Yes")], KEY)
    other = transcript([said("user", "Hi with rules"), said("assistant", "Hello"), said("assistant", "Yes")], KEY)
    assert one[-1].assistants == other[-1].assistants == last_assistants(one)
    assert one[-1].chain != other[-1].chain
    assert one[0].assistants is None
    assert last_assistants(one[:1]) == NOTHING
    assert last_assistants(one[:3]) == one[1].assistants


def test_a_long_text_weighs_more_than_white_space() -> None:
    links = transcript([said("user", "  Ok. \n\n\n"), said("assistant", "x" * 100)], KEY)
    assert [link.weight for link in links] == [3, 100]


def test_one_more_link_goes_on_where_the_transcript_ended() -> None:
    chat = [said("user", "Hi"), said("assistant", "Hello"), said("user", "And?"), said("assistant", "Well")]
    links = transcript(chat, KEY)
    assert fingerprint.extend(links[2], last_assistants(links[:3]), chat[3], KEY) == links[3]


ANY_MESSAGE = st.one_of(
    st.builds(said, ROLES, WORDS),
    st.builds(lambda text: message(content=[{"type": "text", "text": text}]), WORDS),
    st.builds(lambda text, of: message("tool", text, tool_call_id=of), WORDS, st.sampled_from(["a", "b"])),
    st.builds(call, WORDS),
    st.builds(lambda text: message("assistant", text, tool_calls=[{"id": text}]), WORDS),
    st.builds(lambda text: message("assistant", text, function_call={"name": text}, refusal=None), WORDS),
)


@given(ANY_MESSAGE)
def test_identity_is_the_canonical_form_of_the_whole_message(one: Message) -> None:
    assert exact(one, KEY) == fingerprint.keyed(KEY, "exact", fingerprint.canonical(one.wire))


@given(st.lists(st.tuples(st.lists(ANY_MESSAGE, max_size=4), st.sampled_from([KEY, OTHER])), max_size=8))
def test_what_was_hashed_before_is_the_same_when_it_is_remembered(chats: list[tuple[list[Message], bytes]]) -> None:
    roomy, tight = Memo(), Memo(letters=2_000)
    for chat, key in [*chats, *chats]:
        assert transcript(chat, key, roomy) == transcript(chat, key, tight) == transcript(chat, key)


@given(st.lists(st.tuples(ANY_MESSAGE, st.sampled_from([KEY, OTHER])), max_size=8))
def test_identity_is_the_same_when_it_is_remembered(told: list[tuple[Message, bytes]]) -> None:
    roomy, tight = Memo(), Memo(letters=2_000)
    for one, key in [*told, *told]:
        transcript([one], key, roomy)
        assert roomy.exact(one, key) == tight.exact(one, key) == exact(one, key)
        assert roomy.read([one], key)[1] == tight.read([one], key)[1] == [exact(one, key) if one.is_text else one.wire]


def test_the_identity_of_a_text_is_hashed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    memo, one = Memo(), said("user", "Hi")
    before = memo.exact(one, KEY)
    monkeypatch.setattr(fingerprint, "keyed", None)
    assert memo.exact(said("user", "Hi"), KEY) == before


def test_a_reply_with_more_fields_is_not_the_text_that_comes_back() -> None:
    memo = Memo()
    reply = Message({"role": "assistant", "content": "Hello", "refusal": None})
    memo.extend(None, NOTHING, reply, KEY)
    assert memo.exact(reply, KEY) == exact(reply, KEY)
    assert memo.exact(said("assistant", "Hello"), KEY) == exact(said("assistant", "Hello"), KEY) != exact(reply, KEY)


def test_a_reply_that_was_hashed_when_it_was_stored_is_not_hashed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    memo, chat = Memo(), [said("user", "Hi")]
    links = transcript(chat, KEY, memo)
    reply = Message({"role": "assistant", "content": "Hello", "refusal": None, "annotations": []})
    link = memo.extend(links[-1], last_assistants(links), reply, KEY)
    monkeypatch.setattr(fingerprint, "_marked", None)
    monkeypatch.setattr(fingerprint, "_linked", None)
    again = [*chat, said("assistant", "Hello")]
    assert transcript(again, KEY, memo) == [*links, link]
    monkeypatch.undo()
    assert transcript(again, KEY) == [*links, link]


def test_calls_without_content_are_told_apart_when_they_are_remembered() -> None:
    memo = Memo()
    one, two = ([Message({k: v for k, v in call("{}", id=name).wire.items() if k != "content"})] for name in "ab")
    assert transcript(one, KEY, memo) == transcript(one, KEY)
    assert transcript(two, KEY, memo) == transcript(two, KEY) != transcript(one, KEY)


def test_a_history_that_comes_again_is_hashed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    hashed: list[str] = []
    folding = fingerprint.fold_text
    monkeypatch.setattr(fingerprint, "fold_text", lambda text: hashed.append(text) or folding(text))
    memo = Memo()
    chat = [said("user" if i % 2 == 0 else "assistant", f"message {i}") for i in range(20)]
    for turns in range(1, 20):
        transcript(chat[: turns + 1], KEY, memo)
    transcript([said("user", "changed"), *chat[1:]], KEY, memo)
    assert hashed == [*(one.text for one in chat), "changed"]


def test_only_so_much_is_remembered() -> None:
    memo = Memo(letters=100_000)
    for i in range(1_000):
        transcript([said("user", f"{i} {'x' * 1_000}")], KEY, memo)
    assert len(memo._marks) + len(memo._old_marks) <= 100_000 // 1_000
    assert len(memo._links) + len(memo._old_links) <= 100_000 // 1_000


FIELDS = st.dictionaries(
    st.text(max_size=8),
    st.recursive(
        st.none() | st.booleans() | st.integers(-9, 9) | st.floats(allow_nan=False) | WORDS,
        lambda inner: st.lists(inner, max_size=2) | st.dictionaries(WORDS, inner, max_size=2),
        max_leaves=4,
    ),
    max_size=4,
)


@given(FIELDS, ROLES)
def test_the_exact_form_is_the_canonical_json_of_the_whole_message(more: dict[str, object], role: str) -> None:
    wire = {**more, "role": role}
    assert exact(Message(wire), KEY) == keyed(KEY, "exact", canonical(wire))


@given(st.text(st.sampled_from("ab \t\n\r\x0b\x1f\x7f\xa0e\u0301")))
def test_folding_leaves_one_blank_between_words(text: str) -> None:
    assert fold_text(text) == " ".join(unicodedata.normalize("NFC", text).split())
