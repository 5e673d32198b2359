"""Lines of the log: one each, whatever is put into them, without keys, with the request that they belong to."""

from __future__ import annotations

import json
import logging

import pytest

from proxy.operations import logs
from proxy.operations.entry import Entry, current, new_id, sane_id
from proxy.operations.logs import JsonLines, Redaction, TextLines

EVIL = [
    "plain\n2026-11-22 10:00:00,000 ERROR graft: forged",
    "\x1b[31mred\x1b[0m \x9b31m",
    "over\rwritten\x08\x00\x7f",
    "lines\u2028of\u2029other\x85alphabets\x0b\x0c",
    "turned \u202e around \u2066 and hidden \u200b\ufeff",
    "half \ud800 of a character",
]
KEYS = [
    "sk-proj-abcdefghijklmnop1234",
    "Authorization: Bearer abcdef0123456789",
    "https://u5er:pa55word@example.org/v1",
    "https://example.org/v1?api_key=abc123def456&x=1",
    "password = hunter2hunter2",
    "sk-graft-Zx81_pqrs-tuvwxyzABCDEFGH",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhZGEiLCJleHAiOjF9.abcdefghijklmnop",
]


def record(message: str, *args: object, **extra: object) -> logging.LogRecord:
    made = logging.LogRecord("a.library", logging.WARNING, "", 0, message, args, None)
    made.__dict__.update(extra)
    return made


@pytest.fixture
def entry():
    made = Entry("req_1", "POST", route="/v1/chat/completions", status=200, user="ann", key="k_1")
    token = current.set(made)
    yield made
    current.reset(token)


@pytest.mark.parametrize("evil", EVIL)
def test_what_a_client_says_stays_in_its_line_of_text(evil, entry):
    entry.user = evil
    for line in (TextLines().format(record("said %s", evil)), TextLines().format(record("", entry=entry))):
        assert line.isprintable()
        assert len(line.splitlines()) == 1


@pytest.mark.parametrize("evil", EVIL)
def test_what_a_client_says_is_one_json_object_of_plain_ascii(evil, entry):
    entry.user = evil
    for line in (JsonLines().format(record("said %s", evil)), JsonLines().format(record("", entry=entry))):
        assert line.isascii()
        assert line.isprintable()
        assert isinstance(json.loads(line), dict)


@pytest.mark.parametrize("evil", EVIL)
def test_a_traceback_cannot_pass_for_a_line(evil):
    failure = ValueError(evil)
    made = record("it failed")
    made.exc_info = (ValueError, failure, failure.__traceback__)
    first, *rest = TextLines().format(made).split("\n")
    assert first.endswith("a.library: it failed")
    assert rest
    assert all(line.startswith("    | ") and line.isprintable() for line in rest)
    told = json.loads(JsonLines().format(made))
    assert "ValueError" in told["traceback"]


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("lines", [TextLines(), JsonLines()])
def test_keys_are_taken_out_by_their_shape(key, lines):
    line = lines.format(record("it sent %r to nobody", key))
    assert logs.REDACTED in line
    for secret in ("abcdefghijklmnop", "abcdef0123456789", "pa55word", "abc123def456", "hunter2", "pqrs", "eyJzdWIi"):
        assert secret not in line
    assert "to nobody" in line


@pytest.mark.parametrize("lines", [TextLines(), JsonLines()])
def test_a_name_that_holds_a_key_is_told_without_it(lines, entry):
    entry.user, entry.tree, entry.aside = "sk-proj-abcdefghijklmnop1234", "Bearer abcdef0123456789", "key=abc"
    line = lines.format(record("", entry=entry))
    assert line.count(logs.REDACTED) == 2
    assert "abcdef" not in line


@pytest.mark.parametrize("lines", [TextLines(), JsonLines()])
def test_content_that_is_logged_holds_no_key_and_ends_no_line(lines, entry):
    assert "How deep?" in lines.format(record("was asked", content="How deep?"))
    assert lines.format(record("was asked", content="How\ndeep\x1b[0m?")).isprintable()
    told = lines.format(record("was asked", content='{"api_key": "sk-proj-abcdefghijklmnop1234"}'))
    assert logs.REDACTED in told
    assert "abcdefgh" not in told


def test_configured_keys_are_taken_out_by_their_text():
    redact = Redaction()
    redact.learn(["correct horse", "correct horse battery", ""])
    assert redact("I use correct horse battery and correct horse.") == "I use [redacted] and [redacted]."


def test_plain_words_are_left_alone():
    text = "The key to tokens is a secret: risk-free desk-top work for user k_1 at https://example.org/v1"
    assert Redaction()(text) == text


def test_every_line_of_a_request_names_it(entry):
    assert " req_1: " in TextLines().format(record("anything"))
    assert json.loads(JsonLines("worker 2").format(record("anything"))) | {"time": ""} == {
        "time": "",
        "level": "warning",
        "logger": "a.library",
        "process": "worker 2",
        "message": "anything",
        "request_id": "req_1",
    }


def test_the_line_of_a_request_tells_what_is_known_and_nothing_that_was_said(entry):
    entry.usage = {"prompt_tokens": 3, "completion_tokens": 2, "prompt_tokens_details": {"cached_tokens": 1}}
    entry.stages_ms = {"find": 1.0}
    told = json.loads(JsonLines().format(record("", entry=entry)))
    assert told["request_id"] == "req_1"
    assert (told["user"], told["key"], told["status"]) == ("ann", "k_1", 200)
    assert (told["prompt_tokens"], told["cached_tokens"], told["completion_tokens"]) == (3, 1, 2)
    assert told["stages_ms"] == {"find": 1.0}
    assert "aside" not in told


def test_a_line_with_the_wrong_arguments_is_written_all_the_same():
    assert "two %s %s" in TextLines().format(record("two %s %s", "one"))


@pytest.mark.parametrize("named", ["abc-123", "Root=1-67891233-abcdef012345678912345678", "a" * 128])
def test_a_plain_id_of_the_client_is_kept(named):
    assert sane_id(named) == named


@pytest.mark.parametrize("named", ["", "a b", "a\r\nset-cookie: x", "\x1b[31m", "a" * 129, "é", '"', "-dash"])
def test_any_other_id_is_replaced(named):
    made = sane_id(named)
    assert made.startswith("req_")
    assert made != new_id()


def test_libraries_lose_handlers_of_their_own():
    library = logging.getLogger("a_library_with_handlers")
    library.addHandler(logging.NullHandler())
    library.propagate = False
    access = logging.getLogger("uvicorn.access")
    before = access.propagate
    access.propagate = False
    logs.adopt()
    assert library.handlers == []
    assert library.propagate
    assert not access.propagate
    access.propagate = before
