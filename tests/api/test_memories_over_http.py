"""Memories over HTTP: made of branches, written by hand, found, edited, deleted, and sent where they are loaded."""

import json

import pytest

from tests.api.house import Person, Tree

BREAD = ("My oven reaches 230 degrees. Why does the crust of my bread stay pale?", "Bake the bread ten minutes longer.")
KEY = "AKIA" + "IOSFODNN7EXAMPLE"


@pytest.fixture
def memory(ada: Person, tree: Tree) -> str:
    """The path of a memory of a branch."""
    _, reply = tree.branch(*BREAD)
    made = ada.ok("POST", f"/api/nodes/{reply}/memorize", {"extractive": True})
    return f"/api/memories/{made['memory']['id']}"


def test_a_branch_becomes_a_memory_and_says_how(ada: Person, tree: Tree):
    turn, reply = tree.branch(*BREAD)
    for body, why in (({}, None), ({"extractive": True}, None), ({"model": "mirror"}, "'mirror' writes no memories")):
        made = ada.ok("POST", f"/api/nodes/{reply}/memorize", body)
        kept = made["memory"]
        assert (kept["method"], kept["model"], kept["tree_id"]) == ("extractive", None, tree.id)
        assert kept["node_ids"] == [turn, reply]
        assert kept["problem"] == "Why does the crust of my bread stay pale?"
        assert kept["solution"] == "Bake the bread ten minutes longer."
        assert (why or "None") in str(made["why"])
    wide = ada.ok("POST", f"/api/nodes/{turn}/memorize", {"everywhere": True, "extractive": True})["memory"]
    assert (wide["tree_id"], wide["node_ids"]) == (None, [turn])


def test_what_was_answered_by_a_model_that_writes_nothing_is_picked(ada: Person):
    node = ada.say("How do I bake bread?")["x-graft-node"]
    made = ada.ok("POST", f"/api/nodes/{node}/memorize")
    assert made["memory"]["method"] == "extractive"
    assert "mirror" in made["why"]


def test_a_memory_is_written_listed_edited_and_deleted(ada: Person, tree: Tree):
    node = tree.add("Which key?")
    told = {
        "title": "The key",
        "content": f"It is {KEY}.",
        "facts": ["It is old."],
        "tree_id": tree.id,
        "node_ids": [node],
    }
    made = ada.ok("POST", "/api/memories", told)
    path = f"/api/memories/{made['id']}"
    assert (made["method"], made["redacted"], made["facts"], made["node_ids"]) == ("hand", 1, ["It is old."], [node])
    assert KEY not in json.dumps(ada.get(path))
    assert KEY not in str(ada.house.rows("SELECT * FROM memories WHERE id = ?", made["id"]))
    other = ada.ok("POST", "/api/memories", {"title": "Wide"})
    assert [one["id"] for one in ada.get("/api/memories")["data"]] == [made["id"], other["id"]]
    assert [one["id"] for one in ada.get(f"/api/memories?tree_id={tree.id}")["data"]] == [made["id"]]
    assert [one["id"] for one in ada.get(f"/api/memories?after={made['id']}")["data"]] == [other["id"]]
    edited = ada.ok("PATCH", path, {"solution": f"Use {KEY}.", "tree_id": None})
    assert (edited["title"], edited["tree_id"], edited["redacted"]) == ("The key", None, 2)
    assert edited["solution"] == "Use [redacted: AWS Access Key]."
    assert ada.ok("DELETE", path)["deleted"]
    ada.refused("GET", path, status=404)
    assert [one["id"] for one in ada.get("/api/memories")["data"]] == [other["id"]]


def test_memories_are_found_by_what_they_are_about(ada: Person, tree: Tree, memory: str):
    ada.ok("POST", "/api/memories", {"title": "Night trains to Venice", "content": "They leave from Vienna at nine."})
    found = ada.get("/api/memories/search?q=Is there a train to Venice?")["data"]
    assert found[0]["memory"]["title"] == "Night trains to Venice"
    assert 0 < found[0]["score"] <= 1
    assert len(ada.get("/api/memories/search?q=bread with a pale crust&limit=1")["data"]) == 1
    elsewhere = ada.tree(name="work")
    titles = [
        one["memory"]["title"] for one in ada.get(f"/api/memories/search?q=bread crust&tree_id={elsewhere.id}")["data"]
    ]
    assert not [title for title in titles if "oven" in title]


def test_a_memory_is_sent_where_it_is_loaded_and_nowhere_else(ada: Person, tree: Tree, memory: str):
    turn, reply = tree.branch("What about rolls?", "They take less.")
    _, other = tree.branch("How do I get to Rome?", "By train.")
    elsewhere = ada.tree(name="work").branch("When is the tax due?", "In July.")[1]
    places = {"subtree": {"node_id": turn}, "tree": {"tree_id": tree.id}, "all": {}}
    nodes = {"subtree": ("travel", reply), "tree": ("travel", other), "all": ("work", elsewhere)}

    def reaches(name: str) -> bool:
        where, node = nodes[name]
        told = ada.say("And then?", x_graft_tree=where, x_graft_parent=node)
        return memory.rpartition("/")[2] in ada.get(f"/api/nodes/{told['x-graft-node']}")["content"]

    assert not any(map(reaches, nodes))
    for number, place in enumerate(places):
        loaded = ada.ok("POST", f"{memory}/load", places[place])
        assert len(loaded["loads"]) == 1
        assert [reaches(name) for name in nodes] == [True, number > 0, number > 1]
        assert ada.ok("POST", f"{memory}/unload", places[place])["loads"] == []
        assert not reaches(place)


def test_what_does_not_exist_is_told_and_changes_nothing(ada: Person, tree: Tree, memory: str):
    before = ada.get(memory)
    node = tree.add("Hm.")
    silent = ada.ok("POST", f"{tree.path}/nodes", {"parent_id": None, "role": "system", "content": "Be brief."})["id"]
    for method, path, body, status, param in (
        ("POST", "/api/nodes/n_unknown/memorize", {}, 404, None),
        ("POST", f"/api/nodes/{silent}/memorize", {}, 400, "node_id"),
        ("POST", f"/api/nodes/{node}/memorize", {"model": "unknown"}, 404, "model"),
        ("POST", f"/api/nodes/{node}/memorize", {"scope": "all"}, 400, "scope"),
        ("GET", "/api/memories/m_unknown", None, 404, None),
        ("GET", "/api/memories?tree_id=t_unknown", None, 404, None),
        ("GET", "/api/memories?after=m_unknown", None, 404, None),
        ("GET", "/api/memories/search", None, 400, "q"),
        ("GET", "/api/memories/search?q=x&tree_id=t_unknown", None, 404, None),
        ("POST", "/api/memories", {"title": ""}, 400, "title"),
        ("POST", "/api/memories", {"title": "x", "tree_id": "t_unknown"}, 404, None),
        ("POST", "/api/memories", {"title": "x", "node_ids": ["n_unknown"]}, 404, None),
        ("PATCH", memory, {"title": None}, 400, "title"),
        ("PATCH", memory, {"tree_id": "t_unknown"}, 404, None),
        ("POST", f"{memory}/load", {"node_id": "n_unknown"}, 404, None),
        ("POST", f"{memory}/load", {"tree_id": "t_unknown"}, 404, None),
        ("POST", f"{memory}/load", {"scope": "user"}, 400, "scope"),
        ("POST", f"{memory}/unload", {}, 404, "node_id"),
    ):
        assert ada.refused(method, path, body, status=status)["param"] == param, (method, path, body)
    assert ada.get(memory) == before
    assert len(ada.get("/api/memories")["data"]) == 1
