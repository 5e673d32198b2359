"""Artefacts over HTTP: kept in versions, compared, brought back, sent where they are loaded, and carried as files."""

import json

import pytest

from tests.api.house import Person, Tree

TEXTS = ("Passport\n", "Passport\nShoes\n", "Passport\nBoots\n")


@pytest.fixture
def plan(ada: Person, tree: Tree) -> str:
    """The path of an artefact in three versions."""
    told = {"title": "Packing list", "text": TEXTS[0], "type": "list", "tags": ["lisbon"], "note": "first"}
    path = f"/api/artefacts/{ada.ok('POST', f'{tree.path}/artefacts', told)['id']}"
    for text in TEXTS[1:]:
        ada.ok("POST", f"{path}/versions", {"text": text})
    return path


def test_every_version_is_read_listed_and_brought_back(ada: Person, tree: Tree, plan: str):
    assert [ada.get(f"{plan}/versions/{version}")["text"] for version in (1, 2, 3, "newest")] == [*TEXTS, TEXTS[2]]
    first = ada.get(f"{plan}/versions?limit=1")
    assert (first["data"][0]["note"], first["data"][0]["size"], first["has_more"]) == ("first", 9, True)
    rest = ada.get(f"{plan}/versions?newer_than={first['last_id']}")
    assert ([one["version"] for one in rest["data"]], rest["has_more"]) == ([2, 3], False)
    again = ada.ok("POST", f"{plan}/revert", {"version": 1, "note": "as it was"})
    assert (again["newest"]["version"], again["newest"]["reverts_to"], again["versions"]) == (4, 1, 4)
    assert ada.get(f"{plan}/versions/newest")["text"] == TEXTS[0]
    assert [one["title"] for one in ada.get(f"{tree.path}/artefacts?tag=lisbon&type=list")["data"]] == ["Packing list"]
    assert ada.get(f"{tree.path}/artefacts?tag=rome")["data"] == []


def test_any_two_versions_are_compared_in_either_direction(ada: Person, plan: str):
    told = ada.get(f"{plan}/diff?from=1&to=3")
    assert (told["from"], told["to"]) == (1, 3)
    assert told["diff"] == "--- Packing list@1\n+++ Packing list@3\n@@ -1 +1,2 @@\n Passport\n+Boots\n"
    assert "-Boots\n" in ada.get(f"{plan}/diff?from=3&to=2")["diff"]
    assert ada.get(f"{plan}/diff?from=2")["to"] == 3
    assert ada.get(f"{plan}/diff?from=3")["diff"] == ""


def test_it_is_renamed_and_removed_version_by_version(ada: Person, tree: Tree, plan: str):
    changed = ada.ok("PATCH", plan, {"title": "The list", "tags": []})
    assert (changed["title"], changed["tags"], changed["type"]) == ("The list", [], "list")
    assert not ada.ok("DELETE", f"{plan}/versions/2")["artefact_deleted"]
    assert ada.refused("GET", f"{plan}/versions/2", status=404)["param"] == "version"
    assert [one["version"] for one in ada.get(f"{plan}/versions")["data"]] == [1, 3]
    assert ada.ok("DELETE", f"{plan}/versions/newest")["version"] == 3
    assert ada.ok("DELETE", f"{plan}/versions/1")["artefact_deleted"]
    ada.refused("GET", plan, status=404)
    kept = ada.ok("POST", f"{tree.path}/artefacts", {"title": "Another", "text": ""})
    assert ada.ok("DELETE", f"/api/artefacts/{kept['id']}")["deleted"]
    assert ada.get(f"{tree.path}/artefacts")["data"] == []


def test_what_is_loaded_is_sent_where_it_holds_and_nowhere_else(ada: Person, tree: Tree, plan: str):
    turn, reply = tree.branch("What do I need?", "That depends.")
    _, elsewhere = tree.branch("How do I bake bread?", "Slowly.")
    loaded = ada.ok("POST", f"{plan}/load", {"node_id": turn, "version": 1})
    assert [(one["node_id"], one["version"]) for one in loaded["loads"]] == [(turn, 1)]

    def sent(node: str) -> str:
        told = ada.say("And then?", x_graft_tree="travel", x_graft_parent=node)
        return str(ada.get(f"/api/nodes/{told['x-graft-node']}")["content"])

    assert "Passport" in sent(reply)
    assert "Boots" not in sent(reply)
    assert "Passport" not in sent(elsewhere)
    ada.ok("POST", f"{plan}/load", {})
    assert "Boots" in sent(elsewhere)
    ada.ok("POST", f"{plan}/unload", {"node_id": turn})
    ada.ok("POST", f"{plan}/unload", {})
    assert "Passport" not in sent(reply)
    assert ada.refused("POST", f"{plan}/unload", {}, status=404)["param"] == "node_id"


def test_a_file_brings_it_back_with_all_versions(ada: Person, tree: Tree, plan: str):
    answer = ada.send("GET", f"{plan}/export")
    assert "Packing%20list" in answer.headers["content-disposition"]
    file = answer.json()
    assert [one["text"] for one in file["versions"]] == list(TEXTS)
    assert ada.refused("POST", f"{tree.path}/artefacts/import", file)["code"] == "title_taken"
    brought = ada.ok("POST", f"{tree.path}/artefacts/import?title=Copy", file)
    copy = f"/api/artefacts/{brought['id']}"
    assert (brought["title"], brought["type"], brought["tags"], brought["versions"]) == ("Copy", "list", ["lisbon"], 3)
    again = ada.get(f"{copy}/export")
    assert again == {**file, "title": "Copy"}


def test_files_that_are_cut_foreign_or_hostile_change_nothing(ada: Person, tree: Tree, plan: str):
    path = f"{tree.path}/artefacts/import"
    whole = json.dumps({**ada.get(f"{plan}/export"), "title": "Brought"})
    for size in (0, 1, 20, len(whole) // 2, len(whole) - 1):
        answer = ada.house.client.post(
            path, content=whole[:size], headers={**ada.headers, "content-type": "application/json"}
        )
        assert answer.status_code == 400, (size, answer.text)
    file = json.loads(whole)
    for wrong, param in (
        ({"graft": 1, "tree": {}, "nodes": []}, "graft_artefact"),
        ({**file, "graft_artefact": 2}, "graft_artefact"),
        ({**file, "versions": []}, "versions"),
        ({**file, "versions": [{"text": None}]}, "versions"),
        ({**file, "versions": [{"text": "x", "hash": "y"}]}, "versions"),
        ({**file, "title": ""}, "title"),
        ({**file, "title": "x" * 501}, "title"),
        ({**file, "owner": "bob"}, "owner"),
    ):
        assert param in str(ada.refused("POST", path, wrong)["param"]), wrong
    assert [one["title"] for one in ada.get(f"{tree.path}/artefacts")["data"]] == ["Packing list"]


def test_what_does_not_exist_is_told_and_changes_nothing(ada: Person, tree: Tree, plan: str):
    for method, path, body, status, param in (
        ("GET", f"{plan}/versions/9", None, 404, "version"),
        ("GET", f"{plan}/versions/0", None, 404, "version"),
        ("GET", f"{plan}/versions/first", None, 400, "version"),
        ("GET", f"{plan}/versions/99999999999999999999", None, 400, "version"),
        ("DELETE", f"{plan}/versions/9", None, 404, "version"),
        ("GET", f"{plan}/diff?from=1&to=9", None, 404, "version"),
        ("GET", f"{plan}/diff", None, 400, "from"),
        ("POST", f"{plan}/revert", {"version": 9}, 404, "version"),
        ("POST", f"{plan}/revert", {"version": True}, 400, "version"),
        ("POST", f"{plan}/revert", {"version": "1"}, 400, "version"),
        ("POST", f"{plan}/load", {"version": 9}, 404, "version"),
        ("POST", f"{plan}/load", {"node_id": "n_unknown"}, 404, None),
        ("POST", f"{plan}/load", {"zone": "memory"}, 400, "zone"),
        ("PATCH", plan, {"title": None}, 400, "title"),
        ("POST", f"{tree.path}/artefacts", {"title": "Packing list", "text": "x"}, 400, "title"),
        ("POST", f"{tree.path}/artefacts", {"title": "x"}, 400, "text"),
        ("POST", f"{tree.path}/artefacts", {"title": "x", "text": "ä" * 5_000_001}, 400, "text"),
        ("GET", f"{tree.path}/artefacts?after=a_unknown", None, 404, None),
    ):
        assert ada.refused(method, path, body, status=status)["param"] == param, (method, path)
    kept = ada.get(plan)
    assert (kept["versions"], kept["loads"]) == (3, [])


def test_versions_that_differ_everywhere_are_too_much_to_compare(ada: Person, plan: str):
    for letter in "ab":
        ada.ok("POST", f"{plan}/versions", {"text": "".join(f"{letter}{i}\n" for i in range(6_000))})
    assert ada.refused("GET", f"{plan}/diff?from=4&to=5")["param"] == "from"
    ada.ok("POST", f"{plan}/versions", {"text": "".join(f"a{i}\n" for i in range(6_000)) + "new\n"})
    assert "@@ -5998,3 +5998,4 @@" in ada.get(f"{plan}/diff?from=4&to=6")["diff"]
