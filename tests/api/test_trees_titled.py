"""Trees get titles: asked for, or behind their first reply."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.api.house import House, Person, Tree, open_house


def test_first_words_are_the_title_where_no_model_can_write(ada: Person, tree: Tree):
    asked = tree.add("How deep is the lock? I wonder.")
    tree.add("Five metres.", under=asked, role="assistant")
    told = ada.ok("POST", f"{tree.path}/title", {})
    assert told == {"object": "title", "tree_id": tree.id, "title": "How deep is the lock?", "by": "extractive"}
    assert ada.get(tree.path)["title"] == "How deep is the lock?"


def test_a_branch_may_give_the_title(ada: Person, tree: Tree):
    tree.add("How deep is the lock?")
    other = tree.add("How do I bake bread?")
    assert ada.ok("POST", f"{tree.path}/title", {"node_id": other})["title"] == "How do I bake bread?"


def test_an_empty_tree_cannot_be_titled(ada: Person, tree: Tree):
    before = ada.get(tree.path)["title"]
    assert "Nothing was said" in ada.refused("POST", f"{tree.path}/title", {})["message"]
    assert ada.get(tree.path)["title"] == before


def test_nodes_of_other_trees_and_unknown_models_are_refused(ada: Person, tree: Tree):
    tree.add("How deep is it?")
    elsewhere = ada.tree().add("Hm?")
    ada.refused("POST", f"{tree.path}/title", {"node_id": elsewhere}, status=404)
    ada.refused("POST", f"{tree.path}/title", {"model": "unheard-of"}, status=404)


@pytest.fixture(scope="module")
def titling() -> Iterator[House]:
    with open_house(titles={"auto": True}) as house:
        yield house


def test_a_tree_is_titled_behind_its_first_reply(titling: House):
    bob = titling.person()
    bob.say("How deep is the lock? I wonder.", x_graft_tree="new")
    titling.settle()
    [tree] = bob.get("/api/trees")["data"]
    assert tree["title"] == "How deep is the lock?"


def test_a_title_that_somebody_gave_stays(titling: House):
    bob = titling.person()
    tree = bob.tree(name="named", title="Mine")
    bob.say("How deep is the lock?", x_graft_tree="named")
    titling.settle()
    assert bob.get(tree.path)["title"] == "Mine"


def test_no_tree_is_titled_unasked_by_default(ada: Person, house: House):
    bob = house.person()
    bob.say("How deep is the lock?", x_graft_tree="new")
    house.settle()
    [tree] = bob.get("/api/trees")["data"]
    assert tree["title"] is None
