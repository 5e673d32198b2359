"""Zones over HTTP: read, replaced, appended to, cleared; and sent."""

import pytest

from tests.api.house import House, Person, Tree

ZONES = ("system_prompt", "discussion")


@pytest.mark.parametrize("zone", [*ZONES, "user"])
def test_a_zone_is_replaced_appended_to_and_cleared(ada: Person, tree: Tree, zone: str):
    path = "/api/zones/user" if zone == "user" else f"{tree.path}/zones/{zone}"
    empty = ada.get(path)
    assert (empty["object"], empty["name"], empty["text"]) == ("zone", zone, "")
    assert empty["tree_id"] == (None if zone == "user" else tree.id)
    assert ada.ok("PUT", path, {"text": "One."})["text"] == "One."
    assert ada.ok("PUT", path, {"text": "Two."})["text"] == "Two."
    assert ada.ok("POST", path, {"text": "Three."})["text"] == "Two.\nThree."
    assert ada.get(path)["text"] == "Two.\nThree."
    assert ada.ok("DELETE", path)["text"] == ""
    assert ada.get(path)["text"] == ""
    assert ada.ok("POST", path, {"text": "Four."})["text"] == "Four."


def test_all_zones_that_are_sent_in_a_tree_are_listed_widest_first(ada: Person, tree: Tree):
    ada.ok("PUT", "/api/zones/user", {"text": "Likes rye."})
    ada.ok("PUT", f"{tree.path}/zones/discussion", {"text": "Sundays."})
    listed = ada.get(f"{tree.path}/zones")["data"]
    assert [(zone["name"], zone["text"]) for zone in listed] == [
        ("system_prompt", ""),
        ("user", "Likes rye."),
        ("discussion", "Sundays."),
    ]
    elsewhere = ada.tree(name="work")
    assert [zone["text"] for zone in ada.get(f"{elsewhere.path}/zones")["data"]] == ["", "Likes rye.", ""]


def test_what_is_written_is_what_is_sent(ada: Person, tree: Tree):
    for zone in ZONES:
        ada.ok("PUT", f"{tree.path}/zones/{zone}", {"text": f"Text of {zone}."})
    ada.ok("PUT", "/api/zones/user", {"text": "Text of user."})
    node = ada.say("Boats?", x_graft_tree="travel")["x-graft-node"]
    said = ada.get(f"/api/nodes/{node}")["content"]
    assert "Text of system_prompt." in said
    assert "About the user Text of user." in said
    ada.ok("DELETE", "/api/zones/user")
    again = ada.ok("POST", f"/api/nodes/{node}/regenerate")["content"]
    assert "Text of user." not in again


def test_the_trees_prompt_and_its_zone_are_one(ada: Person, tree: Tree):
    ada.ok("PUT", f"{tree.path}/zones/system_prompt", {"text": "Be brief."})
    assert ada.get(tree.path)["system_prompt"] == "Be brief."
    ada.ok("DELETE", f"{tree.path}/zones/system_prompt")
    assert ada.get(tree.path)["system_prompt"] is None


@pytest.mark.parametrize("zone", ZONES)
def test_a_zone_does_not_grow_without_end(ada: Person, tree: Tree, zone: str):
    path = f"{tree.path}/zones/{zone}"
    assert ada.refused("PUT", path, {"text": "x" * 200_001})["param"] == "text"
    ada.ok("PUT", path, {"text": "x" * 199_998})
    assert ada.refused("POST", path, {"text": "yy"})["param"] == "text"
    assert ada.ok("POST", path, {"text": "y"})["text"].endswith("x\ny")


def test_an_unknown_zone_is_refused(ada: Person, tree: Tree):
    for zone in ("user", "memory", "x"):
        assert ada.refused("GET", f"{tree.path}/zones/{zone}")["param"] == "name"


def test_sub_users_of_one_key_have_zones_of_their_own(house: House):
    key, app = house.key(kind="app")
    ann, bob = (house.sub_user(key, app, name) for name in ("ann", "bob"))
    ann.ok("PUT", "/api/zones/user", {"text": "Ann."})
    assert bob.get("/api/zones/user")["text"] == ""
    assert house.sub_user(key, app, None).get("/api/zones/user")["text"] == ""
    named = {"authorization": f"Bearer {key}"}
    for query in ("user=ann", "safety_identifier=ann"):
        assert house.client.get(f"/api/zones/user?{query}", headers=named).json()["text"] == "Ann."
