"""Trees over HTTP: made, listed, changed, deleted; which branch is active."""

import pytest

from tests.api.house import Person, Tree, texts


def test_a_tree_is_made_with_all_that_is_said_of_it(ada: Person):
    told = {
        "name": "travel",
        "title": "The summer trip",
        "system_prompt": "Be brief.",
        "metadata": {"colour": "blue", "tags": [10**30, {"deep": None}]},
        "max_context_tokens": 4096,
    }
    made = ada.ok("POST", "/api/trees", told)
    assert {name: made[name] for name in told} == told
    assert made["object"] == "tree"
    assert ada.get(f"/api/trees/{made['id']}") == made


def test_a_tree_without_a_name_is_called_by_its_id(ada: Person):
    made = ada.ok("POST", "/api/trees", {})
    assert made["name"] == made["id"]
    assert ada.ok("POST", "/api/trees", {})["id"] != made["id"]


def test_a_tree_that_is_made_here_is_the_one_that_the_header_names(ada: Person, tree: Tree):
    node = ada.say("Boats?", x_graft_tree="travel")["x-graft-node"]
    assert ada.get(f"/api/nodes/{node}")["tree_id"] == tree.id


def test_a_name_is_taken_once(ada: Person, tree: Tree):
    error = ada.refused("POST", "/api/trees", {"name": "travel"})
    assert (error["param"], error["code"]) == ("name", "name_taken")


def test_two_people_may_use_one_name(house, tree: Tree):
    assert house.person().tree(name="travel").id != tree.id


def test_trees_are_listed_page_by_page_the_one_used_last_first(ada: Person):
    made = [ada.tree(name=f"tree {i}") for i in range(7)]
    made[2].add("Used last")
    expected = [made[2].id, *(tree.id for tree in reversed(made) if tree is not made[2])]
    listed, after = [], ""
    while True:
        page = ada.get(f"/api/trees?limit=3{after}")
        listed += [tree["id"] for tree in page["data"]]
        assert page["last_id"] == listed[-1]
        if not page["has_more"]:
            break
        assert len(page["data"]) == 3
        after = f"&after={page['last_id']}"
    assert listed == expected


def test_a_person_without_trees_has_an_empty_list(ada: Person):
    assert ada.get("/api/trees") == {"object": "list", "has_more": False, "last_id": None, "data": []}


def test_a_tree_is_renamed_and_what_is_left_out_stays(ada: Person):
    tree = ada.tree(name="travel", title="Old", system_prompt="Be brief.", metadata={"a": 1, "b": 2})
    changed = ada.ok("PATCH", tree.path, {"title": "New", "metadata": {"b": None, "c": 3}})
    assert (changed["title"], changed["system_prompt"], changed["metadata"]) == ("New", "Be brief.", {"a": 1, "c": 3})
    cleared = ada.ok("PATCH", tree.path, {"title": None, "system_prompt": None, "max_context_tokens": 512})
    assert (cleared["title"], cleared["system_prompt"], cleared["max_context_tokens"]) == (None, None, 512)
    assert ada.get(tree.path) == cleared
    assert cleared["name"] == "travel"


def test_a_changed_system_prompt_is_sent(ada: Person, tree: Tree):
    ada.ok("PATCH", tree.path, {"system_prompt": "You are a ferryman."})
    node = ada.say("Boats?", x_graft_tree="travel")["x-graft-node"]
    assert "You are a ferryman." in ada.get(f"/api/nodes/{node}")["content"]


def test_a_deleted_tree_is_gone_with_all_that_was_in_it(ada: Person, tree: Tree):
    turn, reply = tree.branch("A secret lock", "Deep.")
    ada.ok("PUT", f"{tree.path}/zones/discussion", {"text": "secret"})
    ada.ok("PUT", f"{tree.path}/active", {"node_id": reply})
    assert texts_found(ada, "secret")
    gone = ada.ok("DELETE", tree.path)
    assert gone == {"id": tree.id, "object": "tree.deleted", "deleted": True, "nodes": 2}
    for path in (
        tree.path,
        f"{tree.path}/structure",
        f"{tree.path}/zones",
        f"/api/nodes/{turn}",
        f"{tree.path}/active",
    ):
        ada.refused("GET", path, status=404)
    ada.refused("DELETE", tree.path, status=404)
    assert ada.get("/api/trees")["data"] == []
    assert texts_found(ada, "secret") == []
    left = ada.house.rows("SELECT * FROM trees WHERE id = ?", tree.id)
    assert len(left) == 1
    assert "travel" not in left[0]


def texts_found(person: Person, words: str) -> list[str]:
    return [hit["node"]["content"] for hit in person.get(f"/api/search?q={words}")["data"]]


def test_the_name_of_a_deleted_tree_is_free_and_its_history_stays_away(ada: Person, tree: Tree):
    ada.say("A secret lock", x_graft_tree="travel")
    first = ada.get(f"{tree.path}/children")["data"][0]["id"]
    reply = ada.get(f"/api/nodes/{first}/children")["data"][0]["content"]
    ada.ok("DELETE", tree.path)
    again = ada.tree(name="travel")
    assert again.id != tree.id
    assert again.edges() == {}
    node = ada.say("A secret lock", reply, "And at noon?", x_graft_tree="travel")["x-graft-node"]
    assert texts(ada.get(f"/api/nodes/{node}/path"))[:-1] == ["And at noon?"]


def test_the_active_branch_is_switched(ada: Person, tree: Tree):
    assert ada.get(f"{tree.path}/active")["node_id"] is None
    _, boats = tree.branch("How deep is the harbour for our boats?", "Five metres at low tide.")
    _, bread = tree.branch("How long does the sourdough bread bake?", "Forty minutes.")
    for node in (boats, bread):
        switched = ada.ok("PUT", f"{tree.path}/active", {"node_id": node})
        assert switched["node_id"] == node
        assert ada.get(f"{tree.path}/active") == switched
        assert ada.say("Why is that?", x_graft_tree="travel")["x-graft-parent"] == node


def test_each_chat_of_a_client_has_an_active_branch_of_its_own(ada: Person, tree: Tree):
    one, other = tree.add("One"), tree.add("Other")
    ada.ok("PUT", f"{tree.path}/active", {"node_id": one})
    ada.ok("PUT", f"{tree.path}/active", {"node_id": other, "conversation": "chat 7"})
    assert ada.get(f"{tree.path}/active")["node_id"] == one
    assert ada.get(f"{tree.path}/active?conversation=chat%207")["node_id"] == other


def test_a_node_of_another_tree_is_no_branch_of_this_one(ada: Person, tree: Tree):
    there = ada.tree(name="work").add("Work")
    error = ada.refused("PUT", f"{tree.path}/active", {"node_id": there}, status=404)
    assert there in error["message"]


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"name": ""}, "name"),
        ({"name": "   "}, "name"),
        ({"name": "x" * 201}, "name"),
        ({"title": 7}, "title"),
        ({"title": "x" * 501}, "title"),
        ({"system_prompt": "x" * 200_001}, "system_prompt"),
        ({"metadata": []}, "metadata"),
        ({"metadata": {"graft": {}}}, "metadata"),
        ({"metadata": {"big": "x" * 65_536}}, "metadata"),
        ({"max_context_tokens": 5}, "max_context_tokens"),
        ({"nmae": "typo"}, "nmae"),
    ],
)
def test_what_cannot_be_a_tree_is_refused_by_its_field(ada: Person, body: dict, param: str):
    assert ada.refused("POST", "/api/trees", body)["param"] == param
    assert ada.get("/api/trees")["data"] == []
