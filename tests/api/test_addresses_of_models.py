"""The addresses that models are asked at are answered the same, however they are spelt: by their handlers alone, or by way of the framework."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.api.straight import ADDRESSES
from tests.api.house import House, Person, open_house

HELLO = {"model": "mirror", "messages": [{"role": "user", "content": "Hello there"}]}
SPELT = {"its own name": "", "a slash behind it": "/"}
CHANGING = {"date", "x-request-id", "x-graft-node", "x-graft-overhead-ms", "content-length"}


def posted(person: Person, path: str, body: Any = None, **headers: str) -> Any:
    return person.house.client.post(path, json=HELLO if body is None else body, headers={**person.headers, **headers})


def shape(answer: Any) -> Any:
    told = answer.json()
    return answer.status_code, sorted(set(answer.headers) - CHANGING), told.get("error", sorted(told))


def test_every_address_is_one_that_is_posted_to(house: House) -> None:
    routes = {route.path: route.methods for route in house.client.app.routes if route.path in ADDRESSES}
    assert set(routes) == ADDRESSES
    assert all("POST" in methods for methods in routes.values())


@pytest.mark.parametrize("spelling", SPELT)
@pytest.mark.parametrize(
    ("body", "status"),
    [
        (HELLO, 200),
        ({"model": "mirror"}, 400),
        ({"model": "nobody", "messages": HELLO["messages"]}, 404),
        ([], 400),
    ],
    ids=["a chat", "no messages", "no such model", "no object"],
)
def test_an_address_is_answered_the_same_in_any_spelling(ada: Person, spelling: str, body: Any, status: int) -> None:
    plain, other = (posted(ada, f"/v1/chat/completions{end}", body) for end in ("", SPELT[spelling]))
    assert plain.status_code == status
    assert shape(other) == shape(plain)
    lines = {(answer.headers["x-content-type-options"], "x-request-id" in answer.headers) for answer in (plain, other)}
    assert lines == {("nosniff", True)}


def test_a_host_that_is_none_is_refused(ada: Person) -> None:
    assert posted(ada, "/v1/chat/completions", host="graft<>").status_code == 400
    assert posted(ada, "/v1/chat/completions", host="[::1]:80").status_code == 200
    assert posted(ada, "/v1/chat/completions", host="a,b").status_code == 200


def test_other_methods_of_an_address_are_the_frameworks(ada: Person) -> None:
    assert ada.send("GET", "/v1/chat/completions").status_code == 200
    assert ada.send("PUT", "/v1/embeddings").status_code == 405


def test_an_answer_that_cannot_be_begun_is_an_error_in_openais_shape(
    ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    from proxy.api.openai import chat_completions

    monkeypatch.setattr(chat_completions, "answer_headers", lambda _: {"x-graft-reason": "\u2026"})
    answer = posted(ada, "/v1/chat/completions")
    assert (answer.status_code, answer.json()["error"]["type"]) == (500, "server_error")


def test_scripts_of_other_pages_are_told_what_they_may_read() -> None:
    with open_house(server={"cors_origins": ["https://page.example"]}) as house:
        answer = posted(house.person(), "/v1/chat/completions", origin="https://page.example")
        assert answer.status_code == 200
        assert answer.headers["access-control-allow-origin"] == "https://page.example"
        refused = posted(house.person(), "/v1/chat/completions", [], origin="https://page.example")
        assert (refused.status_code, refused.headers["access-control-allow-origin"]) == (400, "https://page.example")
