"""A server without keys believes this machine alone, on every route: no web page reads it, posts to it, or gets at it by a name."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.api.house import House, Person, open_house
from tests.api.recipes import RECIPES
from tests.api.strangers import Owned, plain, request_of

EVIL = "http://evil.example"
FORMS = (
    "application/x-www-form-urlencoded",
    "text/plain",
    "text/plain; charset=application/json",
    "multipart/form-data; boundary=x",
    "",
)
"""What a page can send without asking first (Fetch standard, CORS-safelisted content types)."""
FOREIGN: dict[str, dict[str, str]] = {
    "another host": {"host": "evil.example"},
    "another host with our port": {"host": "evil.example:4800"},
    "a name that begins like ours": {"host": "localhost.evil.example"},
    "an address of the network": {"host": "192.168.1.7:4800"},
    "every address": {"host": "0.0.0.0"},
    "no host": {"host": ""},
    "a foreign page": {"origin": EVIL},
    "a foreign page with our port": {"origin": f"{EVIL}:4800"},
    "a sandboxed page": {"origin": "null"},
    "a page whose name was bound to us": {"host": "evil.example", "origin": EVIL},
    "a name bound to us, and a page of ours": {"host": "evil.example", "origin": "http://localhost"},
}
WRITES = [endpoint for endpoint in RECIPES if endpoint.split(" ")[0] in ("POST", "PUT", "PATCH")]


@pytest.fixture(scope="module")
def alone() -> Iterator[Owned]:
    """The user of a server without keys, with something of their own."""
    with open_house() as house:
        owned = plain(Person(house, {}, "local"))
        house.settle()
        yield owned


def everything(house: House) -> dict[str, list[tuple[Any, ...]]]:
    """All rows, but for what follows from others in its own time: sums of tokens, vectors, the index of words."""
    tables = house.rows(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'search%'"
        " AND name NOT IN ('spending', 'vectors')"
    )
    return {name: house.rows(f"SELECT * FROM {name}") for (name,) in tables}


@pytest.mark.parametrize("endpoint", RECIPES)
def test_no_foreign_page_and_no_foreign_name_is_answered(alone: Owned, endpoint: str):
    house = alone.person.house
    before = everything(house)
    for who, headers in FOREIGN.items():
        asked = request_of(endpoint, alone)
        answer = house.client.request(**{**asked, "headers": {**asked["headers"], **headers}})
        assert answer.status_code == 403, (who, answer.text)
        assert answer.json()["error"]["type"] == "permission_error"
        assert "access-control-allow-origin" not in answer.headers
    assert everything(house) == before


@pytest.mark.parametrize("endpoint", WRITES)
def test_no_form_is_taken(alone: Owned, endpoint: str):
    house = alone.person.house
    before = everything(house)
    for kind in FORMS:
        asked = request_of(endpoint, alone)
        content = json.dumps(asked.pop("json"))  # all is well with it but for what it is called
        headers = {**asked["headers"], **({"content-type": kind} if kind else {})}
        answer = house.client.request(**{**asked, "headers": headers, "content": content})
        assert answer.status_code == 400, (kind, answer.text)
        assert "application/json" in answer.json()["error"]["message"], kind
    assert everything(house) == before


@pytest.mark.parametrize("endpoint", RECIPES)
def test_a_page_that_asks_first_is_not_let_in(alone: Owned, endpoint: str):
    path = request_of(endpoint, alone)["url"]
    asked = {"origin": EVIL, "access-control-request-method": endpoint.split(" ", maxsplit=1)[0]}
    answer = alone.person.house.client.options(path, headers=asked)
    assert not [name for name in answer.headers if name.startswith("access-control-allow")]


def test_this_machine_is_answered_by_each_of_its_names(alone: Owned):
    client = alone.person.house.client
    for host in ("localhost", "127.0.0.1:4800", "[::1]:4800"):
        for origin in (None, "http://localhost:3000", "http://127.0.0.1"):
            headers = {"host": host, **({"origin": origin} if origin else {})}
            assert client.get("/api/trees", headers=headers).status_code == 200, headers
