"""A client is told those headers of a provider's error that are plain and short; whatever else is in one, the error arrives."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from proxy.upstream.failures import answered, translate
from proxy.upstream.models import Model
from proxy.upstream.passed_on import passed_on
from tests.api.house import House, open_house
from tests.upstream.faults.provider import Provider, faulty

LANES = ("native", "raw", "litellm")
MODEL = Model("m", {"model": "openai/x"}, secrets=frozenset())
ERROR = json.dumps({"error": {"message": "bad \ud83d", "type": "invalid_request_error", "code": "x"}}).encode()
ODD = [
    "abc\x01def",
    "\x1b[31mred",
    "a\tb",
    "a\r\nset-cookie: b",
    "caf\udce9",
    "café",
    "naïve\x85",
    "日本",
    "a" * 201,
    "",
]


@pytest.mark.parametrize("odd", ODD)
def test_a_value_that_is_not_plain_and_short_is_left_out(odd: str) -> None:
    sent = {"x-request-id": odd, "x-ratelimit-reset": "1s", "retry-after": odd}
    assert passed_on(sent.items()) == {"x-ratelimit-reset": "1s"}
    assert answered(MODEL, 400, sent, ERROR).headers == {"x-ratelimit-reset": "1s"}
    unread = RuntimeError("bad")
    unread.litellm_response_headers = sent  # type: ignore[attr-defined]
    assert translate(unread, MODEL).headers == {"x-ratelimit-reset": "1s"}


@pytest.mark.parametrize(
    "name", ["x-ratelimit-é", "x-ratelimit-a\n", "x-ratelimit-" + "a" * 200, "set-cookie", "x-request-id-2", "server"]
)
def test_a_name_that_nobody_knows_is_left_out(name: str) -> None:
    assert passed_on({name: "1", "x-request-id": "req_1"}.items()) == {"x-request-id": "req_1"}


def test_what_clients_use_is_passed_on_as_it_was_sent() -> None:
    used = {
        "x-ratelimit-remaining-requests": "99",
        "anthropic-ratelimit-tokens-reset": "2026-01-01T00:00:00Z",
        "retry-after": "Wed, 21 Oct 2099 07:28:00 GMT",
        "retry-after-ms": "1500",
        "request-id": "req_011CSHoEeqs5C35K2UUqR7Fy",
        "x-request-id": "b3f1c9d0-0000-4000-8000-0123456789ab",
    }
    assert passed_on(used.items()) == used


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    with faulty() as provider:
        yield provider


@pytest.fixture(scope="module")
def house(provider: Provider) -> Iterator[House]:
    entries = [
        {
            "model_name": lane,
            "litellm_params": {
                "model": "openai/odd",
                "api_base": f"{provider.url}/v1",
                "api_key": "sk-of-the-provider",
            },
            "model_info": {"lane": lane},
        }
        for lane in LANES
    ]
    with open_house(model_list=entries, routing={"policy": "follow"}) as opened:
        opened.key("keeper")
        yield opened


@pytest.mark.parametrize("lane", LANES)
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("odd", [b"abc\x01def", b"\x1b[31mred", b"caf\xe9", b"a" * 6000], ids=repr)
def test_an_error_with_an_odd_id_arrives_with_its_status_and_its_body(
    house: House, provider: Provider, lane: str, stream: bool, odd: bytes
) -> None:
    head = b"HTTP/1.1 429 Too Many Requests\r\nconnection: close\r\nretry-after: 3\r\nx-request-id: %b\r\n\r\n"
    provider.fault = lambda wire: wire.send(head % odd, ERROR)
    body = {"model": lane, "stream": stream, "messages": [{"role": "user", "content": "Hello"}]}
    answer = house.person().send("POST", "/v1/chat/completions", body)
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "3")
    assert answer.json()["error"]["code"] == "x"
    assert "x-graft-upstream-request-id" not in answer.headers
