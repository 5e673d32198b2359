"""Nodes over HTTP: structure, one node, path, children, siblings, subtree; added, labelled, deleted."""

from typing import Any

import pytest

from tests.api.house import Person, Tree, texts
from tests.doubles.pictures import data_url

IMAGE = {"type": "image_url", "image_url": {"url": data_url(), "detail": "low"}}


def pages(person: Person, path: str, limit: int) -> list[dict[str, Any]]:
    """All items of a list, read in pages."""
    items: list[dict[str, Any]] = []
    after = ""
    while True:
        page = person.get(f"{path}?limit={limit}{after}")
        assert len(page["data"]) <= limit
        items += page["data"]
        if not page["has_more"]:
            return items
        after = f"&after={page['last_id']}"


def test_a_message_is_added_with_all_that_is_said_of_it(ada: Person, tree: Tree):
    body = {
        "parent_id": "root",
        "role": "user",
        "content": [{"type": "text", "text": "How deep?"}, IMAGE],
        "name": "ada_l",
        "sender": "Ada",
        "labels": ["keep", "boats"],
        "metadata": {"source": {"page": 7}},
    }
    node = ada.ok("POST", f"{tree.path}/nodes", body)
    assert node["object"] == "node"
    assert (node["tree_id"], node["parent_id"], node["state"]) == (tree.id, None, "whole")
    assert {name: node[name] for name in ("role", "content", "sender", "labels")} == {
        name: body[name] for name in ("role", "content", "sender", "labels")
    }
    assert node["extra"] == {"name": "ada_l"}
    assert node["metadata"]["source"] == {"page": 7}
    assert ada.get(f"/api/nodes/{node['id']}") == node


def test_tool_calls_and_their_results_are_kept(ada: Person, tree: Tree):
    call = {"id": "c1", "type": "function", "function": {"name": "depth", "arguments": "{}"}}
    messages = [
        {"role": "user", "content": "How deep?"},
        {"role": "assistant", "tool_calls": [call]},
        {"role": "tool", "content": "5 m", "tool_call_id": "c1"},
    ]
    added = ada.ok("POST", f"{tree.path}/branches", {"parent_id": None, "messages": messages})["data"]
    assert [node["extra"] for node in added] == [{}, {"tool_calls": [call]}, {"tool_call_id": "c1"}]
    assert added[1]["content"] is None


def test_a_branch_begins_at_any_node(ada: Person, tree: Tree):
    one, two, three, four = tree.branch("One", "Two", "Three", "Four")
    five, six = tree.branch("Five", "Six", under=two)
    seven = tree.add("Seven", under=three, role="assistant")
    eight = tree.add("Eight", under="root")
    assert tree.edges() == {
        one: None,
        two: one,
        three: two,
        four: three,
        five: two,
        six: five,
        seven: three,
        eight: None,
    }


def test_an_added_branch_is_the_one_that_a_client_sends_again(ada: Person, tree: Tree):
    tree.branch("How deep is the lock?", "Five metres.")
    told = ada.say("How deep is the lock?", "Five metres.", "And at noon?", x_graft_tree="travel")
    assert len(tree.edges()) == 4
    path = texts(ada.get(f"/api/nodes/{told['x-graft-node']}/path"))
    assert path[:3] == ["How deep is the lock?", "Five metres.", "And at noon?"]


def test_a_branch_is_added_whole_or_not_at_all(ada: Person, tree: Tree):
    messages = [{"role": "user", "content": "One"}, {"role": "tool", "content": "Two"}]
    error = ada.refused("POST", f"{tree.path}/branches", {"parent_id": None, "messages": messages})
    assert error["param"] == "messages[1].tool_call_id"
    ada.refused("POST", f"{tree.path}/branches", {"parent_id": "n_gone", "messages": [messages[0]]}, status=404)
    assert tree.edges() == {}


def test_a_parent_in_another_tree_is_unknown_here(ada: Person, tree: Tree):
    there = ada.tree(name="work").add("Work")
    body = {"parent_id": there, "role": "user", "content": "Across"}
    assert there in ada.refused("POST", f"{tree.path}/nodes", body, status=404)["message"]


def test_the_structure_has_every_edge_and_no_contents(ada: Person, tree: Tree):
    ids = tree.branch(*(f"Secret {i}" for i in range(25)))
    ids += tree.branch(*(f"Secret {i}" for i in range(10)), under=ids[4])
    answer = ada.send("GET", f"{tree.path}/structure?limit=1000")
    assert "Secret" not in answer.text
    read = pages(ada, f"{tree.path}/structure", 7)
    assert read == answer.json()["data"]
    assert [node["id"] for node in read] == ids
    assert {node["id"]: node["parent_id"] for node in read} == tree.edges()
    assert set(read[0]) == {"id", "parent_id", "role", "state", "created_at"}


def test_a_path_leads_from_the_root_and_goes_on_upwards(ada: Person, tree: Tree):
    ids = tree.branch(*(str(i) for i in range(12)))
    assert texts(ada.get(f"/api/nodes/{ids[-1]}/path")) == [str(i) for i in range(12)]
    part = ada.get(f"/api/nodes/{ids[-1]}/path?limit=5")
    assert (texts(part), part["has_more"]) == (["7", "8", "9", "10", "11"], True)
    rest = ada.get(f"/api/nodes/{part['data'][0]['parent_id']}/path")
    assert (texts(rest), rest["has_more"]) == (["0", "1", "2", "3", "4", "5", "6"], False)


def test_children_and_siblings_are_listed_oldest_first(ada: Person, tree: Tree):
    top = tree.add("Top")
    children = [tree.add(f"Child {i}", under=top, role="assistant") for i in range(5)]
    tree.add("Grandchild", under=children[0])
    assert [node["id"] for node in pages(ada, f"/api/nodes/{top}/children", 2)] == children
    assert [node["id"] for node in pages(ada, f"/api/nodes/{children[3]}/siblings", 2)] == children
    assert texts(ada.get(f"/api/nodes/{children[1]}/children")) == []


def test_what_hangs_from_the_root_are_the_topics(ada: Person, tree: Tree):
    tops = [tree.branch(f"Topic {i}", "Yes.")[0] for i in range(5)]
    assert [node["id"] for node in pages(ada, f"{tree.path}/children", 2)] == tops
    assert [node["id"] for node in pages(ada, f"/api/nodes/{tops[2]}/siblings", 3)] == tops


def test_a_subtree_is_a_node_and_all_below_it(ada: Person, tree: Tree):
    one, two, three, four = tree.branch("One", "Two", "Three", "Four")
    five, six = tree.branch("Five", "Six", under=two)
    tree.branch("Elsewhere", "Yes.")
    assert [node["id"] for node in pages(ada, f"/api/nodes/{two}/subtree", 2)] == [two, three, four, five, six]
    assert [node["id"] for node in pages(ada, f"/api/nodes/{one}/subtree", 100)] == [one, two, three, four, five, six]
    assert [node["id"] for node in pages(ada, f"/api/nodes/{six}/subtree", 1)] == [six]


def test_a_page_begins_only_after_a_node_of_the_same_tree(ada: Person, tree: Tree):
    here = tree.add("Here")
    there = ada.tree(name="work").add("There")
    for path in (f"{tree.path}/structure", f"{tree.path}/children", f"/api/nodes/{here}/subtree"):
        assert there in ada.refused("GET", f"{path}?after={there}", status=404)["message"]
        ada.refused("GET", f"{path}?after=n_gone", status=404)


def test_labels_and_metadata_change_and_the_message_never_does(ada: Person, tree: Tree):
    node = tree.add("Boats", labels=["one"], metadata={"a": 1, "b": {"c": 2}})
    before = ada.get(f"/api/nodes/{node}")
    changed = ada.ok("PATCH", f"/api/nodes/{node}", {"labels": ["two", "three"], "metadata": {"a": None, "d": [4]}})
    assert changed["labels"] == ["two", "three"]
    assert {name: value for name, value in changed["metadata"].items() if name != "graft"} == {"b": {"c": 2}, "d": [4]}
    unchanged = ("id", "parent_id", "role", "content", "created_at", "state", "extra")
    assert [changed[name] for name in unchanged] == [before[name] for name in unchanged]
    kept = ada.ok("PATCH", f"/api/nodes/{node}", {"metadata": {"e": 5}})
    assert kept["labels"] == ["two", "three"]
    bare = ada.ok("PATCH", f"/api/nodes/{node}", {"labels": [], "metadata": {"b": None, "d": None, "e": None}})
    assert (bare["labels"], bare["metadata"]) == ([], {})
    ada.refused("PATCH", f"/api/nodes/{node}", {"content": "Other"})


def test_a_deleted_node_takes_all_below_it_along(ada: Person, tree: Tree):
    one, two, three, _four = tree.branch("One", "Two", "Three", "Four")
    tree.branch("Five", "Six", under=two)
    stays = tree.add("Stays")
    gone = ada.ok("DELETE", f"/api/nodes/{two}")
    assert gone == {"id": two, "object": "node.deleted", "deleted": True, "nodes": 5}
    assert tree.edges() == {one: None, stays: None}
    for node in (two, three):
        ada.refused("GET", f"/api/nodes/{node}", status=404)
        ada.refused("DELETE", f"/api/nodes/{node}", status=404)


def test_deleted_words_do_not_come_back_with_the_client_that_said_them(ada: Person, tree: Tree):
    node = ada.say("A secret lock", x_graft_tree="travel")["x-graft-node"]
    reply = ada.get(f"/api/nodes/{node}")
    ada.ok("DELETE", f"/api/nodes/{reply['parent_id']}")
    told = ada.say("A secret lock", reply["content"], "And at noon?", x_graft_tree="travel")
    assert texts(ada.get(f"/api/nodes/{told['x-graft-node']}/path"))[0] == "And at noon?"
    assert len(tree.edges()) == 2


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"role": "user", "content": "x"}, "parent_id"),
        ({"parent_id": None, "content": "x"}, "role"),
        ({"parent_id": None, "role": "boss", "content": "x"}, "role"),
        ({"parent_id": None, "role": "user"}, "content"),
        ({"parent_id": None, "role": "user", "content": 7}, "content"),
        ({"parent_id": None, "role": "user", "content": ["x"]}, "content"),
        ({"parent_id": None, "role": "user", "content": [{"type": "text"}]}, "content"),
        ({"parent_id": None, "role": "assistant"}, "tool_calls"),
        ({"parent_id": None, "role": "user", "content": "x", "tool_calls": [{"id": "c"}]}, "tool_calls"),
        ({"parent_id": None, "role": "user", "content": "x", "tool_call_id": "c"}, "tool_call_id"),
        ({"parent_id": None, "role": "user", "content": "x", "labels": [""]}, "labels[0]"),
        ({"parent_id": None, "role": "user", "content": "x", "labels": ["x"] * 51}, "labels"),
        ({"parent_id": None, "role": "user", "content": "x", "metadata": {"graft": 1}}, "metadata"),
        ({"parent_id": None, "role": "user", "content": "x", "id": "n_mine"}, "id"),
    ],
)
def test_what_cannot_be_a_node_is_refused_by_its_field(ada: Person, tree: Tree, body: dict, param: str):
    assert ada.refused("POST", f"{tree.path}/nodes", body)["param"] == param
    assert tree.edges() == {}


@pytest.mark.parametrize(("count", "status"), [(0, 400), (1_000, 201), (1_001, 400)])
def test_a_branch_has_up_to_a_thousand_messages(ada: Person, tree: Tree, count: int, status: int):
    messages = [{"role": "user", "content": str(i)} for i in range(count)]
    answer = ada.send("POST", f"{tree.path}/branches", {"parent_id": None, "messages": messages})
    assert answer.status_code == status
    assert len(ada.get(f"{tree.path}/structure")["data"]) == (count if status == 201 else 0)


@pytest.mark.parametrize(("query", "param"), [("limit=0", "limit"), ("limit=1001", "limit"), ("limit=many", "limit")])
def test_a_page_has_a_sensible_size(ada: Person, tree: Tree, query: str, param: str):
    assert ada.refused("GET", f"{tree.path}/structure?{query}")["param"] == param


def test_half_an_emoji_from_an_upstream_can_still_be_read(ada: Person, tree: Tree):
    node = tree.add("placeholder")
    cut = '{"role":"user","content":"cut \\ud83d"}'

    def damage(db):
        db.execute("UPDATE nodes SET content = ? WHERE id = ?", (cut, node))

    ada.house.ask(lambda store: store._write(damage))
    answer = ada.send("GET", f"/api/nodes/{node}")
    assert answer.status_code == 200
    assert answer.json()["content"] == "cut \ud83d"
    ada.house.ask(lambda store: store.delete(ada.user, node))


@pytest.mark.parametrize("query", ["limti=3", "after_id=x", "limit=3&name=x"])
def test_a_misspelt_parameter_is_refused_by_name(ada: Person, tree: Tree, query: str):
    told = ada.refused("GET", f"{tree.path}/structure?{query}")
    assert told["param"] == query.rpartition("&")[2].partition("=")[0]
    assert "limit" in told["message"]


def test_a_file_goes_into_the_tree_that_the_right_parameter_names(ada: Person):
    file = {"tree_id": "t", "branches": [{"id": 1, "parent_id": None, "messages": [{"role": "user", "content": "Hi"}]}]}
    assert ada.refused("POST", "/api/trees/import?name=plans", file)["param"] == "name"
    assert ada.get("/api/trees")["data"] == []
    ada.ok("POST", "/api/trees/import?tree=plans", file)
    assert [one["name"] for one in ada.get("/api/trees")["data"]] == ["plans"]
