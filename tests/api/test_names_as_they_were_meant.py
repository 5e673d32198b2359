"""Names in headers are UTF-8 where they can be, one name is one tree on every door."""

import pytest

from proxy.api.heard import meant
from tests.api.house import House, Person

HELLO = {"model": "mirror", "messages": [{"role": "user", "content": "Hello there"}]}
CONTROLS = ["\u001b[31mRED\u0007", "a\nb", "a\x00", "\x7f", "a\x85b", "\x9b2J"]


def said(person: Person, **headers: bytes):
    """A chat whose headers are sent as these bytes."""
    raw = [(name.encode(), value.encode()) for name, value in person.headers.items()]
    raw += [(name.replace("_", "-").encode(), value) for name, value in headers.items()]
    return person.house.client.post("/v1/chat/completions", json=HELLO, headers=raw)


@pytest.mark.parametrize("name", ["日本", "café", "écluse №1"])
def test_a_tree_named_in_utf_8_is_the_one_of_that_name(ada: Person, name: str):
    tree = ada.ok("POST", "/api/trees", {"name": name})
    assert said(ada, x_graft_tree=name.encode()).status_code == 200
    assert [each["name"] for each in ada.get("/api/trees")["data"] if each["name"] != "main"] == [name]
    assert ada.house.rows("SELECT count(*) > 0 FROM nodes WHERE tree_id = ?", tree["id"]) == [(1,)]


def test_what_is_no_utf_8_is_latin_1(ada: Person):
    assert said(ada, x_graft_tree="café".encode("latin-1")).status_code == 200
    assert "café" in [each["name"] for each in ada.get("/api/trees")["data"]]


def test_errors_show_a_value_as_it_was_typed(ada: Person):
    answer = said(ada, x_graft_route="déjà".encode())
    assert answer.status_code == 400
    assert "'déjà'" in answer.json()["error"]["message"]


def test_a_person_named_in_utf_8_is_the_one_of_that_name(house: House):
    key, app = house.key(kind="app")
    headers = {"authorization": f"Bearer {key}"}
    for name in ("zoë".encode(), "zoë".encode("latin-1")):
        assert said(Person(house, headers, app), x_graft_user=name).status_code == 200
    assert [row[0] for row in house.rows("SELECT DISTINCT user_id FROM trees WHERE user_id LIKE ?", f"{app}/%")] == [
        f"{app}/zoë"
    ]


@pytest.mark.parametrize("name", CONTROLS)
def test_control_characters_in_the_name_of_a_header_are_refused(ada: Person, name: str):
    answer = said(ada, x_graft_tree=name.encode())
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert (error["type"], error["param"]) == ("invalid_request_error", "X-Graft-Tree")
    assert [each["name"] for each in ada.get("/api/trees")["data"] if each["name"] != "main"] == []


@pytest.mark.parametrize(
    ("sent", "read"), [(b"plain", "plain"), ("日本".encode(), "日本"), (b"caf\xe9", "café"), (b"\xc3", "Ã")]
)
def test_a_value_is_read_as_it_was_meant(sent: bytes, read: str):
    assert meant(sent) == read
