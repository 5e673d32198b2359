"""What the fuzzing takes for wrong; `python -m tests.fuzz` sends the requests."""

from __future__ import annotations

import pytest

from tests.fuzz.judge import NO_HTTP, Answer, Book, judge

ERROR = b'{"error": {"message": "m", "type": "t", "param": null, "code": null}}'
JSON = {"content-type": "application/json"}


@pytest.mark.parametrize(
    ("answer", "may_fail", "wrong"),
    [
        (Answer(200, JSON, b"{}"), False, None),
        (Answer(200, JSON, b'{"text": "bobonly1"}'), False, "A leak"),
        (Answer(200, {**JSON, "x-graft-reason": "bobonly1"}, b"{}"), False, "A leak"),
        (Answer(200, JSON, b"data: {}"), False, "An answer that is none"),
        (Answer(200, {"content-type": "text/event-stream"}, b"data: {}\n\ndata: [DONE]\n\n"), False, None),
        (Answer(200, {"content-type": "text/event-stream"}, b"data: {}\n\n"), False, "An answer that is none"),
        (Answer(404, JSON, ERROR), False, None),
        (Answer(404, JSON, b"{}"), False, "An error in a shape of its own"),
        (Answer(400, {}, NO_HTTP), False, None),
        (Answer(500, JSON, ERROR), False, "500"),
        (Answer(502, JSON, ERROR), True, None),
        (Answer(501, JSON, ERROR), True, "501"),
    ],
)
def test_what_is_wrong_with_an_answer_is_noticed(answer: Answer, may_fail: bool, wrong: str | None) -> None:
    book = Book()
    judge(book, "POST /v1/chat/completions", "asked", answer, "bobonly1", may_fail=may_fail)
    assert [found for found, _, _ in book.found] == ([wrong] if wrong else [])
    assert book.requests == 1


def test_one_finding_is_told_once_by_its_shortest_request() -> None:
    book = Book()
    book.note("500", "GET /x", "No 'a' here: 15", "a long request")
    book.note("500", "GET /x", "No 'b' here: 7", "short")
    assert book.told().startswith("500, 2 times: GET /x\n    short")
