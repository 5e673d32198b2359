"""Search over titles and texts of the caller's own trees."""

import pytest

from tests.api.house import House, Person, Tree


def hits(person: Person, words: str, **more: str) -> list[str]:
    found = person.house.client.get("/api/search", params={"q": words, **more}, headers=person.headers)
    assert found.status_code == 200, found.text
    return [hit["node"]["content"] for hit in found.json()["data"]]


def test_words_are_found_whatever_their_case_and_accents(ada: Person, tree: Tree):
    tree.branch("Où est l'ÉCLUSE?", "The sluice is by the mill.")
    tree.add("Bread")
    for words in ("écluse", "ecluse", "ÉCLUSE", "où est", "eclu"):
        assert hits(ada, words) == ["Où est l'ÉCLUSE?"], words
    assert hits(ada, "mill sluice") == ["The sluice is by the mill."]
    assert hits(ada, "mill bread") == []


def test_the_newest_comes_first_page_by_page(ada: Person, tree: Tree):
    for i in range(7):
        tree.add(f"boat number {i}")
    first = ada.get("/api/search?q=boat&limit=4")
    rest = ada.get(f"/api/search?q=boat&limit=4&after={first['last_id']}")
    assert [hit["node"]["content"] for hit in first["data"] + rest["data"]] == [
        f"boat number {i}" for i in reversed(range(7))
    ]
    assert (first["has_more"], rest["has_more"]) == (True, False)


def test_a_search_sees_what_was_said_since_the_last_one(ada: Person, tree: Tree):
    tree.add("A boat")
    assert hits(ada, "boat") == ["A boat"]
    tree.add("Another boat")
    ada.say("And a boat at last", x_graft_tree="travel")
    assert len(hits(ada, "boat")) == 4  # the offline model repeats what it was told


def test_deleted_words_are_not_found(ada: Person, tree: Tree):
    node = tree.add("A secret boat")
    assert hits(ada, "secret") == ["A secret boat"]
    ada.ok("DELETE", f"/api/nodes/{node}")
    assert hits(ada, "secret") == []
    assert ada.house.rows("SELECT * FROM search_content WHERE c1 LIKE '%secret boat%'") == []


def test_thinking_is_not_searched(ada: Person, tree: Tree):
    tree.branch("Boats?", "<think>about zeppelins</think>Float.")
    assert hits(ada, "zeppelins") == []
    assert hits(ada, "float") == ["<think>about zeppelins</think>Float."]


def test_a_search_can_stay_in_one_tree(ada: Person, tree: Tree):
    tree.add("A boat here")
    work = ada.tree(name="work", title="Boat business")
    work.add("A boat there")
    assert hits(ada, "boat", tree_id=work.id) == ["A boat there"]
    assert set(hits(ada, "boat")) == {"A boat here", "A boat there"}


def test_titles_and_names_are_found(ada: Person, tree: Tree):
    work = ada.tree(name="work", title="Straße nach Süden")
    for words in ("straße", "STRASSE", "nach süd", "work"):
        found = ada.house.client.get("/api/search", params={"q": words}, headers=ada.headers).json()
        assert [one["id"] for one in found["trees"]] == [work.id], words
    assert ada.get(f"/api/search?q=straße&tree_id={work.id}")["trees"] == []


@pytest.mark.parametrize(
    "words",
    ['"', "'", "*", "NOT", "a OR b", "NEAR(a b)", "owner:x", "words : boat", "-boat", "(boat", "boat^2", "  ", "{}"],
)
def test_nothing_in_the_words_is_an_operator(ada: Person, tree: Tree, words: str):
    tree.add("Zebra crossing")
    assert hits(ada, words) == []


def test_words_between_marks_are_found(ada: Person, tree: Tree):
    tree.add('He said: "well-known (boat)!"')
    for words in ("well-known", '"well', "(boat)", "boat*", "said: well"):
        assert len(hits(ada, words)) == 1, words


@pytest.mark.parametrize("query", ["", "?q=", f"?q={'x' * 1_001}"])
def test_a_search_needs_words(ada: Person, query: str):
    assert ada.refused("GET", f"/api/search{query}")["param"] == "q"


def test_nobody_finds_the_words_of_another(house: House, ada: Person, tree: Tree):
    tree.add("My secret boat")
    ada.ok("PATCH", tree.path, {"title": "Secret title"})
    assert hits(ada, "secret") == ["My secret boat"]
    stranger = house.person()
    stranger.tree(name="own").add("Their boat")
    assert hits(stranger, "boat") == ["Their boat"]
    assert stranger.get("/api/search?q=secret") == {**stranger.get("/api/search?q=zebra")}


def test_a_person_who_has_said_nothing_finds_nothing(ada: Person):
    assert hits(ada, "boat") == []
