"""Zones over HTTP: read, replaced, appended to, cleared; and sent."""

import pytest

from tests.api.house import House, Person, Tree

ZONES = ("system_prompt", "personality", "discussion", "memory")
OF_ALL = ("user", "memory")


@pytest.mark.parametrize("zone", [*ZONES, *(f"all {name}" for name in OF_ALL), "node"])
def test_a_zone_is_replaced_appended_to_and_cleared(ada: Person, tree: Tree, zone: str):
    name = zone.removeprefix("all ")
    path = f"/api/zones/{name}" if name != zone else f"{tree.path}/zones/{zone}"
    node = tree.add("Boats?") if zone == "node" else None
    if node is not None:
        path = f"/api/nodes/{node}/zone"
    empty = ada.get(path)
    assert (empty["object"], empty["name"], empty["text"], empty["updated_at"]) == ("zone", name, "", None)
    assert (empty["tree_id"], empty["node_id"]) == (None if name != zone else tree.id, node)
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
    assert [(zone["name"], zone["tree_id"], zone["text"]) for zone in listed] == [
        ("system_prompt", tree.id, ""),
        ("personality", tree.id, ""),
        ("user", None, "Likes rye."),
        ("discussion", tree.id, "Sundays."),
        ("memory", None, ""),
        ("memory", tree.id, ""),
    ]
    elsewhere = ada.tree(name="work")
    told = ada.get(f"{elsewhere.path}/zones")["data"]
    assert [zone["text"] for zone in told] == ["", "", "Likes rye.", "", "", ""]


def test_nodes_with_a_zone_are_listed_without_their_texts(ada: Person, tree: Tree):
    first, second = tree.branch("Boats?", "Float.")
    for node, text in ((first, "Of wood."), (second, "Of steel.")):
        ada.ok("PUT", f"/api/nodes/{node}/zone", {"text": text})
    ada.ok("DELETE", f"/api/nodes/{first}/zone")
    [told] = ada.get(f"{tree.path}/zones")["nodes"]
    assert (told["node_id"], told["characters"]) == (second, 9)


def test_the_zone_of_a_node_goes_with_it(ada: Person, tree: Tree):
    first, second = tree.branch("Boats?", "Float.")
    ada.ok("PUT", f"/api/nodes/{second}/zone", {"text": "Of steel."})
    ada.ok("DELETE", f"/api/nodes/{first}")
    assert ada.get(f"{tree.path}/zones")["nodes"] == []
    assert ada.house.rows("SELECT * FROM zones WHERE node_id = ?", second) == []


def test_the_composed_zone_holds_what_hangs_on_the_path_and_nothing_else(ada: Person, tree: Tree):
    first, second = tree.branch("Boats?", "Float.")
    [beside] = tree.branch("Planes?")
    texts = {first: "Of wood.", second: "Of steel.", beside: "Of air."}
    for node, text in texts.items():
        ada.ok("PUT", f"/api/nodes/{node}/zone", {"text": text})
    ada.ok("PUT", "/api/zones/memory", {"text": "Once sailed."})
    ada.ok("PUT", f"{tree.path}/zones/memory", {"text": "Once flew."})
    ada.ok("PUT", f"{tree.path}/zones/system_prompt", {"text": "Be brief."})
    whole = ada.get(f"{tree.path}/composed")
    assert [(piece["scope"], piece["text"]) for piece in whole["pieces"]] == [
        ("memory", "Once sailed."),
        ("memory", "Once flew."),
    ]
    assert (whole["node_id"], whole["system_prompt"]) == (None, "Be brief.")
    there = ada.get(f"{tree.path}/composed?node_id={second}")
    assert [(piece["node_id"], piece["text"]) for piece in there["pieces"][2:]] == [
        (first, "Of wood."),
        (second, "Of steel."),
    ]
    assert "Of air." not in there["text"]
    assert all(text in there["text"] for text in ("Once sailed.", "Once flew.", "Of wood.", "Of steel."))
    other = ada.tree(name="work")
    assert ada.refused("GET", f"{other.path}/composed?node_id={second}", status=404)
    assert ada.refused("GET", f"{tree.path}/composed?personality=nobody", status=404)["param"] == "personality"


def test_what_is_written_is_what_is_sent(ada: Person, tree: Tree):
    for zone in ZONES:
        ada.ok("PUT", f"{tree.path}/zones/{zone}", {"text": f"Text of {zone}."})
    ada.ok("PUT", "/api/zones/user", {"text": "Text of user."})
    node = ada.say("Boats?", x_graft_tree="travel")["x-graft-node"]
    said = ada.get(f"/api/nodes/{node}")["content"]
    assert "Text of system_prompt." in said
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
    for zone in ("user", "node", "x"):
        assert ada.refused("GET", f"{tree.path}/zones/{zone}")["param"] == "name"
    for zone in ("discussion", "system_prompt", "x"):
        assert ada.refused("PUT", f"/api/zones/{zone}", {"text": "x"})["param"] == "name"
    assert ada.refused("PUT", "/api/nodes/n_nobody/zone", {"text": "x"}, status=404)
    assert ada.refused("POST", "/api/nodes/n_nobody/zone", {"text": "x"}, status=404)


def test_sub_users_of_one_key_have_zones_of_their_own(house: House):
    key, app = house.key(kind="app")
    ann, bob = (house.sub_user(key, app, name) for name in ("ann", "bob"))
    ann.ok("PUT", "/api/zones/user", {"text": "Ann."})
    assert bob.get("/api/zones/user")["text"] == ""
    assert house.sub_user(key, app, None).get("/api/zones/user")["text"] == ""
    named = {"authorization": f"Bearer {key}"}
    for query in ("user=ann", "safety_identifier=ann"):
        assert house.client.get(f"/api/zones/user?{query}", headers=named).json()["text"] == "Ann."
