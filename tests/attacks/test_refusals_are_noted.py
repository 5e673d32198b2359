"""Who is refused before there is a request is told an id, has one line in the log, and is counted."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.attacks.wire import answered, connected, request
from tests.doubles.running import UpstreamDouble
from tests.doubles.served import Served

WAIT_S = 60
LIMITED = "graft_refused_total"


Figures = dict[tuple[str, frozenset[tuple[str, str]]], float]


def read(text: str) -> Figures:
    families = text_string_to_metric_families(text if text.startswith("#") else "")
    return {(one.name, frozenset(one.labels.items())): one.value for family in families for one in family.samples}


def figures(graft: Served) -> Figures:
    return read(httpx.get(f"{graft.url}/metrics", timeout=WAIT_S).text)


def of(told: Figures, name: str, **labels: str) -> float:
    return told.get((name, frozenset(labels.items())), 0)


@contextmanager
def counted(graft: Served, limit: str) -> Iterator[None]:
    """The block is refused once, for this."""
    before = of(figures(graft), LIMITED, limit=limit)
    yield
    deadline = time.monotonic() + WAIT_S
    while of(figures(graft), LIMITED, limit=limit) != before + 1:
        assert time.monotonic() < deadline, figures(graft)


def refused(graft: Served, data: bytes) -> tuple[int, str]:
    """Status and id of an answer."""
    with connected(graft.url) as raw:
        raw.send(data)
        status, headers, _ = answered(raw.rest())
    return status, headers["x-request-id"]


def line_of(graft: Served, request_id: str) -> str:
    """The one line that tells of a request."""
    deadline = time.monotonic() + WAIT_S
    while not (found := [line for line in graft.log().splitlines() if request_id in line]):
        assert time.monotonic() < deadline, graft.log()
    assert len(found) == 1
    return found[0]


HEADS = {
    "a long URL": (request("/health?" + "x" * 2000), 414, "url", "GET"),
    "many headers": (request("/health", **{f"x_{i}": "1" for i in range(30)}), 431, "headers", "GET"),
    "large headers": (request("/health", b"", method="POST", x_large="1" * 5000), 431, "headers", "POST"),
    "dribbling headers": (request("/health")[:-1], 408, "slow", "GET"),
}


@pytest.mark.parametrize("name", HEADS)
def test_a_head_that_is_refused_is_noted(hurried: Served, name: str) -> None:
    sent, expected, limit, method = HEADS[name]
    with counted(hurried, limit):
        status, request_id = refused(hurried, sent)
    assert status == expected
    assert re.fullmatch(r"req_[0-9a-f]{24}", request_id)
    assert f"{request_id}: {method} unmatched {status}" in line_of(hurried, request_id)


def test_what_is_no_http_is_noted(hurried: Served) -> None:
    def malformed() -> float:
        labels = {"route": "unmatched", "method": "other", "status": "400", "lane": ""}
        return of(figures(hurried), "graft_requests_total", **labels)

    before = malformed()
    status, request_id = refused(hurried, b"\x16\x03\x01 hello\r\n\r\n")
    assert status == 400
    assert f"{request_id}: other unmatched 400" in line_of(hurried, request_id)
    assert malformed() == before + 1
    assert "Invalid HTTP request received" not in hurried.log()


def test_the_clients_own_id_is_told_again(hurried: Served) -> None:
    sent = request("/health", x_request_id="mine-7", **{f"x_{i}": "1" for i in range(30)})
    assert refused(hurried, sent)[1] == "mine-7"
    assert line_of(hurried, "mine-7")
    forged = request("/health", x_request_id="a\tb", **{f"x_{i}": "1" for i in range(30)})
    assert refused(hurried, forged)[1].startswith("req_")


@pytest.mark.parametrize(
    ("body", "cut", "expected", "limit"), [(b"{" + b" " * 2_000_000 + b"}", 0, 413, "body"), (b"{}", 1, 408, "slow")]
)
def test_a_body_that_is_refused_is_noted(hurried: Served, body: bytes, cut: int, expected: int, limit: str) -> None:
    key, _ = hurried.key()
    sent = request("/v1/chat/completions", body, authorization=f"Bearer {key}", connection="close")
    with counted(hurried, limit):
        status, request_id = refused(hurried, sent[: len(sent) - cut])
    assert status == expected
    assert f"POST /v1/chat/completions {status}" in line_of(hurried, request_id)


def test_a_connection_too_many_is_noted_and_so_is_one_that_is_not_heard(hurried: Served) -> None:
    before = figures(hurried)
    with ExitStack() as held:
        for raw in [held.enter_context(connected(hurried.url)) for _ in range(12)]:
            raw.send(request("/health"))
            raw.head()
        status, request_id = refused(hurried, request("/health"))
        assert status == 503
        assert "GET unmatched 503" in line_of(hurried, request_id)
        deadline = time.monotonic() + WAIT_S
        while "closed unheard" not in hurried.log():  # idle ones are closed after a while
            held.enter_context(connected(hurried.url))
            assert time.monotonic() < deadline
    while len(after := figures(hurried)) < len(before):  # as long as there are too many, this is refused as well
        assert time.monotonic() < deadline
    for limit in ("connections", "unheard"):
        assert of(after, LIMITED, limit=limit) > of(before, LIMITED, limit=limit)


def test_who_reads_nothing_is_counted(hurried: Served, upstream: UpstreamDouble) -> None:
    key, _ = hurried.key()
    upstream.script({"do": "flood", "kb": 64})
    body = {"model": "gpt-test", "stream": True, "messages": [{"role": "user", "content": "Without end"}]}
    sent = request("/v1/chat/completions", json.dumps(body).encode(), authorization=f"Bearer {key}")
    with connected(hurried.url, receive_buffer=4096) as raw, counted(hurried, "unread"):
        raw.send(sent)
