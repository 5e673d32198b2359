"""Every endpoint and verb, called by a stranger with every kind of id of somebody else: the answer is that for an unknown id.

The matrix is made from the application's own routes and from the description that it serves, so no endpoint and no field that
takes an id can be forgotten. For each place where an id can stand, a stranger sends an id that nobody has, then each of the
owner's: tree, turn, reply, call, chat, key, tree name, transcript. Ids, times and sums of random things apart, the two
answers are the same, nothing of the owner is in them, and nothing of the owner has changed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.api.house import House, open_house
from tests.api.recipes import OPEN, RECIPES
from tests.api.strangers import (
    SECRET,
    Pair,
    bare,
    described_as,
    id_fields,
    nobodys,
    request_of,
    send,
    settled,
    slots_of,
    theirs,
)


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    with open_house(routing={"embedder": "static"}) as opened:  # thousands of turns are placed here: by light vectors
        yield opened


@pytest.fixture(
    scope="module",
    params=[
        ("a person", "a person"),
        ("a sub-user", "a sub-user"),
        ("a sub-user", "the app key alone"),
        ("a person", "a sub-user"),
        ("a sub-user", "a person"),
    ],
    ids=" against ".join,
)
def pair(request: pytest.FixtureRequest, house: House) -> Pair:
    return Pair(house, *request.param)


@pytest.mark.parametrize("endpoint", RECIPES)
def test_a_stranger_learns_nothing_and_changes_nothing(pair: Pair, endpoint: str):
    owner = pair.owner
    before = theirs(pair.house, owner.person.user)
    compared = 0
    for slot in slots_of(endpoint):
        for kind in pair.kinds:
            value = owner.ids[kind]
            if value.isdigit() != (slot == "query.before") and slot in ("query.before", "query.q"):
                continue  # only numbers stand there; and as a word a number may be the stranger's own
            unknown = nobodys(kind, value)
            expected = pair.ask(endpoint, slot, unknown)
            answer = pair.ask(endpoint, slot, value)
            assert bare(answer, value) == bare(expected, unknown), (slot, kind)
            told = (answer.text + str(dict(answer.headers))).replace(value, "")
            assert SECRET not in told, (slot, kind)
            assert not [one for one in owner.ids.values() if len(one) > 8 and one in told], (slot, kind)
            compared += 1
    if not slots_of(endpoint):
        assert SECRET not in pair.ask(endpoint).text
        compared += 1
    pair.house.settle()
    assert compared
    assert theirs(pair.house, owner.person.user) == before


@pytest.mark.parametrize("endpoint", RECIPES)
def test_every_recipe_works_for_the_owner_of_its_ids(house: House, endpoint: str):
    own = settled(house.person(), "bassoon")
    answer = send(own, request_of(endpoint, own))
    assert answer.is_success or answer.status_code == RECIPES[endpoint].refused, (answer.status_code, answer.text)


def test_every_route_has_a_recipe(house: House):
    served = {
        f"{method} {route.path}"
        for route in house.client.app.routes
        for method in getattr(route, "methods", ())
        if route.path not in OPEN and not route.path.startswith("/api/docs") and method not in ("OPTIONS", "HEAD")
    }
    assert served == set(RECIPES)


def test_every_field_that_takes_an_id_is_in_the_matrix(house: House):
    described = house.client.get("/api/docs/openapi.json").json()
    for path, operations in described["paths"].items():
        for verb, operation in operations.items():
            endpoint = next((one for one in RECIPES if described_as(one) == (verb, path)), None)
            if endpoint is None:
                assert path in OPEN
                continue
            missing = set(id_fields(described, operation)) - set(slots_of(endpoint))
            assert not missing, (endpoint, missing)


def test_a_stranger_who_repeats_the_owners_words_shares_nothing(pair: Pair):
    """A history that is word for word the owner's is the stranger's own, from its first message on."""
    owner = pair.owner
    reply = owner.person.get(f"/api/nodes/{owner.ids['reply']}")
    stranger = pair.stranger()
    told = stranger.person.say(
        owner.ids["words"],
        reply["content"],
        "And how loud is it?",
        x_graft_tree="harmonica-plans",
        x_openwebui_chat_id=owner.ids["chat"],
    )
    path = stranger.person.get(f"/api/nodes/{told['x-graft-node']}/path")["data"]
    assert not {node["id"] for node in path} & set(owner.ids.values())
    assert len(path) == 4
    assert {node["tree_id"] for node in path} == {stranger.ids["tree"]}


def test_an_import_with_the_owners_ids_makes_the_tree_that_any_other_ids_make(pair: Pair):
    """Also what is stored then says nothing: its ids are the stranger's own, and none of the file's."""
    owner = pair.owner
    told: list[dict[str, Any]] = []
    for kind in ("tree", "turn", "reply"):
        for value in (owner.ids[kind], nobodys(kind, owner.ids[kind])):
            stranger = pair.stranger()
            asked = request_of("POST /api/trees/import", stranger, "body.nodes.0.id", value)
            asked["json"]["tree"]["id"] = value
            tree = send(stranger, asked).json()["tree"]["id"]
            listed = stranger.person.get(f"/api/trees/{tree}/structure")["data"]
            assert value not in [tree, *(node["id"] for node in listed)]
            told.append({"ids": [re.sub(r"\w{22}$", "ID", node["id"]) for node in listed], "tree": tree[:2]})
            stranger.person.ok("DELETE", f"/api/trees/{tree}")
    assert all(one == told[0] for one in told)


def test_without_a_key_nothing_is_told(house: House):
    own = settled(house.person(), "bassoon")
    for endpoint in RECIPES:
        for headers in ({}, {"authorization": "Bearer sk-graft-wrong"}, {"authorization": "Basic YTpi"}):
            asked = request_of(endpoint, own)
            asked["headers"] = {**asked["headers"], **headers}
            answer = house.client.request(**asked)
            assert answer.status_code == 401, (endpoint, answer.text)
            assert set(answer.json()) == {"error"}


def test_a_persons_key_names_no_sub_user(house: House):
    """Who holds a person's key is that person, whatever the request says."""
    person = settled(house.person(), "bassoon").person
    headers = {**person.headers, "x-graft-user": "somebody"}
    listed = house.client.get("/api/trees?user=somebody", headers=headers).json()
    assert [tree["name"] for tree in listed["data"]] == ["bassoon-plans"]


def test_the_store_is_sound_after_all_of_this(house: House):
    assert house.ask(lambda store: store.verify()) == []
