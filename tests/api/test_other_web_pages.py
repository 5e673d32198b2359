"""Scripts of web pages: those that the configuration names may call, no others, with keys and without."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.api.house import House, open_house

PAGE = "https://chat.example.org"
HELLO = {"model": "mirror", "messages": [{"role": "user", "content": "Hello"}]}
PREFLIGHT = {"access-control-request-method": "POST", "access-control-request-headers": "authorization,content-type"}


@pytest.fixture(scope="module")
def named() -> Iterator[House]:
    with open_house(server={"cors_origins": [PAGE]}) as opened:
        yield opened


def test_a_named_page_may_ask_and_read_the_headers(named: House) -> None:
    asked = named.client.options("/v1/chat/completions", headers={"origin": PAGE, **PREFLIGHT})
    assert asked.headers["access-control-allow-origin"] == PAGE
    assert "POST" in asked.headers["access-control-allow-methods"]
    allowed = asked.headers["access-control-allow-headers"].lower()
    assert {"authorization", "content-type"} <= {name.strip() for name in allowed.split(",")}
    answer = named.client.post("/v1/chat/completions", json=HELLO, headers={"origin": PAGE})
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (200, PAGE)
    assert answer.headers["access-control-expose-headers"] == "*"


def test_an_error_can_be_read_by_a_named_page_too(named: House) -> None:
    answer = named.client.post("/v1/chat/completions", json={}, headers={"origin": PAGE})
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (400, PAGE)


def test_another_page_is_refused_as_long_as_there_is_no_key(named: House) -> None:
    answer = named.client.post("/v1/chat/completions", json=HELLO, headers={"origin": "https://evil.example"})
    assert answer.status_code == 403
    assert "access-control-allow-origin" not in answer.headers


def test_all_pages_are_named_only_once_there_are_keys() -> None:
    told = {"origin": "https://evil.example"}
    with open_house(server={"cors_origins": ["*"]}) as opened:
        assert opened.client.get("/v1/models", headers=told).status_code == 403
    with open_house(server={"cors_origins": ["*"]}) as opened:
        ada = opened.person()
        assert opened.client.get("/v1/models", headers={**told, **ada.headers}).status_code == 200


def test_without_configuration_no_page_is_told_anything(house: House) -> None:
    answer = house.person().send("GET", "/v1/models", origin=PAGE)
    assert answer.status_code == 200
    assert not [name for name in answer.headers if name.startswith("access-control")]
